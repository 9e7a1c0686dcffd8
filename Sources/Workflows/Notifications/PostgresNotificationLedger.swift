import Aggregates
import Foundation
package import Runtime

/// The ledger in Postgres.
package struct PostgresNotificationLedger: NotificationLedger {
    private let pool: PostgresPool
    private let pump: Bell

    /// - Parameter pump: rung when a delivery is wanted once more.
    package init(pool: PostgresPool, pump: Bell) {
        self.pool = pool
        self.pump = pump
    }

    package func notifications(
        scope: AccountScope, after place: NotificationPlace?, limit: Int
    ) async throws(LedgerError) -> [NotificationRow] {
        let place = place ?? .pastAll
        let page: [PostgresValue] = [.timestamp(place.createdTime), .uuid(place.id), .int8(Int64(limit))]
        let statement =
            switch scope {
            case .all: Self.all.bind(page)
            case .only(let account): Self.ofAccount.bind(page + [.text(account.rawValue)])
            }
        return try await read(statement) { try $0.map { try NotificationRow($0) } }
    }

    package func notifications(
        causedBy events: [UUID128], scope: AccountScope, limit: Int
    ) async throws(LedgerError) -> [NotificationRow] {
        let statement = Self.causedBy(.uuidArray(events), .int8(Int64(limit)))
        return try await read(statement) { try $0.map { try NotificationRow($0) } }
            .filter { scope.includes($0.notification.account) }
    }

    package func notification(_ id: UUID128, scope: AccountScope) async throws(LedgerError) -> NotificationRow? {
        let found = try await read(Self.one(.uuid(id))) { try $0.first.map { try NotificationRow($0) } }
        return found.flatMap { scope.includes($0.notification.account) ? $0 : nil }
    }

    package func deliveries(of notification: UUID128) async throws(LedgerError) -> [DeliveryRow] {
        try await read(Self.deliveries(.uuid(notification))) { rows in
            var deliveries: [DeliveryRow] = []
            for row in rows {
                let delivery = try DeliveryRow(row)
                if delivery.mailbox != deliveries.last?.mailbox { deliveries.append(delivery) }
                if let attempt = try DeliveryRow.Attempt(row) {
                    deliveries[deliveries.count - 1].attempts.append(attempt)
                }
            }
            return deliveries
        }
    }

    package func redeliver(
        _ notification: UUID128, to mailbox: String, command: UUID128, by principal: Principal, at time: Timestamp
    ) async throws(LedgerError) -> Bool {
        let statement = Self.redeliver(
            .uuid(command), .uuid(notification), .text(mailbox), .text(principal.description), .timestamp(time))
        let isNew = try await read(statement) { try $0.first?.bool(0) ?? false }
        if isNew { pump.ring() }
        return isNew
    }

    private func read<Value: Sendable>(
        _ statement: BoundStatement, _ decode: (Rows) throws -> Value
    ) async throws(LedgerError) -> Value {
        do {
            return try decode(try await pool.withConnection { try await $0.query(statement, timeout: .seconds(10)) })
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
    }

    private static let notification = """
        select id, account, severity, type, subject, title, text, data, workflow, instance, cause_event, cause_position,
            cause_timer, created_time, dispatched_time
        from notifications
        """

    private static let all = Statement(
        "list notifications",
        notification + " where (created_time, id) < ($1, $2) order by created_time desc, id desc limit $3")

    private static let causedBy = Statement(
        "list notifications with these causes",
        notification + " where cause_event = any($1) order by created_time, id limit $2")

    private static let ofAccount = Statement(
        "list notifications of an account",
        notification
            + """
             where account = $4 and (created_time, id) < ($1, $2) order by created_time desc, id desc limit $3
            """)

    private static let one = Statement("read a notification", notification + " where id = $1")

    private static let deliveries = Statement(
        "read deliveries",
        """
        select delivery.mailbox, delivery.state, delivery.due_time, attempt.number, attempt.started_time,
            attempt.outcome, attempt.code, attempt.reason, attempt.duration_microseconds
        from deliveries as delivery left join delivery_attempts as attempt using (notification, mailbox)
        where delivery.notification = $1 order by delivery.mailbox, attempt.number
        """)

    /// One that is being attempted at this moment is left to that.
    private static let redeliver = Statement(
        "redeliver",
        """
        with wanted as (
            insert into redeliveries (command_id, notification, mailbox, principal, requested_time)
            values ($1, $2, $3, $4, $5) on conflict (command_id) do nothing returning notification, mailbox
        ), due as (
            update deliveries as delivery set state = 'pending', due_time = $5, failures = 0
            from wanted
            where delivery.notification = wanted.notification and delivery.mailbox = wanted.mailbox
                and (delivery.claimed_until is null or delivery.claimed_until <= $5)
        )
        select exists (select from wanted)
        """, effect: .writes)
}

extension NotificationPlace {
    fileprivate static let pastAll = NotificationPlace(
        createdTime: Timestamp(microseconds: 253_402_300_799_000_000), id: UUID128(high: .max, low: .max))
}

extension NotificationRow {
    fileprivate init(_ row: Row) throws {
        let event: (id: UUID128, position: Int64)? =
            if let id = try row.uuid(ifPresent: 10), let position = try row.int8(ifPresent: 11) {
                (id, position)
            } else {
                nil
            }
        self.init(
            id: try row.uuid(0),
            notification: Notification(
                account: AccountID(try row.text(1)), severity: Severity(rawValue: try row.text(2)) ?? .critical,
                type: try row.text(3), subject: try row.text(4), title: try row.text(5), text: try row.text(6),
                data: try JSONDecoder().decode([String: String].self, from: Data(try row.bytes(7)))),
            cause: NotificationCause(
                workflow: try row.text(8), key: try row.text(9), event: event, timer: try row.text(ifPresent: 12)),
            createdTime: try row.timestamp(13), dispatchedTime: try row.timestamp(ifPresent: 14))
    }
}

extension DeliveryRow {
    fileprivate init(_ row: Row) throws {
        let state = State(rawValue: try row.text(1)) ?? .pending
        self.init(
            mailbox: try row.text(0), state: state, dueTime: state == .pending ? try row.timestamp(2) : nil,
            attempts: [])
    }
}

extension DeliveryRow.Attempt {
    /// Nil where the delivery was never attempted.
    fileprivate init?(_ row: Row) throws {
        guard let number = try row.int4(ifPresent: 3) else { return nil }
        self.init(
            number: number, startedTime: try row.timestamp(4),
            outcome: try row.text(ifPresent: 5).flatMap { AttemptResult.Outcome(rawValue: $0) },
            code: try row.int4(ifPresent: 6), reason: try row.text(ifPresent: 7),
            duration: try row.int8(ifPresent: 8).map { .microseconds($0) })
    }
}
