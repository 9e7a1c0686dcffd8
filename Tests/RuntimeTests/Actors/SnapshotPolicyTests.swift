import Testing

@testable import Runtime

@Suite struct `The snapshot policy` {
    private func policy(_ events: Int64, _ snapshotBytes: Int, least: Int64 = 100) -> SnapshotPolicy {
        SnapshotPolicy(events: events, bytes: Int(events) * 150, snapshotBytes: snapshotBytes, leastEvents: least)
    }

    /// Events until a snapshot is due.
    private func interval(_ snapshotBytes: Int, least: Int64 = 100) -> Int64 {
        (1...10_000).first { policy($0, snapshotBytes, least: least).isDue } ?? 0
    }

    @Test func `waits for a number of events however small the state is`() {
        #expect(interval(0) == 100)
        #expect(interval(2_000) == 100)
        #expect(!policy(24, 0).isDueAtSleep && policy(25, 0).isDueAtSleep)
    }

    @Test func `waits until the tail costs as much as the snapshot`() {
        #expect(interval(130_000) == 200)
        #expect(interval(260_000) == 400)
        #expect(!policy(49, 130_000).isDueAtSleep && policy(50, 130_000).isDueAtSleep)
    }

    @Test func `never lets a tail grow beyond all measure`() {
        #expect(interval(1 << 40) == SnapshotPolicy.mostEvents)
        // Unless the aggregate asks for it.
        #expect(interval(1 << 40, least: 5_000) == 5_000)
    }

    @Test func `never writes more bytes than the tail is worth, but for the smallest`() {
        for size in stride(from: 0, through: 1_000_000, by: 10_000) {
            let events = interval(size)
            #expect(size <= Int(events) * 650 || events == SnapshotPolicy.mostEvents)
        }
    }
}

@Suite struct `A stream that floods` {
    /// As many as the window of recent commands holds, all of them within its time.
    @Test func `gets fewer snapshots the more it remembers, and none is missed for ever`() async throws {
        let store = InMemoryEventStore()
        let snapshots = OfferLog()
        let directory = Directory<Tally>(store: store, snapshots: snapshots)
        for _ in 0..<1_200 {
            _ = await directory.send([("hot", (0..<10).map { _ in .add(1) })])
        }
        let versions = snapshots.versions
        let gaps = zip(versions, [0] + versions).map { $0 - $1 }
        #expect(gaps.first == 100)
        #expect(gaps == gaps.sorted())
        let last = try #require(gaps.last)
        #expect(last >= 300 && last <= 600, "\(gaps)")
        // Snapshot and tail give what a fold of all gives.
        let cold = Directory<Tally>(store: store, snapshots: snapshots)
        #expect(try await cold.recall("hot").state.sum == 12_000)
        #expect(try await cold.recall("hot") == directory.recall("hot"))
    }
}
