import ServiceLifecycle

/// Finds the one live actor of an aggregate in this process, and wakes it on demand.
package actor Directory<D: Decider>: Service {
    private let store: any EventStore
    private let snapshots: any SnapshotStore
    private let mailboxCapacity: Int
    private let sweepInterval: Duration
    private let nextEventID: @Sendable () -> UUID128
    private var awake: [String: AggregateActor<D>] = [:]

    /// - Parameters:
    ///   - mailboxCapacity: commands that may wait for one aggregate.
    ///   - sweepInterval: an actor that nothing was asked of between two sweeps goes to sleep.
    package init(
        store: any EventStore, snapshots: any SnapshotStore, mailboxCapacity: Int = 4_096,
        sweepInterval: Duration = .seconds(300), nextEventID: @escaping @Sendable () -> UUID128 = { .v7() }
    ) {
        self.store = store
        self.snapshots = snapshots
        self.mailboxCapacity = mailboxCapacity
        self.sweepInterval = sweepInterval
        self.nextEventID = nextEventID
    }

    /// How many actors are awake.
    package var count: Int { awake.count }

    /// How many commands wait for the aggregate's next turn.
    package func waiting(for id: String) async -> Int { await awake[id]?.waiting ?? 0 }

    /// Sends one command to the aggregate `id`.
    @discardableResult
    package nonisolated func send(
        _ envelope: CommandEnvelope<D.Command>, to id: String
    ) async throws(DispatchError<D.Rejection>) -> CommandReceipt {
        let results = await deliver([envelope], to: id)
        guard let result = results.first else { throw .unavailable(reason: "no answer") }
        return try result.get()
    }

    /// Sends each aggregate its commands, all aggregates at once; the results lie as the commands do.
    package nonisolated func send(
        _ batches: [(id: String, envelopes: [CommandEnvelope<D.Command>])]
    ) async -> [[CommandResult<D>]] {
        await withTaskGroup(of: (Int, [CommandResult<D>]).self) { group in
            for (index, batch) in batches.enumerated() {
                group.addTask { (index, await self.deliver(batch.envelopes, to: batch.id)) }
            }
            var results = [[CommandResult<D>]](repeating: [], count: batches.count)
            for await (index, result) in group { results[index] = result }
            return results
        }
    }

    /// The aggregate's memory as its actor knows it.
    package nonisolated func recall(_ id: String) async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        try await actor(for: id).recall()
    }

    /// Puts actors to sleep that were not used since the last sweep; returns how many.
    @discardableResult
    package func sweep() async -> Int {
        var retired = 0
        for (id, actor) in awake where await actor.retireIfUnused() {
            forget(id, actor)
            retired += 1
        }
        return retired
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: self.sweepInterval)) != nil { await self.sweep() }
        }
    }

    private nonisolated func deliver(
        _ envelopes: [CommandEnvelope<D.Command>], to id: String
    ) async -> [CommandResult<D>] {
        while true {
            let actor = await actor(for: id)
            let results = await actor.deliver(envelopes)
            // The actor may have gone to sleep between the look-up and the delivery; nothing has happened then.
            if results.first != .failure(.asleep) { return results }
            await forget(id, actor)
        }
    }

    private func actor(for id: String) -> AggregateActor<D> {
        if let known = awake[id] { return known }
        let actor = AggregateActor<D>(
            stream: StreamName(category: D.category, id: id), store: store, snapshots: snapshots,
            mailboxCapacity: mailboxCapacity, nextEventID: nextEventID)
        awake[id] = actor
        return actor
    }

    /// Another caller may already have woken a new actor under the id: only the sleeping one is forgotten.
    private func forget(_ id: String, _ actor: AggregateActor<D>) {
        if awake[id] === actor { awake[id] = nil }
    }
}
