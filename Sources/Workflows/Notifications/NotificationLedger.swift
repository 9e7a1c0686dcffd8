package import Runtime

/// What was to be told to whom, and how that went; each question only within the scope of the one who asks.
package protocol NotificationLedger: Sendable {
    /// The newest first, after `place` if given.
    func notifications(
        scope: AccountScope, after place: NotificationPlace?, limit: Int
    ) async throws(LedgerError) -> [NotificationRow]
    /// Those that workflows wanted because of one of these events, the oldest first.
    func notifications(
        causedBy events: [UUID128], scope: AccountScope, limit: Int
    ) async throws(LedgerError) -> [NotificationRow]
    func notification(_ id: UUID128, scope: AccountScope) async throws(LedgerError) -> NotificationRow?
    /// In the order of the mailboxes' names, each with all of its attempts.
    func deliveries(of notification: UUID128) async throws(LedgerError) -> [DeliveryRow]
    /// Makes a delivery due now; false if a command with this id has done so before.
    func redeliver(
        _ notification: UUID128, to mailbox: String, command: UUID128, by principal: Principal, at time: Timestamp
    ) async throws(LedgerError) -> Bool
}

package enum LedgerError: Error, Sendable, Hashable {
    /// The database cannot be reached; later it may.
    case unavailable(reason: String)
}

/// Where a notification stands in the list.
package struct NotificationPlace: Sendable, Hashable {
    package var createdTime: Timestamp
    package var id: UUID128

    package init(createdTime: Timestamp, id: UUID128) {
        self.createdTime = createdTime
        self.id = id
    }
}

package struct NotificationRow: Sendable, Equatable {
    package var id: UUID128
    package var notification: Notification
    package var cause: NotificationCause
    package var createdTime: Timestamp
    package var dispatchedTime: Timestamp?

    package init(
        id: UUID128, notification: Notification, cause: NotificationCause, createdTime: Timestamp,
        dispatchedTime: Timestamp?
    ) {
        self.id = id
        self.notification = notification
        self.cause = cause
        self.createdTime = createdTime
        self.dispatchedTime = dispatchedTime
    }

    package var place: NotificationPlace { NotificationPlace(createdTime: createdTime, id: id) }
}

package struct DeliveryRow: Sendable, Equatable {
    package enum State: String, Sendable {
        case pending, delivered, dead
    }

    package struct Attempt: Sendable, Equatable {
        package var number: Int32
        package var startedTime: Timestamp
        /// Nil while it is under way, or if its server ended before it could record one.
        package var outcome: AttemptResult.Outcome?
        /// The HTTP status or the SMTP reply code, if there was an answer.
        package var code: Int32?
        package var reason: String?
        package var duration: Duration?
    }

    package var mailbox: String
    package var state: State
    /// When the next attempt is due; nil unless pending.
    package var dueTime: Timestamp?
    package var attempts: [Attempt]

    package init(mailbox: String, state: State, dueTime: Timestamp?, attempts: [Attempt]) {
        self.mailbox = mailbox
        self.state = state
        self.dueTime = dueTime
        self.attempts = attempts
    }
}
