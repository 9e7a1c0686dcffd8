import Aggregates
import Runtime
import Testing
import Workflows

/// Given this history, when this event or timer, then those outputs. One instance; time is an argument.
///
/// What is given has run through the workflow: it was observed and reacted to, decisions were applied, timers were set
/// and cancelled; commands and notifications of the past are gone.
struct WorkflowSpecification<W: Workflow> {
    private(set) var state = W.initial
    /// What is set and has not elapsed, with its due time.
    private(set) var timers: [String: Timestamp] = [:]
    private let stream: StreamName
    private var account: AccountID
    private var settings: AccountSettings
    /// What the account's own device types say.
    private var silenceIntervals: [DeviceType: Duration] = [:]
    private var position: Int64 = 0

    private init(stream: StreamName, account: AccountID, settings: AccountSettings) {
        self.stream = stream
        self.account = account
        self.settings = settings
    }

    /// An instance that has seen these events, all at one time.
    ///
    /// - Parameter stream: where the events come from unless they say otherwise.
    static func given(
        _ events: FleetEvent..., on stream: String = "device-d1", at time: Timestamp = .noon,
        account: AccountID = .default, settings: AccountSettings = AccountSettings()
    ) -> Self {
        let name = StreamName(stream) ?? StreamName(category: "device", id: stream)
        var specification = Self(stream: name, account: account, settings: settings)
        for event in events { specification.happen(event, at: time, recordedAt: time, on: nil) }
        return specification
    }

    /// - Parameter recorded: when the log stored it, if not when it was observed.
    func and(
        _ events: FleetEvent..., at time: Timestamp, recordedAt recorded: Timestamp? = nil, on stream: String? = nil
    )
        -> Self
    {
        var specification = self
        for event in events { specification.happen(event, at: time, recordedAt: recorded ?? time, on: stream) }
        return specification
    }

    /// The account's settings are these from now on.
    func and(settings: AccountSettings) -> Self {
        var specification = self
        specification.settings = settings
        return specification
    }

    /// The account defines how long devices of a type may be silent.
    func and(_ interval: Duration, of type: DeviceType) -> Self {
        var specification = self
        specification.silenceIntervals[type] = interval
        return specification
    }

    /// Time passes: every timer that is due by then elapses, in the order of the due times.
    func and(until time: Timestamp) -> Self {
        var specification = self
        while let next = specification.nextTimer, next.due <= time { specification.elapse(next.name, due: next.due) }
        return specification
    }

    func when(
        _ event: FleetEvent, at time: Timestamp, recordedAt recorded: Timestamp? = nil, on stream: String? = nil
    ) -> Outcome {
        var specification = self
        let reaction = specification.happen(event, at: time, recordedAt: recorded ?? time, on: stream)
        return Outcome(reaction: reaction, next: specification)
    }

    /// A timer elapses at its due time; at `due` if given, whether it is set or not. It fires then, or when the server is
    /// there again.
    func when(
        timer name: String, due: Timestamp? = nil, fired: Timestamp? = nil,
        at location: SourceLocation = #_sourceLocation
    ) -> Outcome {
        var specification = self
        if due == nil, timers[name] == nil { Issue.record("no timer \"\(name)\" is set", sourceLocation: location) }
        let reaction = specification.elapse(name, due: due ?? timers[name] ?? .noon, fired: fired)
        return Outcome(reaction: reaction, next: specification)
    }

    struct Outcome {
        let reaction: Reaction<W.Decision>
        /// The instance afterwards, for a specification that goes on.
        let next: WorkflowSpecification

        @discardableResult
        func then(_ expected: Reaction<W.Decision>, at location: SourceLocation = #_sourceLocation) -> Self {
            #expect(reaction == expected, sourceLocation: location)
            return self
        }

        @discardableResult
        func thenDecisions(_ decisions: W.Decision..., at location: SourceLocation = #_sourceLocation) -> Self {
            #expect(reaction.decisions == decisions, sourceLocation: location)
            return self
        }

        @discardableResult
        func thenCommands(_ commands: OutgoingCommand..., at location: SourceLocation = #_sourceLocation) -> Self {
            #expect(reaction.commands == commands, sourceLocation: location)
            return self
        }

        @discardableResult
        func thenTimers(_ timers: TimerChange..., at location: SourceLocation = #_sourceLocation) -> Self {
            #expect(reaction.timers == timers, sourceLocation: location)
            return self
        }

        @discardableResult
        func thenNotifications(
            _ notifications: Workflows.Notification..., at location: SourceLocation = #_sourceLocation
        ) -> Self {
            #expect(reaction.notifications == notifications, sourceLocation: location)
            return self
        }

        /// No decision, no command, no timer, no notification.
        @discardableResult
        func thenNothing(at location: SourceLocation = #_sourceLocation) -> Self {
            #expect(reaction == .none, sourceLocation: location)
            return self
        }

        /// The timers that are set afterwards, whoever set them.
        @discardableResult
        func thenPending(_ timers: [String: Timestamp], at location: SourceLocation = #_sourceLocation) -> Self {
            #expect(next.timers == timers, sourceLocation: location)
            return self
        }
    }

    private var nextTimer: (name: String, due: Timestamp)? {
        timers.min { ($0.value, $0.key) < ($1.value, $1.key) }.map { ($0.key, $0.value) }
    }

    @discardableResult
    private mutating func happen(
        _ content: FleetEvent, at time: Timestamp, recordedAt recorded: Timestamp, on other: String?
    ) -> Reaction<W.Decision> {
        position += 1
        let event = WorkflowEvent(
            id: UUID128(high: 0, low: UInt64(position)), position: position,
            stream: other.flatMap { StreamName($0) } ?? stream, observedTime: time, recordedTime: recorded,
            account: account, content: content,
            terms: AccountTerms(settings: settings, silenceIntervals: silenceIntervals))
        W.observe(event, in: &state)
        return adopt(W.react(to: .event(event), in: state))
    }

    @discardableResult
    private mutating func elapse(
        _ name: String, due: Timestamp, fired: Timestamp? = nil
    ) -> Reaction<W.Decision> {
        timers[name] = nil
        let timer = ElapsedTimer(
            name: name, dueTime: due, firedTime: fired, account: account,
            terms: AccountTerms(settings: settings, silenceIntervals: silenceIntervals))
        return adopt(W.react(to: .timer(timer), in: state))
    }

    private mutating func adopt(_ reaction: Reaction<W.Decision>) -> Reaction<W.Decision> {
        for decision in reaction.decisions { W.evolve(&state, with: decision) }
        for change in reaction.timers {
            switch change {
            case .set(let name, let due): timers[name] = due
            case .cancel(let name): timers[name] = nil
            }
        }
        return reaction
    }
}

extension Timestamp {
    static let noon = Timestamp("2026-11-21T12:00:00Z") ?? Timestamp(microseconds: 0)
}
