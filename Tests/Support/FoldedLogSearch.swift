package import Runtime

/// A search that reads the whole log for each question: the reference that the one in Postgres is held against.
package struct FoldedLogSearch: LogSearch {
    private let store: any EventStore

    package init(store: any EventStore) { self.store = store }

    package func streams(
        _ filter: StreamFilter, after name: String?, limit: Int
    ) async throws(EventStoreError) -> StreamPage {
        let found = Dictionary(grouping: try await all()) { $0.stream.description }
            .filter { $0.key > name ?? "" }.values.compactMap(\.first).filter(filter.admits)
            .sorted { $0.stream.description < $1.stream.description }
        let page = Array(found.prefix(limit))
        return StreamPage(first: page, next: found.count > limit ? page.last?.stream.description : nil)
    }

    package func newestEvent(of stream: StreamName) async throws(EventStoreError) -> RecordedEvent? {
        try await all().last { $0.stream == stream }
    }

    package func event(_ id: UUID128) async throws(EventStoreError) -> RecordedEvent? {
        try await all().first { $0.id == id }
    }

    package func effects(of causes: [UUID128], limit: Int) async throws(EventStoreError) -> [RecordedEvent] {
        Array(try await all().filter { $0.metadata.causationID.map(causes.contains) ?? false }.prefix(limit))
    }

    package func acts(
        _ filter: ActFilter, before position: Int64?, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        Array(try await all().reversed().filter { filter.admits($0) && $0.position < position ?? .max }.prefix(limit))
    }

    package func position(at time: Timestamp) async throws(EventStoreError) -> Int64 {
        try await all().last { $0.recordedTime <= time }?.position ?? 0
    }

    package func position(at time: Timestamp, within slack: Duration) async throws(EventStoreError) -> Int64 {
        try await position(at: time)
    }

    package func place(of stream: StreamName, at position: Int64) async throws(EventStoreError) -> StreamPlace {
        let last = try await all().last { $0.stream == stream && $0.position <= position }
        return StreamPlace(stream, at: last?.version ?? 0, position: last?.position ?? position)
    }

    private func all() async throws(EventStoreError) -> [RecordedEvent] {
        try await store.readLog(after: 0, where: .everything, limit: 100_000).events
    }
}

extension ActFilter {
    fileprivate func admits(_ event: RecordedEvent) -> Bool {
        guard case .user = event.metadata.principal else { return false }
        return scope.includes(event.metadata.account) && (principal == nil || principal == event.metadata.principal)
            && (category == nil || category == event.stream.category) && leavesOut != event.stream.category
    }
}
