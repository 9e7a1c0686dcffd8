import Logging
import Support
import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

@Suite struct `The supervision of an actor` {
    private let start = ContinuousClock.now
    private let policy = SupervisionPolicy()
    private let poison = Supervision.Failure.unreadable(reason: "poison")

    @Test(arguments: 0..<20) func `restarts with growing pauses and isolates after a counted number`(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var ward = Supervision()
        var now = start
        for attempt in 1..<policy.attempts {
            ward.fail(poison, at: now, by: policy, using: &random)
            guard case .restarting(let after, attempt) = ward.standing else {
                Issue.record("attempt \(attempt): \(ward.standing)")
                return
            }
            let ceiling = min(policy.limit, policy.first * (1 << (attempt - 1)))
            #expect(after >= now + ceiling / 2 && after <= now + ceiling)
            #expect(!ward.admits(at: after - .nanoseconds(1)) && ward.admits(at: after))
            now = after
        }
        ward.fail(poison, at: now, by: policy, using: &random)
        guard case .isolated(now, let retry) = ward.standing else {
            Issue.record("\(ward.standing)")
            return
        }
        #expect(retry >= now + policy.pause / 2 && retry <= now + policy.pause)
        // Failing again, much later, it has been isolated since the same time.
        ward.fail(poison, at: now + .seconds(500), by: policy, using: &random)
        guard case .isolated(now, let next) = ward.standing else {
            Issue.record("\(ward.standing)")
            return
        }
        #expect(next > now + .seconds(500))
    }

    @Test func `never isolates what others keep changing`() {
        var random = SeededRandom(seed: 1)
        var ward = Supervision()
        for number in 0..<100 {
            ward.fail(.contended, at: start + .seconds(100 * number), by: policy, using: &random)
            #expect(!ward.isIsolated)
            #expect(ward.admits(at: start + .seconds(100 * number) + policy.limit))
        }
    }

    @Test func `lets an operator ask at once`() {
        var random = SeededRandom(seed: 2)
        var ward = Supervision()
        for _ in 0..<policy.attempts { ward.fail(poison, at: start, by: policy, using: &random) }
        #expect(ward.isIsolated && !ward.admits(at: start + .seconds(1)))
        ward.demand(at: start + .seconds(1))
        #expect(ward.isIsolated && ward.admits(at: start + .seconds(1)))
    }
}

@Suite struct `A poisoned stream` {
    private let clock = ManualClock()
    private let store = PoisonableStore()

