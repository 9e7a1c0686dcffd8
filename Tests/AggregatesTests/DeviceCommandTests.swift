import Aggregates
import Foundation
import Runtime
import Testing

private typealias Spec = Specification<Device>

private let registered = Device.Event.registered(
    DeviceRegistered(serial: "S-1", type: DeviceType("smoke"), name: "", labels: [:], account: .default))

private func after(_ seconds: Int) -> Timestamp { .noon + .seconds(seconds) }

private func issue(
    _ id: String = "a", timeout: Int = 60, arguments: [String: JSONValue] = [:], name: String = "reboot"
) -> Device.Command {
    .issueCommand(DeviceCommandRequest(id: id, name: name, arguments: arguments, timeout: .seconds(timeout)))
}

private func issued(_ id: String = "a", expires: Int = 60) -> Device.Event {
    .commandIssued(CommandIssued(command: id, name: "reboot", expires: after(expires)))
}

private let acknowledged = Device.Event.commandAcknowledged(CommandAcknowledged(command: "a"))
private let timedOut = Device.Event.commandTimedOut(CommandTimedOut(command: "a"))
private let cancelled = Device.Event.commandCancelled(CommandCancelled(command: "a", reason: "no need"))

private let success = DeviceCommand.Outcome(hasSucceeded: true, result: .number(7))
private let failure = DeviceCommand.Outcome(hasSucceeded: false, error: "jammed")

private func ended(_ outcome: DeviceCommand.Outcome = success, isLate: Bool = false) -> Device.Event {
    .commandEnded(CommandEnded(command: "a", outcome: outcome, isLate: isLate))
}

private func report(_ stage: DeviceCommandReport.Stage, of id: String = "a") -> Device.Command {
    .reportCommand(DeviceCommandReport(id: id, stage: stage))
}

@Suite struct `A command to a device` {
    @Test func `goes from queued over sent and acknowledged to its outcome`() throws {
        let spec = Spec.given(registered)
        spec.when(issue()).then(issued())
        let queued = spec.and(issued(), at: .noon)
        #expect(queued.state.commands["a"]?.status == .queued)
        queued.when(.noteCommandsSent(["a", "b"])).then(.commandSent(CommandSent(command: "a")))
        let sent = queued.and(.commandSent(CommandSent(command: "a")), at: after(1))
        #expect(sent.state.commands["a"]?.status == .sent && sent.state.connectivity.presence == .unknown)
        #expect(sent.state.commands.deliverable(at: after(2)).map(\.id) == ["a"])
        sent.when(.noteCommandsSent(["a"])).thenNothing()
        sent.when(report(.acknowledged), at: after(2)).then(acknowledged)
        let known = sent.and(acknowledged, at: after(2))
        #expect(known.state.commands["a"]?.status == .acknowledged && known.state.connectivity.presence == .online)
        #expect(known.state.commands.deliverable(at: after(2)).isEmpty)
        known.when(report(.ended(success)), at: after(3)).then(ended())
        let done = try #require(known.and(ended(), at: after(3)).state.commands["a"])
        #expect(done.status == .succeeded && done.outcome == success && done.ended == after(3) && done.late == nil)
        #expect(known.and(ended(failure), at: after(3)).state.commands["a"]?.status == .failed)
    }

    @Test func `may be answered before anybody noted that it was sent`() {
        let queued = Spec.given(registered, issued())
        queued.when(report(.acknowledged)).then(acknowledged)
        queued.when(report(.ended(success))).then(ended())
        let known = queued.and(acknowledged, at: after(1)).and(.commandSent(CommandSent(command: "a")), at: after(2))
        #expect(known.state.commands["a"]?.status == .acknowledged)
    }

    @Test func `takes no harm from reports that come twice or contradict`() {
        let known = Spec.given(registered, issued(), acknowledged)
        known.when(report(.acknowledged)).thenNothing()
        let done = known.and(ended(), at: after(1))
        for stage in [DeviceCommandReport.Stage.acknowledged, .ended(success), .ended(failure)] {
            done.when(report(stage)).thenNothing()
        }
        done.when(report(.ended(success), of: "b")).thenRejected(.unknownCommand)
    }

    @Test func `has what comes after its time noted as late, whether its end was noted or not`() throws {
        let open = Spec.given(registered, issued())
        open.when(report(.ended(success)), at: after(59)).then(ended())
        open.when(report(.ended(success)), at: after(60)).then(timedOut, ended(isLate: true))
        open.when(report(.acknowledged), at: after(60)).then(timedOut)
        let over = open.and(timedOut, at: after(60))
        over.when(report(.acknowledged), at: after(61)).thenNothing()
        over.when(report(.ended(failure)), at: after(61)).then(ended(failure, isLate: true))
        let late = over.and(ended(failure, isLate: true), at: after(61))
        let command = try #require(late.state.commands["a"])
        #expect(command.status == .timedOut && command.outcome == failure && command.late == after(61))
        #expect(command.ended == after(60))
        late.when(report(.ended(success)), at: after(62)).thenNothing()
    }

