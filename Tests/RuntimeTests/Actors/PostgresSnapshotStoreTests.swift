import Runtime
import Support
import Testing

@Suite struct `Snapshots in Postgres` {
    private func memory(_ sum: Int, version: Int64) -> AggregateMemory<Tally> {
        AggregateMemory(state: Tally.State(sum: sum), version: version, position: version, recentCommands: .init())
    }

    private func offer(_ memory: AggregateMemory<Tally>, of stream: StreamName, to store: PostgresSnapshotStore) {
        store.offer(stream, version: memory.version) { try memory.snapshot(of: stream) }
    }

    @Test func `come back as they were offered, the newest first`() async throws {
        try await PostgresLog.with { log in
            let (stream, other) = (StreamName.fresh("tally"), StreamName.fresh("tally"))
            #expect(try await log.snapshots.latest(of: stream) == nil)
            for version in 1...5 as ClosedRange<Int64> {
                offer(memory(Int(version) * 10, version: version), of: stream, to: log.snapshots)
                await log.snapshots.writeAll()
            }
            offer(memory(7, version: 1), of: other, to: log.snapshots)
            await log.snapshots.writeAll()
            try await eventually { try await log.snapshots.latest(of: stream)?.version == 5 }
            let newest = try #require(try await log.snapshots.latest(of: stream))
            #expect(AggregateMemory<Tally>(newest) == memory(50, version: 5))
            #expect(try await log.snapshots.latest(of: other)?.version == 1)
        }
    }

    @Test func `are thinned to the newest and the one before it`() async throws {
        try await PostgresLog.with { log in
            let stream = StreamName.fresh("tally")
            for version in 1...6 as ClosedRange<Int64> {
                offer(memory(1, version: version), of: stream, to: log.snapshots)
                await log.snapshots.writeAll()
                try await eventually { try await log.snapshots.latest(of: stream)?.version == version }
            }
            let count = Statement("count_snapshots", "select count(*) from snapshots where stream = $1")
            let rows = try await log.pool.withConnection { try await $0.query(count(.text(stream.description))) }
            #expect(try rows[0].int8(0) == 2)
        }
    }

    @Test func `that were damaged in the database are ignored and replaced`() async throws {
        try await PostgresLog.with { log in
            let stream = StreamName(category: "tally", id: "damaged")
            let before = Directory<Tally>(store: log.store, snapshots: log.snapshots)
            for _ in 0..<120 { try await before.send(.add(1), to: "damaged") }
            try await eventually { try await log.snapshots.latest(of: stream) != nil }
            let spoil = Statement("spoil", "update snapshots set data = '\\x00ff'", effect: .writes)
            _ = try await log.pool.withConnection { try await $0.query(spoil()) }
            let after = Directory<Tally>(store: log.store, snapshots: log.snapshots)
            #expect(try await after.recall("damaged").state.sum == 120)
            try await after.send(.add(1), to: "damaged")
            try await eventually {
                guard let snapshot = try await log.snapshots.latest(of: stream) else { return false }
                return AggregateMemory<Tally>(snapshot)?.state.sum == 121
            }
        }
    }
}
