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

    let context: ActorContext<D>
    let stream: StreamName
    private(set) var isTurning = false
    private var isRetired = false
    var isContended = false
    // Beside the flags, so that it costs no word of its own.
    private var countedBytes: UInt32 = 0
    var memory: AggregateMemory<D>? { didSet { countBytes() } }
    /// How far others in this process have brought the stream.
    private var notedVersion: Int64 = 0
    var snapshotVersion: Int64 = 0
    /// Payload bytes of the events since, as far as they passed through here.
    var tailBytes = 0
    private var mailbox = Mailbox<D>()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { context.executor.unownedExecutor }

    init(_ id: String, in context: ActorContext<D>) {
        self.context = context
        stream = StreamName(category: D.category, id: id)
    }

    var waiting: Int { mailbox.count }
    /// Whether the log is known to have more than the memory, or may have.
    var mustRead: Bool { D.isWrittenByMany || (memory?.version ?? -1) < notedVersion }
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
        keepCount(of: turn)
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

    /// Others in this process have brought the stream to this version; what is decided or read from now on rests on it.
    func note(version: Int64) { notedVersion = max(notedVersion, version) }

    /// Goes to sleep unless a turn is under way; returns the aggregate's id if it does.
    func retire() -> String? {
        if isTurning { return nil }
        if let memory, snapshotPolicy(memory).isDueAtSleep { offerSnapshot(memory) }
        context.memory.add(-Int(countedBytes))
        isRetired = true
        return id
    }

    var id: String { stream.id }

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
}
