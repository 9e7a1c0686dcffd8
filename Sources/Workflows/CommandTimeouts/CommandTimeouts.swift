import Aggregates
package import Runtime

/// Ends commands to devices whose time has passed: a timer for each command that is open.
///
/// It decides nothing of its own. That the time has passed is told to the device's stream, which knows whether the
/// command is still open.
package enum CommandTimeouts: Workflow {
    package static let name = "commands"
    package static let stateVersion: Int32 = 1

    /// There is none.
    package typealias Decision = Never

    package static let codec = EventCodec<Never>([])

    package struct State: Sendable, Codable, Equatable {
        package var device = ""

        package init() {}
    }

    package static var initial: State { State() }

    package static let eventTypes: Set<String> = [
        "CommandIssued", "CommandEnded", "CommandTimedOut", "CommandCancelled",
    ]

    package static func key(for stream: StreamName) -> String? {
        stream.category == Device.category ? stream.id : nil
    }

    package static func observe(_ event: WorkflowEvent, in state: inout State) {
        if state.device.isEmpty { state.device = event.stream.id }
    }

    package static func react(to input: WorkflowInput, in state: State) -> Reaction<Never> {
        switch input {
        case .timer(let timer):
            return Reaction(commands: [.commandTimeout(device: state.device, command: timer.name)])
        case .event(let event):
            guard case .device(let fact) = event.content else { return .none }
            switch fact {
            case .commandIssued(let fact): return Reaction(timers: [.set(fact.command, due: fact.expires)])
            // Nothing is set any more where the outcome was late.
            case .commandEnded(let fact) where !fact.isLate: return Reaction(timers: [.cancel(fact.command)])
            case .commandTimedOut(let fact): return Reaction(timers: [.cancel(fact.command)])
            case .commandCancelled(let fact): return Reaction(timers: [.cancel(fact.command)])
            default: return .none
            }
        }
    }

    package static func evolve(_ state: inout State, with decision: Never) {}
}
