import Foundation
import HTTPTypes
import Hummingbird
package import Runtime

/// What an auditor asks of the sealed log.
package protocol SealQueries: Sendable {
    func newestHead() async throws -> SignedHead?
    func heads(before head: (size: Int64, time: Timestamp)?, limit: Int) async throws -> [SignedHead]
    func inclusion(of position: Int64, in size: Int64?) async throws -> SealedTree.Inclusion
    func consistency(from earlier: Int64, to later: Int64) async throws -> SealedTree.Consistency
}

extension SealedTree: SealQueries {}

/// Signed heads of the log, proofs about it, and its events to take away.
struct SealRoutes: Sendable {
    let store: any EventStore
    let seals: any SealQueries
    let search: any LogSearch

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/audit/heads", needs: .readLog, heads),
            .guarded(.get, "/api/v1/audit/heads/latest", needs: .readLog, newestHead),
            .guarded(.get, "/api/v1/audit/proof", needs: .readLog, proof),
            .guarded(.get, "/api/v1/audit/consistency", needs: .readLog, consistency),
            .guarded(.get, "/api/v1/audit/export", needs: .readLog, shows: .export, export),
        ]
    }

    private func heads(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("after", "limit")
        let limit = try exchange.query.limit()
        let place = try ListCursor.decode(exchange.query["after"], of: "heads")
        let before = try place.map { text throws(Problem) in
            let parts = text.split(separator: "/")
            guard parts.count == 2, let size = Int64(parts[0]), let time = Timestamp(String(parts[1])) else {
                throw .malformed("after", "after is a cursor from the answer before.")
            }
            return (size: size, time: time)
        }
        let found = try await answered { try await seals.heads(before: before, limit: limit + 1) }
        let page = found.prefix(limit)
        let next = found.count > limit ? page.last.map { ListCursor.encode("\($0.size)/\($0.time)", of: "heads") } : nil
        return try .json(ListAnswer(items: page.map { HeadAnswer($0) }, next: next))
    }

    private func newestHead(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        guard let head = try await answered({ try await seals.newestHead() }) else {
            throw .notFound("No head was signed yet: the server has no seal key, or has not run for a minute.")
        }
        return try .json(HeadAnswer(head))
    }

    private func proof(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("position", "size")
        let position = try exchange.query.position("position")
        let size = try exchange.query["size"].map { _ throws(Problem) in try exchange.query.position("size") }
        // Whose event it is decides whether it exists for the caller, one that has left the log belongs to nobody.
        if caller.scope != .all {
            let event: RecordedEvent?
            do throws(EventStoreError) {
                let filter = LogFilter(scope: caller.scope)
                event = try await store.readLog(after: position - 1, where: filter, limit: 1).events.first
            } catch {
                throw Problem(error)
            }
            guard event?.position == position else { throw .notFound("There is no such event.") }
        }
        return try .json(InclusionAnswer(try await answered { try await seals.inclusion(of: position, in: size) }))
    }

    private func consistency(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("from", "to")
        let (from, to) = (try exchange.query.position("from"), try exchange.query.position("to"))
        guard from <= to else { throw .malformed("from", "from must not be after to.") }
        return try .json(ConsistencyAnswer(try await answered { try await seals.consistency(from: from, to: to) }))
    }

    private func export(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(
            "after", "limit", "category", "account", "type", "principal", "correlation", "stream", "from", "to")
        let filter = LogFilter(
            category: exchange.query["category"], type: exchange.query["type"],
            scope: try caller.scope.narrowed(by: exchange.query["account"]), stream: try exchange.query.stream(),
            principal: try exchange.query.principal(), correlationID: try exchange.query.id("correlation"))
        let page = try await LogPageQuestion(exchange, filter).answer(from: store, by: search)
        exchange.shows(events: page.events)
        var lines: [UInt8] = []
        for event in page.events { ExportedLine(.event(event)).append(to: &lines) }
        var headers = HTTPFields.position(page.head)
        if let next = page.next { headers[.next] = "\(next)" }
        return .bytes(lines, type: ExportedLine.contentType, headers: headers)
    }

    private func answered<Value>(_ body: () async throws -> Value) async throws(Problem) -> Value {
        do {
            return try await body()
        } catch let error as SealError {
            guard case .notSealed = error else { throw .internalFailure(cause: "\(error)") }
            throw .notFound("The log is not sealed so far yet. Ask again in a minute.")
        } catch let error as EventStoreError {
            throw Problem(error)
        } catch let error as PostgresError {
            throw .unavailable("The database does not answer.", retryAfter: 5, cause: error.debugDescription)
        } catch {
            throw .internalFailure(cause: String(reflecting: error))
        }
    }
}

private struct HeadAnswer: Encodable {
    var size: Int64
    var root: String
    var time: Timestamp
    var note: String

    init(_ head: SignedHead) {
        (size, root, time, note) = (head.size, head.root.base64, head.time, head.note)
    }
}

private struct InclusionAnswer: Encodable {
    var position: Int64
    var size: Int64
    var leaf: String
    var path: [String]
    var root: String
    var head: String?

    init(_ proof: SealedTree.Inclusion) {
        (position, size) = (proof.position, proof.size)
        (leaf, root) = (proof.leaf.base64, proof.root.base64)
        path = proof.path.map(\.base64)
        head = proof.head?.note
    }
}

private struct ConsistencyAnswer: Encodable {
    var from: Int64
    var to: Int64
    var fromRoot: String
    var toRoot: String
    var path: [String]

    init(_ proof: SealedTree.Consistency) {
        (from, to) = (proof.from, proof.to)
        (fromRoot, toRoot) = (proof.roots.from.base64, proof.roots.to.base64)
        path = proof.path.map(\.base64)
    }
}
