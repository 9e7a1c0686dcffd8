import Logging
import Runtime
import Support
import Testing

/// What every snapshot store must do, and what it must be good for; run in memory and over Postgres.
struct PastContract {
    let store: any EventStore
    let snapshots: any SnapshotStore
    /// Returns when all that was offered is written.
    let settle: @Sendable () async -> Void

    static let clauses: [(String, @Sendable (PastContract) async throws -> Void)] = [
        ("snapshots come back as they were offered, the newest first", { try await $0.newestFirst() }),
        ("a snapshot is found by version, instant and state version", { try await $0.found() }),
        ("snapshots are thinned as they are written", { try await $0.thinned() }),
        ("a past state is what a fold up to there gives", { try await $0.folds() }),
        ("a point before the first event or beyond the head is answered as such", { try await $0.outside() }),
        ("a damaged snapshot gives way to the one before it", { try await $0.damaged() }),
        ("the middle of a long stream is read from the nearest snapshot", { try await $0.middle() }),
        ("a position is gone to without looking at later snapshots", { try await $0.position() }),
        ("the live actor is neither woken nor disturbed", { try await $0.undisturbed() }),
    ]

    func newestFirst() async throws {
        let (stream, other) = (StreamName.fresh("tally"), StreamName.fresh("tally"))
        #expect(try await snapshots.latest(of: stream) == nil)
        for version in 1...5 as ClosedRange<Int64> { await offer(Int(version) * 10, version, of: stream) }
        await offer(7, 1, of: other)
        let newest = try #require(try await snapshots.latest(of: stream))
        #expect(newest.version == 5 && newest.stateVersion == 1 && newest.recordedTime == Self.time(of: 5))
        #expect(AggregateMemory<Tally>(newest) == memory(50, 5))
        #expect(try await snapshots.latest(of: other)?.version == 1)
    }

    func found() async throws {
        let stream = StreamName.fresh("tally")
        for version in [100, 200, 300] as [Int64] { await offer(1, version, of: stream) }
        var later = try memory(1, 400).snapshot(of: stream)
        later.stateVersion = 2
        let newer = later
        snapshots.offer(stream, version: 400) { newer }
        await settle()
        func find(_ version: Int64 = .max, by second: Int64? = nil, _ state: Int32 = 1) async throws -> Int64? {
            try await snapshots.newest(
                of: stream, notAfter: version, recordedBy: second.map { Self.time(of: $0) }, stateVersion: state
            )?.version
        }
        // The newer program has taken the earlier ones away.
        #expect(try await find() == nil)
        #expect(try await find(.max, by: nil, 2) == 400)
        for version in [500, 600, 700] as [Int64] { await offer(1, version, of: stream) }
        for (version, expected) in [(.max, 700), (650, 600), (600, 600), (499, nil)] as [(Int64, Int64?)] {
            #expect(try await find(version) == expected)
            #expect(try await find(by: min(version, 1_000_000)) == expected)
        }
        #expect(try await find(550, by: 650) == 500)
        #expect(try await find(.max, by: nil, 2) == 400)
    }

    func thinned() async throws {
        let stream = StreamName.fresh("tally")
        let versions = (1...40).map { Int64($0) * 10 }
        var expected: [Int64] = []
        for version in versions {
            await offer(1, version, of: stream)
            expected.append(version)
            let surplus = SnapshotThinning.surplus(of: expected)
            expected.removeAll { surplus.contains($0) }
        }
        var kept: [Int64] = []
        var next = Int64.max
        while let snapshot = try await snapshots.newest(
            of: stream, notAfter: next, recordedBy: nil, stateVersion: 1)
        {
            kept.append(snapshot.version)
            next = snapshot.version - 1
        }
        #expect(kept == expected.reversed() && kept.count < 15)
    }

