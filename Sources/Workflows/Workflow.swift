package import Aggregates
package import Runtime

/// A long-running process as pure functions, the twin of a ``Decider``: events and elapsed timers in; decisions,
/// commands, timers and notifications out. Also called a saga, or a process manager.
///
/// One workflow has an instance for each key, for example one a device. An instance's state is folded from the events
/// it observes, at no cost in the log; only its decisions are events, on the stream `workflow-<name>-<key>`. Nothing
/// here waits, reads a clock, logs or draws a random number.
package protocol Workflow: Sendable {
    associatedtype State: Codable & Sendable & Equatable
    associatedtype Decision: Sendable & Equatable

    /// `a-z` only; the first part of its streams' ids.
    static var name: String { get }
    /// Raised whenever `State` changes shape, so that older snapshots are folded anew.
    static var stateVersion: Int32 { get }
    static var codec: EventCodec<Decision> { get }
    static var initial: State { get }

    /// The stored types of the events it wants; all others pass it by undecoded. Its own events are among them only if
    /// it names them.
    static var eventTypes: Set<String> { get }
    /// The instance that an event of this stream concerns; nil if none.
    static func key(for stream: StreamName) -> String?

    /// Folds an event into the state, before `react` sees it; also when the state is rebuilt, where `react` does not run.
    static func observe(_ event: WorkflowEvent, in state: inout State)
    /// What follows from an event that has been observed, or from a timer that has elapsed.
    static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision>
    /// Applies a decision; nothing else but `observe` changes the state.
    static func evolve(_ state: inout State, with decision: Decision)
}

/// An event as a workflow sees it.
package struct WorkflowEvent: Sendable, Equatable {
    package var id: UUID128
    package var position: Int64
    package var stream: StreamName
    package var observedTime: Timestamp
    package var recordedTime: Timestamp
    package var account: AccountID
    package var content: FleetEvent
    /// What the event's account goes by as of its position.
    package var terms: AccountTerms
    package var settings: AccountSettings { terms.settings }

    package init(
        id: UUID128, position: Int64, stream: StreamName, observedTime: Timestamp, recordedTime: Timestamp,
        account: AccountID, content: FleetEvent, terms: AccountTerms
    ) {
        self.id = id
        self.position = position
        self.stream = stream
        self.observedTime = observedTime
        self.recordedTime = recordedTime
        self.account = account
        self.content = content
        self.terms = terms
    }
}

/// A timer of the instance that has elapsed; it is gone unless it is set again.
package struct ElapsedTimer: Sendable, Equatable {
    package var name: String
    package var dueTime: Timestamp
    /// When it elapsed in fact: later than it was due if nobody was there to notice.
    package var firedTime: Timestamp
    /// The account as the instance last saw it, and what it goes by now.
    package var account: AccountID
    package var terms: AccountTerms
    package var settings: AccountSettings { terms.settings }

    package init(
        name: String, dueTime: Timestamp, firedTime: Timestamp? = nil, account: AccountID, terms: AccountTerms
    ) {
        self.name = name
        self.dueTime = dueTime
        self.firedTime = firedTime ?? dueTime
        self.account = account
        self.terms = terms
    }
}

/// What an account's workflows go by: its settings, and what its own device types say of silence.
package struct AccountTerms: Sendable, Equatable {
    package var settings: AccountSettings
    package var silenceIntervals: [DeviceType: Duration]

    package init(settings: AccountSettings = AccountSettings(), silenceIntervals: [DeviceType: Duration] = [:]) {
        self.settings = settings
        self.silenceIntervals = silenceIntervals
    }

    /// How long a device of the type may be silent before it counts as offline.
    func silenceInterval(of type: DeviceType) -> Duration {
        settings.silence.seconds.map { .seconds($0) } ?? silenceIntervals[type] ?? type.silenceInterval
    }
}

package enum WorkflowInput: Sendable, Equatable {
    case event(WorkflowEvent)
    case timer(ElapsedTimer)

    /// The time by which the instance counts: when the event was recorded, or when the timer was due.
    package var time: Timestamp {
        switch self {
        case .event(let event): event.recordedTime
        case .timer(let timer): timer.dueTime
        }
    }
}

/// What an instance wants done; recorded in one transaction, and carried out afterwards.
package struct Reaction<Decision: Sendable & Equatable>: Sendable, Equatable {
    package var decisions: [Decision]
    package var commands: [OutgoingCommand]
    package var timers: [TimerChange]
    package var notifications: [Notification]

    package init(
        decisions: [Decision] = [], commands: [OutgoingCommand] = [], timers: [TimerChange] = [],
        notifications: [Notification] = []
    ) {
        self.decisions = decisions
        self.commands = commands
        self.timers = timers
        self.notifications = notifications
    }

    /// Nothing follows.
    package static var none: Self { Self() }
}

/// A timer is known by its name within its instance; setting it again moves it.
package enum TimerChange: Sendable, Equatable {
    case set(String, due: Timestamp)
    case cancel(String)
}

/// A command for an aggregate, on its way through the outbox.
package enum OutgoingCommand: Sendable, Codable, Equatable {
    case alert(id: String, Alert.Command)
    case rollout(id: String, Rollout.Command)
    /// Tells a device's own stream that nothing was heard of it since.
    case silence(device: String, lastSeenTime: Timestamp)
    /// Tells a device's own stream that the time for a command to it has passed.
    case commandTimeout(device: String, command: String)
}
