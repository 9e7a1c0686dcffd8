import Aggregates
import Runtime
import Synchronization

@testable import Workflows

/// A workflow for tests: raises an alert when a reading is above the account's limit, looks after it ten seconds
/// later, and clears it when a reading is well below.
enum Tripwire: Workflow {
    struct State: Codable, Sendable, Equatable {
        var readings: [Double] = []
        var count = 0
        var limit = 0.0
        var raised = 0
        var cleared = 0
        var checks = 0
        var isRaised = false
    }

    struct Fact: Codable, Sendable, Equatable {
        var count: Int
        var value: Double
    }

    enum Decision: Sendable, Equatable {
        case raised(Fact)
        case cleared(Fact)
        case checked(Fact)
    }

    /// What a later version of the program would not do any more.
    static let isBroken = Mutex<Set<String>>([])

    static let name = "tripwire"
    static let stateVersion: Int32 = 3
    static let codec = EventCodec<Decision>([
        .init("TripwireRaised", wrap: Decision.raised) { if case .raised(let fact) = $0 { fact } else { nil } },
        .init("TripwireCleared", wrap: Decision.cleared) { if case .cleared(let fact) = $0 { fact } else { nil } },
        .init("TripwireChecked", wrap: Decision.checked) { if case .checked(let fact) = $0 { fact } else { nil } },
    ])
    static var initial: State { State() }
    static let eventTypes: Set<String> = ["TelemetryRecorded"]

    static func key(for stream: StreamName) -> String? { stream.category == "device" ? stream.id : nil }

    static func observe(_ event: WorkflowEvent, in state: inout State) {
        guard case .device(.telemetryRecorded(let fact)) = event.content, case .number(let value)? = fact.metrics["t"]
        else { return }
        state.readings = Array((state.readings + [value]).suffix(5))
        state.count += 1
        state.limit = event.settings.overheating.limit
    }

    static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision> {
        switch input {
        case .event(let event):
            guard let value = state.readings.last else { return .none }
            let alert = "tripwire-\(event.stream.id)-\(state.raised)"
            let fact = Fact(
                count: state.count, value: isBroken.withLock { $0.contains(event.stream.id) } ? .nan : value)
            if value > state.limit, !state.isRaised {
                let raise = Alert.Command.raise(
                    AlertRaised(
                        account: event.account, device: event.stream.id, kind: name, severity: .warning, title: "hot",
                        text: "\(value)"))
                return Reaction(
                    decisions: [.raised(fact)], commands: [.alert(id: alert, raise)],
                    timers: [.set("check", due: input.time + .seconds(10))])
            }
            if value < state.limit - 10, state.isRaised {
                let last = "tripwire-\(event.stream.id)-\(state.raised - 1)"
                return Reaction(
                    decisions: [.cleared(fact)],
                    commands: [
                        .alert(id: last, .acknowledge(note: "soon over")), .alert(id: last, .clear(reason: "cool")),
                    ], timers: [.cancel("check")])
            }
            return .none
        case .timer:
            return Reaction(decisions: [.checked(Fact(count: state.count, value: state.readings.last ?? 0))])
        }
    }

    static func evolve(_ state: inout State, with decision: Decision) {
        switch decision {
        case .raised:
            state.isRaised = true
            state.raised += 1
        case .cleared:
            state.isRaised = false
            state.cleared += 1
        // Depends on what was seen by then, so that a fold in another order shows.
        case .checked: state.checks += state.count
        }
    }
}

/// A workflow for tests that notices silence: its timer is armed once, and looks at the last event when it elapses.
enum Heartbeat: Workflow {
    struct State: Codable, Sendable, Equatable {
        var first: Int64 = 0
        var lastSeen: Timestamp?
    }

    enum Decision: Sendable, Equatable {
        case silent(Silent)
    }

    struct Silent: Codable, Sendable, Equatable {
        var since: Timestamp
    }

    static let name = "heartbeat"
    static let stateVersion: Int32 = 1
    static let codec = EventCodec<Decision>([
        .init("HeartbeatSilent", wrap: Decision.silent) { if case .silent(let fact) = $0 { fact } else { nil } }
    ])
    static var initial: State { State() }
    static let eventTypes: Set<String> = ["TelemetryRecorded"]
    static let patience = Duration.seconds(60)

    static func key(for stream: StreamName) -> String? { stream.category == "device" ? stream.id : nil }

    static func observe(_ event: WorkflowEvent, in state: inout State) {
        if state.first == 0 { state.first = event.position }
        state.lastSeen = event.recordedTime
    }

    static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision> {
        guard let lastSeen = state.lastSeen else { return .none }
        switch input {
        case .event(let event):
            return event.position == state.first ? Reaction(timers: [.set("silent", due: lastSeen + patience)]) : .none
        case .timer(let timer):
            if lastSeen + patience > timer.dueTime {
                return Reaction(timers: [.set("silent", due: lastSeen + patience)])
            }
            return Reaction(decisions: [.silent(Silent(since: lastSeen))])
        }
    }

    static func evolve(_ state: inout State, with decision: Decision) { state.first = 0 }
}
