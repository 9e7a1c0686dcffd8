import Aggregates
import Foundation
import Runtime
import Testing
import Workflows

/// A rollout, its driver, its devices and an impatient operator, in any order that the world could bring.
private struct World {
    private enum Habit: CaseIterable { case normal, twice, stumbles, fails, hangs, fallsBack }

    private(set) var rollout = Rollout.initial
    private var driver = RolloutDriver.initial
    /// The same, but never stored and read again.
    private var steadyDriver = RolloutDriver.initial
    private var log: [Rollout.Event] = []
    private var seen = 0
    private var outbox: [Rollout.Command] = []
    private var timers: [String: Timestamp] = [:]
    private(set) var notifications: [Workflows.Notification] = []
    private var now = Timestamp.noon
    private var random: SplitMix
    private let habits: [Habit]
    private let stream = StreamName(category: "rollout", id: "r1")
    private(set) var pauses = 0

    init(seed: UInt64, devices: Int = 30) {
        var random = SplitMix(state: seed)
        let bad = Int.random(in: 0...60, using: &random)
        habits = (0..<devices).map { _ in
            Int.random(in: 0..<100, using: &random) < bad
                ? Habit.allCases.randomElement(using: &random) ?? .fails : .normal
        }
        self.random = random
        send(
            .create(
                RolloutPlan(
                    account: .default, version: "2.0",
                    artifact: FirmwareArtifact(url: "http://f/2", sha256: String(repeating: "0", count: 64)),
                    devices: (0..<devices).map { "d\($0)" }, groupSize: Int.random(in: 1...12, using: &random),
                    successThreshold: Int.random(in: 1...100, using: &random),
                    errorThreshold: Int.random(in: 0...100, using: &random),
                    attempts: Int.random(in: 1...3, using: &random), deviceTimeout: 60)))
    }

    /// Lets everything happen that can, until the rollout is finished; nil if nothing can happen any more.
    mutating func run() -> Int? {
        for step in 0..<100_000 {
            if rollout.status == .finished, seen == log.count { return step }
            let possible: [(inout World) -> Bool] = [
                { $0.drive() }, { $0.drive() }, { $0.carryOut() }, { $0.carryOut() }, { $0.deliver() },
                { $0.speak() }, { $0.speak() }, { $0.meddle() },
            ]
            if possible[Int.random(in: 0..<possible.count, using: &random)](&self) { continue }
            // Nothing came of that; see whether anything is left to happen before time passes.
            if drive() || carryOut() || deliver() || speak() { continue }
            if let next = timers.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }), rollout.status != .paused {
                elapse(next.key, at: next.value)
            } else if rollout.status == .paused {
                send(.resume)
            } else {
                return nil
            }
        }
        return nil
    }

    private mutating func send(_ command: Rollout.Command) {
        let context = CommandContext(time: now, principal: .system, scope: .all)
        guard let events = try? Rollout.decide(command, in: rollout, context: context) else { return }
        for event in events { Rollout.evolve(&rollout, with: event, observedAt: now) }
        log += events
        for case .paused in events { pauses += 1 }
    }

    /// The driver sees the next event.
    private mutating func drive() -> Bool {
        guard seen < log.count else { return false }
        let event = WorkflowEvent(
            id: UUID128(high: 0, low: UInt64(seen)), position: Int64(seen + 1), stream: stream, observedTime: now,
            recordedTime: now, account: .default, content: .rollout(log[seen]),
            terms: AccountTerms(settings: AccountSettings()))
        seen += 1
        RolloutDriver.observe(event, in: &driver)
        RolloutDriver.observe(event, in: &steadyDriver)
        react(to: .event(event))
        return true
    }

    private mutating func elapse(_ name: String, at time: Timestamp) {
        timers[name] = nil
        now = max(now, time)
        let timer = ElapsedTimer(
            name: name, dueTime: now, account: .default, terms: AccountTerms(settings: AccountSettings()))
        react(to: .timer(timer))
    }

    private mutating func react(to input: WorkflowInput) {
        let reaction = RolloutDriver.react(to: input, in: driver)
        #expect(reaction == RolloutDriver.react(to: input, in: steadyDriver))
        adopt(reaction)
    }

    private mutating func adopt(_ reaction: Reaction<RolloutDriver.Decision>) {
        for decision in reaction.decisions {
            RolloutDriver.evolve(&driver, with: decision)
            RolloutDriver.evolve(&steadyDriver, with: decision)
        }
        for case .rollout(_, let command) in reaction.commands { outbox.append(command) }
        notifications += reaction.notifications
        for change in reaction.timers {
            switch change {
            case .set(let name, let due): timers[name] = due
            case .cancel(let name): timers[name] = nil
            }
        }
        // A crash may come at any time; what is folded from the snapshot must go on the same.
        if let data = try? JSONEncoder().encode(driver),
            let again = try? JSONDecoder().decode(RolloutProgress.self, from: data)
        {
            #expect(again == steadyDriver)
            driver = again
        }
    }

    private mutating func carryOut() -> Bool {
        guard !outbox.isEmpty else { return false }
        send(outbox.removeFirst())
        return true
    }

    private mutating func deliver() -> Bool {
        guard rollout.status == .running else { return false }
        let due = (0..<rollout.openedDevices).filter {
            rollout.devices[$0].state == .scheduled && !rollout.devices[$0].awaitsRetry
        }
        guard !due.isEmpty else { return false }
        send(.markNotified(due.map { rollout.devices.ids[$0] }))
        return true
    }

    /// Some device that is under way says what it has to say.
    private mutating func speak() -> Bool {
        let talking = (0..<rollout.openedDevices).filter { place in
            let entry = rollout.devices[place]
            if entry.state.hasEnded || entry.state == .scheduled { return false }
            return habits[place] != .hangs || entry.state == .notified
        }
        guard let place = talking.randomElement(using: &random) else { return false }
        let entry = rollout.devices[place]
        let device = rollout.devices.ids[place]
        func report(_ status: FirmwareReport.Status, version: String = "2.0") -> Rollout.Command {
            .report(FirmwareReport(device: device, status: status, version: version))
        }
        switch (habits[place], entry.state) {
        case (_, .notified): send(report(.downloading))
        case (.stumbles, _) where entry.attempt == 1: send(report(.failed))
        case (.fails, _): send(report(.failed))
        case (.fallsBack, _): send(report(.succeeded, version: "1.0"))
        case (.twice, _):
            send(report(.succeeded))
            send(report(.succeeded))
        default: send(report(.succeeded))
        }
        return true
    }

    /// The operator pauses and resumes as the mood takes them.
    private mutating func meddle() -> Bool {
        guard Int.random(in: 0..<20, using: &random) == 0 else { return false }
        send(rollout.status == .paused ? .resume : .pause(reason: "because"))
        return true
    }
}

@Suite struct `A rollout and its driver` {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `come to the end together, whatever the order of things`(_ seed: UInt64) {
        var world = World(seed: seed)
        let steps = world.run()
        #expect(steps != nil, "the rollout stands still")
        #expect(world.rollout.counts.ended == 30)
        #expect(world.rollout.openedDevices == 30)
        #expect(world.notifications.filter { $0.severity == .info }.count == 1)
        #expect(world.notifications.filter { $0.severity == .warning }.count <= world.pauses)
    }
}
