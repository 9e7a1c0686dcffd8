import Aggregates
import Runtime
import Support
import Testing

@testable import Workflows

@Suite(.serialized, .timeLimit(.minutes(2))) struct `The outbox` {
    private func decided(
        _ harness: RunnerHarness, _ values: [Double], device: String = "d1"
    ) async throws -> OutboxDrain {
        let runner = harness.runner()
        let fence = try await runner.begin()
        let term = try await runner.term(fence)
        for value in values { try await harness.report(device, value) }
        try await harness.settle(term)
        return runner.drain(fence)
    }

    @Test func `sends an aggregate its commands in order, with who and why`() async throws {
        try await RunnerHarness.with { harness in
            let drain = try await decided(harness, [60, 20, 61])
            try await drain.drain()
            #expect(
                harness.sink.taken.map(\.id) == ["tripwire-d1-0", "tripwire-d1-0", "tripwire-d1-0", "tripwire-d1-1"])
            #expect(harness.sink.taken[1].what == .acknowledge(note: "soon over"))
            #expect(harness.sink.taken[2].what == .clear(reason: "cool"))
            #expect(try await harness.count("workflow_outbox") == 0)
        }
    }

    @Test func `ends with a rejection, and keeps what can never be sent`() async throws {
        try await RunnerHarness.with { harness in
            harness.sink.answer { _, command in
                switch command {
                case .raise: .rejected(reason: "no such device")
                case .acknowledge: .invalid(reason: "too large")
                case .clear: nil
                }
            }
            let drain = try await decided(harness, [60, 20])
            try await drain.drain()
            #expect(harness.sink.taken.map(\.what) == [.clear(reason: "cool")])
            #expect(try await harness.count("workflow_outbox where failure = 'too large'") == 1)
            #expect(try await harness.count("workflow_outbox where failure is null") == 0)
        }
    }

    @Test func `holds back an aggregate that cannot be reached, and no other`() async throws {
        try await RunnerHarness.with { harness in
            let runner = harness.runner()
            let fence = try await runner.begin()
            let term = try await runner.term(fence)
            for value in [60, 20] as [Double] { try await harness.report("d1", value) }
            try await harness.report("d2", 60)
            try await harness.settle(term)
            harness.sink.answer { id, _ in id == "tripwire-d1-0" ? .unavailable(reason: "away") : nil }
            let drain = runner.drain(fence)
            try await drain.drain()
            #expect(harness.sink.taken.map(\.id) == ["tripwire-d2-0"])
            #expect(try await harness.count("workflow_outbox") == 3)
            harness.sink.answer { _, _ in nil }
            try await eventually {
                try await drain.drain()
                return try await harness.count("workflow_outbox") == 0
            }
            #expect(harness.sink.taken.dropFirst().map(\.id) == Array(repeating: "tripwire-d1-0", count: 3))
            #expect(harness.sink.taken.last?.what == .clear(reason: "cool"))
        }
    }

    @Test func `reaches a real aggregate once, whatever is sent twice`() async throws {
        try await RunnerHarness.with { harness in
            let directory = Directory<TestAlert>(store: harness.log.store, snapshots: harness.log.snapshots)
            let sink = DirectorySink(directory)
            let runner = harness.runner(sink: sink)
            let fence = try await runner.begin()
            let term = try await runner.term(fence)
            try await harness.report("d1", 60)
            try await harness.settle(term)
            try await harness.executeAsOwner("create table again as select * from workflow_outbox")
            try await runner.drain(fence).drain()
            try await harness.executeAsOwner(
                """
                insert into workflow_outbox (id, workflow, key, command, time, causation, correlation)
                select id, workflow, key, command, time, causation, correlation from again
                """)
            try await runner.drain(fence).drain()
            #expect(try await harness.count("workflow_outbox") == 0)
            let alert = try await harness.log.store.readStream(
                StreamName(category: "alert", id: "tripwire-d1-0"), from: 1, limit: 10)
            #expect(alert.map(\.type) == ["AlertRaised"])
            let decision = try #require(try await harness.decisions(of: "d1").first)
            #expect(alert.first?.metadata.causationID == decision.id)
            #expect(alert.first?.metadata.correlationID == decision.metadata.correlationID)
            #expect(alert.first?.metadata.principal == .workflow("tripwire"))
        }
    }

    @Test func `of a server that was left behind reaches nobody`() async throws {
        try await RunnerHarness.with { harness in
            let directory = Directory<TestAlert>(store: harness.log.store, snapshots: harness.log.snapshots)
            let runner = harness.runner(sink: DirectorySink(directory))
            let fence = try await runner.begin()
            let term = try await runner.term(fence)
            try await harness.report("d1", 60)
            try await harness.settle(term)
            _ = try await runner.begin()
            await #expect(throws: RunnerEnd.fenced) { try await runner.drain(fence).drain() }
            #expect(try await harness.count("workflow_outbox") == 1)
            #expect(try await harness.count("events where category = 'alert'") == 0)
        }
    }
}

/// As much of an alert as the outbox needs: every command is an event.
enum TestAlert: Decider {
    typealias Command = Alert.Command
    typealias Event = Alert.Event
    enum Rejection: Error, Sendable, Equatable { case never }
    struct State: Codable, Sendable, Equatable { var events = 0 }

    static let category = "alert"
    static let stateVersion: Int32 = 1
    static let codec = Alert.codec
    static var initial: State { State() }

    static func account(of state: State) -> AccountID { .default }

    static func decide(_ command: Command, in state: State, context: CommandContext) throws(Rejection) -> [Event] {
        switch command {
        case .raise(let raised): [.raised(raised)]
        case .acknowledge(let note): [.acknowledged(AlertAcknowledged(note: note))]
        case .clear(let reason): [.cleared(AlertCleared(reason: reason))]
        }
    }

    static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp) { state.events += 1 }
}