    func folds() async throws {
        let directory = Directory<Tally>(store: store, snapshots: snapshots)
        let id = StreamName.fresh("tally").id
        for number in 1...80 {
            let commands = (0..<number % 7 + 1).map { CommandEnvelope<Tally.Command>.add($0 * number + 1) }
            _ = await directory.send([(id, commands)])
            if number % 10 == 0 { await settle() }
        }
        let events = try await store.readStream(StreamName(category: "tally", id: id), from: 1, limit: 10_000)
        #expect(events.count > 300)
        var memory = AggregateMemory<Tally>()
        for (index, event) in events.enumerated() {
            try memory.fold(event)
            if index % 11 == 0 || index > events.count - 3 {
                #expect(try await directory.recall(id, at: .version(event.version)) == .stood(memory))
                let end = (events.indices.contains(index + 1) ? events[index + 1].position : event.position + 2) - 1
                for position in [event.position, end] {
                    #expect(try await directory.recall(id, at: .position(position)) == .stood(memory))
                }
            }
            let next = events.indices.contains(index + 1) ? events[index + 1].recordedTime : nil
            guard next != event.recordedTime else { continue }
            #expect(try await directory.recall(id, at: .recorded(event.recordedTime)) == .stood(memory))
            if let next {
                let before = Timestamp(microseconds: next.microseconds - 1)
                #expect(try await directory.recall(id, at: .recorded(before)) == .stood(memory))
            }
        }
    }

    func outside() async throws {
        let directory = Directory<Tally>(store: store, snapshots: snapshots)
        let (id, nobody) = (StreamName.fresh("tally").id, StreamName.fresh("tally").id)
        for _ in 0..<130 { try await directory.send(.add(1), to: id) }
        await settle()
        let first = try await store.readStream(StreamName(category: "tally", id: id), from: 1, limit: 1)[0]
        let before = Timestamp(microseconds: first.recordedTime.microseconds - 1)
        for point in [.version(0), .version(.min), .recorded(before), .position(first.position - 1)] as [PointInTime] {
            #expect(try await directory.recall(id, at: point) == .nothingYet)
        }
        for point in [.version(1), .recorded(Timestamp(microseconds: .max / 2)), .position(.max)] as [PointInTime] {
            #expect(try await directory.recall(nobody, at: point) == .nothingYet)
        }
        let head = try await directory.recall(id)
        for version in [131, 10_000, .max] as [Int64] {
            #expect(try await directory.recall(id, at: .version(version)) == .notReached(head: head))
        }
        #expect(try await directory.recall(id, at: .recorded(Timestamp(microseconds: .max / 2))) == .stood(head))
        #expect(try await directory.recall(id, at: .position(.max)) == .stood(head))
    }

    func damaged() async throws {
        let directory = Directory<Tally>(store: store, snapshots: snapshots)
        let id = StreamName.fresh("tally").id
        let stream = StreamName(category: "tally", id: id)
        for _ in 0..<5 {
            _ = await directory.send([(id, (0..<100).map { _ in .add(1) })])
            await settle()
        }
        var broken = try #require(try await snapshots.latest(of: stream))
        broken.data = [0xFF]
        let damaged = broken
        snapshots.offer(stream, version: damaged.version) { damaged }
        await settle()
        let counting = CountingStore(store)
        let reader = Directory<Tally>(store: counting, snapshots: snapshots)
        guard case .stood(let memory) = try await reader.recall(id, at: .version(500)) else {
            Issue.record("version 500 was not found")
            return
        }
        #expect(memory.state.sum == 500 && counting.reads.events == 100)
    }

