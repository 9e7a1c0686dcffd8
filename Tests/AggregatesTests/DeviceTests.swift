import Aggregates
import Runtime
import Testing

private typealias Spec = Specification<Device>

private let home = AccountID("home")
private let open = AccountStanding(id: home, isActive: true)

private func registration(
    serial: String = "S-1", type: String = "smoke", name: String = "Hall", labels: [String: String] = [:],
    account: AccountStanding = open
) -> Device.Command {
    .register(Registration(serial: serial, type: DeviceType(type), name: name, labels: labels, account: account))
}

private let registered = Device.Event.registered(
    DeviceRegistered(serial: "S-1", type: DeviceType("smoke"), name: "Hall", labels: [:], account: home))

private func reading(_ celsius: Double, seq: Int64? = nil, clock: ObservationClock = .device) -> Telemetry {
    Telemetry(metrics: ["temperature": .number(celsius)], seq: seq, clock: clock)
}

private func recorded(_ celsius: Double, seq: Int64? = nil, clock: ObservationClock = .device) -> Device.Event {
    .telemetryRecorded(
        TelemetryRecorded(metrics: ["temperature": .number(celsius)], seq: seq, clock: clock))
}

@Suite struct `An unknown device` {
    @Test func `can be registered in an active account`() {
        Spec.given().when(registration()).then(registered)
    }

    @Test func `cannot be registered in an account that is not active`() {
        let closed = AccountStanding(id: home, isActive: false)
        Spec.given().when(registration(account: closed)).thenRejected(.accountNotActive(home))
    }

    @Test func `cannot be registered by somebody of another account`() {
        Spec.given().when(registration(), scope: .only(AccountID("other"))).thenRejected(.accountNotActive(home))
    }

    @Test(arguments: [
        (registration(serial: ""), "serial"), (registration(serial: String(repeating: "x", count: 101)), "serial"),
        (registration(type: "Smoke Alarm"), "type"), (registration(type: ""), "type"),
        (registration(name: "a\u{0}b"), "name"), (registration(labels: ["": "x"]), "labels"),
        (registration(labels: ["k": String(repeating: "x", count: 257)]), "labels"),
    ])
    func `is refused with the name of the malformed field`(_ command: Device.Command, _ field: String) {
        guard case .failure(.malformed(field, _)) = Spec.given().when(command).result else {
            Issue.record("\(field) was not refused")
            return
        }
    }

    @Test(arguments: [Device.Command.recordTelemetry(reading(20)), .retire(reason: ""), .update(Changes(name: "x"))])
    func `takes no other command`(_ command: Device.Command) {
        Spec.given().when(command).thenRejected(.unknownDevice)
    }
}

@Suite struct `A registered device` {
    @Test func `cannot be registered again`() {
        Spec.given(registered).when(registration()).thenRejected(.alreadyRegistered)
    }

    @Test func `records telemetry and becomes active`() {
        let spec = Spec.given(registered)
        let heard = TelemetryRecorded(metrics: ["temperature": .number(20.5)], seq: 1, clock: .device, returned: true)
        spec.when(.recordTelemetry(reading(20.5, seq: 1))).then(.telemetryRecorded(heard))
        #expect(spec.state.status == .provisioned)
        #expect(spec.and(recorded(20.5), at: .noon).state.status == .active)
    }

    @Test func `does not exist for somebody of another account`() {
        Spec.given(registered).when(.update(Changes(name: "x")), scope: .only(AccountID("other")))
            .thenRejected(.unknownDevice)
    }

    @Test func `is updated only where something changes`() {
        Spec.given(registered).when(.update(Changes(name: "Hall", labels: [:]))).thenNothing()
        Spec.given(registered).when(.update(Changes(name: "Attic", labels: [:])))
            .then(.updated(DeviceUpdated(name: "Attic")))
    }

    @Test func `is assigned to another account once`() {
        let other = AccountStanding(id: AccountID("other"), isActive: true)
        let assigned = Device.Event.assigned(DeviceAssigned(account: other.id))
        Spec.given(registered).when(.assign(other)).then(assigned)
        Spec.given(registered, assigned).when(.assign(other)).thenNothing()
        Spec.given(registered).when(.assign(AccountStanding(id: other.id, isActive: false)))
            .thenRejected(.accountNotActive(other.id))
        Spec.given(registered).when(.assign(other), scope: .only(home)).thenRejected(.accountNotActive(other.id))
    }

    @Test func `takes nothing that was measured for one account to the next`() {
        var state = Device.initial
        let odd = Device.Event.telemetryRecorded(
            TelemetryRecorded(metrics: ["temperature": .number(900)], clock: .device, flags: ReadingFlags()))
        let moved = Device.Event.assigned(DeviceAssigned(account: AccountID("other")))
        for event in [registered, odd, moved] { Device.evolve(&state, with: event, observedAt: .now()) }
        #expect(state.readings.isEmpty && state.latestFlagged == nil)
        // What is a repetition, or late, is so in any account.
        #expect(state.latestObserved != nil && state.telemetryCount == 1)
    }

