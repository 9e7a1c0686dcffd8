import HTTPTypes
import Hummingbird
import Runtime
import Workflows

/// The ways through the log for one who wants to know what happened, who did it, and why.
struct ExplorerRoutes: Sendable {
    let store: any EventStore
    let search: any LogSearch
    let ledger: any NotificationLedger

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/streams", needs: .readLog, shows: .events, streams),
            .guarded(.get, "/api/v1/streams/{stream}", needs: .readLog, stream),
            .guarded(.get, "/api/v1/events/{id}", needs: .readLog, shows: .events, event),
            .guarded(.get, "/api/v1/events/{id}/chain", needs: .readLog, shows: .events, chain),
            .guarded(.get, "/api/v1/activity", needs: .readLog, shows: .events, activity),
        ]
    }

    private func streams(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("after", "limit", "category", "account", "text")
        let category = exchange.query["category"]
        if let category, StreamName("\(category)-x")?.category != category {
            throw .malformed("category", "category must be a word such as device, account or rollout.")
        }
        let filter = StreamFilter(
            category: category, scope: try caller.scope.narrowed(by: exchange.query["account"]),
            text: exchange.query["text"])
        let (after, limit) = (
            try ListCursor.decode(exchange.query["after"], of: "streams"), try exchange.query.limit()
        )
        let page = try await answered { () async throws(EventStoreError) in
            try await search.streams(filter, after: after, limit: limit)
        }
        exchange.shows(events: page.first)
        return try .json(
            ListAnswer(
                items: page.first.map { StreamAnswer($0) },
                next: page.next.map { ListCursor.encode($0, of: "streams") }))
    }

    private func stream(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        guard let stream = StreamName(exchange.parameter("stream")),
            try await store.shows(stream, to: caller.scope)
        else { throw .noStream }
        let (first, newest) = try await answered { () async throws(EventStoreError) in
            (
                try await oldest(of: stream, in: caller.scope),
                try await search.newestEvent(of: stream)
            )
        }
        guard let first, let newest else { throw .noStream }
        var answer = StreamAnswer(first)
        // How far another account has brought what was the caller's is not the caller's to know.
        if caller.scope.includes(newest.metadata.account) {
            answer.version = newest.version
            answer.lastTime = newest.recordedTime
        }
        return try .json(answer)
    }

    /// The oldest event that is left of the stream and in scope.
    private func oldest(
        of stream: StreamName, in scope: AccountScope
    ) async throws(EventStoreError) -> RecordedEvent? {
        if case .all = scope { return try await store.readStream(stream, from: 1, limit: 1).first }
        return try await store.readLog(after: 0, where: LogFilter(scope: scope, stream: stream), limit: 1).events.first
    }

    private func event(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let event = try await event(exchange.parameter("id"), in: caller.scope)
        exchange.shows(event.stream.description, of: event.metadata.account)
        var json: [UInt8] = []
        EventJSON.append(event, to: &json)
        return .bytes(json)
    }

    private func chain(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let event = try await event(exchange.parameter("id"), in: caller.scope)
        let chain = try await answered { () async throws(EventStoreError) in
            try await CausationChain(of: event, search, scope: caller.scope)
        }
        let told: [NotificationRow]
        do throws(LedgerError) {
            told = try await ledger.notifications(
                causedBy: chain.events.map(\.id), scope: caller.scope, limit: CausationChain.limit)
        } catch {
            throw Problem(error)
        }
        exchange.shows(events: chain.events)
        return .bytes(try chain.json(telling: told))
    }

    private func activity(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("after", "limit", "account", "principal", "reads")
        let principal = try exchange.query.principal()
        if let principal, !principal.isUser {
            throw .malformed("principal", "principal must be user:ID here: what devices did is in their streams.")
        }
        let reads = try exchange.query.flag("reads") ?? false
        let filter = ActFilter(
            scope: try caller.scope.narrowed(by: exchange.query["account"]), principal: principal,
            category: reads ? AccessStreams.category : nil, leavesOut: reads ? nil : AccessStreams.category)
        let limit = try exchange.query.limit()
        let after = try exchange.query["after"].map { _ throws(Problem) in try exchange.query.position("after") }
        let found = try await answered { () async throws(EventStoreError) in
            try await search.acts(filter, before: after, limit: limit + 1)
        }
        let events = Array(found.prefix(limit))
        exchange.shows(events: events)
        return .bytes(EventJSON.list(events, next: found.count > limit ? events.last?.position : nil))
    }

    /// An event out of the caller's scope does not exist for the caller.
    private func event(_ id: String, in scope: AccountScope) async throws(Problem) -> RecordedEvent {
        guard let id = UUID128(id) else { throw .noEvent }
        let found = try await answered { () async throws(EventStoreError) in try await search.event(id) }
        guard let found, scope.includes(found.metadata.account) else { throw .noEvent }
        return found
    }

    private func answered<Value>(_ body: () async throws(EventStoreError) -> Value) async throws(Problem) -> Value {
        do throws(EventStoreError) {
            return try await body()
        } catch {
            throw Problem(error)
        }
    }
}

private struct StreamAnswer: Encodable {
    var stream: String
    var category: String
    var account: AccountID
    /// The oldest event that is left of it.
    var firstType: String
    var firstTime: Timestamp
    var version: Int64?
    var lastTime: Timestamp?

    init(_ first: RecordedEvent) {
        (stream, category) = (first.stream.description, first.stream.category)
        account = first.metadata.account
        (firstType, firstTime) = (first.type, first.recordedTime)
    }
}

extension Principal {
    fileprivate var isUser: Bool {
        if case .user = self { return true }
        return false
    }
}
