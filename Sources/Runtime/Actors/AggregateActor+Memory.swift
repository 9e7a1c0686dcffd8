/// How the memory is read from the log, and kept as snapshots.
extension AggregateActor {
    /// The memory as of now, for reading; turns under way are not awaited.
    func recall() async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        if let memory, !mustRead { return memory }
        return try await recallAnew()
    }

    /// The same, whatever is known already.
    func recallAnew() async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
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

    func advance(to loaded: AggregateMemory<D>) {
        if let memory, memory.version > loaded.version { return }
        memory = loaded
    }

    func noteReadable() {
        if context.supervisor.isNeeded { context.supervisor.wasRead(id) }
    }

    /// Reports what is the stream's own fault; that the log cannot be reached is nobody's.
    func note(_ error: DispatchError<D.Rejection>) {
        if case .broken(let reason) = error { context.supervisor.failed(id, .unreadable(reason: reason)) }
    }

    /// The memory as the log has it now.
    func load() async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        do throws(EventStoreError) {
            if let memory {
                do throws(EventStoreError) {
                    return try await folded(onto: memory)
                } catch {
                    // What came next has left the log; the snapshot at the stream's floor stands for it.
                    guard case .retained = error else { throw error }
                }
            }
            let snapshot = try await context.snapshots.latest(of: stream)
            let start = snapshot.flatMap(AggregateMemory<D>.init)
            // A snapshot that could not be read is replaced as soon as the fold is done.
            snapshotVersion = start?.version ?? 0
            return try await folded(onto: (start ?? AggregateMemory<D>()).recognising(for: context.redeliveryWindow))
        } catch {
            throw DispatchError(reading: error)
        }
    }

    func catchUp() async throws(EventStoreError) {
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

    func snapshotPolicy(_ memory: AggregateMemory<D>) -> SnapshotPolicy {
        SnapshotPolicy(
            events: memory.version - snapshotVersion, bytes: tailBytes, snapshotBytes: memory.approximateSnapshotBytes,
            leastEvents: D.snapshotInterval(for: memory.state))
    }

    func offerSnapshot(_ memory: AggregateMemory<D>) {
        snapshotVersion = memory.version
        tailBytes = 0
        context.snapshots.offer(stream, version: memory.version) { [stream] in try memory.snapshot(of: stream) }
    }
}
