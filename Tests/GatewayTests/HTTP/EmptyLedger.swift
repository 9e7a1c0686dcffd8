import Runtime
import Workflows

/// A ledger in which nothing was ever written.
struct EmptyLedger: NotificationLedger {
    func notifications(
        scope: AccountScope, after place: NotificationPlace?, limit: Int
    ) async throws(LedgerError) -> [NotificationRow] { [] }

    func notifications(
        causedBy events: [UUID128], scope: AccountScope, limit: Int
    ) async throws(LedgerError) -> [NotificationRow] { [] }

    func notification(_ id: UUID128, scope: AccountScope) async throws(LedgerError) -> NotificationRow? { nil }

    func deliveries(of notification: UUID128) async throws(LedgerError) -> [DeliveryRow] { [] }

    func redeliver(
        _ notification: UUID128, to mailbox: String, command: UUID128, by principal: Principal, at time: Timestamp
    ) async throws(LedgerError) -> Bool { false }
}
