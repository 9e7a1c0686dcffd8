package import Aggregates
package import Runtime

/// A notification on its way to one mailbox.
package struct DeliveryMessage: Sendable {
    package var id: UUID128
    package var notification: Notification
    package var createdTime: Timestamp
    package var mailbox: Mailbox
    /// What a webhook is signed with, the newest first.
    package var secrets: [[UInt8]]
    package var time: Timestamp

    package init(
        id: UUID128, notification: Notification, createdTime: Timestamp, mailbox: Mailbox, secrets: [[UInt8]],
        time: Timestamp
    ) {
        self.id = id
        self.notification = notification
        self.createdTime = createdTime
        self.mailbox = mailbox
        self.secrets = secrets
        self.time = time
    }

    /// The same at each attempt: the receiver knows a repetition by it.
    package var key: String { "\(id)-\(mailbox.name)" }
}

/// A way in which notifications leave.
package protocol DeliveryChannel: Sendable {
    /// Tries once; returns early, and interrupted, if the task is cancelled.
    func send(_ message: DeliveryMessage) async -> AttemptResult
}

/// What came of one attempt. It holds nothing that the receiver has said but a number.
package struct AttemptResult: Sendable, Equatable {
    package enum Outcome: String, Sendable, CaseIterable {
        case delivered
        /// It may succeed later.
        case failed
        /// It will never succeed.
        case refused
        /// The server was shut down meanwhile; the attempt does not count.
        case interrupted
    }

    package var outcome: Outcome
    /// The HTTP status or the SMTP reply code, if there was an answer.
    package var code: Int?
    package var reason: String?
    package var duration: Duration

    package init(_ outcome: Outcome, code: Int? = nil, reason: String? = nil, duration: Duration = .zero) {
        self.outcome = outcome
        self.code = code
        self.reason = reason
        self.duration = duration
    }
}
