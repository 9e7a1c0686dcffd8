import Metrics

/// One aggregate, awake: a mailbox handled in turns, and a memory that moves only after the log has said yes.
///
/// A turn takes everything that waits, decides in order, appends once, adopts, replies. Swift actors interleave at
/// every `await`, so `phase` says whether a turn is under way, and nothing else touches the memory meanwhile.
package actor AggregateActor<D: Decider> {
    private enum Phase { case idle, turning, retired }

    /// How often a turn is decided again after a conflict before its commands are answered as contended.
    static var attempts: Int { 16 }
    /// Events between two snapshots.
    static var snapshotInterval: Int64 { 100 }

    private let stream: StreamName
    private let store: any EventStore
    private let snapshots: any SnapshotStore
    private let nextEventID: @Sendable () -> UUID128
    private var phase = Phase.idle
    private var memory: AggregateMemory<D>?
    private var snapshotVersion: Int64 = 0
    private var mailbox: Mailbox<D>
    private var usedSinceSweep = true

    init(
        stream: StreamName, store: any EventStore, snapshots: any SnapshotStore, mailboxCapacity: Int,
        nextEventID: @escaping @Sendable () -> UUID128
    ) {
        self.stream = stream
        self.store = store
        self.snapshots = snapshots
        self.nextEventID = nextEventID
        mailbox = Mailbox(capacity: mailboxCapacity)
    }

    var waiting: Int { mailbox.count }

    /// Handles the commands in order and returns their results in the same order.
    func deliver(_ envelopes: [CommandEnvelope<D.Command>]) async -> [CommandResult<D>] {
        usedSinceSweep = true
        switch phase {
        case .retired:
            return envelopes.map { _ in .failure(.asleep) }
        case .turning:
            guard mailbox.hasRoom(for: envelopes.count) else { return envelopes.map { _ in .failure(.overloaded) } }
            return await withCheckedContinuation { reply in
                mailbox.put(.init(envelopes: envelopes, reply: reply))
            }
        case .idle:
            phase = .turning
            mailbox.put(.init(envelopes: envelopes, reply: nil))
            let own = await turn()
            if mailbox.isEmpty {
                phase = .idle
            } else {
                // The caller has its answer; those who came meanwhile are not its business, so their turns go on in a
                // task of their own.
                Task { await self.turnUntilIdle() }
            }
            return own
        }
    }

    /// The memory as of now, for reading; turns under way are not awaited.
    func recall() async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        usedSinceSweep = true
        if let memory { return memory }
        let loaded = try await load()
        // A turn may have loaded and moved on meanwhile.
        if let memory { return memory }
        if phase == .idle { memory = loaded }
        return loaded
    }

    /// Goes to sleep if nothing has been asked of it since the last sweep.
    func retireIfUnused() -> Bool {
        guard phase == .idle else { return false }
        if usedSinceSweep {
            usedSinceSweep = false
            return false
        }
        phase = .retired
        if let memory, memory.version - snapshotVersion >= Self.snapshotInterval / 4 { offerSnapshot(memory) }
        return true
    }

    private func turnUntilIdle() async {
        while !mailbox.isEmpty { _ = await turn() }
        phase = .idle
    }

    /// Performs one turn and returns the results of the delivery that has no reply of its own.
    private func turn() async -> [CommandResult<D>] {
        var own: [CommandResult<D>] = []
        let base: AggregateMemory<D>
        do {
            base = if let memory { memory } else { try await load() }
        } catch {
            for delivery in mailbox.takeAll() {
                let results = delivery.envelopes.map { _ in CommandResult<D>.failure(error) }
                if let reply = delivery.reply { reply.resume(returning: results) } else { own = results }
            }
            return own
        }
        memory = base
        let deliveries = mailbox.takeAll()
        let results = await settle(deliveries.flatMap(\.envelopes))
        var next = results.startIndex
        for delivery in deliveries {
            let end = next + delivery.envelopes.count
            if let reply = delivery.reply {
                reply.resume(returning: Array(results[next..<end]))
            } else {
                own = Array(results[next..<end])
            }
            next = end
        }
        return own
    }

    /// Decides and stores the commands; on a conflict catches up and decides again, a counted number of times.
    private func settle(_ envelopes: [CommandEnvelope<D.Command>]) async -> [CommandResult<D>] {
        for _ in 0..<Self.attempts {
            guard let base = memory else { break }
            var turn = Turn<D>(stream: stream, base: base)
            for envelope in envelopes { turn.decide(envelope, nextEventID: nextEventID) }
            guard let append = turn.append else { return turn.results(nil) }
            do throws(EventStoreError) {
                switch try await store.append(append) {
                case .accepted(let receipt):
                    let adopted = turn.adopted(receipt)
                    memory = adopted
                    if adopted.version - snapshotVersion >= Self.snapshotInterval { offerSnapshot(adopted) }
                    return turn.results(receipt)
                case .conflict(let actual):
                    if let fenced = await settleAroundFence(envelopes, moved: actual) { return fenced }
                    try await catchUp()
                }
            } catch {
                switch error {
                case .invalid(let reason, _):
                    // One poison command must not take the others of its turn with it.
                    guard envelopes.count > 1 else { return [.failure(.invalid(reason: reason))] }
                    return await settleOneByOne(envelopes)
                case .overloaded: return envelopes.map { _ in .failure(.overloaded) }
                case .corrupt(_, let reason):
                    memory = nil
                    return envelopes.map { _ in .failure(.broken(reason: reason)) }
                case .unavailable, .closed:
                    return envelopes.map { _ in .failure(.unavailable(reason: error.debugDescription)) }
                }
            }
        }
        return envelopes.map { _ in .failure(.contended) }
    }

    private func settleOneByOne(_ envelopes: [CommandEnvelope<D.Command>]) async -> [CommandResult<D>] {
        var results: [CommandResult<D>] = []
        for envelope in envelopes { results += await settle([envelope]) }
        return results
    }

    /// Answers the commands whose fence has moved and settles the others; nil if no fence has moved.
    private func settleAroundFence(
        _ envelopes: [CommandEnvelope<D.Command>], moved: [StreamVersion]
    ) async -> [CommandResult<D>]? {
        func isFenced(_ envelope: CommandEnvelope<D.Command>) -> Bool {
            guard let fence = envelope.fence else { return false }
            return moved.contains { $0.stream == fence.stream && $0.version != fence.version }
        }
        guard envelopes.contains(where: isFenced) else { return nil }
        do throws(EventStoreError) {
            try await catchUp()
        } catch {
            return envelopes.map { _ in .failure(.unavailable(reason: error.debugDescription)) }
        }
        var others = await settle(envelopes.filter { !isFenced($0) })
        return envelopes.map { isFenced($0) ? .failure(.fenced) : others.removeFirst() }
    }

    private func load() async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        do throws(EventStoreError) {
            let snapshot = try await snapshots.latest(of: stream)
            let start = snapshot.flatMap(AggregateMemory<D>.init)
            // A snapshot that could not be read is replaced as soon as the fold is done.
            snapshotVersion = start?.version ?? 0
            return try await folded(onto: start ?? AggregateMemory<D>())
        } catch {
            switch error {
            case .corrupt(_, let reason): throw .broken(reason: reason)
            case .overloaded: throw .overloaded
            default: throw .unavailable(reason: error.debugDescription)
            }
        }
    }

    private func catchUp() async throws(EventStoreError) {
        if let base = memory { memory = try await folded(onto: base) }
    }

    private func folded(onto base: AggregateMemory<D>) async throws(EventStoreError) -> AggregateMemory<D> {
        var memory = base
        let page = 1_000
        while true {
            let events = try await store.readStream(stream, from: memory.version + 1, limit: page)
            for event in events {
                do {
                    try memory.fold(event)
                } catch {
                    throw .corrupt(position: event.position, reason: String(describing: error))
                }
            }
            if events.count < page { return memory }
        }
    }

    private func offerSnapshot(_ memory: AggregateMemory<D>) {
        snapshotVersion = memory.version
        snapshots.offer(stream, version: memory.version) { [stream] in try memory.snapshot(of: stream) }
    }
}