    @Test func `notes a message it could not understand`() {
        let refusal = MessageRefusal(topic: "devices/d/telemetry", reason: "not JSON", bytes: 3, sha256: "ab")
        let outcome = Spec.given(registered).when(.refuseMessage(refusal))
        guard case .success(let events) = outcome.result, case .messageRefused(let fact)? = events.first else {
            Issue.record("the refusal was not recorded")
            return
        }
        #expect(fact.reason == "not JSON")
        #expect(fact.bytes == 3)
    }

    @Test func `keeps the newest value of a metric by observed time, whatever the order of arrival`() {
        let spec = Spec.given(registered)
            .and(recorded(20), at: .noon)
            .and(recorded(30), at: .noon + .seconds(60))
            .and(recorded(25), at: .noon + .seconds(30))
        #expect(spec.state.readings["temperature"]?.value == .number(30))
        #expect(spec.state.latestObserved == .noon + .seconds(60))
        #expect(spec.state.telemetryCount == 3)
    }

    @Test(arguments: [[20.0, 30, 25], [30, 25, 20], [25, 20, 30]])
    func `keeps the greatest value of those of one instant, whatever the order of arrival`(_ values: [Double]) {
        let spec = values.reduce(Spec.given(registered)) { $0.and(recorded($1), at: .noon) }
        #expect(spec.state.readings["temperature"]?.value == .number(30))
    }
}

@Suite struct `A reading with a sequence number` {
    private func after(_ numbers: Int64...) -> Spec {
        var spec = Spec.given(registered)
        for number in numbers { spec = spec.and(recorded(20, seq: number), at: .noon + .seconds(number)) }
        return spec
    }

    @Test func `that was seen before is a repetition`() {
        after(1, 2, 3).when(.recordTelemetry(reading(20, seq: 2)), at: .noon + .seconds(2)).thenNothing()
    }

    @Test func `that is late but new is recorded`() {
        after(1, 2, 4).when(.recordTelemetry(reading(20, seq: 3)), at: .noon + .seconds(3)).then(recorded(20, seq: 3))
    }

    @Test func `is recorded when the device counts from 1 again after losing power`() {
        let spec = after(1, 2, 3)
        spec.when(.recordTelemetry(reading(20, seq: 1)), at: .noon + .seconds(90)).then(recorded(20, seq: 1))
        let restarted = spec.and(recorded(20, seq: 1), at: .noon + .seconds(90))
        restarted.when(.recordTelemetry(reading(20, seq: 2)), at: .noon + .seconds(91)).then(recorded(20, seq: 2))
        restarted.when(.recordTelemetry(reading(20, seq: 1)), at: .noon + .seconds(90)).thenNothing()
    }

    @Test func `but without a time is never dropped on the number alone`() {
        after(1, 2, 3).when(.recordTelemetry(reading(20, seq: 2, clock: .server)), at: .noon + .seconds(5))
            .then(recorded(20, seq: 2, clock: .server))
    }
}

@Suite struct `A retired device` {
    private let spec = Spec.given(registered, .retired(DeviceRetired(reason: "sold")))

    @Test func `has its telemetry rejected`() {
        spec.when(.recordTelemetry(reading(21))).thenRejected(.retired)
    }

    @Test func `can be retired again without effect`() {
        spec.when(.retire(reason: "again")).thenNothing()
    }

    @Test func `cannot be changed`() {
        spec.when(.update(Changes(name: "x"))).thenRejected(.retired)
        spec.when(.assign(AccountStanding(id: AccountID("other"), isActive: true))).thenRejected(.retired)
    }
}

@Suite struct `A device type` {
    @Test(arguments: [("smoke", 180), ("water", 180), ("temperature", 900), ("battery", 86_400), ("else", 900)])
    func `knows how long its devices may be silent`(_ type: String, _ seconds: Int64) {
        #expect(DeviceType(type).silenceInterval == .seconds(seconds))
    }
}

@Suite struct `Sequence ranges` {
    @Test func `join as the gaps between them fill`() {
        var ranges = SequenceRanges()
        for number: Int64 in [1, 3, 5, 4, 2] { ranges.insert(number) }
        #expect(ranges.spans == [.init(first: 1, last: 5)])
        #expect(ranges.highestContiguous == 5)
    }

    @Test(arguments: 0..<20) func `contain what was inserted since the count began`(_ seed: UInt64) {
        var state = seed
        var ranges = SequenceRanges()
        var known: Set<Int64> = []
        for _ in 0..<300 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Int64(state >> 33) % 100
            if !known.insert(number).inserted { known = [number] }
            ranges.insert(number)
            for candidate in Int64(0)..<100 { #expect(ranges.contains(candidate) == known.contains(candidate)) }
        }
    }

    @Test func `forget the oldest stretch rather than grow without end`() {
        var ranges = SequenceRanges()
        for number in 0..<Int64(200) { ranges.insert(number * 2) }
        #expect(ranges.spans.count == 64)
        #expect(ranges.contains(398))
        #expect(!ranges.contains(0))
    }
}
