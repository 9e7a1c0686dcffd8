import Logging
import Support
import Testing

@testable import Runtime

/// Waking many actors at once; run in memory and over Postgres.
struct WakingContract {
    let store: any EventStore
    let snapshots: any SnapshotStore
    let settle: @Sendable () async -> Void

    static let clauses: [(String, @Sendable (WakingContract) async throws -> Void)] = [
        ("tails of many streams are read after their versions", { try await $0.tails() }),
        ("the newest snapshots of many streams are found", { try await $0.snapshotsOfMany() }),
        ("two thousand cold actors are read in few queries", { try await $0.fewQueries() }),
        ("actors wake with snapshot and tail, or the tail alone", { try await $0.wakes() }),
        ("a stream that cannot be read fails alone", { try await $0.poisoned() }),
        ("a stream with a long tail is read to its end", { try await $0.longTail() }),
        ("what comes while they wake is taken in order", { try await $0.meanwhile() }),
    ]

    func tails() async throws {
        let (long, short, none) = (StreamName.fresh("a"), StreamName.fresh("b"), StreamName.fresh("c"))
        _ = try await store.append(Append([StreamChange(long, expecting: 0, events: .samples(7))]))
        _ = try await store.append(Append([StreamChange(short, expecting: 0, events: .samples(2))]))
        let tails = try await store.readTails(
            [
                StreamPlace(short, at: 1, position: 8), StreamPlace(none, at: 0, position: 0),
                StreamPlace(long, at: 2, position: 2), StreamPlace(short, at: 2, position: 9),
            ], limit: 4)
        #expect(try tails.map { try $0.get().map(\.version) } == [[2], [], [3, 4, 5, 6], []])
        #expect(try tails[2].get() == (try await store.readStream(long, from: 3, limit: 4)))
        #expect(try await store.readTails([], limit: 4).isEmpty)
    }

    func snapshotsOfMany() async throws {
        let streams = (0..<5).map { _ in StreamName.fresh("tally") }
        for (index, stream) in streams.enumerated().dropFirst() {
            for version in 1...Int64(index) {
                let memory = AggregateMemory<Tally>(
                    state: .init(sum: index), version: version, position: version, recentCommands: .init())
                snapshots.offer(stream, version: version) { try memory.snapshot(of: stream) }
                await settle()
            }
        }
        let found = try await snapshots.latest(of: streams)
        #expect(found.count == 4 && found[streams[0]] == nil)
        for (index, stream) in streams.enumerated().dropFirst() {
            #expect(found[stream]?.version == Int64(index))
            #expect(try await found[stream] == snapshots.latest(of: stream))
        }
        #expect(try await snapshots.latest(of: [StreamName]()).isEmpty)
    }

    func fewQueries() async throws {
        let ids = (0..<2_000).map { _ in StreamName.fresh("tally").id }
        _ = await directory().send(ids.map { (id: $0, envelopes: [.add(1), .add(2)]) })
        let (counting, looking) = (CountingStore(store), CountingSnapshots(snapshots))
        let cold = Directory<Tally>(store: counting, snapshots: looking)
        let results = await cold.send(ids.map { (id: $0, envelopes: [.add(4)]) })
        #expect(try results.allSatisfy { try $0.map { try $0.get().version } == [3] })
        #expect(counting.reads.calls == 0)
        #expect(counting.tails == .init(calls: 8, events: 4_000))
        #expect(looking.queries == 8)
        #expect(try await cold.recall(ids[1_999]).state.sum == 7)
    }

    func wakes() async throws {
        let ids = (0..<6).map { _ in StreamName.fresh("tally").id }
        let writer = directory()
        for (index, id) in ids.enumerated() {
            for _ in 0..<index { _ = await writer.send([(id, (0..<50).map { _ in .add(1) })]) }
            await settle()
        }
        let counting = CountingStore(store)
        let cold = Directory<Tally>(store: counting, snapshots: snapshots)
        let results = await cold.send(ids.map { (id: $0, envelopes: [.add(1)]) })
        #expect(try results.map { try $0[0].get().version } == [1, 51, 101, 151, 201, 251])
        for (index, id) in ids.enumerated() {
            #expect(try await cold.recall(id) == directory().recall(id))
            #expect(try await cold.recall(id).state.sum == index * 50 + 1)
        }
        #expect(counting.reads.calls == 0 && counting.tails == .init(calls: 1, events: 150))
    }

