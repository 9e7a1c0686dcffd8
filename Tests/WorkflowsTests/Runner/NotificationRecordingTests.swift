import Aggregates
import Runtime
import Support
import Testing

@testable import Workflows

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A notification without a decision` {
    private func withTable<Value: Sendable>(
        _ body: @Sendable (RunnerHarness) async throws -> Value
    ) async throws -> Value {
        try await RunnerHarness.with { harness in
            try await harness.executeAsOwner(
                """
                create table if not exists notifications (
                    id uuid primary key, account text not null, severity text not null, type text not null,
                    subject text not null, title text not null, text text not null, data json not null,
                    workflow text not null, instance text not null, cause_event uuid, cause_position bigint,
                    cause_timer text, created_time timestamptz not null);
                grant select, insert on notifications to fleetlog_server;
                """)
            return try await body(harness)
        }
    }

    @Test func `is recorded with the checkpoint, once`() async throws {
        try await withTable { harness in
            let runner = harness.runner([WorkflowHost(Herald.self)])
            let first = try await runner.term(try await runner.begin())
            let event = try await harness.report("d1", 101)
            try await harness.settle(first)
            let query = "notifications where cause_event = '\(event)' and cause_position = 2 and workflow = 'herald'"
            #expect(try await harness.count(query) == 1)
            #expect(try await harness.count("workflow_checkpoints where position >= 2") == 1)
            // Read again from the very start, it is the same notification.
            try await harness.execute("update workflow_checkpoints set position = 0, folded_position = 0")
            let second = try await runner.term(try await runner.begin())
            try await harness.settle(second)
            #expect(try await harness.count("notifications") == 1)
        }
    }

    @Test func `that Postgres could not store stops its instance alone`() async throws {
        try await withTable { harness in
            let runner = harness.runner([WorkflowHost(Herald.self)])
            let term = try await runner.term(try await runner.begin())
            try await harness.report("d1", 666)
            try await harness.report("d2", 101)
            try await harness.settle(term)
            #expect(try await harness.queries.stopped("herald", limit: 10).map(\.key) == ["d1"])
            #expect(try await harness.count("notifications") == 1)
        }
    }

    @Test func `cannot be lost to a state without a JSON form`() async throws {
        try await withTable { harness in
            var pace = RunnerPace()
            pace.foldWindow = 0
            pace.pollInterval = .zero
            let runner = harness.runner([WorkflowHost(Herald.self)], pace: pace)
            let term = try await runner.term(try await runner.begin())
            try await harness.report("d1", 13)
            try await harness.report("d2", 20)
            try await harness.settle(term)
            let stopped = try await harness.queries.stopped("herald", limit: 10)
            #expect(stopped.map(\.key) == ["d1"])
            #expect(stopped.first?.reason.contains("state") == true)
            #expect(try await harness.count("workflow_states where key = 'd2'") == 1)
            // A later reading makes the state sound again, and the attempt takes that in.
            try await harness.report("d1", 102)
            try await harness.settle(term)
            #expect(try await harness.count("notifications") == 0)
            #expect(try await harness.queries.retry("herald", key: "d1"))
            try await harness.settle(term)
            #expect(try await harness.queries.stopped("herald", limit: 10).isEmpty)
            #expect(try await harness.count("notifications") == 1)
        }
    }
}