    private func directory() -> Directory<Tally> {
        Directory(
            store: store, snapshots: InMemorySnapshotStore(), passivation: Passivation(now: { [clock] in clock.now }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Sends commands until the stream is isolated.
    private func isolate(_ id: String, in directory: Directory<Tally>) async {
        for _ in 0..<5 {
            _ = await directory.send([(id, [.add(1)])])
            clock.advance(by: .seconds(10))
        }
    }

    @Test func `costs a thousand healthy ones of the same round nothing`() async throws {
        let ids = (0..<1_001).map { "\($0)" }
        _ = await directory().send(ids.map { ($0, [.add(1)]) })
        store.poison("500")
        let directory = directory()
        for round in 2...10 {
            let results = await directory.send(ids.map { ($0, [.add(1)]) })
            for (id, result) in zip(ids, results) where id != "500" {
                #expect(try result[0].get().version == Int64(round))
            }
            guard case .failure(.broken) = results[500][0] else {
                Issue.record("\(results[500])")
                return
            }
            clock.advance(by: .seconds(10))
        }
        #expect(directory.isolatedStreams(at: .now()).map(\.stream.id) == ["500"])
        #expect(directory.isolatedStreams(at: .now()).first?.reason.contains("damaged") == true)
    }

    @Test func `is not read again for everybody who asks`() async throws {
        let directory = directory()
        try await directory.send(.add(1), to: "good")
        store.poison("bad")
        await isolate("bad", in: directory)
        let reads = store.reads
        for _ in 0..<100 {
            _ = await directory.send([("bad", [.add(1)])])
            _ = try? await directory.recall("bad")
        }
        #expect(store.reads == reads)
    }

    @Test func `heals by itself when the cause is gone`() async throws {
        try await directory().send(.add(3), to: "a")
        store.poison("a")
        let directory = directory()
        await isolate("a", in: directory)
        #expect(directory.isolatedStreams(at: .now()).count == 1)
        store.heal()
        await directory.restartDue()
        #expect(directory.isolatedStreams(at: .now()).count == 1)
        clock.advance(by: .seconds(60))
        await directory.restartDue()
        #expect(directory.isolatedStreams(at: .now()).isEmpty)
        #expect(try await directory.send(.add(1), to: "a").version == 2)
    }

    @Test func `is tried again when an operator asks`() async throws {
        try await directory().send(.add(3), to: "a")
        store.poison("a")
        let directory = directory()
        await isolate("a", in: directory)
        #expect(await directory.restart("a"))
        #expect(directory.isolatedStreams(at: .now()).count == 1)
        store.heal()
        #expect(await directory.restart("a"))
        #expect(directory.isolatedStreams(at: .now()).isEmpty)
        #expect(await !directory.restart("a"))
    }

    @Test func `is read by a newer program while an older one has it isolated`() async throws {
        var event = NewEvent.added(1)
        event.type = "Doubled"
        let stream = StreamName(category: "tally", id: "a")
        _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: [.added(4), event])]))
        let older = directory()
        await isolate("a", in: older)
        #expect(older.isolatedStreams(at: .now()).first?.reason.contains("position 2") == true)
        let newer = Directory<NewerTally>(store: store, snapshots: InMemorySnapshotStore())
        #expect(try await newer.recall("a").state.sum == 8)
    }

    @Test func `is not what an outage of the log makes of all streams`() async throws {
        let directory = directory()
        store.fail(with: .unavailable(reason: "down"))
        for _ in 0..<10 {
            guard case .failure(.unavailable) = await directory.send([("a", [.add(1)])])[0][0] else {
                Issue.record("not unavailable")
                return
            }
        }
        store.heal()
        #expect(directory.isolatedStreams(at: .now()).isEmpty)
        #expect(try await directory.send(.add(1), to: "a").version == 1)
    }
}

/// The same aggregate in a program that knows one more event.
private enum NewerTally: Decider {
    enum Event: Sendable, Equatable {
        case added(Tally.Added)
        case doubled
    }

    static let category = "tally"
    static let stateVersion: Int32 = 2
    static var initial: Tally.State { Tally.State() }
    static let codec = EventCodec<Event>([
        .init("Added", wrap: Event.added) { if case .added(let fact) = $0 { fact } else { nil } },
        .init("Doubled", wrap: { (_: Tally.Added) in Event.doubled }) { _ in nil },
    ])

    static func account(of state: Tally.State) -> AccountID { .default }

    static func decide(
        _ command: Tally.Command, in state: Tally.State, context: CommandContext
    ) throws(Tally.Rejection) -> [Event] { [] }

    static func evolve(_ state: inout Tally.State, with event: Event, observedAt time: Timestamp) {
        switch event {
        case .added(let fact): state.sum += fact.amount
        case .doubled: state.sum *= 2
        }
    }
}

/// A store in memory of which one stream, or everything, cannot be read for a while.
private final class PoisonableStore: EventStore {
    private struct State {
        var poisoned: String?
        var failure: EventStoreError?
        var reads = 0
    }

    private let inner = InMemoryEventStore()
    private let state = Mutex(State())

    var signal: LogSignal { inner.signal }
    /// Of the poisoned stream.
    var reads: Int { state.withLock { $0.reads } }

    func poison(_ id: String) { state.withLock { $0.poisoned = id } }
    func fail(with error: EventStoreError) { state.withLock { $0.failure = error } }
    func heal() { state.withLock { ($0.poisoned, $0.failure) = (nil, nil) } }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome { try await inner.append(append) }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        let error = state.withLock { state -> EventStoreError? in
            if let failure = state.failure { return failure }
            guard state.poisoned == stream.id else { return nil }
            state.reads += 1
            return .corrupt(position: 7, reason: "a damaged row")
        }
        if let error { throw error }
        return try await inner.readStream(stream, from: version, after: position, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await inner.acceptances(of: commands)
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await inner.readLog(after: position, where: filter, limit: limit)
    }

    func head() async throws(EventStoreError) -> LogHead { try await inner.head() }
}
