/// One turn of an aggregate: the commands that waited, decided in order upon one memory. Pure; the actor performs it.
struct Turn<D: Decider>: Sendable {
    /// What is known of a command before the store has answered.
    enum Verdict: Sendable {
        /// True if the append is accepted; the command's last event is the `through`-th of the append, from 1.
        case pending(CommandReceipt.Effect, through: Int)
        case settled(CommandResult<D>)
    }

    let stream: StreamName
    let base: AggregateMemory<D>
    private(set) var verdicts: [Verdict] = []
    private(set) var events: [NewEvent] = []
    private(set) var fences: Set<StreamVersion> = []
    private(set) var sideRows: [SideRow] = []
    private var state: D.State
    private var throughByCommand: [UUID128: Int] = [:]

    init(stream: StreamName, base: AggregateMemory<D>) {
        self.stream = stream
        self.base = base
        state = base.state
    }

    /// The append that would make the decisions true; nil if there is nothing to store.
    var append: Append? {
        if events.isEmpty { return nil }
        return Append(
            [StreamChange(stream, expecting: base.version, events: events)], conditions: Array(fences),
            sideRows: sideRows)
    }

    mutating func decide(_ envelopes: [CommandEnvelope<D.Command>], nextEventID: () -> UUID128) {
        for envelope in envelopes { decide(envelope, nextEventID: nextEventID) }
    }

    /// Decides the next command upon what the earlier ones of the turn have led to.
    mutating func decide(_ envelope: CommandEnvelope<D.Command>, nextEventID: () -> UUID128) {
        verdicts.append(verdict(on: envelope, nextEventID: nextEventID))
    }

    private mutating func verdict(on envelope: CommandEnvelope<D.Command>, nextEventID: () -> UUID128) -> Verdict {
        if let known = recognise(envelope) { return known }
        let version = base.version + Int64(events.count)
        if let expected = envelope.expectedVersion, expected != version {
            return .settled(.failure(.stale(version: version)))
        }
        let decided: [D.Event]
        do {
            decided = try D.decide(envelope.command, in: state, context: envelope.context)
        } catch {
            return .settled(.failure(.rejected(error)))
        }
        if decided.isEmpty {
            return events.isEmpty
                ? .settled(.success(receipt(.unchanged))) : .pending(.unchanged, through: events.count)
        }
        // All of them are encoded before the first one changes the state: a command has all of its events or none.
        var encoded: [EventCodec<D.Event>.Encoded] = []
        for event in decided {
            do throws(EventCodecError) {
                encoded.append(try D.codec.encode(event))
            } catch {
                return .settled(.failure(.invalid(reason: String(describing: error))))
            }
        }
        for index in decided.indices {
            let (event, stored) = (decided[index], encoded[index])
            D.evolve(&state, with: event, observedAt: envelope.context.time)
            events.append(
                NewEvent(
                    id: nextEventID(), type: stored.type, schemaVersion: stored.schemaVersion,
                    observedTime: envelope.context.time, data: stored.data,
                    metadata: EventMetadata(
                        principal: envelope.context.principal, account: D.account(of: state),
                        commandID: envelope.id, causationID: envelope.context.causationID,
                        correlationID: envelope.context.correlationID, traceParent: envelope.context.traceParent)))
        }
        if let fence = envelope.fence { fences.insert(fence) }
        sideRows += envelope.sideRows
        throughByCommand[envelope.id] = events.count
        return .pending(.recorded, through: events.count)
    }

    /// A command that the stream, or this very turn, has already accepted.
    private func recognise(_ envelope: CommandEnvelope<D.Command>) -> Verdict? {
        if let known = recognise(envelope.id) { return known }
        for id in envelope.earlierIDs {
            if let known = recognise(id) { return known }
        }
        return nil
    }

    private func recognise(_ id: UUID128) -> Verdict? {
        if let entry = base.recentCommands[id] {
            return .settled(
                .success(
                    CommandReceipt(
                        effect: .duplicate, stream: stream, version: entry.version, position: entry.position)))
        }
        return throughByCommand[id].map { .pending(.duplicate, through: $0) }
    }

    private func receipt(_ effect: CommandReceipt.Effect) -> CommandReceipt {
        CommandReceipt(effect: effect, stream: stream, version: base.version, position: base.position)
    }

    /// The memory after the store has accepted the append.
    func adopted(_ receipt: AppendReceipt) -> AggregateMemory<D> {
        var memory = base
        memory.state = state
        for (index, event) in events.enumerated() {
            memory.version += 1
            memory.position = receipt.firstPosition + Int64(index)
            memory.recentCommands.note(
                event.metadata.commandID, version: memory.version, position: memory.position,
                recordedTime: receipt.recordedTime)
        }
        return memory
    }

    /// The answers after the store has accepted the append; `nil` where there was nothing to store.
    func results(_ stored: AppendReceipt?) -> [CommandResult<D>] {
        verdicts.map { verdict in
            switch verdict {
            case .settled(let result): return result
            case .pending(let effect, let through):
                guard let stored else { return .success(receipt(.unchanged)) }
                return .success(
                    CommandReceipt(
                        effect: effect, stream: stream, version: base.version + Int64(through),
                        position: stored.firstPosition + Int64(through) - 1))
            }
        }
    }
}
