import Logging
import Support
import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// What holds for commands whose acceptance is remembered; run in memory and over Postgres.
struct IdempotencyContract {
    let store: any EventStore
    let snapshots: any SnapshotStore

    static let clauses: [(String, @Sendable (IdempotencyContract) async throws -> Void)] = [
        ("a command without events is answered as the first time after a restart", { try await $0.withoutEvents() }),
        ("a command is remembered beyond the stream's recent ones", { try await $0.beyondRecentOnes() }),
        ("a command that another server accepted is not decided again", { try await $0.otherServer() }),
        ("an id is refused for a command that says something else", { try await $0.reused() }),
        ("a refusal is not remembered", { try await $0.refusal() }),
        ("concurrent deliveries to several servers are accepted once", { try await $0.race() }),
        ("what others sent with a command is stored with it", { try await $0.mixed() }),
        ("a command without a fingerprint leaves no row", { try await $0.hotPath() }),
    ]

    func withoutEvents() async throws {
        let id = StreamName.fresh("tally").id
        try await directory().send(.add(5), to: id)
        let nothing = CommandEnvelope<Tally.Command>.keyed(0)
        let first = try await directory().send(nothing, to: id)
        #expect(first.effect == .unchanged && first.version == 1)
        try await directory().send(.add(5), to: id)
        for directory in [directory(), directory()] {
            let again = try await directory.send(nothing, to: id)
            #expect(again.effect == .duplicate)
            #expect(again.version == first.version && again.position == first.position)
        }
        let early = CommandEnvelope<Tally.Command>.keyed(0)
        let fresh = StreamName.fresh("tally").id
        #expect(try await directory().send(early, to: fresh).version == 0)
        try await directory().send(.add(1), to: fresh)
        let again = try await directory().send(early, to: fresh)
        #expect(again.effect == .duplicate && again.version == 0 && again.position == 0)
    }

    func beyondRecentOnes() async throws {
        let id = StreamName.fresh("tally").id
        let directory = directory()
        let first = try await directory.send(.keyed(1, id: .one), to: id)
        _ = await directory.send([(id, (0..<5_000).map { _ in .add(1) })])
        let again = try await directory.send(.keyed(1, id: .one), to: id)
        #expect(again.effect == .duplicate && again.version == first.version && again.position == first.position)
        #expect(try await store.foldedSum(of: id) == 5_001)
    }

    func otherServer() async throws {
        let id = StreamName.fresh("tally").id
        let (one, other) = (directory(), directory())
        try await one.send(.add(1), to: id)
        try await other.send(.add(1), to: id)
        // Both are awake; the one does not know yet what the other has stored, nor the other what the one accepts.
        let command = CommandEnvelope<Tally.Command>.keyed(0)
        let first = try await one.send(command, to: id)
        #expect(first.effect == .unchanged && first.version == 2)
        try await other.send(.add(1), to: id)
        let again = try await other.send(command, to: id)
        #expect(again.effect == .duplicate && again.version == 2 && again.position == first.position)
    }