    func poisoned() async throws {
        let ids = (0..<20).map { _ in StreamName.fresh("tally").id }
        var event = NewEvent.added(1)
        event.type = "FromTheFuture"
        let bad = StreamName(category: "tally", id: ids[7])
        _ = try await store.append(Append([StreamChange(bad, expecting: 0, events: [event])]))
        let directory = directory()
        let results = await directory.send(ids.map { (id: $0, envelopes: [.add(1), .add(1)]) })
        for (index, result) in results.enumerated() {
            if index == 7 {
                #expect(result.count == 2)
                for answer in result { if case .failure(.broken) = answer {} else { Issue.record("\(answer)") } }
            } else {
                #expect(try result.map { try $0.get().version } == [1, 2])
            }
        }
        // It can be asked again, and answers again.
        let again = await directory.send([(ids[7], [.add(1)]), (ids[8], [.add(1)])])
        #expect(try again[1][0].get().version == 3)
        if case .failure(.broken) = again[0][0] {} else { Issue.record("\(again[0][0])") }
    }

    func longTail() async throws {
        let (long, short) = (StreamName.fresh("tally"), StreamName.fresh("tally"))
        _ = try await store.append(
            Append([StreamChange(long, expecting: 0, events: (0..<1_500).map { _ in .added(1) })]))
        let directory = directory()
        // Refused if decided upon the beginning of the tail.
        let results = await directory.send([(long.id, [.add(-1_400)]), (short.id, [.add(1)])])
        #expect(try results.map { try $0[0].get().version } == [1_501, 1])
        #expect(try await directory.recall(long.id).state.sum == 100)
    }

    func meanwhile() async throws {
        let ids = (0..<300).map { _ in StreamName.fresh("tally").id }
        let directory = directory()
        async let first = directory.start(ids.map { (id: $0, envelopes: [.add(1)]) })
        let early = await first
        let late = await directory.start(ids.map { (id: $0, envelopes: [.add(2)]) })
        #expect(try await early.results.allSatisfy { try $0[0].get().version == 1 })
        #expect(try await late.results.allSatisfy { try $0[0].get().version == 2 })
    }

    private func directory() -> Directory<Tally> { Directory(store: store, snapshots: snapshots) }
}

@Suite struct `Waking many actors in memory` {
    @Test(arguments: WakingContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(WakingContract.clauses.first { $0.0 == clause }?.1)
        try await body(WakingContract(store: InMemoryEventStore(), snapshots: InMemorySnapshotStore()) {})
    }
}

@Suite struct `Waking many actors over Postgres` {
    @Test(arguments: WakingContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(WakingContract.clauses.first { $0.0 == clause }?.1)
        try await PostgresLog.with { log in
            let snapshots = PostgresSnapshotStore(pool: log.pool, logger: Logger(label: "test"))
            try await body(WakingContract(store: log.store, snapshots: snapshots) { await snapshots.writeAll() })
        }
    }

    @Test func `fails only the stream whose row makes no sense`() async throws {
        try await PostgresLog.with { log in
            let (good, bad) = (StreamName.fresh("tally"), StreamName.fresh("tally"))
            for stream in [good, bad] {
                _ = try await log.store.append(Append([StreamChange(stream, expecting: 0, events: [.added(1)])]))
            }
            let spoil = Statement(
                "spoil",
                """
                insert into events (position, stream, category, version, id, type, schema_version, account,
                    observed_time, recorded_time, principal, command_id, data)
                select 1000, stream, category, 2, gen_random_uuid(), type, 1, account, observed_time, recorded_time,
                    'nonsense', command_id, data
                from events where stream = $1
                """)
            _ = try await log.pool.withConnection { try await $0.query(spoil(.text(bad.description))) }
            let tails = try await log.store.readTails(
                [StreamPlace(bad, at: 0, position: 0), StreamPlace(good, at: 0, position: 0)], limit: 10)
            if case .failure(.corrupt) = tails[0] {} else { Issue.record("\(tails[0])") }
            #expect(try tails[1].get().count == 1)
            let directory = Directory<Tally>(store: log.store, snapshots: log.snapshots)
            let results = await directory.send([(bad.id, [.add(1)]), (good.id, [.add(1)])])
            if case .failure(.broken) = results[0][0] {} else { Issue.record("\(results[0][0])") }
            #expect(try results[1][0].get().version == 2)
        }
    }
}