    func middle() async throws {
        let writer = Directory<Tally>(store: store, snapshots: snapshots)
        let id = StreamName.fresh("tally").id
        for _ in 0..<100 {
            _ = await writer.send([(id, (0..<100).map { _ in .add(1) })])
            await settle()
        }
        let stream = StreamName(category: "tally", id: id)
        for version in [1, 4_999, 5_000, 5_001, 9_050, 9_999] as [Int64] {
            let counting = CountingStore(store)
            let reader = Directory<Tally>(store: counting, snapshots: snapshots)
            guard case .stood(let memory) = try await reader.recall(id, at: .version(version)) else {
                Issue.record("version \(version) was not found")
                continue
            }
            #expect(memory.state.sum == Int(version))
            let nearest = try await snapshots.newest(
                of: stream, notAfter: version, recordedBy: nil, stateVersion: 1)?.version
            let distance = version - (nearest ?? 0)
            #expect(counting.reads.events == Int(distance))
            // Or as far as it was between two snapshots when they were offered: with 4,096 commands remembered, a
            // snapshot is worth some 430 events, and these come by the hundred.
            #expect(
                distance <= min(SnapshotThinning.longestStretch, max(500, (10_000 - version) / 2)), "version \(version)"
            )
        }
    }

    func position() async throws {
        let writer = Directory<Tally>(store: store, snapshots: snapshots)
        let id = StreamName.fresh("tally").id
        for _ in 0..<60 {
            _ = await writer.send([(id, (0..<100).map { _ in .add(1) })])
            await settle()
        }
        let stream = StreamName(category: "tally", id: id)
        for version in [150, 3_000, 5_950] as [Int64] {
            let event = try #require(try await store.readStream(stream, from: version, limit: 1).first)
            let looking = CountingSnapshots(snapshots)
            let reader = Directory<Tally>(store: store, snapshots: looking)
            guard case .stood(let memory) = try await reader.recall(id, at: .position(event.position)) else {
                Issue.record("version \(version) was not found")
                continue
            }
            #expect(memory.state.sum == Int(version))
            // Events that were recorded together may be on both sides of it.
            #expect(looking.searches <= 2, "version \(version)")
        }
    }

    func undisturbed() async throws {
        let directory = Directory<Tally>(store: store, snapshots: snapshots)
        let id = StreamName.fresh("tally").id
        _ = await Directory<Tally>(store: store, snapshots: snapshots).send([(id, [.add(1), .add(2), .add(3)])])
        guard case .stood(let memory) = try await directory.recall(id, at: .version(2)) else {
            Issue.record("version 2 was not found")
            return
        }
        #expect(memory.state.sum == 3)
        #expect(await directory.count == 0)
        try await directory.send(.add(1), to: id)
        _ = try await directory.recall(id, at: .version(1))
        #expect(try await directory.recall(id).state.sum == 7)
    }

    /// A snapshot's instant in these tests: so many seconds after the beginning as its version says.
    private static func time(of version: Int64) -> Timestamp {
        Timestamp(microseconds: 1_795_000_000_000_000 + version * 1_000_000)
    }

    private func memory(_ sum: Int, _ version: Int64) -> AggregateMemory<Tally> {
        var recent = RecentCommands()
        recent.note(
            UUID128(high: 1, low: UInt64(version)), version: version, position: version,
            recordedTime: Self.time(of: version))
        return AggregateMemory(
            state: Tally.State(sum: sum), version: version, position: version, recentCommands: recent)
    }

    private func offer(_ sum: Int, _ version: Int64, of stream: StreamName) async {
        let memory = memory(sum, version)
        snapshots.offer(stream, version: version) { try memory.snapshot(of: stream) }
        await settle()
    }
}

@Suite struct `The past in memory` {
    @Test(arguments: PastContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(PastContract.clauses.first { $0.0 == clause }?.1)
        try await body(PastContract(store: InMemoryEventStore(), snapshots: InMemorySnapshotStore()) {})
    }
}

@Suite struct `The past in Postgres` {
    @Test(arguments: PastContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(PastContract.clauses.first { $0.0 == clause }?.1)
        try await PostgresLog.with { log in
            // One that nobody runs, so that it writes when told.
            let snapshots = PostgresSnapshotStore(pool: log.pool, logger: .init(label: "test"))
            try await body(PastContract(store: log.store, snapshots: snapshots) { await snapshots.writeAll() })
        }
    }
}
