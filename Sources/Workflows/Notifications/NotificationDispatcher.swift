package import Aggregates
package import Logging
import Metrics
package import Runtime
import ServiceLifecycle

/// Turns each notification into deliveries, one for each mailbox of its account whose severity it reaches; a signed head
/// into one for each that wants heads.
///
/// Any server may do it, several at once: deliveries and the mark of the notification are one transaction.
package struct NotificationDispatcher: Service {
    /// Rung by whoever has recorded notifications in this process.
    package let bell = Bell()
    private let pool: PostgresPool
    private let accounts: Directory<Account>
    private let deliveries: Bell
    private let now: @Sendable () -> Timestamp
    private let logger: Logger

    private static let pollInterval = Duration.seconds(1)
    private static let pageSize: Int64 = 500

    /// - Parameter deliveries: the bell of the pump.
    package init(
        pool: PostgresPool, accounts: Directory<Account>, deliveries: Bell, logger: Logger,
        now: @escaping @Sendable () -> Timestamp = { .now() }
    ) {
        self.pool = pool
        self.accounts = accounts
        self.deliveries = deliveries
        self.now = now
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
            while !Task.isCancelled {
                let heard = bell.heard
                do {
                    try await dispatchOnce(at: now())
                    backoff.reset()
                    await bell.wait(past: heard, atMost: Self.pollInterval)
                } catch {
                    if Task.isCancelled { return }
                    logger.warning(
                        "Notifications cannot be dispatched", metadata: ["reason": "\(String(reflecting: error))"])
                    try? await Task.sleep(for: backoff.next())
                }
            }
        }
    }

    /// Dispatches all that waits, and returns how many there were. An account that cannot be read keeps its own waiting,
    /// and nobody else's.
    @discardableResult
    package func dispatchOnce(at time: Timestamp) async throws -> Int {
        var (count, unreadable): (Int, Set<String>) = (0, [])
        while true {
            let waiting = try await waiting(except: unreadable)
            if waiting.isEmpty { return count }
            var mailboxes: [AccountID: [Mailbox]] = [:]
            for account in Set(waiting.map(\.account)) {
                do throws(DispatchError<Account.Rejection>) {
                    mailboxes[account] = try await self.mailboxes(of: account)
                } catch {
                    unreadable.insert(account.rawValue)
                    logger.warning(
                        "An account cannot be read to notify it",
                        metadata: ["account": "\(account)", "reason": "\(error)"])
                }
            }
            count += try await dispatch(waiting.filter { mailboxes[$0.account] != nil }, to: mailboxes, at: time)
        }
    }

    private func mailboxes(of account: AccountID) async throws(DispatchError<Account.Rejection>) -> [Mailbox] {
        let state = try await accounts.recallLatest(account.rawValue).state
        return state.status == .closed ? [] : Array(state.mailboxes.values)
    }

    private struct Waiting: Sendable {
        var id: UUID128
        var account: AccountID
        var severity: Severity
        var isHead: Bool

        func isFor(_ mailbox: Mailbox) -> Bool { isHead ? mailbox.heads : mailbox.severity <= severity }
    }

    private func waiting(except accounts: Set<String>) async throws -> [Waiting] {
        let statement = Self.select(.textArray(Array(accounts)), .int8(Self.pageSize))
        return try await pool.withConnection { connection in
            try await connection.query(statement, timeout: .seconds(10)).map { row in
                // One that this program does not know matters most.
                Waiting(
                    id: try row.uuid(0), account: AccountID(try row.text(1)),
                    severity: Severity(rawValue: try row.text(2)) ?? .critical,
                    isHead: try row.text(3) == HeadLetters.type)
            }
        }
    }

    private func dispatch(
        _ waiting: [Waiting], to mailboxes: [AccountID: [Mailbox]], at time: Timestamp
    ) async throws -> Int {
        if waiting.isEmpty { return 0 }
        let deliveries = waiting.flatMap { notification in
            (mailboxes[notification.account] ?? []).filter { notification.isFor($0) }
                .map { (notification: notification.id, mailbox: $0.name) }
        }
        let statement = Self.dispatch(
            .uuidArray(waiting.map(\.id)), .uuidArray(deliveries.map(\.notification)),
            .textArray(deliveries.map(\.mailbox)), .timestamp(time))
        let dispatched = try await pool.withConnection { try await $0.query(statement, timeout: .seconds(30)).affected }
        Failpoint.reached(.notificationDispatched, if: !deliveries.isEmpty)
        if !deliveries.isEmpty { self.deliveries.ring() }
        return dispatched
    }

    private static let select = Statement(
        "notifications to dispatch",
        """
        select id, account, severity, type from notifications
        where dispatched_time is null and account <> all ($1) order by created_time, id limit $2
        """)

    /// The lock decides between two dispatchers: who comes second finds nothing of the first one's to do.
    ///
    /// Who is called at night knows a device by its name and place, not by its id. They are taken from the view once, so that
    /// each attempt says the same, and only while the device is still the account's.
    private static let dispatch = Statement(
        "dispatch notifications",
        """
        with taken as materialized (
            select id, account, data ->> 'device' as device from notifications
            where id = any ($1) and dispatched_time is null
            for update skip locked
        ), known as materialized (
            select taken.id, jsonb_strip_nulls(jsonb_build_object(
                'deviceName', nullif(device.name, ''), 'deviceSerial', nullif(device.serial, ''),
                'deviceLocation', nullif(device.location ->> 'text', ''))) as called
            from taken
            join projections view on view.name = 'devices'
            join devices device on device.generation = view.live_generation and device.id = taken.device
                and device.account = taken.account
        ), created as (
            insert into deliveries (notification, mailbox, account, state, due_time)
            select taken.id, wanted.mailbox, taken.account, 'pending', $4
            from taken join unnest($2::uuid[], $3::text[]) as wanted (notification, mailbox)
                on wanted.notification = taken.id
            on conflict do nothing
        )
        update notifications set dispatched_time = $4,
            data = case when known.called is null then data else (data::jsonb || known.called)::json end
        from taken left join known using (id) where notifications.id = taken.id
        """, effect: .writes)
}
