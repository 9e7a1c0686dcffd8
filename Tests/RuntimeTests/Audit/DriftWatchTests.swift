import Logging
import Runtime
import Testing

@Suite struct `A watch for drift` {
    private let store = InMemoryEventStore()
    private let snapshots = InMemorySnapshotStore()
    private let stream = StreamName(category: "tally", id: "one")

    private func awake(_ commands: Int) async throws -> Directory<Tally> {
        let directory = Directory<Tally>(store: store, snapshots: snapshots)
        for _ in 0..<commands { try await directory.send(.add(1), to: "one") }
        return directory
    }

    private func round(_ directory: Directory<Tally>, budget: Int64 = 10_000) async -> [AuditFinding] {
        await DriftWatch(
            [.init(directory, store: store, snapshots: snapshots)], interval: nil, budget: budget,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ).round()
    }

    private func fold(to version: Int64) async throws -> AggregateMemory<Tally> {
        var memory = AggregateMemory<Tally>()
        for event in try await store.readStream(stream, from: 1, limit: Int(version)) { try memory.fold(event) }
        return memory
    }

    @Test func `finds nothing where actor and snapshot are the fold of their events`() async throws {
        let directory = try await awake(230)
        #expect(await round(directory).isEmpty)
        #expect(await directory.awakeMemories(5).map(\.memory.version) == [230])
        let check = DriftCheck(Tally.self, store: store, snapshots: snapshots)
        let memory = try await directory.recall("one")
        let outcome = try await check.check(stream, awake: memory)
        #expect((outcome.compared, outcome.events) == (2, 230))
        let short = try await check.check(stream, awake: memory, budget: 100)
        #expect((short.compared, short.events) == (1, 30))
        let none = try await check.check(stream, awake: memory, budget: 10)
        #expect((none.compared, none.events) == (0, 0))
    }

    @Test func `names a snapshot that differs`() async throws {
        let directory = try await awake(5)
        var memory = try await fold(to: 3)
        memory.state.sum += 1
        let wrong = memory
        snapshots.offer(stream, version: 3) { try wrong.snapshot(of: stream) }
        #expect(
            await round(directory) == [
                AuditFinding(
                    .snapshots, stream: "tally-one", version: 3, "the snapshot differs from a fold of the events")
            ])
    }

    @Test(arguments: [10_000, 3] as [Int64])
    func `names an actor that remembers otherwise, also if only its newest events are folded`(
        _ budget: Int64
    ) async throws {
        _ = try await awake(5)
        var memory = try await fold(to: 4)
        let right = memory
        memory.state.sum += 7
        let wrong = memory
        snapshots.offer(stream, version: 4) { try wrong.snapshot(of: stream) }
        // It wakes from a wrong snapshot, which is put right behind its back.
        let directory = Directory<Tally>(store: store, snapshots: snapshots)
        _ = try await directory.recall("one")
        snapshots.offer(stream, version: 4) { try right.snapshot(of: stream) }
        #expect(
            await round(directory, budget: budget) == [
                AuditFinding(
                    .snapshots, stream: "tally-one", version: 5,
                    "the actor's memory differs from a fold of the events")
            ])
    }

    @Test func `names an actor that remembers more than there is`() async throws {
        let directory = try await awake(5)
        var memory = try await directory.recall("one")
        memory.version = 9
        let outcome = try await DriftCheck(Tally.self, store: store, snapshots: snapshots)
            .check(stream, awake: memory)
        #expect(
            outcome.findings == [
                AuditFinding(
                    .snapshots, stream: "tally-one", version: 9,
                    "it is remembered, but there is no event of this version")
            ])
    }
}
