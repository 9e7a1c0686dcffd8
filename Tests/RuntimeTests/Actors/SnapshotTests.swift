import Runtime
import Testing

@Suite struct `A snapshot` {
    let stream = StreamName(category: "tally", id: "a")

    @Test(arguments: 0..<20) func `and the tail give what a fold of the whole stream gives`(_ seed: UInt64) async throws
    {
        var random = SeededRandom(seed: seed)
        let store = InMemoryEventStore()
        let directory = Directory<Tally>(store: store, snapshots: InMemorySnapshotStore())
        for _ in 0..<Int.random(in: 1...150, using: &random) {
            _ = try? await directory.send(.add(Int.random(in: -5...9, using: &random)), to: "a")
        }
        let events = try await store.readStream(stream, from: 1, limit: 1_000)
        var whole = AggregateMemory<Tally>()
        for event in events { try whole.fold(event) }
        let cut = Int.random(in: 0...events.count, using: &random)
        var prefix = AggregateMemory<Tally>()
        for event in events.prefix(cut) { try prefix.fold(event) }
        var resumed = try #require(AggregateMemory<Tally>(try prefix.snapshot(of: stream)))
        for event in events.dropFirst(cut) { try resumed.fold(event) }
        #expect(resumed == whole)
    }

    @Test(arguments: ["bytes", "size", "version", "empty"])
    func `that cannot be read is ignored and replaced`(_ damage: String) async throws {
        let store = InMemoryEventStore()
        let snapshots = InMemorySnapshotStore()
        let before = Directory<Tally>(store: store, snapshots: snapshots)
        for _ in 0..<120 { try await before.send(.add(1), to: "a") }
        var damaged = try #require(try await snapshots.latest(of: stream))
        switch damage {
        case "bytes": damaged.data = damaged.data.map { $0 ^ 0x5A }
        case "size": damaged.uncompressedSize = Int(Int32.max)
        case "version": damaged.stateVersion += 1
        default: damaged.data = []
        }
        let broken = damaged
        snapshots.offer(stream, version: broken.version) { broken }
        let after = Directory<Tally>(store: store, snapshots: snapshots)
        #expect(try await after.recall("a").state.sum == 120)
        try await after.send(.add(1), to: "a")
        let replaced = try #require(try await snapshots.latest(of: stream))
        #expect(AggregateMemory<Tally>(replaced)?.state.sum == 121)
    }

    @Test func `shrinks what repeats`() throws {
        let plain = Array(String(repeating: "temperature ", count: 1_000).utf8)
        let packed = try LZ4.compress(plain)
        #expect(packed.count < plain.count / 10)
        #expect(try LZ4.decompress(packed, size: plain.count) == plain)
        #expect(throws: LZ4.Failure.self) { try LZ4.decompress(packed, size: plain.count + 1) }
        #expect(throws: LZ4.Failure.self) { try LZ4.decompress(packed, size: -1) }
        #expect(try LZ4.decompress(try LZ4.compress([]), size: 0) == [])
    }
}

/// SplitMix64, so that a failing seed can be run again.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
