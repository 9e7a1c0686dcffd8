import Aggregates
import Runtime
import Support
import Synchronization
import Testing

@testable import Workflows

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A poison event` {
    @Test func `stops its instance and no other`() async throws {
        try await RunnerHarness.with { harness in
            let runner = harness.runner([WorkflowHost(Tripwire.self), WorkflowHost(Heartbeat.self)])
            let term = try await runner.term(try await runner.begin())
            try await harness.report("d1", 20)
            try await harness.append("TelemetryRecorded", Array(#"{"metrics":7}"#.utf8), to: "device-d1")
            for value in [60, 70] as [Double] {
                try await harness.report("d1", value)
                try await harness.report("d2", value)
            }
            try await harness.settle(term)
            #expect(try await harness.tripwire("d1").isEmpty)
            #expect(try await harness.tripwire("d2").count == 1)
            let stopped = try await harness.queries.stopped("tripwire", limit: 10)
            #expect(stopped.map(\.key) == ["d1"])
            #expect(stopped.map(\.position) == [3])
            #expect(stopped.first?.reason.contains("cannot be read") == true)
            // Both workflows wanted the event.
            let status = try await harness.queries.workflows()
            #expect(status.map(\.name) == ["heartbeat", "tripwire"])
            #expect(status.map(\.stopped) == [1, 1])
            #expect(status.allSatisfy { $0.position >= 3 })
            // Each has its own timers.
            for workflow in status {
                #expect(try await harness.count("timers where workflow = '\(workflow.name)'") == workflow.timers)
            }
            #expect(status[0].timers != status[1].timers)

            // It stays so over a restart.
            let next = try await runner.term(try await runner.begin())
            try await harness.report("d1", 80)
            try await harness.settle(next)
            #expect(try await harness.tripwire("d1").isEmpty)
        }
    }

    @Test func `is tried again on request, and what came after it is not lost`() async throws {
        try await RunnerHarness.with { harness in
            var pace = RunnerPace()
            pace.pollInterval = .zero
            let runner = harness.runner(pace: pace)
            let term = try await runner.term(try await runner.begin())
            Tripwire.isBroken.withLock { _ = $0.insert("retried") }
            try await harness.report("retried", 20)
            try await harness.report("retried", 60)
            try await harness.settle(term)
            #expect(try await harness.queries.stopped("tripwire", limit: 10).map(\.position) == [3])
            try await harness.report("retried", 61)
            try await harness.report("retried", 20)
            try await harness.settle(term)

            // The program is as broken as before.
            #expect(try await harness.queries.retry("tripwire", key: "retried"))
            try await harness.settle(term)
            let again = try await harness.queries.stopped("tripwire", limit: 10)
            #expect(again.map(\.isToBeRetried) == [false])
            #expect(again.map(\.position) == [3])

            Tripwire.isBroken.withLock { _ = $0.remove("retried") }
            let next = try await runner.term(try await runner.begin())
            #expect(try await harness.queries.retry("tripwire", key: "retried"))
            try await harness.settle(next)
            #expect(try await harness.queries.stopped("tripwire", limit: 10).isEmpty)
            #expect(
                try await harness.tripwire("retried")
                    == [.raised(.init(count: 2, value: 60)), .cleared(.init(count: 4, value: 20))])
            #expect(try await next.state(Tripwire.self, "retried")?.count == 4)
            try await harness.report("retried", 90)
            try await harness.settle(next)
            #expect(try await harness.tripwire("retried").count == 3)
            #expect(try await harness.queries.retry("tripwire", key: "retried") == false)
        }
    }

    @Test func `among others of one step is found when the store refuses the step`() async throws {
        try await RunnerHarness.with { harness in
            let refusing = RefusingStore(harness.log.store, stream: "workflow-tripwire-d2")
            let happened = Happenings()
            let runner = harness.runner(store: refusing, observe: { await happened.note($0) })
            for device in 1...3 { try await harness.report("d\(device)", 60) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                try await eventually { try await harness.decisions(of: "d3").count == 1 }
                group.cancelAll()
            }
            #expect(try await harness.decisions(of: "d1").count == 1)
            #expect(try await harness.decisions(of: "d2").isEmpty)
            #expect(try await harness.queries.stopped("tripwire", limit: 10).map(\.key) == ["d2"])
        }
    }

    @Test func `keeps the timers of its instance waiting`() async throws {
        try await RunnerHarness.with { harness in
            var pace = RunnerPace()
            pace.pollInterval = .zero
            let runner = harness.runner(pace: pace)
            let term = try await runner.term(try await runner.begin())
            try await harness.report("d1", 60)
            try await harness.append("TelemetryRecorded", Array("[]".utf8), to: "device-d1")
            let later = Timestamp.now() + .seconds(60)
            try await harness.settle(term, at: later)
            #expect(try await harness.decisions(of: "d1").count == 1)
            #expect(try await harness.count("timers") == 1)
            // The failure is all that holds it back.
            try await harness.execute("delete from workflow_failures")
            let next = try await runner.term(try await runner.begin())
            try await harness.settle(next, at: later)
            #expect(try await harness.decisions(of: "d1").count == 2)
        }
    }
}

/// Refuses appends to one stream, as if the database could not store their bytes.
struct RefusingStore: EventStore {
    private let store: any EventStore
    private let stream: String

    init(_ store: any EventStore, stream: String) {
        self.store = store
        self.stream = stream
    }

    var signal: LogSignal { store.signal }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        if append.changes.contains(where: { $0.stream.description == stream }) {
            throw .invalid(reason: "bytes that nobody can store", sqlState: "22P05")
        }
        return try await store.append(append)
    }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        try await store.readStream(stream, from: version, after: position, limit: limit)
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await store.readLog(after: position, where: filter, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await store.acceptances(of: commands)
    }

    func head() async throws(EventStoreError) -> LogHead { try await store.head() }
}

/// What a runner has told, in order.
actor Happenings {
    private(set) var all: [RunnerHappening] = []
    func note(_ happening: RunnerHappening) { all.append(happening) }
}