    @Test func `times out once, unless it has ended`() {
        let open = Spec.given(registered, issued())
        open.when(.timeOutCommand(id: "a")).then(timedOut)
        open.and(timedOut, at: after(60)).when(.timeOutCommand(id: "a")).thenNothing()
        open.and(ended(), at: after(1)).when(.timeOutCommand(id: "a")).thenNothing()
        open.when(.timeOutCommand(id: "other")).thenNothing()
        open.and(.retired(DeviceRetired(reason: "")), at: after(1)).when(.timeOutCommand(id: "a")).thenNothing()
    }

    @Test func `can be cancelled while it is open`() {
        let open = Spec.given(registered, issued())
        open.when(.cancelCommand(id: "a", reason: "no need")).then(cancelled)
        let over = open.and(cancelled, at: after(1))
        #expect(over.state.commands.deliverable(at: after(1)).isEmpty)
        over.when(.cancelCommand(id: "a", reason: "again")).thenNothing()
        over.when(report(.ended(success)), at: after(2)).then(ended(isLate: true))
        open.and(ended(), at: after(1)).when(.cancelCommand(id: "a", reason: ""))
            .thenRejected(.commandEnded(.succeeded))
        open.when(.cancelCommand(id: "b", reason: "")).thenRejected(.unknownCommand)
    }

    @Test func `is not handed out after its time`() {
        let open = Spec.given(registered, issued("a", expires: 60), issued("b", expires: 90))
        #expect(open.state.commands.deliverable(at: after(59)).map(\.id) == ["a", "b"])
        #expect(open.state.commands.deliverable(at: after(60)).map(\.id) == ["b"])
    }

    @Test func `is refused if it is too large, too long, or nameless`() {
        let spec = Spec.given(registered)
        spec.when(issue(name: "")).thenRejected(.malformed(field: "name", reason: "must not be empty"))
        for timeout in [4, 30 * 86_400 + 1] {
            spec.when(issue(timeout: timeout))
                .thenRejected(.malformed(field: "timeoutSeconds", reason: "must be from 5 to 2592000"))
        }
        spec.when(issue(arguments: ["a": .text(String(repeating: "x", count: 4_096))]))
            .thenRejected(.malformed(field: "arguments", reason: "may have 4096 bytes"))
        Spec.given(registered, issued()).when(
            report(.ended(.init(hasSucceeded: true, result: .text(String(repeating: "x", count: 4_096)))))
        )
        .thenRejected(.malformed(field: "result", reason: "may have 4096 bytes"))
    }

    @Test func `is not given to a device that is kept out or gone`() {
        let spec = Spec.given(registered, issued())
        let quarantined = spec.and(.quarantined(DeviceQuarantined(reason: "odd")), at: after(1))
        quarantined.when(issue("b")).thenRejected(.quarantined)
        quarantined.when(report(.acknowledged)).thenRejected(.quarantined)
        let retired = spec.and(.retired(DeviceRetired(reason: "old")), at: after(1))
        retired.when(issue("b")).thenRejected(.retired)
        #expect(retired.state.commands["a"]?.status == .cancelled)
    }

    @Test func `does not go with the device to another account`() {
        let moved = Spec.given(registered, issued()).and(
            .assigned(DeviceAssigned(account: AccountID("other"))), at: after(1))
        #expect(moved.state.commands.all.isEmpty)
    }
}

@Suite struct `The commands of a device` {
    @Test func `are open in a limited number, of which those do not count whose time has passed`() {
        var full = Spec.given(registered)
        for number in 0..<IssuedCommands.mostOpen { full = full.and(issued("\(number)", expires: 60), at: .noon) }
        full.when(issue()).thenRejected(.tooManyCommands)
        full.when(issue("3")).thenNothing()
        full.and(.commandCancelled(CommandCancelled(command: "3")), at: .noon).when(issue()).then(issued())
        let later = full.when(issue(timeout: 60), at: after(60))
        guard case .success(let events) = later.result else { return #expect(Bool(false), "\(later.result)") }
        #expect(events.count == IssuedCommands.mostOpen + 1)
        #expect(events.last == .commandIssued(CommandIssued(command: "a", name: "reboot", expires: after(120))))
    }

    @Test func `are forgotten when they are long over, the oldest first`() {
        var spec = Spec.given(registered, issued("open"))
        for number in 0..<300 {
            spec = spec.and(issued("\(number)"), at: .noon)
                .and(.commandTimedOut(CommandTimedOut(command: "\(number)")), at: .noon)
        }
        #expect(spec.state.commands.all.map(\.id) == ["open"] + (200..<300).map { "\($0)" })
        let large = JSONValue.text(String(repeating: "x", count: 4_000))
        for number in 300..<320 {
            let outcome = DeviceCommand.Outcome(hasSucceeded: true, result: large)
            spec = spec.and(issued("\(number)"), at: .noon)
                .and(.commandEnded(CommandEnded(command: "\(number)", outcome: outcome)), at: .noon)
        }
        #expect(spec.state.commands.all.map(\.id) == ["open"] + (312..<320).map { "\($0)" })
    }

    @Test func `survive a snapshot, and are none in an old one`() throws {
        let spec = Spec.given(registered, issued(), timedOut, ended(isLate: true))
        let data = try JSONEncoder().encode(spec.state)
        #expect(try JSONDecoder().decode(Device.State.self, from: data) == spec.state)
        var old = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        old["commands"] = nil
        let read = try JSONDecoder().decode(Device.State.self, from: JSONSerialization.data(withJSONObject: old))
        #expect(read.commands.all.isEmpty)
    }
}
