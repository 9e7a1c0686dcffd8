import Aggregates
import Foundation
import Runtime
import Testing

/// Numbers that look random and are the same each time.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A rollout that is sent commands and remembers what came of them.
private struct Life {
    var state = Rollout.initial
    var events: [Rollout.Event] = []

    mutating func send(_ command: Rollout.Command) {
        let context = CommandContext(time: .noon, principal: .system, scope: .all)
        guard let decided = try? Rollout.decide(command, in: state, context: context) else { return }
        for event in decided { Rollout.evolve(&state, with: event, observedAt: .noon) }
        events += decided
    }

    init(devices: Int, groupSize: Int = 7, attempts: Int = 3) {
        send(
            .create(
                RolloutPlan(
                    account: .default, version: "2.0",
                    artifact: .init(url: "http://f/2", sha256: String(repeating: "0", count: 64)),
                    devices: (0..<devices).map { "d\($0)" }, groupSize: groupSize, successThreshold: 50,
                    errorThreshold: 50, attempts: attempts, deviceTimeout: 60)))
    }

    static func random(_ seed: UInt64, commands: Int = 600) -> Life {
        var random = SplitMix(state: seed)
        var life = Life(devices: 40)
        for _ in 0..<commands {
            let device = "d\(Int.random(in: 0..<44, using: &random))"
            let attempt = Int.random(in: 1...4, using: &random)
            let statuses: [FirmwareReport.Status] = [.downloading, .installing, .succeeded, .failed]
            switch Int.random(in: 0..<1_000, using: &random) {
            case 0..<60: life.send(.openGroup(life.state.openedGroups))
            case 60..<300: life.send(.markNotified([device, "d1", "d2"]))
            case 300..<700:
                let report = FirmwareReport(
                    device: device, status: statuses.randomElement(using: &random) ?? .failed,
                    version: Bool.random(using: &random) ? "2.0" : "1.0")
                life.send(.report(report))
            case 700..<800: life.send(.retry(device: device, attempt: attempt))
            case 800..<900: life.send(.timeOut(device: device, attempt: attempt))
            case 900..<940: life.send(.pause(reason: "because"))
            case 940..<990: life.send(.resume)
            case 990..<998: life.send(.finish)
            default: life.send(.abort(reason: "enough"))
            }
        }
        return life
    }
}

@Suite struct `Whatever happens to a rollout` {
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `its counts are those of its devices`(_ seed: UInt64) {
        let state = Life.random(seed).state
        var counts = InstallationCounts(scheduled: 0)
        for place in 0..<state.devices.count { counts[state.devices[place].state] += 1 }
        #expect(counts == state.counts)
        #expect(state.counts.total == 40)
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `a snapshot and the events after it give the same state as all events`(_ seed: UInt64) throws {
        let life = Life.random(seed)
        var random = SplitMix(state: seed)
        let cut = Int.random(in: 0...life.events.count, using: &random)
        var state = Rollout.initial
        for event in life.events[..<cut] { Rollout.evolve(&state, with: event, observedAt: .noon) }
        state = try JSONDecoder().decode(Rollout.State.self, from: JSONEncoder().encode(state))
        for event in life.events[cut...] {
            let stored = try Rollout.codec.encode(event)
            let read = try Rollout.codec.decode(
                type: stored.type, schemaVersion: stored.schemaVersion, data: stored.data)
            #expect(read == event)
            Rollout.evolve(&state, with: read, observedAt: .noon)
        }
        #expect(state == life.state)
        #expect(state.devices.place(of: "d39") == 39)
    }

    /// The view knows nothing but the events.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `each event says rightly which state its device leaves`(_ seed: UInt64) {
        var state = Rollout.initial
        for event in Life.random(seed).events {
            let (device, was): (String, InstallationState)
            switch event {
            case .deviceProgressed(let fact): (device, was) = (fact.device, fact.was)
            case .deviceSucceeded(let fact): (device, was) = (fact.device, fact.was)
            case .deviceFailed(let fact): (device, was) = (fact.device, fact.was)
            case .deviceTimedOut(let fact): (device, was) = (fact.device, fact.was)
            case .devicesNotified(let fact): (device, was) = (fact.devices[0], .scheduled)
            default: (device, was) = ("d0", state.devices.count > 0 ? state.devices[0].state : .scheduled)
            }
            if let place = state.devices.place(of: device) { #expect(state.devices[place].state == was) }
            Rollout.evolve(&state, with: event, observedAt: .noon)
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `reports in any order and number lead to the same ends`(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        func ends(_ reports: [FirmwareReport]) -> [InstallationState] {
            var life = Life(devices: 12, groupSize: 12, attempts: 1)
            life.send(.openGroup(0))
            life.send(.markNotified(life.state.devices.ids))
            for report in reports { life.send(.report(report)) }
            return (0..<12).map { life.state.devices[$0].state }
        }
        // Each device says one end only: which of two contradicting ones counts is a matter of order.
        let orderly = (0..<12).flatMap { number in
            let end: FirmwareReport.Status = number.isMultiple(of: 3) ? .failed : .succeeded
            return [FirmwareReport.Status.downloading, .installing, end].map {
                FirmwareReport(device: "d\(number)", status: $0, version: number == 4 ? "1.0" : "2.0")
            }
        }
        let disorderly = (orderly + orderly.shuffled(using: &random).prefix(20)).shuffled(using: &random)
        #expect(ends(disorderly) == ends(orderly))
        #expect(Set(ends(orderly)) == [.succeeded, .failed])
    }

    @Test func `a report leaves the state before it as it was, however large the rollout`() {
        var life = Life(devices: 10_000, groupSize: 10_000)
        life.send(.openGroup(0))
        for number in 0..<10_000 {
            // The actor keeps the old state until the log has said yes.
            let old = life.state
            life.send(.report(FirmwareReport(device: "d\(number)", status: .succeeded, version: "2.0")))
            #expect(old.counts.succeeded == number)
        }
        #expect(life.state.counts.succeeded == 10_000)
    }
}
