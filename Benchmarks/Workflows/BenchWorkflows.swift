import Aggregates
import Runtime
import Workflows

/// Three workflows as a fleet would have them, each with an instance a device.
let benchWorkflows = [WorkflowHost(Warmth.self), WorkflowHost(Quiet.self), WorkflowHost(Swing.self)]

struct BenchFact: Codable, Sendable, Equatable {
    var value: Double
}

/// Rolling average over the last ten readings; decides when it crosses the account's limit.
enum Warmth: Workflow {
    struct State: Codable, Sendable, Equatable {
        var window: [Double] = []
        var isAbove = false
        var average: Double { window.reduce(0, +) / Double(max(1, window.count)) }
    }
    enum Decision: Sendable, Equatable { case crossed(BenchFact) }

    static let name = "warmth"
    static let stateVersion: Int32 = 1
    static let codec = EventCodec<Decision>([
        .init("WarmthCrossed", wrap: Decision.crossed) { if case .crossed(let fact) = $0 { fact } else { nil } }
    ])
    static var initial: State { State() }
    static let eventTypes: Set<String> = ["TelemetryRecorded"]

    static func key(for stream: StreamName) -> String? { stream.id }

    static func observe(_ event: WorkflowEvent, in state: inout State) {
        guard case .device(.telemetryRecorded(let fact)) = event.content,
            case .number(let value)? = fact.metrics["temperature"]
        else { return }
        if state.window.count == 10 { state.window.removeFirst() }
        state.window.append(value)
    }

    static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision> {
        guard case .event(let event) = input else { return .none }
        let average = state.average
        let isAbove = average > event.settings.overheating.limit
        guard isAbove != state.isAbove else { return .none }
        return Reaction(decisions: [.crossed(BenchFact(value: average))])
    }

    static func evolve(_ state: inout State, with decision: Decision) { state.isAbove.toggle() }
}

/// The time of the last reading, and a timer that looks at it.
enum Quiet: Workflow {
    struct State: Codable, Sendable, Equatable {
        var first: Int64 = 0
        var lastSeen: Int64 = 0
    }
    enum Decision: Sendable, Equatable { case silent(BenchFact) }

    static let name = "quiet"
    static let stateVersion: Int32 = 1
    static let codec = EventCodec<Decision>([
        .init("QuietNoticed", wrap: Decision.silent) { if case .silent(let fact) = $0 { fact } else { nil } }
    ])
    static var initial: State { State() }
    static let eventTypes: Set<String> = ["TelemetryRecorded"]

    static func key(for stream: StreamName) -> String? { stream.id }

    static func observe(_ event: WorkflowEvent, in state: inout State) {
        if state.first == 0 { state.first = event.position }
        state.lastSeen = event.recordedTime.microseconds
    }

    static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision> {
        switch input {
        case .event(let event):
            event.position == state.first
                ? Reaction(timers: [.set("silent", due: event.recordedTime + .seconds(3_600))]) : .none
        case .timer: Reaction(decisions: [.silent(BenchFact(value: 1))])
        }
    }

    static func evolve(_ state: inout State, with decision: Decision) {}
}

/// The least and the greatest value of every metric; never decides.
enum Swing: Workflow {
    struct State: Codable, Sendable, Equatable {
        var least: [String: Double] = [:]
        var greatest: [String: Double] = [:]
    }
    enum Decision: Sendable, Equatable { case none(BenchFact) }

    static let name = "swing"
    static let stateVersion: Int32 = 1
    static let codec = EventCodec<Decision>([
        .init("SwingNoticed", wrap: Decision.none) { if case .none(let fact) = $0 { fact } else { nil } }
    ])
    static var initial: State { State() }
    static let eventTypes: Set<String> = ["TelemetryRecorded"]

    static func key(for stream: StreamName) -> String? { stream.id }

    static func observe(_ event: WorkflowEvent, in state: inout State) {
        guard case .device(.telemetryRecorded(let fact)) = event.content else { return }
        for (metric, value) in fact.metrics {
            guard case .number(let number) = value else { continue }
            state.least[metric] = min(number, state.least[metric] ?? number)
            state.greatest[metric] = max(number, state.greatest[metric] ?? number)
        }
    }

    static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision> { .none }
    static func evolve(_ state: inout State, with decision: Decision) {}
}
