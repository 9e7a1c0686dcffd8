import Metrics

/// One aggregate, awake: a mailbox handled in turns, and a memory that moves only after the log has said yes.
///
/// A turn takes everything that waits, decides in order, appends once, adopts, replies. Swift actors interleave at every
/// `await`, so `isTurning` says whether a turn is under way, and nothing else touches the memory meanwhile. It lives on
/// its directory's executor, so that the directory can begin and end the turns of many.
package actor AggregateActor<D: Decider> {
    /// How often a turn is decided again after a conflict before its commands are answered as contended.
    static var attempts: Int { 16 }

    enum Readiness: Sendable {
        /// A turn can begin at once, and nobody else will begin it.
        case ready
        /// The same, after the stream has been read.
        case unloaded
        /// The turn under way sees to the delivery, or it is answered already.
        case busy
    }

    /// A turn that waits for the log. An object, since it is handed around more often than it is looked into.
    final class Begun: Sendable {
        let deliveries: [Mailbox<D>.Delivery]
        let turn: Turn<D>
        let append: Append

        init(_ deliveries: [Mailbox<D>.Delivery], _ turn: Turn<D>, _ append: Append) {
            self.deliveries = deliveries
            self.turn = turn
            self.append = append
        }
    }

    enum Rest: Sendable {
        case idle
        /// Others have come meanwhile.
        case more
        /// The append was not accepted; `goOn` must see to it.
        case open
    }

    private let context: ActorContext<D>
    private let stream: StreamName
    private var isTurning = false
    private var isRetired = false
    private var isContended = false
    // Beside the flags, so that it costs no word of its own.
    private var countedBytes: UInt32 = 0
    private var memory: AggregateMemory<D>? { didSet { countBytes() } }
    /// How far others in this process have brought the stream.
    private var notedVersion: Int64 = 0
    private var snapshotVersion: Int64 = 0
    /// Payload bytes of the events since, as far as they passed through here.
    private var tailBytes = 0
    private var mailbox = Mailbox<D>()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { context.executor.unownedExecutor }

    init(_ id: String, in context: ActorContext<D>) {
        self.context = context
        stream = StreamName(category: D.category, id: id)
    }

    var waiting: Int { mailbox.count }
    /// Whether the log is known to have more than the memory, or may have.
    private var mustRead: Bool { D.isWrittenByMany || (memory?.version ?? -1) < notedVersion }
    /// What the log has confirmed; nil until the stream has been read.
    var confirmedMemory: AggregateMemory<D>? { memory }

    /// Puts a delivery into the mailbox.
    func take(_ delivery: Mailbox<D>.Delivery) -> Readiness {
        guard mailbox.hasRoom(for: delivery.envelopes.count, of: context.mailboxCapacity) else {
            delivery.answer(delivery.envelopes.map { _ in .failure(.overloaded) })
            return .busy
        }
        mailbox.put(delivery)
        if isTurning { return .busy }
        isTurning = true
        return mustRead || mailbox.mustAskLog ? .unloaded : .ready
    }

    /// What loading begins with: its stream, and what is known of it.
    var unloaded: (stream: StreamName, known: AggregateMemory<D>?) { (stream, memory) }

    /// Takes over what was read for it together with others; true if a turn can begin.
    func wake(with loaded: AggregateLoading<D>.Loaded) -> Bool {
        switch loaded {
        case .memory(let loaded, let version):
            // Read anew: a snapshot that could not be read is replaced as soon as the fold is done.
            if memory == nil { snapshotVersion = version }
            advance(to: loaded)
            noteReadable()
            return true
        case .alone:
            // Another task, since reading the stream would hold up the others.
            Task { await self.turnUntilIdle() }
        case .failed(let error):
            note(error)
            for delivery in mailbox.takeAll() { delivery.answer(delivery.envelopes.map { _ in .failure(error) }) }
            isTurning = false
        }
        return false
    }

    /// Takes everything that waits and decides it; nil if there was nothing to store, and the turn is over.
    func begin() -> Begun? {
        guard let memory, memory.version >= notedVersion, !mailbox.mustAskLog else {
            // Another task, since reading the log would hold up whoever begins many turns.
            Task { await self.turnUntilIdle() }
            return nil
        }
        let commands = mailbox.count
        let deliveries = mailbox.takeAll()
        var turn = Turn<D>(stream: stream, upon: memory, commands: commands)
        for delivery in deliveries { turn.decide(delivery.envelopes, upon: memory, nextEventID: context.nextEventID) }
        if let append = turn.append { return Begun(deliveries, turn, append) }
        answer(deliveries, turn.results(nil))
        isTurning = false
        return nil
    }

    /// Ends a turn if its append was accepted.
    func end(_ begun: Begun, _ outcome: Result<AppendOutcome, EventStoreError>) -> Rest {
        guard case .success(.accepted(let receipt)) = outcome else { return .open }
        adopt(begun.turn, receipt)
        answer(begun.deliveries, begun.turn.results(receipt))
        if !mailbox.isEmpty { return .more }
        isTurning = false
        return .idle
    }

    /// Ends a turn whose append was not accepted, and goes on with what came meanwhile.
    func goOn(_ begun: Begun, _ outcome: Result<AppendOutcome, EventStoreError>) async {
        let results =
            if let concluded = await conclude(begun.deliveries, begun.turn, outcome) { concluded } else {
                await settle(begun.deliveries)
            }
        answer(begun.deliveries, results)
        await turnUntilIdle()
    }

    /// Turn after turn until nothing waits.
    func turnUntilIdle() async {
        while !mailbox.isEmpty { await turn() }
        isTurning = false
    }

    /// The memory as of now, for reading; turns under way are not awaited.
    func recall() async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        if let memory, !mustRead { return memory }
        let loaded: AggregateMemory<D>
        do throws(DispatchError<D.Rejection>) {
            loaded = try await load()
        } catch {
            note(error)
            throw error
        }
        noteReadable()
        // A turn may have loaded and moved on meanwhile.
        if let memory, memory.version >= loaded.version { return memory }
        if !isTurning { memory = loaded }
        return loaded
    }

    /// Others in this process have brought the stream to this version; what is decided or read from now on rests on it.
    func note(version: Int64) { notedVersion = max(notedVersion, version) }

    private func advance(to loaded: AggregateMemory<D>) {
        if let memory, memory.version > loaded.version { return }
        memory = loaded
    }

    /// Goes to sleep unless a turn is under way; returns the aggregate's id if it does.
    func retire() -> String? {
        if isTurning { return nil }
        if let memory, snapshotPolicy(memory).isDueAtSleep { offerSnapshot(memory) }
        context.memory.add(-Int(countedBytes))
        isRetired = true
        return id
    }

    private var id: String { stream.id }

    private func noteReadable() {
        if context.supervisor.isNeeded { context.supervisor.wasRead(id) }
    }

    /// Reports what is the stream's own fault; that the log cannot be reached is nobody's.
    private func note(_ error: DispatchError<D.Rejection>) {
        if case .broken(let reason) = error { context.supervisor.failed(id, .unreadable(reason: reason)) }
    }

    /// Sees to it that the actor is counted with what it takes up now; costs next to nothing if that is as before.
    private func countBytes() {
        // A reader may still hold an actor that the directory has let go.
        guard !isRetired, let memory else { return }
        let bytes = UInt32(clamping: memory.approximateBytes + stream.description.utf8.count + Self.overhead)
        if bytes == countedBytes { return }
        context.memory.add(Int(bytes) - Int(countedBytes))
        countedBytes = bytes
    }

    /// The actor's other fields, its place in the directory, and what the allocator adds.
    private static var overhead: Int { 240 }

    private func turn() async {
        do throws(DispatchError<D.Rejection>) {
            // Again if something is noted while it is read.
            var isRead = !mustRead
            while !isRead {
                advance(to: try await load())
                noteReadable()
                isRead = (memory?.version ?? 0) >= notedVersion
            }
        } catch {
            note(error)
            for delivery in mailbox.takeAll() { delivery.answer(delivery.envelopes.map { _ in .failure(error) }) }
            return
        }
        let deliveries = mailbox.takeAll()
        answer(deliveries, await settle(deliveries))
    }

    private func answer(_ deliveries: [Mailbox<D>.Delivery], _ results: [CommandResult<D>]) {
        if let only = deliveries.first, deliveries.count == 1 { return only.answer(results) }
        var next = results.startIndex
        for delivery in deliveries {
            let end = next + delivery.envelopes.count
            delivery.answer(Array(results[next..<end]))
            next = end
        }
    }

    private func settle(_ deliveries: [Mailbox<D>.Delivery]) async -> [CommandResult<D>] {
        await settle(deliveries.flatMap { $0.envelopes })
    }

    private func conclude(
        _ deliveries: [Mailbox<D>.Delivery], _ turn: Turn<D>, _ outcome: Result<AppendOutcome, EventStoreError>
    ) async -> [CommandResult<D>]? {
        await conclude(deliveries.flatMap { $0.envelopes }, turn, outcome)
    }

    /// Decides and stores the commands; on a conflict catches up and decides again, a counted number of times.
    private func settle(_ envelopes: [CommandEnvelope<D.Command>]) async -> [CommandResult<D>] {
        for _ in 0..<Self.attempts {
            let remembered: [UUID128: RecordedAcceptance]
            do throws(EventStoreError) {
                remembered = try await acceptances(of: envelopes)
            } catch {
                return envelopes.map { _ in .failure(DispatchError(reading: error)) }
            }
            guard let base = memory else { break }
            var turn = Turn<D>(stream: stream, upon: base, commands: envelopes.count)
            turn.decide(envelopes, upon: base, remembered: remembered, nextEventID: context.nextEventID)
            guard let append = turn.append else { return turn.results(nil) }
            Failpoint.reached(.turnDecided)
            let outcome: Result<AppendOutcome, EventStoreError>
            do throws(EventStoreError) {
                outcome = .success(try await context.store.append(append))
            } catch {
                outcome = .failure(error)
            }
            if let results = await conclude(envelopes, turn, outcome) { return results }
        }
        isContended = true
        context.supervisor.failed(id, .contended)
        return envelopes.map { _ in .failure(.contended) }
    }

    /// What the log remembers of the commands that ask for it; asked before each attempt, since another server may have
    /// accepted them meanwhile.
    private func acceptances(
        of envelopes: [CommandEnvelope<D.Command>]
    ) async throws(EventStoreError) -> [UUID128: RecordedAcceptance] {
        let ids = envelopes.filter { $0.fingerprint != nil }.map(\.id)
        if ids.isEmpty { return [:] }
        let found = try await context.store.acceptances(of: ids).filter { $0.stream == stream }
        return Dictionary(found.map { ($0.command, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private func adopt(_ turn: Turn<D>, _ receipt: AppendReceipt) {
        memory?.adopt(turn, receipt)
        if isContended {
            isContended = false
            context.supervisor.wasStored(id)
        }
        Failpoint.reached(.turnAdopted)
        for event in turn.events { tailBytes += event.data.count }
        if let memory, snapshotPolicy(memory).isDue { offerSnapshot(memory) }
    }

    private func snapshotPolicy(_ memory: AggregateMemory<D>) -> SnapshotPolicy {
        SnapshotPolicy(
            events: memory.version - snapshotVersion, bytes: tailBytes, snapshotBytes: memory.approximateSnapshotBytes,
            leastEvents: D.snapshotInterval(for: memory.state))
    }

    /// What the store's answer to a turn means for its commands; nil if they must be decided again.
    private func conclude(
        _ envelopes: [CommandEnvelope<D.Command>], _ turn: Turn<D>,
        _ outcome: Result<AppendOutcome, EventStoreError>
    ) async -> [CommandResult<D>]? {
        do throws(EventStoreError) {
            switch try outcome.get() {
            case .accepted(let receipt):
                adopt(turn, receipt)
                return turn.results(receipt)
            case .conflict(let actual):
                if let fenced = await settleAroundFence(envelopes, moved: actual) { return fenced }
                try await catchUp()
                return nil
            }
        } catch {
            switch error {
            case .invalid(let reason, let sqlState):
                // One poison command must not take the others of its turn with it.
                guard envelopes.count > 1 else {
                    // Another server has accepted it since the log was asked.
                    if envelopes[0].fingerprint != nil, sqlState == SQLState.uniqueViolation.rawValue { return nil }
                    return [.failure(.invalid(reason: reason))]
                }
                return await settleOneByOne(envelopes)
            case .overloaded: return envelopes.map { _ in .failure(.overloaded) }
            case .corrupt(_, let reason):
                memory = nil
                context.supervisor.failed(id, .unreadable(reason: reason))
                return envelopes.map { _ in .failure(.broken(reason: reason)) }
            case .retained:
                memory = nil
                return envelopes.map { _ in .failure(.broken(reason: error.debugDescription)) }
            case .unavailable, .closed:
                return envelopes.map { _ in .failure(.unavailable(reason: error.debugDescription)) }
            }
        }
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

    /// The memory as the log has it now.
    private func load() async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        do throws(EventStoreError) {
            if let memory { return try await folded(onto: memory) }
            let snapshot = try await context.snapshots.latest(of: stream)
            let start = snapshot.flatMap(AggregateMemory<D>.init)
            // A snapshot that could not be read is replaced as soon as the fold is done.
            snapshotVersion = start?.version ?? 0
            return try await folded(onto: (start ?? AggregateMemory<D>()).recognising(for: context.redeliveryWindow))
        } catch {
            throw DispatchError(reading: error)
        }
    }

    private func catchUp() async throws(EventStoreError) {
        if let base = memory { advance(to: try await folded(onto: base)) }
    }

    /// Off the executor, which others share.
    @concurrent
    private nonisolated func folded(
        onto base: AggregateMemory<D>
    ) async throws(EventStoreError) -> AggregateMemory<D> {
        var memory = base
        let page = 1_000
        while true {
            let events = try await context.store.readTail(
                StreamPlace(stream, at: memory.version, position: memory.position), limit: page)
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
        tailBytes = 0
        context.snapshots.offer(stream, version: memory.version) { [stream] in try memory.snapshot(of: stream) }
    }
}
