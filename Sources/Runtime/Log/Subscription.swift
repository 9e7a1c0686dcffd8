import Logging

/// Reading the log in position order from a checkpoint, and on as it grows.
package struct Subscription: Sendable {
    private let store: any EventStore
    private let filter: LogFilter
    private let pageSize: Int
    /// How long a lost signal can go unnoticed.
    private let pollInterval: Duration

    package init(
        to store: any EventStore, where filter: LogFilter, pageSize: Int = 1_000,
        pollInterval: Duration = .seconds(1)
    ) {
        self.store = store
        self.filter = filter
        self.pageSize = pageSize
        self.pollInterval = pollInterval
    }

    /// The next page after `position`, as soon as there is one; empty if nothing came within the poll interval.
    package func page(after position: Int64) async throws(EventStoreError) -> LogPage {
        let page = try await store.readLog(after: position, where: filter, limit: pageSize)
        if page.end > position { return page }
        await store.signal.wait(past: position, atMost: pollInterval)
        return try await store.readLog(after: position, where: filter, limit: pageSize)
    }
}
