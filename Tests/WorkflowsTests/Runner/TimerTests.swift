import Aggregates
import Runtime
import Support
import Testing

@testable import Workflows

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A timer` {
    @Test func `fires once, at its time, and not before`() async throws {
        try await RunnerHarness.with { harness in
            try await harness.report("d1", 60)
            let runner = harness.runner()
            let term = try await runner.term(try await runner.begin())
            try await harness.settle(term)
            let raised = try #require(try await harness.decisions(of: "d1").first)
            let due = raised.observedTime + .seconds(10)
            _ = try await term.step(at: due - .microseconds(1))
            #expect(try await harness.decisions(of: "d1").count == 1)
            _ = try await term.step(at: due)
            #expect(try await harness.tripwire("d1").last == .checked(.init(count: 1, value: 60)))
            #expect(try await harness.decisions(of: "d1").last?.observedTime == due)
            #expect(try await harness.count("timers") == 0)
            for _ in 0..<3 { _ = try await term.step(at: due + .seconds(3_600)) }
            #expect(try await harness.decisions(of: "d1").count == 2)
        }
    }

    @Test func `fires after a restart`() async throws {
        try await RunnerHarness.with { harness in
            try await harness.report("d1", 60)
            let runner = harness.runner()
            try await harness.settle(try await runner.term(try await runner.begin()))
            let later = Timestamp.now() + .seconds(60)
            let next = try await runner.term(try await runner.begin())
            try await harness.settle(next, at: later)
            #expect(try await harness.decisions(of: "d1").count == 2)
        }
    }

    @Test func `does not fire once it is cancelled`() async throws {
        try await RunnerHarness.with { harness in
            for value in [60, 20] as [Double] { try await harness.report("d1", value) }
            let runner = harness.runner()
            let term = try await runner.term(try await runner.begin())
            try await harness.settle(term, at: .now() + .seconds(3_600))
            #expect(try await harness.decisions(of: "d1").map(\.type) == ["TripwireRaised", "TripwireCleared"])
            #expect(try await harness.count("timers") == 0)
        }
    }

    @Test func `that was due while the runner was away looks at what came before it first`() async throws {
        try await RunnerHarness.with { harness in
            let runner = harness.runner([WorkflowHost(Heartbeat.self)])
            let term = try await runner.term(try await runner.begin())
            try await harness.report("d1", 20)
            try await harness.settle(term)
            // In the log the device is silent for no longer than a breath; only the runner was away for two minutes.
            try await harness.execute("update timers set due_time = now() - interval '1 minute'")
            for _ in 0..<5 { try await harness.report("d1", 20) }
            let next = try await runner.term(try await runner.begin())
            try await harness.settle(next, at: .now())
            #expect(try await harness.decisions(of: "d1", "heartbeat").isEmpty)
            #expect(try await harness.count("timers") == 1)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 100]) func `is seen by its instance in order with the events`(_ page: Int)
        async throws
    {
        try await RunnerHarness.with { harness in
            var pace = RunnerPace()
            pace.pageSize = page
            let runner = harness.runner(pace: pace)
            let first = try await runner.term(try await runner.begin())
            try await harness.report("d1", 60)
            try await harness.settle(first)
            // Due between the third and the fourth reading, long before the runner reads either.
            for _ in 0..<2 { try await harness.report("d1", 61) }
            let due = Timestamp.now()
            try await harness.execute("update timers set due_time = '\(due)'")
            for _ in 0..<7 { try await harness.report("d1", 62) }
            let second = try await runner.term(try await runner.begin())
            try await harness.settle(second)
            #expect(try await harness.tripwire("d1").last == .checked(.init(count: 3, value: 61)))
        }
    }

    @Test func `is one of many that are due at once`() async throws {
        try await RunnerHarness.with { harness in
            var pace = RunnerPace()
            pace.timerLimit = 100
            let runner = harness.runner(pace: pace)
            let term = try await runner.term(try await runner.begin())
            try await harness.report("d1", 60)
            try await harness.settle(term)
            // A thousand of one instance, all due at the same microsecond.
            try await harness.execute(
                """
                insert into timers (workflow, key, name, due_time)
                select 'tripwire', 'd1', 'many-' || n, '2020-01-01T00:00:00Z' from generate_series(1, 1000) n
                """)
            let next = try await runner.term(try await runner.begin())
            try await harness.settle(next)
            #expect(try await harness.decisions(of: "d1").count == 1_001)
            #expect(try await harness.count("timers") == 1)
        }
    }

    @Test func `that is pending is not read`() async throws {
        try await RunnerHarness.with { harness in
            try await harness.execute(
                """
                insert into timers (workflow, key, name, due_time)
                select 'tripwire', 'd' || n, 'check', now() + interval '1 day' + n * interval '1 second'
                from generate_series(1, 20000) n
                """)
            let owner = try await PostgresConnection.connect(
                to: try DatabaseURL(harness.log.database.superuserURL), on: harness.log.thread,
                logger: RunnerHarness.logger)
            try await owner.runScript("analyze timers; set plan_cache_mode = force_generic_plan")
            for (statement, arguments) in [
                (RunnerStatements.dueTimers, "now(), 1000, '{tripwire}'"),
                (RunnerStatements.nextTimer, "now(), '{tripwire}'"),
            ] {
                try await owner.runScript("deallocate all; prepare planned as \(statement.sql)")
                let plan = try await owner.query(
                    Statement.unprepared("explain", "explain execute planned(\(arguments))")()
                ).map { try $0.text(0) }.joined(separator: "\n")
                #expect(plan.contains("timers_due_time_idx") && !plan.contains("Seq Scan on timers"), "\(plan)")
            }
            await owner.close()
        }
    }
}
