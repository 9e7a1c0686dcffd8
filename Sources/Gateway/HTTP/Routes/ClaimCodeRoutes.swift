import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

/// The claim codes of an account: list, create, revoke.
struct ClaimCodeRoutes: Sendable {
    let changes: AccountChanges

    private static let path = "/api/v1/accounts/{id}/claim-codes"

    var all: [Route] {
        [
            .guarded(.get, Self.path, needs: .manageDevices, list),
            .guarded(.post, Self.path, needs: .manageDevices, create),
            .guarded(.delete, Self.path + "/{code}", needs: .manageDevices, revoke),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let memory = try await changes.latest(exchange.parameter("id"), scope: caller.scope)
        let codes = memory.state.claimCodes.values.sorted { $0.code.id < $1.code.id }
        return try .json(
            ListAnswer(items: codes.map { ClaimCodeAnswer($0) }, next: nil),
            headers: [.eTag: EntityTag(version: memory.version).description])
    }

    private func create(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let account = exchange.parameter("id")
        var fields = try RequestFields(exchange)
        let uses = try fields.wholeNumber("uses")
        guard let expires = Timestamp(try fields.text("expires")) else {
            throw .malformed("expires", "expires must be an RFC 3339 time such as 2026-12-01T00:00:00Z.")
        }
        let note = try fields.optionalText("note") ?? ""
        try fields.finish(known: "uses, expires, note")
        let id = try IdempotencyKey(exchange, caller)?.resourceID ?? ResourceID.random()
        let secret = ClaimSecret.random(for: AccountID(account))
        let code = ClaimCode(id: id, hash: secret.hash, note: note, uses: uses, expires: expires)
        let (receipt, _) = try await changes.change(account, exchange, caller) { _ in
            .init(command: .createClaimCode(code))
        }
        let memory = try await changes.accounts.recall(account, after: receipt)
        guard let known = memory.state.claimCodes[id] else { throw .noClaimCode }
        var answer = ClaimCodeAnswer(known)
        // A repetition does not show the code again, since only its hash is kept.
        if receipt.effect != .duplicate { answer.code = secret.text }
        return try .json(answer, status: .created, headers: .after(receipt))
    }

    private func revoke(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let code = exchange.parameter("code")
        try RequestFields(exchange, mayBeAbsent: true).finish(known: "none")
        let (receipt, _) = try await changes.change(exchange.parameter("id"), exchange, caller) { _ in
            .init(command: .revokeClaimCode(id: code))
        }
        return Response(status: .noContent, headers: .after(receipt))
    }
}

/// A claim code as JSON.
struct ClaimCodeAnswer: Encodable {
    var id: String
    var note: String
    var uses: Int
    var used: Int
    var expires: Timestamp
    /// Only in the answer that creates it, this once.
    var code: String?

    init(_ known: Account.KnownClaimCode) {
        id = known.code.id
        note = known.code.note
        uses = known.code.uses
        used = known.used
        expires = known.code.expires
    }
}
