import Runtime
import Support
import Testing

@Suite struct `Snapshots in Postgres` {
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
