/// How commands are decided and stored, whatever the log answers.
extension AggregateActor {
    func settle(_ deliveries: [Mailbox<D>.Delivery]) async -> [CommandResult<D>] {
        await settle(deliveries.flatMap { $0.envelopes })
    }

    func conclude(
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
            guard let append = turn.append else {
                keepCount(of: turn)
                return turn.results(nil)
            }
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

    /// What a turn without anything to store leaves behind.
    func keepCount(of turn: Turn<D>) { memory?.repetitions = turn.repetitions }

    func adopt(_ turn: Turn<D>, _ receipt: AppendReceipt) {
        guard turn.storesAnything else { return keepCount(of: turn) }
        memory?.adopt(turn, receipt)
        if isContended {
            isContended = false
            context.supervisor.wasStored(id)
        }
        Failpoint.reached(.turnAdopted)
        for event in turn.events { tailBytes += event.data.count }
        if let memory, snapshotPolicy(memory).isDue { offerSnapshot(memory) }
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
}
