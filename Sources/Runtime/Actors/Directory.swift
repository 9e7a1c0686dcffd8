package import Logging
import ServiceLifecycle

/// Finds the one live actor of an aggregate in this process, and wakes it on demand.
package actor Directory<D: Decider>: Service {
    let context: ActorContext<D>
    private let passivation: Passivation
    private let start: ContinuousClock.Instant
    let metrics = ActorMetrics(category: D.category)
    var awake: [String: RecencyList<AggregateActor<D>>.Place] = [:]
    var recency = RecencyList<AggregateActor<D>>()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { context.executor.unownedExecutor }
    nonisolated var store: any EventStore { context.store }
    nonisolated var snapshots: any SnapshotStore { context.snapshots }

    /// - Parameters:
    ///   - mailboxCapacity: commands that may wait for one aggregate.
    ///   - redeliveryWindow: how long the id of a command without a fingerprint is recognised; see ``RecentCommands``.
    ///   - passivation: when actors go to sleep.
    ///   - supervision: how patiently failing actors are tried again.
    package init(
        store: any EventStore, snapshots: any SnapshotStore, mailboxCapacity: Int = 4_096,
        passivation: Passivation = Passivation(),
        redeliveryWindow: Duration = RecentCommands.usualHorizon, supervision: SupervisionPolicy = SupervisionPolicy(),
        logger: Logger = Logger(label: "fleetlog"), nextEventID: @escaping @Sendable () -> UUID128 = { .v7() }
    ) {
        context = ActorContext(
            executor: TurnExecutor(), store: store, snapshots: snapshots, mailboxCapacity: mailboxCapacity,
            redeliveryWindow: redeliveryWindow, nextEventID: nextEventID, memory: passivation.memory.share(),
            supervisor: Supervisor(
                category: D.category, policy: supervision, now: passivation.now, logger: logger))
        self.passivation = passivation
        start = passivation.now()
    }

    /// How many actors are awake.
    package var count: Int { awake.count }

    /// What they take up, by estimate.
    package var bytes: Int { context.memory.bytes }

    /// Time as uses are noted by it.
    var tick: RecencyList<AggregateActor<D>>.Tick { .init(clamping: (passivation.now() - start).components.seconds) }
    var idleTicks: RecencyList<AggregateActor<D>>.Tick { .init(clamping: passivation.idle.components.seconds) }

    /// How many commands wait for the aggregate's next turn.
    package func waiting(for id: String) async -> Int {
        guard let place = awake[id] else { return 0 }
        return await recency[place]?.waiting ?? 0
    }

    /// What some of the actors that are awake remember, as many as `limit`; none is kept awake by it.
    package func awakeMemories(_ limit: Int) -> [(id: String, memory: AggregateMemory<D>)] {
        guard !awake.isEmpty else { return [] }
        // Neighbours in a dictionary have nothing to do with each other, so only the first is drawn.
        let start = awake.index(awake.startIndex, offsetBy: Int.random(in: 0..<awake.count))
        let chosen = Array(awake[start...].prefix(limit)) + awake[..<start].prefix(limit)
        return chosen.prefix(limit).compactMap { id, place in
            recency[place]?.assumeIsolated { $0.confirmedMemory }.map { (id, $0) }
        }
    }

    /// Sends one command to the aggregate `id`.
    @discardableResult
    package nonisolated func send(
        _ envelope: CommandEnvelope<D.Command>, to id: String
    ) async throws(DispatchError<D.Rejection>) -> CommandReceipt {
        let results = await send([(id, [envelope])])
        guard let result = results.first?.first else { throw .unavailable(reason: "no answer") }
        return try result.get()
    }

    /// Sends each aggregate its commands, all aggregates at once; the results lie as the commands do.
    package nonisolated func send(
        _ batches: [(id: String, envelopes: [CommandEnvelope<D.Command>])]
    ) async -> [[CommandResult<D>]] {
        await start(batches).results
    }

    /// Delivers the commands and returns at once. What one aggregate is sent by two calls it takes in their order.
    package func start(_ batches: [(id: String, envelopes: [CommandEnvelope<D.Command>])]) -> Deliveries<D> {
        let answers = Deliveries<D>(batches.map(\.envelopes.count))
        var (ready, unloaded) = ([AggregateActor<D>](), [AggregateActor<D>]())
        let (now, someFail) = (tick, context.supervisor.isNeeded)
        for (index, batch) in batches.enumerated() {
            let delivery = Mailbox<D>.Delivery(envelopes: batch.envelopes, answers: answers, index: index)
            if someFail, let failure = context.supervisor.refusal(of: batch.id) {
                delivery.answer(batch.envelopes.map { _ in .failure(failure.refusal()) })
                continue
            }
            let actor = actor(for: batch.id, at: now)
            switch actor.assumeIsolated({ $0.take(delivery) }) {
            case .ready: ready.append(actor)
            case .unloaded: unloaded.append(actor)
            case .busy: break
            }
        }
        // Turns belong to everybody who waits for them, so they may not end with the task of whoever came first.
        if !ready.isEmpty { Task { await turn(ready) } }
        switch unloaded.count {
        case 0: break
        case 1:
            makeRoom(for: 1)
            Task { await unloaded[0].turnUntilIdle() }
        default: Task { [unloaded] in await wake(unloaded) }
        }
        return answers
    }

    /// Lets actors take a turn after their streams have been read together, some hundreds at a time.
    private func wake(_ actors: [AggregateActor<D>]) async {
        let size = AggregateLoading<D>.chunk
        await withDiscardingTaskGroup { group in
            for lane in 0..<Self.lanes {
                group.addTask {
                    for first in stride(from: lane * size, to: actors.count, by: Self.lanes * size) {
                        await self.wakeTogether(actors[first..<min(first + size, actors.count)])
                    }
                }
            }
        }
    }

    /// Chunks under way at once: while one is read, another is folded or stored.
    private static var lanes: Int { 3 }

    private func wakeTogether(_ actors: ArraySlice<AggregateActor<D>>) async {
        makeRoom(for: actors.count)
        let loading = AggregateLoading<D>(
            store: store, snapshots: snapshots, redeliveryWindow: context.redeliveryWindow)
        let loaded = await loading.load(actors.map { $0.assumeIsolated { $0.unloaded } })
        await turn(
            zip(actors, loaded).filter { actor, loaded in actor.assumeIsolated { $0.wake(with: loaded) } }.map(\.0))
    }

    /// Turns of many actors at once: they begin together, travel to the log in one call, and end together. Those who
    /// have more to do then go on together; whoever meets a conflict goes on alone.
    private func turn(_ actors: [AggregateActor<D>]) async {
        var ready = actors
        while !ready.isEmpty {
            let begun = begin(ready)
            Failpoint.reached(.turnDecided, if: !begun.isEmpty)
            let outcomes = await store.append(begun.map { $0.turn.append })
            ready = end(begun, outcomes)
            // Others may have written meanwhile, which only the log knows.
            if D.isWrittenByMany, !ready.isEmpty { return await wake(ready) }
        }
    }

    private typealias Begun = (actor: AggregateActor<D>, turn: AggregateActor<D>.Begun)

    private func begin(_ actors: [AggregateActor<D>]) -> [Begun] {
        var begun: [Begun] = []
        begun.reserveCapacity(actors.count)
        for actor in actors {
            if let turn = actor.assumeIsolated({ $0.begin() }) { begun.append((actor, turn)) }
        }
        return begun
    }

    /// Returns the actors with more to do.
    private func end(
        _ begun: [Begun], _ outcomes: [Result<AppendOutcome, EventStoreError>]
    ) -> [AggregateActor<D>] {
        var more: [AggregateActor<D>] = []
        for index in begun.indices {
            let ((actor, turn), outcome) = (begun[index], outcomes[index])
            switch actor.assumeIsolated({ $0.end(turn, outcome) }) {
            case .idle: break
            case .more: more.append(actor)
            // Alone, because it reads its stream again, which the others need not wait for.
            case .open: Task { await actor.goOn(turn, outcome) }
            }
        }
        return more
    }

    /// The aggregate's memory as its actor knows it.
    package nonisolated func recall(_ id: String) async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        if let failure = context.supervisor.refusal(of: id), failure != .contended { throw failure.refusal() }
        return try await actor(for: id).recall()
    }

    /// The same as the log has it now, though the actor may be content with what it knows.
    nonisolated func recallAnew(_ id: String) async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        try await actor(for: id).recallAnew()
    }

    /// Tells the aggregate's actor, if it is awake, how far others have brought its stream.
    func note(version: Int64, of id: String) {
        guard let place = awake[id] else { return }
        recency[place]?.assumeIsolated { $0.note(version: version) }
    }

    private func actor(for id: String) -> AggregateActor<D> { actor(for: id, at: tick) }

    private func actor(for id: String, at now: RecencyList<AggregateActor<D>>.Tick) -> AggregateActor<D> {
        if let place = awake[id], let known = recency[place] {
            recency.use(place, at: now)
            return known
        }
        let actor = AggregateActor<D>(id, in: context)
        awake[id] = recency.insert(actor, at: now)
        return actor
    }
}
