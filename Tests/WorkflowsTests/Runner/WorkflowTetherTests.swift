import Runtime
import Support
import Testing

@testable import Workflows

@Suite struct `The tether of the workflows` {
    @Test func `is as long as events wait for them, and as old as the first of those`() async throws {
        try await RunnerHarness.with { harness in
            func tether() async throws -> (events: Int64, seconds: Double) {
                let all = try await harness.queries.workflows()
                let status = try #require(all.first)
                return (status.tether, status.tetherSeconds)
            }
            let runner = harness.runner()
            let term = try await runner.term(try await runner.begin())
            try await harness.report("d1", 1)
            try await harness.settle(term)
            #expect(try await tether() == (0, 0))
            // What they took in last is of two hours ago.
            try await harness.execute(
                "update workflow_checkpoints set recorded_time = recorded_time - interval '2 hours'")
            try await harness.report("d1", 2)
            let first = try await harness.log.store.head().recordedTime
            for value in 3..<13 { try await harness.report("d1", Double(value)) }
            let before = Timestamp.now()
            let found = try await tether()
            #expect(found.events >= 11)
            #expect(found.seconds >= (before - first) / .seconds(1))
            #expect(found.seconds <= (Timestamp.now() - first) / .seconds(1))
        }
    }
}
