import Aggregates
import Runtime
import Testing
import Workflows

private typealias Spec = WorkflowSpecification<CommandTimeouts>

private func after(_ seconds: Int) -> Timestamp { .noon + .seconds(seconds) }

private func issued(_ id: String, expires: Int) -> FleetEvent {
    .device(.commandIssued(CommandIssued(command: id, name: "reboot", expires: after(expires))))
}

private func ended(_ id: String, isLate: Bool = false) -> FleetEvent {
    .device(.commandEnded(CommandEnded(command: id, outcome: .init(hasSucceeded: true), isLate: isLate)))
}

@Suite struct `A command's time` {
    @Test func `is a timer of its own, after which the device's stream is told`() {
        let spec = Spec.given(issued("a", expires: 60), issued("b", expires: 90))
        spec.when(issued("c", expires: 30), at: .noon).then(Reaction(timers: [.set("c", due: after(30))]))
        spec.when(timer: "a").then(Reaction(commands: [.commandTimeout(device: "d1", command: "a")]))
            .thenPending(["b": after(90)])
    }

    @Test func `is of no matter any more when the command has ended`() {
        let spec = Spec.given(issued("a", expires: 60))
        let ends: [FleetEvent] = [
            ended("a"), .device(.commandTimedOut(CommandTimedOut(command: "a"))),
            .device(.commandCancelled(CommandCancelled(command: "a"))),
        ]
        for end in ends { spec.when(end, at: after(1)).thenPending([:]) }
        spec.when(.device(.commandAcknowledged(CommandAcknowledged(command: "a"))), at: after(1)).thenNothing()
        spec.when(ended("a", isLate: true), at: after(61)).thenNothing()
    }
}
