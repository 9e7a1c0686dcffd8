import Aggregates
import Foundation
import Runtime

/// An attempt that this server has begun, and nobody else may begin until the claim runs out.
struct ClaimedDelivery: Sendable {
    var id: UUID128
    var mailbox: String
    var attempt: Int32
    var failures: Int32
    var notification: Notification
    var createdTime: Timestamp

    var lane: DeliveryLanes.Lane { .init(account: notification.account.rawValue, mailbox: mailbox) }

    init(_ row: Row) throws {
        id = try row.uuid(0)
        mailbox = try row.text(1)
        attempt = try row.int4(3)
        failures = try row.int4(4)
        notification = Notification(
            account: AccountID(try row.text(2)), severity: Severity(rawValue: try row.text(5)) ?? .critical,
            type: try row.text(6), subject: try row.text(7), title: try row.text(8), text: try row.text(9),
            // A row must not stop the others only because its values cannot be read.
            data: (try? JSONDecoder().decode([String: String].self, from: Data(try row.bytes(10)))) ?? [:])
        createdTime = try row.timestamp(11)
    }
}

/// An attempt that has ended, and what follows from it.
struct FinishedDelivery: Sendable {
    enum State: String, Sendable { case pending, delivered, dead }

    var delivery: ClaimedDelivery
    var result: AttemptResult
    var state: State
    var failures: Int32
    var dueTime: Timestamp

    init(
        _ delivery: ClaimedDelivery, _ result: AttemptResult, _ schedule: RetrySchedule, jitter: Double,
        at time: Timestamp
    ) {
        self.delivery = delivery
        self.result = result
        failures = delivery.failures
        dueTime = time
        switch result.outcome {
        case .delivered: state = .delivered
        case .refused: state = .dead
        case .interrupted:
            state = .pending
            dueTime = time + .seconds(1)
        case .failed:
            failures += 1
            if let delay = schedule.delay(afterFailure: Int(failures), jitter: jitter) {
                state = .pending
                dueTime = time + delay
            } else {
                state = .dead
            }
        }
    }
}

enum DeliveryStatements {
    /// Claims what is due, from each lane only as much as it may take, and begins its attempts in the ledger.
    ///
    /// It goes from lane to lane along the index, so what waits in one costs the others nothing.
    static func claim(
        by claim: UUID128, until end: Timestamp, lanes: DeliveryLanes, at time: Timestamp
    ) -> BoundStatement {
        let (restricted, accounts) = (lanes.restricted, lanes.restrictedAccounts)
        return Self.claim(
            .timestamp(time), .uuid(claim), .timestamp(end), .int8(Int64(max(0, lanes.free))),
            .int8(Int64(lanes.limits.lane)), .int8(Int64(lanes.limits.account)),
            .textArray(restricted.map(\.lane.account)), .textArray(restricted.map(\.lane.mailbox)),
            .int8Array(restricted.map { Int64($0.free) }), .textArray(accounts.map(\.account)),
            .int8Array(accounts.map { Int64($0.free) }))
    }

    private static let claim = Statement(
        "claim deliveries",
        """
        with recursive lane (account, mailbox) as (
            (select account, mailbox from deliveries where state = 'pending' order by account, mailbox limit 1)
            union all
            select next.account, next.mailbox from lane cross join lateral (
                select account, mailbox from deliveries
                where state = 'pending' and (account, mailbox) > (lane.account, lane.mailbox)
                order by account, mailbox limit 1
            ) as next
        ), due as (
            select candidate.notification, lane.mailbox, lane.account, candidate.due_time,
                row_number() over (partition by lane.account order by candidate.due_time) as place
            from lane
            left join unnest($7::text[], $8::text[], $9::bigint[]) as restricted (account, mailbox, free)
                on restricted.account = lane.account and restricted.mailbox = lane.mailbox
            cross join lateral (
                select notification, due_time from deliveries
                where state = 'pending' and account = lane.account and mailbox = lane.mailbox and due_time <= $1
                    and (claimed_until is null or claimed_until <= $1)
                order by due_time limit coalesce(restricted.free, $5)
            ) as candidate
        ), chosen as (
            select due.notification, due.mailbox from due
            left join unnest($10::text[], $11::bigint[]) as restricted (account, free) using (account)
            where due.place <= coalesce(restricted.free, $6)
            order by due.due_time limit $4
        ), locked as materialized (
            select delivery.notification, delivery.mailbox
            from deliveries as delivery join chosen using (notification, mailbox)
            where delivery.state = 'pending' and delivery.due_time <= $1
                and (delivery.claimed_until is null or delivery.claimed_until <= $1)
            for update of delivery skip locked
        ), claimed as (
            update deliveries as delivery set claim = $2, claimed_until = $3, attempts = delivery.attempts + 1
            from locked
            where delivery.notification = locked.notification and delivery.mailbox = locked.mailbox
            returning delivery.notification, delivery.mailbox, delivery.account, delivery.attempts, delivery.failures
        ), begun as (
            insert into delivery_attempts (notification, mailbox, number, started_time)
            select notification, mailbox, attempts, $1 from claimed
        )
        select claimed.notification, claimed.mailbox, claimed.account, claimed.attempts, claimed.failures,
            notification.severity, notification.type, notification.subject, notification.title, notification.text,
            notification.data, notification.created_time
        from claimed join notifications as notification on notification.id = claimed.notification
        """, effect: .writes)

    /// Writes what came of attempts. Whose claim has run out meanwhile keeps the attempt, and decides nothing.
    static func finish(_ finished: [FinishedDelivery], claim: UUID128) -> BoundStatement {
        Self.finish(
            .uuid(claim), .uuidArray(finished.map(\.delivery.id)), .textArray(finished.map(\.delivery.mailbox)),
            .int4Array(finished.map(\.delivery.attempt)), .textArray(finished.map(\.result.outcome.rawValue)),
            .int4Array(finished.map { Int32(clamping: $0.result.code ?? 0) }),
            .nullableTextArray(finished.map(\.result.reason)),
            .int8Array(finished.map { Int64($0.result.duration / .microseconds(1)) }),
            .textArray(finished.map(\.state.rawValue)), .int4Array(finished.map(\.failures)),
            .timestampArray(finished.map(\.dueTime)))
    }

    private static let finish = Statement(
        "finish deliveries",
        """
        with finished as materialized (
            select * from unnest($2::uuid[], $3::text[], $4::integer[], $5::text[], $6::integer[], $7::text[],
                $8::bigint[], $9::text[], $10::integer[], $11::timestamptz[])
                as finished (notification, mailbox, attempt, outcome, code, reason, duration, state, failures, due_time)
        ), noted as (
            update delivery_attempts as attempt
            set outcome = finished.outcome, code = nullif(finished.code, 0), reason = finished.reason,
                duration_microseconds = finished.duration
            from finished
            where attempt.notification = finished.notification and attempt.mailbox = finished.mailbox
                and attempt.number = finished.attempt
        )
        update deliveries as delivery
        set state = finished.state, failures = finished.failures, due_time = finished.due_time, claim = null,
            claimed_until = null
        from finished
        where delivery.notification = finished.notification and delivery.mailbox = finished.mailbox
            and delivery.attempts = finished.attempt and delivery.claim = $1
        """, effect: .writes)

    static let pending = Statement(
        "count pending deliveries", "select count(*) from deliveries where state = 'pending'")
}
