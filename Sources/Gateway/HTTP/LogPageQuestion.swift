import Runtime

/// What a request for a page of the log asks for: what is recorded within a span of time, behind a position.
struct LogPageQuestion: Sendable {
    struct Answer: Sendable {
        var events: [RecordedEvent]
        /// Behind which position to go on; nil at the end.
        var next: Int64?
        var head: LogHead
    }

    private let filter: LogFilter
    private let after: Int64
    private let limit: Int
    private let span: (from: Timestamp?, to: Timestamp?)

    init(_ exchange: Exchange, _ filter: LogFilter) throws(Problem) {
        self.filter = filter
        (after, limit) = (try exchange.query.after(), try exchange.query.limit())
        span = try exchange.query.span()
    }

    func answer(
        from store: any EventStore, by search: any LogSearch
    ) async throws(Problem) -> Answer {
        do throws(EventStoreError) {
            let head = try await store.head()
            // Recorded times never decrease, so that a span of them is a span of positions.
            let start =
                if let from = span.from { max(after, try await search.position(at: from.justBefore)) } else { after }
            let end = if let to = span.to { try await search.position(at: to.justBefore) } else { head.position }
            guard start < end else { return Answer(events: [], next: nil, head: head) }
            let page = try await store.readLog(after: start, where: filter, limit: limit)
            let events = page.events.filter { span.to == nil || $0.position <= end }
            return Answer(events: events, next: page.end < end ? page.end : nil, head: head)
        } catch {
            throw Problem(error)
        }
    }
}
