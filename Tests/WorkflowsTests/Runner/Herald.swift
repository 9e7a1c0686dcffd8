import Aggregates
import Runtime

@testable import Workflows

/// A workflow for tests that never decides and notifies of every reading above 100.
enum Herald: Workflow {
    struct State: Codable, Sendable, Equatable {
        /// Has no JSON form after a reading of 13.
        var ratio = 0.0
    }

    enum Decision: Sendable, Equatable {}

    static let name = "herald"
    static let stateVersion: Int32 = 1
    static let codec = EventCodec<Decision>([])
    static var initial: State { State() }
    static let eventTypes: Set<String> = ["TelemetryRecorded"]

    static func key(for stream: StreamName) -> String? { stream.category == "device" ? stream.id : nil }

    static func observe(_ event: WorkflowEvent, in state: inout State) {
        if let value = value(of: event) { state.ratio = value / (value - 13) }
    }

    static func react(to input: WorkflowInput, in state: State) -> Reaction<Decision> {
        guard case .event(let event) = input, let value = value(of: event), value > 100 else { return .none }
        let title = value == 666 ? "a\0b" : "high"
        return Reaction(notifications: [
            Notification(
                account: event.account, severity: .info, type: "fleetlog.test.v1", subject: "device/x", title: title,
                text: "\(value)")
        ])
    }

    static func evolve(_ state: inout State, with decision: Decision) {}

    private static func value(of event: WorkflowEvent) -> Double? {
        guard case .device(.telemetryRecorded(let fact)) = event.content, case .number(let value)? = fact.metrics["t"]
        else { return nil }
        return value
    }
}
