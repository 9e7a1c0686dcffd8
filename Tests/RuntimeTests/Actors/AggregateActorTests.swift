import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

@Suite struct `An aggregate's actor` {
    let store = InterposedStore()
    let snapshots = InMemorySnapshotStore()

    func directory(mailbox: Int = 4_096) -> Directory<Tally> {
        Directory(store: store, snapshots: snapshots, mailboxCapacity: mailbox)
    }

    @Test func `adopts state only after the log has said yes`() async throws {
        let directory = directory()
        try await directory.send(.add(1), to: "a")
        store.intercept { _ throws(EventStoreError) in throw .unavailable(reason: "down") }
        await #expect(throws: DispatchError<Tally.Rejection>.unavailable(reason: "event store unavailable: down")) {
            try await directory.send(.add(10), to: "a")
        }
        store.intercept(nil)
        #expect(try await directory.recall("a").state.sum == 1)
        #expect(try await directory.send(.add(1), to: "a").version == 2)
        #expect(try await store.foldedSum(of: "a") == 2)
    }

    @Test func `refuses nothing because of what it remembers if another server has written since`() async throws {
        let (here, there) = (directory(), directory())
        await #expect(throws: DispatchError<Tally.Rejection>.rejected(.negative)) {
            try await here.send(.add(-1), to: "a")
        }
        try await there.send(.add(5), to: "a")
        #expect(try await here.send(.add(-3), to: "a").version == 2)
        try await there.send(.add(1), to: "a")
        // If-Match of one who has seen what the other server wrote.
        #expect(try await here.send(.add(1, expectedVersion: 3), to: "a").version == 4)
        try await there.send(.add(1), to: "a")
        #expect(try await here.send(.add(0), to: "a").version == 5)
        #expect(try await store.foldedSum(of: "a") == 5)
    }

    @Test func `refuses nothing among many because of what it remembers if another server has written since`()
        async throws
    {
        let (here, there) = (directory(), directory())
        let refused = await here.send([(id: "a", envelopes: [.add(-1)]), (id: "b", envelopes: [.add(-1)])])
        #expect(refused.flatMap { $0 } == [.failure(.rejected(.negative)), .failure(.rejected(.negative))])
        try await there.send(.add(5), to: "a")
        let answers = await here.send([(id: "a", envelopes: [.add(-3)]), (id: "b", envelopes: [.add(-1)])])
        #expect(try answers[0][0].get().version == 2)
        #expect(answers[1] == [.failure(.rejected(.negative))])
    }

    @Test func `answers a repeated command as the first time and stores nothing`() async throws {
        let directory = directory()
        let command = CommandEnvelope<Tally.Command>.add(3)
        let first = try await directory.send(command, to: "a")
        try await directory.send(.add(1), to: "a")
        let second = try await directory.send(command, to: "a")
        #expect(second.effect == .duplicate)
        #expect(second.position == first.position)
        #expect(second.version == first.version)
        #expect(try await store.foldedSum(of: "a") == 4)
    }

    @Test func `recognises a repeated command after a restart and within one batch`() async throws {
        let command = CommandEnvelope<Tally.Command>.add(3)
        let together = await directory().send([(id: "a", envelopes: [command, command])])
        #expect(try together[0].map { try $0.get().effect } == [.recorded, .duplicate])
        #expect(try await directory().send(command, to: "a").effect == .duplicate)
        #expect(try await store.foldedSum(of: "a") == 3)
    }

    @Test func `recognises a command under an earlier id`() async throws {
        let directory = directory()
        let first = CommandEnvelope<Tally.Command>.add(3)
        try await directory.send(first, to: "a")
        let again = CommandEnvelope<Tally.Command>.add(3, earlierIDs: [.v7(), first.id])
        #expect(try await directory.send(again, to: "a").effect == .duplicate)
    }

    @Test func `takes everything that waits into one append`() async throws {
        let directory = directory()
        let gate = Gate()
        store.intercept { _ throws(EventStoreError) in await gate.pass() }
        async let first = directory.send(.add(1), to: "a")
        await gate.someoneWaits()
        let others = Task {
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask { (try? await directory.send(.add(1), to: "a")) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
        }
        // The mailbox takes them while the first append is held; when it opens, few turns are left to do.
        while await directory.waiting(for: "a") < 50 { await Task.yield() }
        await gate.open()
        #expect(try await first.version == 1)
        #expect(await others.value == 50)
        #expect(store.appends.count == 2)
        #expect(try await store.foldedSum(of: "a") == 51)
    }

    @Test func `refuses what its mailbox cannot hold`() async throws {
        let directory = directory(mailbox: 2)
        let gate = Gate()
        store.intercept { _ throws(EventStoreError) in await gate.pass() }
        async let first = directory.send(.add(1), to: "a")
        await gate.someoneWaits()
        async let second = directory.send([(id: "a", envelopes: [.add(1), .add(1)])])
        while await directory.waiting(for: "a") < 2 { await Task.yield() }
        await #expect(throws: DispatchError<Tally.Rejection>.overloaded) {
            try await directory.send(.add(1), to: "a")
        }
        await gate.open()
        _ = try await first
        #expect(try await second[0].map { try $0.get().version } == [2, 3])
    }

    @Test func `reloads and decides again when another server was faster`() async throws {
        let directory = directory()
        try await directory.send(.add(1), to: "a")
        let inner = store.inner
        let once = Mutex(true)
        store.intercept { _ throws(EventStoreError) in
            guard
                once.withLock({ first in
                    defer { first = false }
                    return first
                })
            else { return }
            _ = try await inner.append(
                Append([
                    StreamChange(
                        StreamName(category: "tally", id: "a"), expecting: 1,
                        events: [.added(-1)])
                ]))
        }
        // Decided upon 1 the command would pass; upon 0, which the other server left, it must not.
        await #expect(throws: DispatchError<Tally.Rejection>.rejected(.negative)) {
            try await directory.send(.add(-1), to: "a")
        }
        #expect(try await store.foldedSum(of: "a") == 0)
    }

    @Test func `gives up after a counted number of conflicts`() async throws {
        let directory = directory()
        let inner = store.inner
        store.intercept { append throws(EventStoreError) in
            guard let change = append.changes.first else { return }
            _ = try await inner.append(
                Append([StreamChange(change.stream, expecting: change.expectedVersion, events: [.added(1)])]))
        }
        await #expect(throws: DispatchError<Tally.Rejection>.contended) {
            try await directory.send(.add(1), to: "a")
        }
    }

    @Test func `answers a command behind a moved fence and stores the others`() async throws {
        let directory = directory()
        let lease = StreamName(category: "lease", id: "x")
        _ = try await store.inner.append(Append([StreamChange(lease, expecting: 0, events: .samples(2))]))
        let results = await directory.send([
            (
                id: "a",
                envelopes: [
                    .add(1), .add(10, fence: StreamVersion(lease, at: 1)),
                    .add(100, fence: StreamVersion(lease, at: 2)),
                ]
            )
        ])
        #expect(results[0][1] == .failure(.fenced))
        #expect(try results[0][0].get().version == 1)
        #expect(try results[0][2].get().version == 2)
        #expect(try await store.foldedSum(of: "a") == 101)
    }

    @Test func `refuses a command that expects another version`() async throws {
        let directory = directory()
        try await directory.send(.add(1), to: "a")
        await #expect(throws: DispatchError<Tally.Rejection>.stale(version: 1)) {
            try await directory.send(.add(1, expectedVersion: 0), to: "a")
        }
        #expect(try await directory.send(.add(1, expectedVersion: 1), to: "a").version == 2)
    }

    @Test func `answers a poison command alone`() async throws {
        let directory = directory()
        let poison = CommandEnvelope<Tally.Command>(id: .v7(), .addNotANumber, context: .test)
        let results = await directory.send([(id: "a", envelopes: [.add(1), poison, .add(1)])])
        guard case .failure(.invalid) = results[0][1] else {
            Issue.record("the poison command was not refused as invalid")
            return
        }
        #expect(try results[0][2].get().version == 2)
        #expect(try await store.foldedSum(of: "a") == 2)
    }

    @Test func `goes to sleep when unused and wakes with the same state`() async throws {
        let directory = directory()
        for _ in 0..<60 { try await directory.send(.add(1), to: "a") }
        await directory.passivateAll()
        #expect(await directory.count == 0)
        #expect(try await snapshots.latest(of: StreamName(category: "tally", id: "a"))?.version == 60)
        #expect(try await directory.send(.add(1), to: "a").version == 61)
        #expect(try await directory.recall("a").state.sum == 61)
    }

    @Test func `never loses a command to its going to sleep`() async throws {
        let directory = directory()
        let sweeper = Task {
            while !Task.isCancelled {
                await directory.passivateAll()
                await Task.yield()
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { for _ in 0..<200 { _ = try? await directory.send(.add(1), to: "a") } }
            }
        }
        sweeper.cancel()
        #expect(try await store.foldedSum(of: "a") == 800)
        #expect(try await directory.recall("a").state.sum == 800)
    }

    @Test func `lets go whoever is cancelled, though the log has not answered`() async throws {
        let directory = directory()
        let gate = Gate()
        store.intercept { _ in await gate.pass() }
        let sender = Task { await directory.send([("a", [.add(1), .add(2)]), ("b", [.add(3)])]) }
        await gate.someoneWaits()
        sender.cancel()
        let results = await sender.value
        #expect(results.map(\.count) == [2, 1])
        for result in results.joined() {
            #expect(throws: DispatchError<Tally.Rejection>.unavailable(reason: "no longer waited for")) {
                try result.get()
            }
        }
        store.intercept(nil)
        await gate.open()
        #expect(try await directory.send(.add(4), to: "a").version == 3, "what was sent is stored all the same")
    }

    @Test func `reports a stream that this program cannot read and leaves others alone`() async throws {
        let directory = directory()
        var event = NewEvent.added(1)
        event.type = "FromTheFuture"
        _ = try await store.inner.append(
            Append([StreamChange(StreamName(category: "tally", id: "bad"), expecting: 0, events: [event])]))
        do {
            try await directory.send(.add(1), to: "bad")
            Issue.record("the unreadable stream was accepted")
        } catch {
            guard case .broken = error else {
                Issue.record("expected broken, got \(error)")
                return
            }
        }
        #expect(try await directory.send(.add(1), to: "good").version == 1)
    }
}

extension NewEvent {
    static func added(_ amount: Int) -> NewEvent {
        var event = sample(data: Array(#"{"amount":\#(amount)}"#.utf8))
        event.type = "Added"
        return event
    }
}
