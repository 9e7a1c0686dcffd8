import Aggregates
import HTTPTypes
import Hummingbird
import Runtime
import Workflows

/// What was to be told to whom, and how that went.
struct NotificationRoutes: Sendable {
    let ledger: any NotificationLedger
    let accounts: Directory<Account>
    let administration: Administration

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/notifications", needs: .readFleet, shows: .notifications, list),
            .guarded(.get, "/api/v1/notifications/{id}", needs: .readFleet, shows: .notifications, read),
            .guarded(
                .post, "/api/v1/notifications/{id}/deliveries/{mailbox}/redeliver", needs: .redeliver, redeliver),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("after", "limit", "account")
        let scope = try caller.scope.narrowed(by: exchange.query["account"])
        let (after, limit) = (try Self.place(exchange.query["after"]), try exchange.query.limit())
        let found: [NotificationRow]
        do throws(LedgerError) {
            found = try await ledger.notifications(scope: scope, after: after, limit: limit + 1)
        } catch {
            throw Problem(error)
        }
        let rows = found.prefix(limit)
        for account in Set(rows.map(\.notification.account)) { exchange.shows(of: account) }
        let next = found.count > limit ? rows.last.map { Self.cursor($0.place) } : nil
        return try .json(ListAnswer(items: rows.map { NotificationAnswer($0, deliveries: nil) }, next: next))
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let row = try await row(exchange, caller)
        exchange.shows(of: row.notification.account)
        return try .json(NotificationAnswer(row, deliveries: try await deliveries(of: row)))
    }

    private func redeliver(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let key = try IdempotencyKey(exchange, caller)
        let mailbox = exchange.parameter("mailbox")
        try RequestFields(exchange, mayBeAbsent: true).finish(known: "none")
        let row = try await row(exchange, caller)
        guard try await deliveries(of: row).contains(where: { $0.mailbox == mailbox }) else { throw .noDelivery }
        try await checkMailbox(mailbox, of: row.notification.account)
        let act = AdministrativeAct(.redeliveryRequested, .init("\(row.id)", ["mailbox": mailbox]))
        let context = Administration.Context(exchange, caller, for: row.notification.account)
        let begun = try await administration.begin(act, context)
        let isNew: Bool
        do throws(LedgerError) {
            isNew = try await ledger.redeliver(
                row.id, to: mailbox, command: key?.commandID ?? .v7(), by: caller.principal, at: exchange.time)
        } catch {
            await administration.recordFailure(of: act, context, cause: begun.id)
            throw Problem(error)
        }
        guard let delivery = try await deliveries(of: row).first(where: { $0.mailbox == mailbox }) else {
            throw .noDelivery
        }
        return try .json(
            DeliveryAnswer(delivery), status: .accepted, headers: isNew ? [:] : [.idempotencyReplayed: "true"])
    }

    private func checkMailbox(_ name: String, of account: AccountID) async throws(Problem) {
        do throws(DispatchError<Account.Rejection>) {
            if try await accounts.recallLatest(account.rawValue).state.mailboxes[name] != nil { return }
        } catch {
            throw Problem(error)
        }
        throw .conflict("mailbox-removed", "The mailbox was removed; set it again first.")
    }

    private func row(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> NotificationRow {
        guard let id = UUID128(exchange.parameter("id")) else { throw .noNotification }
        do throws(LedgerError) {
            if let row = try await ledger.notification(id, scope: caller.scope) { return row }
        } catch {
            throw Problem(error)
        }
        throw .noNotification
    }

    private func deliveries(of row: NotificationRow) async throws(Problem) -> [DeliveryRow] {
        do throws(LedgerError) {
            return try await ledger.deliveries(of: row.id)
        } catch {
            throw Problem(error)
        }
    }

    private static func cursor(_ place: NotificationPlace) -> String {
        ListCursor.encode("\(place.createdTime.microseconds) \(place.id)", of: "notifications")
    }

    private static func place(_ cursor: String?) throws(Problem) -> NotificationPlace? {
        guard let text = try ListCursor.decode(cursor, of: "notifications") else { return nil }
        let parts = text.split(separator: " ")
        guard parts.count == 2, let time = Int64(parts[0]), let id = UUID128(String(parts[1])) else {
            throw .malformed("after", "after must be what an earlier answer gave as next.")
        }
        return NotificationPlace(createdTime: Timestamp(microseconds: time), id: id)
    }
}
