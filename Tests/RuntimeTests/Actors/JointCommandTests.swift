import Logging
import Support
import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// The tally under another category: an aggregate of another kind.
private enum Purse: TallyVariant {
    static let category = "purse"
}

private typealias Refusal = DispatchError<Tally.Rejection>

/// A member after whose reading something happens.
private struct MovingMember: JointMember {
    let inner: Member<Tally>
    let afterReading: @Sendable () async -> Void

    var stream: StreamName { inner.stream }

    func recall() async throws(EventStoreError) -> any JointMemberTurn {
        let turn = try await inner.recall()
        await afterReading()
        return turn
    }

    func note(version: Int64) async { await inner.note(version: version) }
}

extension JointCommand {
    fileprivate static func fresh(_ id: UUID128 = .v7(), saying number: UInt64 = 0) -> JointCommand {
        JointCommand(id: id, fingerprint: UUID128(high: 1, low: number), context: .test)
    }
}

/// What holds for commands to several aggregates together; run in memory and over Postgres.
struct JointContract {
    let store: any EventStore
    let snapshots: any SnapshotStore

    static let clauses: [(String, @Sendable (JointContract) async throws -> Void)] = [
        ("aggregates of two kinds change together, or not at all", { try await $0.together() }),
        ("an aggregate that is only looked at must stand still", { try await $0.held() }),
        ("a joint command is answered as the first time", { try await $0.again() }),
        ("its id is refused for another command", { try await $0.reused() }),
        ("without a change, the streams stand together as they were seen", { try await $0.none() }),
        ("actors that are awake know at once what was stored", { try await $0.actorsKnow() }),
        ("actors that are awake are not behind an answer without changes", { try await $0.actorsKnowOfOthers() }),
        ("joint and single commands to the same streams lose nothing", { try await $0.contention() }),
    ]

