import Aggregates
import Runtime
import Support
import Testing

@testable import Workflows

@Suite(.serialized, .timeLimit(.minutes(5))) struct `A restart of the runner` {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    /// What the log as it stands must lead to, by the workflow's functions alone.
    private func expected(
        _ harness: RunnerHarness, _ device: String
    ) async throws -> (Tripwire.State, [Tripwire.Decision]) {
        var (state, decisions, settings) = (Tripwire.initial, [Tripwire.Decision](), AccountSettings())
        let page = try await harness.log.store.readLog(after: 0, where: .everything, limit: 100_000)
        for event in page.events {
            guard let content = try FleetEvent(event) else { continue }
            if case .account(.settingsChanged(let fact)) = content { settings = fact.settings }
            guard event.stream.description == "device-\(device)" else { continue }
            let seen = WorkflowEvent(
                id: event.id, position: event.position, stream: event.stream, observedTime: event.observedTime,
                recordedTime: event.recordedTime, account: event.metadata.account, content: content,
                terms: AccountTerms(settings: settings))
            Tripwire.observe(seen, in: &state)
            for decision in Tripwire.react(to: .event(seen), in: state).decisions {
                Tripwire.evolve(&state, with: decision)
                decisions.append(decision)
            }
        }
        return (state, decisions)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func `at any point leaves every instance as if nothing had happened`(_ seed: UInt64) async throws {
        try await RunnerHarness.with { harness in
            var random = Random(state: seed)
            var pace = RunnerPace()
            pace.pageSize = Int.random(in: 1...20, using: &random)
            pace.foldWindow = Int64.random(in: 0...40, using: &random)
            pace.stateSlice = Int.random(in: 1...5, using: &random)
            pace.checkpointEvents = Int64.random(in: 1...50, using: &random)
            pace.checkpointInterval = .seconds(1_000_000)
            var term: RunnerTerm?
            for _ in 0..<25 {
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    if Int.random(in: 0..<10, using: &random) == 0 {
                        try await harness.limit(Double.random(in: 30...60, using: &random))
                    } else {
                        let device = "d\(Int.random(in: 0..<5, using: &random))"
                        try await harness.report(device, Double.random(in: 10...80, using: &random))
                    }
                }
                if term == nil || Int.random(in: 0..<2, using: &random) == 0 {
                    // Whatever the last one had in memory is gone.
                    let runner = harness.runner(pace: pace)
                    term = try await runner.term(try await runner.begin())
                }
                for _ in 0..<Int.random(in: 0...3, using: &random) { _ = try await term?.step(at: .now()) }
            }
            let runner = harness.runner(pace: pace)
            let last = try await runner.term(try await runner.begin())
            try await harness.settle(last)
            for device in 0..<5 {
                let (state, decisions) = try await expected(harness, "d\(device)")
                #expect(try await last.state(Tripwire.self, "d\(device)") == (state.count > 0 ? state : nil))
                #expect(try await harness.tripwire("d\(device)") == decisions)
            }
        }
    }

    @Test(arguments: ["state_version = 99", "state = '\"garbage\"'", "state = '{}', state_version = 1"])
    func `folds a state that it cannot read from the log`(_ damage: String) async throws {
        try await RunnerHarness.with { harness in
            let runner = harness.runner()
            let first = try await runner.term(try await runner.begin())
            for value in [20, 60, 70] as [Double] { try await harness.report("d1", value) }
            try await harness.report("d2", 60)
            try await harness.settle(first)
            // The timer elapses after three readings and before a fourth, which the fold must know.
            try await harness.settle(first, at: .now() + .seconds(11))
            for value in [71, 20] as [Double] { try await harness.report("d1", value) }
            try await harness.settle(first)
            let states = (try await first.state(Tripwire.self, "d1"), try await first.state(Tripwire.self, "d2"))
            #expect(states.0?.checks == 3)
            let events = try await harness.log.store.head().position
            let left = try await harness.count("workflow_outbox")

            try await harness.execute("update workflow_states set \(damage)")
            let second = try await runner.term(try await runner.begin())
            #expect(try await second.state(Tripwire.self, "d1") == states.0)
            #expect(try await second.state(Tripwire.self, "d2") == states.1)
            #expect(try await harness.count("workflow_failures") == 0)
            #expect(try await harness.count("workflow_states where state_version = 3") == 2)
            // The generation's own event is the only one that a rebuild adds.
            #expect(try await harness.log.store.head().position == events + 1)
            #expect(try await harness.count("workflow_outbox") == left)
            // And it goes on where it was.
            try await harness.report("d1", 80)
            try await harness.settle(second)
            #expect(try await harness.tripwire("d1").count == 4)
        }
    }

    @Test func `with another workflow lets that one see the past without reacting to it`() async throws {
        try await RunnerHarness.with { harness in
            let old = harness.runner([WorkflowHost(Heartbeat.self)])
            let first = try await old.term(try await old.begin())
            for device in 0..<50 {
                for value in [60, 20, 70] as [Double] { try await harness.report("d\(device)", value) }
            }
            try await harness.settle(first)
            let head = try await harness.log.store.head().position
            let timers = try await harness.count("timers")

            let new = harness.runner([WorkflowHost(Heartbeat.self), WorkflowHost(Tripwire.self)])
            let fence = try await new.begin()
            let second = try await new.term(fence)
            try await harness.settle(second)
            try await new.drain(fence).drain()
            #expect(try await second.state(Tripwire.self, "d7")?.count == 3)
            // What left: nothing.
            #expect(harness.sink.deliveries == 0)
            #expect(try await harness.count("workflow_outbox") == 0)
            #expect(try await harness.count("timers") == timers)
            #expect(try await harness.log.store.head().position == head + 1)
            // What comes from now on is reacted to.
            try await harness.report("d7", 90)
            try await harness.settle(second)
            try await new.drain(fence).drain()
            #expect(harness.sink.deliveries == 1)
        }
    }
}
