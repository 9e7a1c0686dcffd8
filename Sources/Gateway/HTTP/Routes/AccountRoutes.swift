import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime
import Workflows

extension Exchange {
    func shows(account: AccountID) { shows("\(Account.category)-\(account.rawValue)", of: account) }
}

/// Accounts: list, read, open, rename, activate, deactivate, close.
struct AccountRoutes: Sendable {
    let store: any EventStore
    let accounts: Directory<Account>
    let queries: any FleetQueries
    let past: PastQuestion

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/accounts", needs: .readFleet, shows: .accounts, list),
            .guarded(.post, "/api/v1/accounts", needs: .manageAccounts, open),
            .guarded(.get, "/api/v1/accounts/{id}", needs: .readFleet, shows: .account, read),
            .guarded(.patch, "/api/v1/accounts/{id}", needs: .renameAccounts, rename),
            action("activate", .activate), action("deactivate", .deactivate), action("close", .close),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(["after", "limit"] + PastQuestion.parameters)
        let (after, limit) = (
            try ListCursor.decode(exchange.query["after"], of: "accounts"), try exchange.query.limit()
        )
        let position = try await past.position(exchange.query)
        let views: any FleetQueries =
            if let position { try await past.views(["accounts"], asOf: position) } else { queries }
        let found: [AccountRow]
        do throws(QueryError) {
            found = try await views.accounts(scope: caller.scope, after: after, limit: limit + 1)
        } catch {
            throw Problem(error)
        }
        let rows = found.prefix(limit)
        for row in rows { exchange.shows(of: row.id) }
        let next = found.count > limit ? rows.last.map { ListCursor.encode($0.id.rawValue, of: "accounts") } : nil
        return try .json(
            ListAnswer(items: rows.map { AccountAnswer($0) }, next: next),
            headers: exchange.positionHeader(asOf: position))
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(PastQuestion.parametersOfOne)
        if let point = try await past.point(exchange.query) { return try await readPast(exchange, caller, point) }
        let row = try await row(exchange.parameter("id"), scope: caller.scope)
        exchange.shows(account: row.id)
        let tag = EntityTag(version: row.version)
        var headers: HTTPFields = [.eTag: tag.description]
        if tag.isHeld(by: exchange) { return Response(status: .notModified, headers: headers) }
        headers.append(contentsOf: exchange.positionHeader())
        return try .json(AccountAnswer(row), headers: headers)
    }

    private func readPast(
        _ exchange: Exchange, _ caller: Caller, _ point: PointInTime
    ) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let memory = try await accounts.past(id, at: point, for: caller, missing: .noAccount)
        let opened = try await store.firstEvent(of: Account.category, id, missing: .noAccount).recordedTime
        exchange.shows(account: AccountID(id))
        return try memory.answer(AccountAnswer(memory, openedTime: opened), to: exchange)
    }

    private func open(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let key = try IdempotencyKey(exchange, caller)
        var fields = try RequestFields(exchange)
        let name = try fields.text("name")
        let id = try fields.optionalText("id") ?? key?.resourceID ?? ResourceID.random()
        try fields.finish(known: "name, id")
        guard ResourceID.isPlausible(id) else { throw .malformed("id", "id must be 1 to 64 of a-z, 0-9 and -.") }
        // Another body may name another account, whose stream knows nothing of the key.
        if let first = try await key?.firstReceipt(in: store) {
            return try await answer(first.stream.id, after: first, status: .created)
        }
        let receipt = try await send(.open(id: AccountID(id), name: name), to: id, key, nil, exchange, caller)
        return try await answer(id, after: receipt, status: .created)
    }

    private func rename(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let key = try IdempotencyKey(exchange, caller)
        let expected = try EntityTag.expected(by: exchange)
        var fields = try RequestFields(exchange)
        let name = try fields.text("name")
        try fields.finish(known: "name")
        return try await perform(.rename(name), key, expected, exchange, caller)
    }

    private func action(_ name: String, _ command: Account.Command) -> Route {
        .guarded(.post, "/api/v1/accounts/{id}/\(name)", needs: .manageAccounts) {
            exchange, caller throws(Problem) in
            let key = try IdempotencyKey(exchange, caller)
            let expected = try EntityTag.expected(by: exchange)
            try RequestFields(exchange, mayBeAbsent: true).finish(known: "none")
            return try await perform(command, key, expected, exchange, caller)
        }
    }

    private func perform(
        _ command: Account.Command, _ key: IdempotencyKey?, _ expected: Int64?, _ exchange: Exchange, _ caller: Caller
    ) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        _ = try await memory(of: id, caller.scope)
        return try await answer(id, after: try await send(command, to: id, key, expected, exchange, caller))
    }

    /// The account as a command has left it.
    private func answer(
        _ id: String, after receipt: CommandReceipt, status: HTTPResponse.Status = .ok
    ) async throws(Problem) -> Response {
        let memory = try await accounts.recall(id, after: receipt)
        let opened = try await store.firstEvent(of: Account.category, id, missing: .noAccount).recordedTime
        var headers = HTTPFields.after(receipt)
        if status == .created { headers[.location] = "/api/v1/accounts/\(id)" }
        return try .json(AccountAnswer(memory, openedTime: opened), status: status, headers: headers)
    }

    private func send(
        _ command: Account.Command, to id: String, _ key: IdempotencyKey?, _ expected: Int64?, _ exchange: Exchange,
        _ caller: Caller
    ) async throws(Problem) -> CommandReceipt {
        var sideRows: [SideRow] = []
        if case .close = command { sideRows = [HeadLetters.end(of: AccountID(id))] }
        do throws(DispatchError<Account.Rejection>) {
            return try await accounts.send(
                CommandEnvelope(
                    id: key?.commandID ?? .v7(), command, context: exchange.context(for: caller),
                    expectedVersion: expected, sideRows: sideRows, fingerprint: key?.fingerprint), to: id)
        } catch {
            throw Problem(error)
        }
    }

    private func memory(of id: String, _ scope: AccountScope) async throws(Problem) -> AggregateMemory<Account> {
        // An id that cannot exist must not wake an actor.
        guard StreamName("account-\(id)") != nil, scope.includes(AccountID(id)) else { throw .noAccount }
        do throws(DispatchError<Account.Rejection>) {
            let memory = try await accounts.recall(id)
            if memory.state.status != .unopened { return memory }
            // Another server may have opened it meanwhile.
            let latest = try await accounts.recallLatest(id)
            if latest.state.status != .unopened { return latest }
        } catch {
            throw Problem(error)
        }
        throw .noAccount
    }

    /// The view's row; for an account so new that the view does not know it, the one with which the view will begin.
    private func row(_ id: String, scope: AccountScope) async throws(Problem) -> AccountRow {
        guard StreamName("account-\(id)") != nil, scope.includes(AccountID(id)) else { throw .noAccount }
        do throws(QueryError) {
            if let row = try await queries.account(id, scope: scope) { return row }
        } catch {
            throw Problem(error)
        }
        if let row = try await store.firstRow(of: AccountsProjection.self, id, missing: .noAccount) { return row }
        throw .noAccount
    }
}
