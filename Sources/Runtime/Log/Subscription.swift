import Logging

/// Reading the log in position order from a checkpoint, and on as it grows.
package struct Subscription: Sendable {
    private let log: any LogSource
    private let filter: LogFilter
    private let pageSize: Int
    /// How long a lost signal can go unnoticed.
    private let pollInterval: Duration
    /// How long a follower of one category lets the log grow by others before it moves on over them.
    private static let patience = Duration.milliseconds(250)

    package init(
        to log: any LogSource, where filter: LogFilter, pageSize: Int = 1_000,
        pollInterval: Duration = .seconds(1)
    ) {
        self.log = log
        self.filter = filter
        self.pageSize = pageSize
        self.pollInterval = pollInterval
    }

    /// The next page after `position`, as soon as there is one; empty if nothing came within the poll interval.
    package func page(after position: Int64) async throws(EventStoreError) -> LogPage {
        if let category = filter.onlyCategory, log.signal.isQuiet(in: category, past: position) {
            await log.signal.wait(past: position, in: category, atMost: min(Self.patience, pollInterval))
        }
        let page = try await log.readLog(after: position, where: filter, limit: pageSize)
        if page.end > position { return page }
        await log.signal.wait(past: position, atMost: pollInterval)
        return try await log.readLog(after: position, where: filter, limit: pageSize)
    }
}
