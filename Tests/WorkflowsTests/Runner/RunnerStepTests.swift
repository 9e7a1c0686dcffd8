import Aggregates
import Runtime
import Support
import Testing

@testable import Workflows

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A step of the runner` {
    @Test func `records decision, command, timer, state and checkpoint together`() async throws {
        try await RunnerHarness.with { harness in
            try await harness.report("d1", 20)
            let hot = try await harness.report("d1", 60)
            let runner = harness.runner()
            let fence = try await runner.begin()
            let term = try await runner.term(fence)
            try await harness.settle(term)
            let decisions = try await harness.decisions(of: "d1")
            #expect(try await harness.tripwire("d1") == [.raised(.init(count: 2, value: 60))])
            let metadata = try #require(decisions.first?.metadata)
            #expect(metadata.principal == .workflow("tripwire"))
            #expect(metadata.causationID == hot)
            #expect(metadata.correlationID == hot)
            #expect(metadata.account == .default)
            #expect(try await harness.count("workflow_outbox") == 1)
            #expect(try await harness.count("timers") == 1)
            #expect(try await harness.count("workflow_states where position = 2 and version = 1") == 1)
            #expect(try await harness.count("workflow_checkpoints where position >= 2") == 1)
        }
    }

    @Test func `writes nothing for a reading that leads to nothing`() async throws {
        try await RunnerHarness.with { harness in
            for _ in 0..<10 { try await harness.report("d1", 20) }
            var pace = RunnerPace()
            pace.checkpointInterval = .seconds(1_000_000)
            let runner = harness.runner(pace: pace)
            let term = try await runner.term(try await runner.begin())
            try await harness.settle(term)
            // The first recording of a term moves the checkpoint.
            let position = try await harness.log.store.head().position
            try await harness.report("d1", 21)
            try await harness.settle(term)
            #expect(try await term.state(Tripwire.self, "d1")?.count == 11)
            #expect(try await harness.count("workflow_states") == 0)
            #expect(try await harness.count("workflow_checkpoints where position <= \(position)") == 1)
            #expect(try await harness.decisions(of: "d1").isEmpty)
        }
    }

    @Test func `moves its checkpoint though the clock was set back`() async throws {
        try await RunnerHarness.with { harness in
            try await harness.report("d1", 20)
            let runner = harness.runner()
            let term = try await runner.term(try await runner.begin())
            try await harness.settle(term, at: .now() + .seconds(7_200))
            try await harness.report("d1", 21)
            try await harness.settle(term, at: .now())
            let position = try await harness.log.store.head().position
            #expect(try await harness.count("workflow_checkpoints where position = \(position)") == 1)
        }
    }

    @Test func `stores the states of silent observers in slices`() async throws {
        try await RunnerHarness.with { harness in
            for device in 0..<20 { try await harness.report("d\(device)", 20) }
            var pace = RunnerPace()
            pace.foldWindow = 10
            pace.stateSlice = 4
            let runner = harness.runner(pace: pace)
            let term = try await runner.term(try await runner.begin())
            _ = try await term.step(at: .now())
            #expect(try await harness.count("workflow_states") == 4)
            #expect(try await harness.count("workflow_checkpoints where folded_position = 4") == 1)
            for _ in 0..<5 { _ = try await term.step(at: .now()) }
            // Those that are within the window stay in memory alone; the generation's event counts as well.
            #expect(try await harness.count("workflow_states") == 11)
        }
    }

    @Test func `goes by the settings as of each event`() async throws {
        try await RunnerHarness.with { harness in
            try await harness.report("d1", 45)
            try await harness.limit(40)
            try await harness.report("d1", 45)
            try await harness.limit(1_000)
            let runner = harness.runner()
            let first = try await runner.term(try await runner.begin())
            try await harness.settle(first)
            #expect(try await harness.tripwire("d1") == [.raised(.init(count: 2, value: 45))])
            // They survive a restart.
            let second = try await runner.term(try await runner.begin())
            try await harness.report("d2", 900)
            try await harness.report("d2", 1_100)
            try await harness.settle(second)
            #expect(try await harness.tripwire("d2") == [.raised(.init(count: 2, value: 1_100))])
        }
    }

    @Test func `makes the same ids again`() async throws {
        let cause = OutputCause.event(UUID128(high: 1, low: 2))
        let id = OutputID.make(.decision, 0, of: "w", key: "k", because: cause)
        #expect(id == OutputID.make(.decision, 0, of: "w", key: "k", because: cause))
        let others = [
            OutputID.make(.command, 0, of: "w", key: "k", because: cause),
            OutputID.make(.decision, 1, of: "w", key: "k", because: cause),
            OutputID.make(.decision, 0, of: "w", key: "l", because: cause),
            OutputID.make(.decision, 0, of: "w2", key: "k", because: cause),
            OutputID.make(
                .decision, 0, of: "w", key: "k", because: .timer(name: "n", due: Timestamp(microseconds: 1), seen: 1)),
        ]
        #expect(Set(others + [id]).count == 6)
    }

    @Test func `of a server that was left behind writes nothing`() async throws {
        try await RunnerHarness.with { harness in
            let (old, new) = (harness.runner(server: "old"), harness.runner(server: "new"))
            let stale = try await old.term(try await old.begin())
            try await harness.report("d1", 20)
            let term = try await new.term(try await new.begin())
            // Without a decision, by the row; with one, by the stream.
            await #expect(throws: RunnerEnd.fenced) { try await harness.settle(stale) }
            try await harness.report("d1", 60)
            let other = old.unloadedTerm(stale.fence)
            await #expect(throws: RunnerEnd.fenced) { try await harness.settle(other) }
            #expect(try await harness.decisions(of: "d1").isEmpty)
            #expect(try await harness.count("timers") + harness.count("workflow_outbox") == 0)
            try await harness.settle(term)
            #expect(try await harness.decisions(of: "d1").count == 1)
        }
    }
}
