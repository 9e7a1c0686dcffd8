import Aggregates
import Runtime
import Workflows

/// A notification as JSON; with its deliveries where one is read alone.
struct NotificationAnswer: Encodable {
    /// The way back to what led to it.
    struct Cause: Encodable {
        var workflow: String
        var instance: String
        var event: UUID128?
        var position: Int64?
        var timer: String?
        /// Where the event can be read.
        var eventLink: String?
        /// Where the decisions of the workflow's instance can be read; a signed head was decided by nobody.
        var stream: String?
    }

    var id: UUID128
    var account: AccountID
    var severity: Severity
    var type: String
    var subject: String
    var title: String
    var text: String
    var data: [String: String]
    var createdTime: Timestamp
    var dispatchedTime: Timestamp?
    var cause: Cause
    var deliveries: [DeliveryAnswer]?

    init(_ row: NotificationRow, deliveries: [DeliveryRow]?) {
        id = row.id
        account = row.notification.account
        severity = row.notification.severity
        type = row.notification.type
        subject = row.notification.subject
        title = row.notification.title
        text = row.notification.text
        data = row.notification.data
        createdTime = row.createdTime
        dispatchedTime = row.dispatchedTime
        cause = Cause(
            workflow: row.cause.workflow, instance: row.cause.key, event: row.cause.event?.id,
            position: row.cause.event?.position, timer: row.cause.timer,
            eventLink: row.cause.event.map { "/api/v1/events?after=\($0.position - 1)&limit=1" },
            stream: row.notification.type == HeadLetters.type
                ? nil : "/api/v1/streams/workflow-\(row.cause.workflow)-\(row.cause.key)/events")
        self.deliveries = deliveries?.map { DeliveryAnswer($0) }
    }
}

/// A delivery as JSON. Nothing that a receiver has said is in it but a number.
struct DeliveryAnswer: Encodable {
    struct Attempt: Encodable {
        var number: Int32
        var time: Timestamp
        /// `unknown` while it is under way, or if its server ended before it could record an outcome.
        var outcome: String
        var code: Int32?
        var reason: String?
        var seconds: Double?
    }

    var mailbox: String
    var state: String
    var dueTime: Timestamp?
    var attempts: [Attempt]

    init(_ row: DeliveryRow) {
        mailbox = row.mailbox
        state = row.state.rawValue
        dueTime = row.dueTime
        attempts = row.attempts.map { attempt in
            Attempt(
                number: attempt.number, time: attempt.startedTime, outcome: attempt.outcome?.rawValue ?? "unknown",
                code: attempt.code, reason: attempt.reason, seconds: attempt.duration.map { $0 / .seconds(1) })
        }
    }
}
