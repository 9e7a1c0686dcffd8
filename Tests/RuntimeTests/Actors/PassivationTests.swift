import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

@Suite struct `Actors go to sleep` {
    let store = InterposedStore()
    let snapshots = InMemorySnapshotStore()
    let clock = ManualClock()

    func directory(_ memory: ActorMemory = .unlimited, idle: Duration = .seconds(60)) -> Directory<Tally> {
        Directory(
            store: store, snapshots: snapshots,
            passivation: Passivation(idle: idle, memory: memory, now: { [clock] in clock.now }))
    }

    func awake(_ directory: Directory<Tally>) async -> [String] {
        await directory.awakeMemories(1_000).map(\.id).sorted()
    }

    @Test func `when they were not used for long enough, and no earlier`() async throws {
        let directory = directory()
        for id in ["a", "b", "c"] {
            try await directory.send(.add(1), to: id)
            clock.advance(by: .seconds(20))
        }
        // 60, 40 and 20 seconds ago.
        #expect(await directory.passivate(atMost: 10) == 1)
        #expect(await awake(directory) == ["b", "c"])
        _ = try await directory.recall("b")
        clock.advance(by: .seconds(40))
        #expect(await directory.passivate(atMost: 10) == 1)
        #expect(await awake(directory) == ["b"])
        clock.advance(by: .seconds(20))
        #expect(await directory.passivate(atMost: 10) == 1)
        #expect(await directory.bytes == 0)
        #expect(try await directory.send(.add(1), to: "a").version == 2)
    }

    @Test func `when memory is short, those used least recently first`() async throws {
        let ids = (10..<50).map { "\($0)" }
        let one = try await bytesOfOne()
        let memory = ActorMemory(limit: one * 25)
        let directory = directory(memory)
        for id in ids {
            try await directory.send(.add(1), to: id)
            clock.advance(by: .seconds(1))
        }
        while await directory.passivate(atMost: 8) > 0 {}
        #expect(memory.bytes <= memory.limit && memory.bytes > memory.limit - 2 * one)
        let left = await awake(directory)
        #expect(left == Array(ids.suffix(left.count)))
        #expect(left.count == 25)
    }

    @Test func `in steps that look at no more than they may`() async throws {
        let directory = directory(idle: .seconds(1))
        for number in 0..<20 { try await directory.send(.add(1), to: "\(number)") }
        clock.advance(by: .seconds(5))
        #expect(await directory.passivate(atMost: 8) == 8)
        #expect(await directory.count == 12)
    }

    @Test func `but never in the middle of a turn`() async throws {
        let memory = ActorMemory(limit: 1)
        let directory = directory(memory)
        for number in 0..<5 { try await directory.send(.add(1), to: "\(number)") }
        clock.advance(by: .seconds(100))
        let gate = Gate()
        store.intercept { append throws(EventStoreError) in
            if append.changes.first?.stream.id == "busy" { await gate.pass() }
        }
        async let answer = directory.send(.add(1), to: "busy")
        await gate.someoneWaits()
        clock.advance(by: .seconds(100))
        while await directory.passivate(atMost: 100) > 0 {}
        #expect(await directory.count == 1)
        await gate.open()
        #expect(try await answer.version == 1)
        #expect(await directory.passivate(atMost: 100) == 1)
        #expect(memory.bytes == 0)
    }

    @Test func `and leave a snapshot behind if there is enough in it`() async throws {
        let directory = directory()
        _ = await directory.send([("much", (0..<30).map { _ in .add(1) }), ("little", [.add(1)])])
        clock.advance(by: .seconds(61))
        #expect(await directory.passivate(atMost: 10) == 2)
        #expect(try await snapshots.latest(of: StreamName(category: "tally", id: "much"))?.version == 30)
        #expect(try await snapshots.latest(of: StreamName(category: "tally", id: "little")) == nil)
    }

    @Test func `of the kind that has most, when several kinds share the memory`() async throws {
        let one = try await bytesOfOne()
        let memory = ActorMemory(limit: one * 30)
        let (few, many) = (directory(memory), directory(memory))
        for number in 0..<10 { try await few.send(.add(1), to: "few\(number)") }
        clock.advance(by: .seconds(10))
        for number in 0..<100 { try await many.send(.add(1), to: "many\(number)") }
        while await few.passivate(atMost: 100) + many.passivate(atMost: 100) > 0 {}
        #expect(await few.count == 10)
        #expect(await many.count < 21)
        #expect(memory.bytes <= memory.limit)
    }

    @Test func `while more wake than there is room for`() async throws {
        let memory = ActorMemory(limit: try await bytesOfOne() * 300)
        let directory = directory(memory)
        for round in 1...5 {
            for first in stride(from: 0, to: 2_000, by: 500) {
                clock.advance(by: .seconds(1))
                let results = await directory.send((first..<first + 500).map { ("\($0)", [.add(1)]) })
                let versions = try results.map { try $0[0].get().version }
                #expect(versions == Array(repeating: Int64(round), count: 500))
                #expect(await directory.count <= 1_300)
            }
        }
        while await directory.passivate(atMost: 256) > 0 {}
        #expect(memory.bytes <= memory.limit)
    }

    /// What an actor is counted with that has taken one command.
    private func bytesOfOne() async throws -> Int {
        let directory = directory()
        try await directory.send(.add(1), to: "xx")
        return await directory.bytes
    }
}

/// A clock that stands until it is told to go on.
final class ManualClock: Sendable {
    private let instant = Mutex(ContinuousClock.now)

    var now: ContinuousClock.Instant { instant.withLock { $0 } }

    func advance(by duration: Duration) { instant.withLock { $0 += duration } }
}
