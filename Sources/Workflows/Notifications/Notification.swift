package import Aggregates
package import Runtime

/// Something that people of an account are to be told; goes to each of its mailboxes whose severity it reaches.
package struct Notification: Sendable, Codable, Equatable {
    package var account: AccountID
    package var severity: Severity
    /// Dotted and versioned, as CloudEvents has it: `fleetlog.alert.raised.v1`.
    package var type: String
    /// What it is about, for example `device/kitchen-1`.
    package var subject: String
    package var title: String
    package var text: String
    /// For programs; names and values as text.
    package var data: [String: String]

    package init(
        account: AccountID, severity: Severity, type: String, subject: String, title: String, text: String,
        data: [String: String] = [:]
    ) {
        self.account = account
        self.severity = severity
        self.type = type
        self.subject = subject
        self.title = title
        self.text = text
        self.data = data
    }
}

/// Which workflow instance wanted a notification, and the event or timer that led to it.
package struct NotificationCause: Sendable, Equatable {
    package var workflow: String
    package var key: String
    /// The event that the instance reacted to; nil if it was a timer.
    package var event: (id: UUID128, position: Int64)?
    package var timer: String?

    package init(workflow: String, key: String, event: (id: UUID128, position: Int64)?, timer: String?) {
        self.workflow = workflow
        self.key = key
        self.event = event
        self.timer = timer
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.workflow == right.workflow && left.key == right.key && left.event?.id == right.event?.id
            && left.timer == right.timer
    }
}
