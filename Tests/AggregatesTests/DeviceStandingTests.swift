import Aggregates
import Runtime
import Testing

private typealias Spec = Specification<Device>

private let registered = Device.Event.registered(
    DeviceRegistered(serial: "S-1", type: DeviceType("smoke"), name: "", labels: [:], account: .default))
private let reading = Device.Event.telemetryRecorded(
    TelemetryRecorded(metrics: ["temperature": .number(20)], clock: .device))
private let quarantined = Device.Event.quarantined(DeviceQuarantined(reason: "odd readings"))
private let released = Device.Event.released(DeviceReleased(reason: "looked at"))

private let report = Device.Command.recordTelemetry(
    Telemetry(metrics: ["temperature": .number(21)], seq: nil, clock: .device))

@Suite struct `A quarantined device` {
    private let spec = Spec.given(registered, reading, quarantined)

    @Test func `knows why, since when, and what it was`() {
        #expect(spec.state.status == .quarantined)
        #expect(spec.state.quarantine == .init(reason: "odd readings", since: .noon, before: .active))
    }

    @Test func `has its telemetry kept out, and what was refused noted`() {
        spec.when(report).thenRejected(.quarantined)
        let refusal = MessageRefusal(topic: "t", reason: "the device is quarantined", bytes: 1, sha256: "00")
        guard case .success(let events) = spec.when(.refuseMessage(refusal)).result, events.count == 1 else {
            Issue.record("the refusal is not noted")
            return
        }
        #expect(spec.and(events[0], at: .noon).state.readings == spec.state.readings)
    }

    @Test func `is quarantined once`() {
        spec.when(.quarantine(reason: "again")).thenNothing()
    }

    @Test func `can be changed, moved and retired`() {
        spec.when(.update(Changes(name: "x"))).then(.updated(DeviceUpdated(name: "x")))
        let other = AccountStanding(id: AccountID("other"), isActive: true)
        spec.when(.assign(other)).then(.assigned(DeviceAssigned(account: other.id)))
        spec.when(.retire(reason: "")).then(.retired(DeviceRetired(reason: "")))
    }

    @Test func `is after its release what it was before`() {
        spec.when(.release(reason: "looked at")).then(released)
        #expect(spec.and(released, at: .noon).state.status == .active)
        #expect(spec.and(released, at: .noon).state.quarantine == nil)
        let new = Spec.given(registered, quarantined, released)
        #expect(new.state.status == .provisioned)
        new.when(.release(reason: "")).thenNothing()
    }

    @Test func `needs a reason`() {
        let active = Spec.given(registered)
        for reason in ["", String(repeating: "x", count: 501)] {
            guard case .failure(.malformed("reason", _)) = active.when(.quarantine(reason: reason)).result else {
                Issue.record("\(reason.count) bytes were taken")
                return
            }
        }
    }
}

@Suite struct `The standing of a device` {
    /// Where a device may go from each standing.
    private static let ways: [Device.Status: Set<Device.Status>] = [
        .unregistered: [.provisioned], .provisioned: [.active, .quarantined, .retired],
        .active: [.quarantined, .retired], .quarantined: [.provisioned, .active, .retired], .retired: [],
    ]

    private static let commands: [Device.Command] = [
        .register(
            Registration(
                serial: "s", type: DeviceType("smoke"), name: "", labels: [:],
                account: AccountStanding(id: .default, isActive: true))),
        report, .quarantine(reason: "r"), .release(reason: ""), .retire(reason: ""), .update(Changes(name: "n")),
        .assign(AccountStanding(id: AccountID("other"), isActive: true)),
    ]

    @Test(arguments: 0..<50) func `goes allowed ways only, whatever is commanded`(_ seed: UInt64) {
        var random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var state = Device.initial
        for step in 0..<200 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // Retirement ends a life, so it comes seldom.
            let choice = Int(random >> 33) % (Self.commands.count * 8)
            let index = choice == 4 ? 4 : choice % Self.commands.count
            if index == 4, choice != 4 { continue }
            let before = state
            let time = Timestamp.noon + .seconds(step)
            let context = CommandContext(time: time, principal: .system, scope: .all)
            guard let events = try? Device.decide(Self.commands[index], in: state, context: context) else { continue }
            for event in events { Device.evolve(&state, with: event, observedAt: time) }
            if state.status != before.status {
                #expect(Self.ways[before.status]?.contains(state.status) == true, "\(before.status) \(state.status)")
            }
            if before.status == .quarantined, state.status != .quarantined, state.status != .retired {
                #expect(state.status == before.quarantine?.before)
            }
            #expect((state.status == .quarantined) == (state.quarantine != nil))
            // Repeating it changes nothing.
            let again = try? Device.decide(Self.commands[index], in: state, context: context)
            if index != 1 { #expect(again ?? [] == []) }
        }
    }
}