    func together() async throws {
        let (tallies, purses) = directories()
        let (tally, purse) = (tallies.member(fresh), purses.member(fresh))
        try await tallies.send(.add(10), to: tally.id)
        let receipt = try await joint.perform(.fresh(), with: [tally, purse]) { turn throws(Refusal) in
            try turn.send(.add(-4), to: tally)
            #expect(turn.state(of: tally).sum == 6 && turn.version(of: tally) == 1)
            try turn.send(.add(3), to: purse)
            try turn.send(.add(1), to: purse)
        }
        #expect(receipt.effect == .recorded)
        #expect(receipt.receipts[tally.stream]?.version == 2 && receipt.receipts[purse.stream]?.version == 2)
        let events = try await store.readStream(purse.stream, from: 1, limit: 10)
        #expect(receipt.receipts[purse.stream]?.position == events.last?.position && events.count == 2)
        #expect(
            receipt.receipts[tally.stream]?.position
                == (try await store.readStream(tally.stream, from: 2, limit: 1).first?.position))
        await #expect(throws: JointError<Refusal>.refused(.rejected(.negative))) {
            _ = try await joint.perform(.fresh(), with: [tally, purse]) { turn throws(Refusal) in
                try turn.send(.add(7), to: purse)
                try turn.send(.add(-7), to: tally)
            }
        }
        #expect(try await tallies.recall(tally.id).state.sum == 6)
        #expect(try await purses.recall(purse.id).state.sum == 4)
    }

    func held() async throws {
        let (tallies, purses) = directories()
        let (tally, purse) = (tallies.member(fresh), purses.member(fresh))
        try await tallies.send(.add(1), to: tally.id)
        let elsewhere = directories().0
        // Whoever is looked at moves between being read and the append, once.
        let attempts = Mutex(0)
        let moving = MovingMember(inner: tally) {
            let count = attempts.withLock { count in
                count += 1
                return count
            }
            if count == 1 { _ = try? await elsewhere.send(.add(1), to: tally.id) }
        }
        let receipt = try await joint.perform(.fresh(), with: [moving, purse]) { turn throws(Refusal) in
            try turn.send(.add(turn.state(of: tally).sum), to: purse)
        }
        #expect(attempts.withLock { $0 } == 2)
        #expect(receipt.receipts.count == 1)
        #expect(try await purses.recall(purse.id).state.sum == 2)
    }

    func again() async throws {
        let (tallies, purses) = directories()
        let (tally, purse) = (tallies.member(fresh), purses.member(fresh))
        try await tallies.send(.add(5), to: tally.id)
        let command = JointCommand.fresh()
        let calls = Mutex(0)
        func perform(_ tallies: Directory<Tally>, _ purses: Directory<Purse>) async throws -> JointReceipt {
            let (tally, purse) = (tallies.member(tally.id), purses.member(purse.id))
            return try await joint.perform(command, with: [tally, purse]) { turn throws(Refusal) in
                calls.withLock { $0 += 1 }
                try turn.send(.add(-5), to: tally)
                try turn.send(.add(0), to: purse)
            }
        }
        let first = try await perform(tallies, purses)
        try await purses.send(.add(1), to: purse.id)
        _ = await tallies.send([(tally.id, (0..<5_000).map { _ in .add(1) })])
        let (others, otherPurses) = directories()
        for (tallies, purses) in [(tallies, purses), (others, otherPurses)] {
            let second = try await perform(tallies, purses)
            #expect(second.effect == .duplicate)
            #expect(second.receipts.mapValues(\.version) == first.receipts.mapValues(\.version))
            #expect(second.receipts.mapValues(\.position) == first.receipts.mapValues(\.position))
        }
        #expect(calls.withLock { $0 } == 1)
        // Each stream has taken the command, whoever delivers it.
        let alone = CommandEnvelope<Tally.Command>(
            id: command.id, .add(3), context: .test, fingerprint: command.fingerprint)
        #expect(try await purses.send(alone, to: purse.id).effect == .duplicate)
        #expect(try await tallies.send(alone, to: tally.id).version == 2)
    }

    func reused() async throws {
        let (tallies, purses) = directories()
        let (tally, purse) = (tallies.member(fresh), purses.member(fresh))
        let id = UUID128.v7()
        for (number, amount) in [(UInt64(1), 1), (2, 2)] {
            do throws(JointError<Refusal>) {
                _ = try await joint.perform(.fresh(id, saying: number), with: [tally, purse]) {
                    turn throws(Refusal) in try turn.send(.add(amount), to: tally)
                }
                #expect(number == 1)
            } catch {
                #expect(number == 2 && error == .reused)
            }
        }
        #expect(try await tallies.recall(tally.id).state.sum == 1)
    }

    func none() async throws {
        let (tallies, purses) = directories()
        let (tally, purse) = (tallies.member(fresh), purses.member(fresh))
        try await tallies.send(.add(5), to: tally.id)
        let head = try await store.head().position
        let receipt = try await joint.perform(.fresh(), with: [tally, purse]) { turn throws(Refusal) in
            try turn.send(.add(0), to: tally)
        }
        #expect(receipt.effect == .unchanged && receipt.receipts[tally.stream]?.version == 1)
        let looked = try await joint.perform(.fresh(), with: [tally, purse]) { _ throws(Refusal) in }
        #expect(looked.effect == .unchanged && looked.receipts.isEmpty)
        #expect(try await store.head().position == head)
    }

    func actorsKnow() async throws {
        let (tallies, purses) = directories()
        for _ in 0..<20 {
            let (tally, purse) = (tallies.member(fresh), purses.member(fresh))
            try await tallies.send(.add(5), to: tally.id)
            _ = try await purses.recall(purse.id)
            _ = try await joint.perform(.fresh(), with: [tally, purse]) { turn throws(Refusal) in
                try turn.send(.add(-5), to: tally)
                try turn.send(.add(5), to: purse)
            }
            // A refusal and "nothing to do" meet no conflict that would tell them.
            await #expect(throws: Refusal.rejected(.negative)) { try await tallies.send(.add(-1), to: tally.id) }
            #expect(try await purses.send(.add(0), to: purse.id).version == 1)
            #expect(try await purses.send(.add(-5), to: purse.id).version == 2)
            #expect(try await tallies.recall(tally.id).state.sum == 0)
            let many = await tallies.send([(tally.id, [.add(0)]), (fresh, [.add(1)])])
            #expect(try many[0][0].get().version == 2)
        }
    }

    func actorsKnowOfOthers() async throws {
        let ((tallies, _), (others, _)) = (directories(), directories())
        for effect in [CommandReceipt.Effect.unchanged, .duplicate] {
            let (tally, other) = (tallies.member(fresh), tallies.member(fresh))
            let command = JointCommand.fresh()
            try await tallies.send(.add(1), to: tally.id)
            try await others.send(.add(1), to: tally.id)
            if effect == .duplicate {
                let members = [others.member(tally.id), others.member(other.id)]
                _ = try await joint.perform(command, with: members) { turn throws(Refusal) in
                    try turn.send(.add(0), to: members[0])
                }
            }
            let receipt = try await joint.perform(command, with: [tally, other]) { turn throws(Refusal) in
                try turn.send(.add(0), to: tally)
            }
            #expect(receipt.effect == effect && receipt.receipts[tally.stream]?.version == 2)
            #expect(try await tallies.recall(tally.id).version == 2)
        }
        let id = fresh
        try await tallies.send(.add(1), to: id)
        try await others.send(.add(1), to: id)
        let member = tallies.member(id)
        _ = try await joint.perform(.fresh(), with: [member]) { turn throws(Refusal) in
            try turn.send(.add(0), to: member)
        }
        #expect(try await tallies.send(.add(1, expectedVersion: 2), to: id).version == 3)
    }

    func contention() async throws {
        let servers = (0..<2).map { _ in directories() }
        let (left, right) = (fresh, fresh)
        let accepted = try await withThrowingTaskGroup(of: Int.self) { group in
            for (tallies, purses) in servers {
                group.addTask {
                    var sum = 0
                    for _ in 0..<20 {
                        do throws(JointError<Refusal>) {
                            _ = try await joint.perform(
                                .fresh(), with: [tallies.member(left), purses.member(right)]
                            ) { turn throws(Refusal) in
                                try turn.send(.add(1), to: tallies.member(left))
                                try turn.send(.add(1), to: purses.member(right))
                            }
                            sum += 1
                        } catch {
                            guard error == .contended else { throw error }
                        }
                    }
                    return sum
                }
                group.addTask {
                    var sent = 0
                    while sent < 40 {
                        do throws(Refusal) {
                            try await tallies.send(.add(1), to: left)
                            sent += 1
                        } catch {
                            guard error == .contended else { throw error }
                        }
                    }
                    return 0
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(accepted > 0)
        for (tallies, purses) in servers + [directories()] {
            #expect(try await tallies.recallLatest(left).state.sum == 80 + accepted)
            #expect(try await purses.recallLatest(right).state.sum == accepted)
        }
    }

    private var joint: JointDecisions { JointDecisions(store: store) }
    private var fresh: String { StreamName.fresh("x").id }

    private func directories() -> (Directory<Tally>, Directory<Purse>) {
        (Directory(store: store, snapshots: snapshots), Directory(store: store, snapshots: snapshots))
    }
}

@Suite(.timeLimit(.minutes(2))) struct `A command to several aggregates, in memory` {
    @Test(arguments: JointContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(JointContract.clauses.first { $0.0 == clause }?.1)
        try await body(JointContract(store: InMemoryEventStore(), snapshots: InMemorySnapshotStore()))
    }

    @Test func `is given up after a counted number of conflicts`() async throws {
        let store = InterposedStore()
        let directory = Directory<Tally>(store: store.inner, snapshots: InMemorySnapshotStore())
        let elsewhere = Directory<Tally>(store: store.inner, snapshots: InMemorySnapshotStore())
        store.intercept { _ throws(EventStoreError) in _ = try? await elsewhere.send(.add(1), to: "a") }
        let member = directory.member("a")
        await #expect(throws: JointError<Refusal>.contended) {
            _ = try await JointDecisions(store: store).perform(.fresh(), with: [member]) { turn throws(Refusal) in
                try turn.send(.add(100), to: member)
            }
        }
        #expect(store.appends.count == 16)
        #expect(try await store.inner.foldedSum(of: "a") == 16)
    }

    @Test func `does not take the turn of an actor that is about to store`() async throws {
        let store = InterposedStore()
        let directory = Directory<Tally>(store: store, snapshots: InMemorySnapshotStore())
        try await directory.send(.add(1), to: "a")
        let gate = Gate()
        store.intercept { append throws(EventStoreError) in await gate.pass() }
        async let own = directory.send(.add(-1), to: "a")
        await gate.someoneWaits()
        let member = directory.member("a")
        _ = try await JointDecisions(store: store.inner).perform(.fresh(), with: [member]) { turn throws(Refusal) in
            try turn.send(.add(-1), to: member)
        }
        // What the actor had decided upon 1 must be decided anew upon 0.
        await gate.open()
        do {
            _ = try await own
            Issue.record("decided upon a state that was no more")
        } catch {
            #expect(error as? Refusal == .rejected(.negative))
        }
        #expect(try await store.inner.foldedSum(of: "a") == 0)
    }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A command to several aggregates, over Postgres` {
    @Test(arguments: JointContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(JointContract.clauses.first { $0.0 == clause }?.1)
        try await PostgresLog.with { log in
            try await body(JointContract(store: log.store, snapshots: log.snapshots))
        }
    }
}

@Suite struct `Transfers between streams` {
    @Test(arguments: 0..<30 as Range<UInt64>)
    func `keep the sum, however they interleave and whenever the log fails`(_ seed: UInt64) async throws {
        let store = InterposedStore()
        let snapshots = InMemorySnapshotStore()
        let funded = Directory<Tally>(store: store.inner, snapshots: snapshots)
        let names = ["a", "b", "c", "d"]
        for name in names { try await funded.send(.add(20), to: name) }
        let chance = Mutex(SeededRandom(seed: seed))
        @Sendable func happens(_ once: Int) -> Bool { chance.withLock { Int.random(in: 0..<once, using: &$0) == 0 } }
        store.intercept { _ throws(EventStoreError) in
            for _ in 0..<chance.withLock({ Int.random(in: 0...3, using: &$0) }) { await Task.yield() }
            if happens(8) { throw .unavailable(reason: "killed before the commit") }
        }
        store.loseAnswers { happens(8) }
        let moved = try await withThrowingTaskGroup(of: [String: Int].self) { group in
            for worker in 0..<4 {
                group.addTask {
                    var random = SeededRandom(seed: seed &* 100 &+ UInt64(worker))
                    var moved: [String: Int] = [:]
                    var server = Directory<Tally>(store: store, snapshots: snapshots)
                    for _ in 0..<12 {
                        let pair = names.shuffled(using: &random).prefix(2)
                        let amount = Int.random(in: 0...9, using: &random)
                        let command = JointCommand.fresh(saying: UInt64(amount))
                        var isOpen = true
                        // Again until it is known what came of it, and now and then once more.
                        sending: while isOpen || Int.random(in: 0..<4, using: &random) == 0 {
                            if Int.random(in: 0..<10, using: &random) == 0 {
                                server = Directory(store: store, snapshots: snapshots)
                            }
                            let (from, to) = (server.member(pair[0]), server.member(pair[1]))
                            do throws(JointError<Refusal>) {
                                let receipt = try await JointDecisions(store: store).perform(
                                    command, with: [from, to]
                                ) { turn throws(Refusal) in
                                    try turn.send(.add(-amount), to: from)
                                    try turn.send(.add(amount), to: to)
                                }
                                #expect(receipt.receipts.count == 2 && (isOpen || receipt.effect == .duplicate))
                                if !isOpen { continue }
                                isOpen = false
                                moved[pair[0], default: 0] -= amount
                                moved[pair[1], default: 0] += amount
                            } catch {
                                switch error {
                                // Refusals are not remembered: tried again, it might be accepted.
                                case .refused(.rejected(.negative)): break sending
                                case .unavailable, .contended: continue
                                default: throw error
                                }
                            }
                        }
                    }
                    return moved
                }
            }
            return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
        var sum = 0
        for name in names {
            let balance = try await store.inner.foldedSum(of: name)
            #expect(balance == 20 + moved[name, default: 0] && balance >= 0)
            sum += balance
        }
        #expect(sum == 80)
    }
}