    func reused() async throws {
        let id = StreamName.fresh("tally").id
        let directory = directory()
        try await directory.send(.keyed(1, id: .one), to: id)
        for server in [directory, self.directory()] {
            await #expect(throws: DispatchError<Tally.Rejection>.reused) {
                try await server.send(.keyed(2, id: .one), to: id)
            }
        }
        let together = await directory.send([(id, [.keyed(3, id: .two), .keyed(4, id: .two), .keyed(3, id: .two)])])
        #expect(try together[0][0].get().effect == .recorded)
        #expect(together[0][1] == .failure(.reused))
        #expect(try together[0][2].get().effect == .duplicate)
        #expect(try await store.foldedSum(of: id) == 4)
    }

    func refusal() async throws {
        let id = StreamName.fresh("tally").id
        let directory = directory()
        let command = CommandEnvelope<Tally.Command>.keyed(-1)
        for _ in 1...2 {
            await #expect(throws: DispatchError<Tally.Rejection>.rejected(.negative)) {
                try await directory.send(command, to: id)
            }
        }
        #expect(try await store.acceptances(of: [command.id]).isEmpty)
        try await directory.send(.add(1), to: id)
        #expect(try await directory.send(command, to: id).effect == .recorded)
    }

    func race() async throws {
        let directories = (0..<4).map { _ in directory() }
        for round in 0..<20 {
            let id = StreamName.fresh("tally").id
            for server in directories { try await server.send(.add(1), to: id) }
            // Every other one leaves no events.
            let command = CommandEnvelope<Tally.Command>.keyed(round % 2)
            let receipts = try await withThrowingTaskGroup(of: CommandReceipt.self) { group in
                for server in directories + directories { group.addTask { try await server.send(command, to: id) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(receipts.count { $0.effect != .duplicate } == 1)
            #expect(Set(receipts.map(\.version)).count == 1 && Set(receipts.map(\.position)).count == 1)
            #expect(try await store.foldedSum(of: id) == 4 + round % 2)
            #expect(try await store.acceptances(of: [command.id]).count == 1)
        }
    }

    func mixed() async throws {
        let id = StreamName.fresh("tally").id
        let directory = directory()
        let (nothing, something) = (CommandEnvelope<Tally.Command>.keyed(0), CommandEnvelope<Tally.Command>.keyed(7))
        let results = await directory.send([(id, [.add(1), nothing, .add(2), something, nothing, .add(0)])])
        let receipts = try results[0].map { try $0.get() }
        #expect(
            receipts.map(\.effect) == [.recorded, .unchanged, .recorded, .recorded, .duplicate, .unchanged])
        #expect(receipts.map(\.version) == [1, 1, 2, 3, 1, 3])
        let stored = try await store.acceptances(of: [nothing.id, something.id])
        #expect(Set(stored.map(\.version)) == [1, 3])
        #expect(Set(stored.map(\.position)) == [receipts[0].position, receipts[3].position])
        #expect(try await self.directory().send(nothing, to: id).version == 1)
    }

    func hotPath() async throws {
        let id = StreamName.fresh("tally").id
        let head = try await store.head().position
        let (nothing, something) = (CommandEnvelope<Tally.Command>.add(0), CommandEnvelope<Tally.Command>.add(1))
        _ = await directory().send([(id, [nothing, something, nothing])])
        #expect(try await store.acceptances(of: [nothing.id, something.id]).isEmpty)
        #expect(try await store.head().position == head + 1)
    }

    func directory() -> Directory<Tally> { Directory(store: store, snapshots: snapshots) }
}

extension CommandEnvelope<Tally.Command> {
    /// An addition that is remembered, with what it says as its fingerprint.
    static func keyed(_ amount: Int, id: UUID128 = .v7()) -> CommandEnvelope {
        CommandEnvelope(
            id: id, .add(amount), context: .test,
            fingerprint: UUID128(high: 0, low: UInt64(bitPattern: Int64(amount))))
    }
}

extension UUID128 {
    fileprivate static let one = UUID128(high: 7, low: 1)
    fileprivate static let two = UUID128(high: 7, low: 2)
}

@Suite(.timeLimit(.minutes(2))) struct `A command that may be sent again, in memory` {
    @Test(arguments: IdempotencyContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(IdempotencyContract.clauses.first { $0.0 == clause }?.1)
        try await body(IdempotencyContract(store: InMemoryEventStore(), snapshots: InMemorySnapshotStore()))
    }

    @Test func `asks the log about nothing but commands with a fingerprint`() async throws {
        let counting = CountingStore(InMemoryEventStore())
        let directory = Directory<Tally>(store: counting, snapshots: InMemorySnapshotStore())
        try await directory.send(.add(1), to: "a")
        _ = await directory.send((0..<300).map { ("\($0)", [.add(1), .add(0)]) })
        #expect(counting.questions == 0)
        _ = await directory.send([("a", [.add(1), .keyed(1), .keyed(2)])])
        #expect(counting.questions == 1)
    }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A command that may be sent again, over Postgres` {
    @Test(arguments: IdempotencyContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(IdempotencyContract.clauses.first { $0.0 == clause }?.1)
        try await PostgresLog.with { log in
            try await body(IdempotencyContract(store: log.store, snapshots: log.snapshots))
        }
    }

    @Test func `is forgotten after the window, some rows at a time`() async throws {
        try await PostgresLog.with { log in
            let directory = Directory<Tally>(store: log.store, snapshots: log.snapshots)
            let commands = (0..<2_500).map { _ in CommandEnvelope<Tally.Command>.keyed(0) }
            _ = await directory.send([("a", commands)])
            try await directory.send(.keyed(1), to: "a")
            let age = Statement.unprepared(
                "age",
                "update accepted_commands set recorded_time = recorded_time - interval '2 hours' where version = 0",
                effect: .writes)
            let url = try DatabaseURL(log.database.superuserURL)
            let owner = try await PostgresConnection.connect(to: url, on: log.thread, logger: Logger(label: "test"))
            _ = try await owner.query(age())
            await owner.close()
            func purge(_ window: Duration) -> AcceptancePurge {
                AcceptancePurge(pool: log.pool, window: window, logger: Logger(label: "test"))
            }
            #expect(try await purge(.seconds(10_000)).round() == 0)
            #expect(try await purge(.seconds(3_600)).round() == 2_500)
            #expect(try await log.store.acceptances(of: commands.map(\.id)).isEmpty)
            #expect(try await directory.send(commands[0], to: "a").effect == .unchanged)
        }
    }
}

@Suite struct `Any list of commands` {
    /// A command as a client knows it; the same number is the same command.
    private struct Sent {
        var number: Int
        var amount: Int
        var target: Int

        var envelope: CommandEnvelope<Tally.Command> {
            .keyed(amount, id: UUID128(high: 9, low: UInt64(number)))
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `delivered again and again, across restarts, servers and a log that fails, has the effect of once`(
        _ seed: UInt64
    ) async throws {
        var random = SeededRandom(seed: seed)
        let store = InterposedStore()
        let losses = Mutex(SeededRandom(seed: seed &+ 1_000))
        store.intercept { _ throws(EventStoreError) in
            if losses.withLock({ Int.random(in: 0..<6, using: &$0) }) == 0 { throw .unavailable(reason: "lost") }
        }
        store.loseAnswers { losses.withLock { Int.random(in: 0..<6, using: &$0) } == 0 }
        let snapshots = InMemorySnapshotStore()
        func start() -> Directory<Tally> { Directory(store: store, snapshots: snapshots) }
        var servers = [start(), start()]
        var first: [Int: CommandReceipt] = [:]
        var sums = [0, 0, 0]
        let commands = (0..<60).map { number in
            Sent(number: number, amount: Int.random(in: 0...3, using: &random), target: number % 3)
        }
        var waiting = commands.indices.map { [$0] }
        while !waiting.isEmpty {
            if Int.random(in: 0..<10, using: &random) == 0 { servers = [start(), start()] }
            // One that is new, and some that were delivered before or come together with it.
            var batch = waiting.removeFirst()
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                batch.append(Int.random(in: 0...batch[0], using: &random))
            }
            let server = servers[Int.random(in: 0...1, using: &random)]
            for index in batch {
                let sent = commands[index]
                do {
                    let receipt = try await server.send(sent.envelope, to: "\(sent.target)")
                    if let known = first[index] {
                        #expect(receipt.effect == .duplicate)
                        #expect(receipt.version == known.version && receipt.position == known.position)
                    } else {
                        first[index] = receipt
                        sums[sent.target] += sent.amount
                    }
                } catch {
                    guard case .unavailable = error else { throw error }
                    waiting.append([index])
                }
            }
        }
        #expect(first.count == commands.count)
        for target in 0..<3 { #expect(try await store.inner.foldedSum(of: "\(target)") == sums[target]) }
    }
}
