import HTTPTypes
import Hummingbird
import Runtime

/// The log as a whole and stream by stream, as lists and as streams of server-sent events.
struct LogRoutes: Sendable {
    let store: any EventStore
    let search: any LogSearch
    /// What event streams follow.
    let feed: any LogSource
    let streaming: EventStreaming

    private static let pageSize = 200
    private static let pollInterval = Duration.seconds(2)
    private static let (searchPage, pagesOfSearch) = (1_000, 20)

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/events", needs: .readLog, shows: .events, events),
            .guarded(.get, "/api/v1/streams/{stream}/events", needs: .readLog, shows: .events, streamEvents),
        ]
    }

    private func events(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(
            "after", "limit", "category", "account", "type", "principal", "correlation", "device_id", "from", "to")
        if let device = exchange.query["device_id"] { return try await events(of: device, exchange, caller) }
        let filter = LogFilter(
            category: exchange.query["category"], type: exchange.query["type"],
            scope: try caller.scope.narrowed(by: exchange.query["account"]),
            principal: try exchange.query.principal(), correlationID: try exchange.query.id("correlation"))
        if EventStreaming.isWanted(by: exchange) {
            for name in ["from", "to"] where exchange.query[name] != nil {
                throw .malformed(name, "\(name) is for lists; an event stream follows what comes.")
            }
            let subscription = Subscription(
                to: feed, where: filter, pageSize: Self.pageSize, pollInterval: Self.pollInterval)
            return try streaming.response(
                to: exchange, for: caller, after: try EventStreaming.start(of: exchange), id: \.position
            ) { place throws(EventStoreError) in
                let page = try await subscription.page(after: place)
                return (page.events, page.end)
            }
        }
        let page = try await LogPageQuestion(exchange, filter).answer(from: store, by: search)
        exchange.shows(events: page.events)
        return .bytes(EventJSON.list(page.events, next: page.next), headers: .position(page.head))
    }

    /// Those of one device whose observed time lies within bounds, in the order in which they were stored.
    private func events(of device: String, _ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        for name in ["category", "account", "principal", "correlation"] where exchange.query[name] != nil {
            throw .malformed(name, "\(name) says nothing beside device_id.")
        }
        if EventStreaming.isWanted(by: exchange) {
            throw .malformed("device_id", "Follow /api/v1/streams/device-\(device)/events instead.")
        }
        let scope = caller.scope
        let (from, to) = try exchange.query.span()
        let (after, limit) = (try exchange.query.after(), try exchange.query.limit())
        guard let stream = StreamName("device-\(device)"), try await store.shows(stream, to: scope) else {
            throw .noDevice
        }
        let type = exchange.query["type"]
        var (found, end): ([RecordedEvent], Int64) = ([], after)
        defer { for account in Set(found.map(\.metadata.account)) { exchange.shows(device: device, of: account) } }
        // A request looks at a bounded stretch; its answer says where to go on, even if it has found nothing.
        for _ in 0..<Self.pagesOfSearch {
            let page = try await read(stream, from: end.next, limit: Self.searchPage)
            for event in page {
                if found.count == limit { break }
                end = event.version
                guard type == nil || type == event.type, scope.includes(event.metadata.account),
                    from.map({ $0 <= event.observedTime }) ?? true, to.map({ event.observedTime < $0 }) ?? true
                else { continue }
                found.append(event)
            }
            if found.count == limit { break }
            if page.count < Self.searchPage { return .bytes(EventJSON.list(found, next: nil)) }
        }
        return .bytes(EventJSON.list(found, next: end))
    }

    private func streamEvents(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("after", "limit")
        guard let stream = StreamName(exchange.parameter("stream")) else { throw .noStream }
        let scope = caller.scope
        guard try await store.shows(stream, to: scope) else { throw .noStream }
        if EventStreaming.isWanted(by: exchange) {
            let store = store
            return try streaming.response(
                to: exchange, for: caller, after: try EventStreaming.start(of: exchange), id: \.version
            ) { place throws(EventStoreError) in
                try await Self.page(of: stream, in: store, after: place, scope: scope)
            }
        }
        let (after, limit) = (try exchange.query.after(), try exchange.query.limit())
        let found = try await read(stream, from: after.next, limit: limit + 1)
        let events = found.prefix(limit)
        let visible = events.filter { scope.includes($0.metadata.account) }
        for account in Set(visible.map(\.metadata.account)) { exchange.shows(stream.description, of: account) }
        return .bytes(EventJSON.list(visible, next: found.count > limit ? events.last?.version : nil))
    }

    private func read(_ stream: StreamName, from version: Int64, limit: Int) async throws(Problem) -> [RecordedEvent] {
        do throws(EventStoreError) {
            return try await store.readStream(stream, from: version, limit: limit)
        } catch {
            throw Problem(error)
        }
    }

    /// The next events of a stream, as soon as there are some; empty if nothing came within the poll interval.
    private static func page(
        of stream: StreamName, in store: any EventStore, after version: Int64, scope: AccountScope
    ) async throws(EventStoreError) -> (events: [RecordedEvent], end: Int64) {
        let heard = store.signal.position
        var found = try await store.readStream(stream, from: version.next, limit: pageSize)
        if found.isEmpty {
            await store.signal.wait(past: heard, atMost: pollInterval)
            found = try await store.readStream(stream, from: version.next, limit: pageSize)
        }
        return (found.filter { scope.includes($0.metadata.account) }, found.last?.version ?? version)
    }
}

extension AccountScope {
    /// - Throws: 404 for an account out of scope, whether it exists or not.
    func narrowed(by account: String?) throws(Problem) -> AccountScope {
        guard let account = account.map({ AccountID($0) }) else { return self }
        guard includes(account) else { throw .noAccount }
        return .only(account)
    }
}

extension Int64 {
    /// What comes after, also at the end of all numbers.
    fileprivate var next: Int64 { self == .max ? self : self + 1 }
}
