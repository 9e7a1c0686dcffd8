/// One turn of an aggregate: the commands that waited, decided in order upon one memory. Pure; the actor performs it.
///
/// It holds of the memory only what it changes. The actor's memory stays as it is until the turn is adopted, so both
/// are handed in where they are needed and not copied with each turn.
struct Turn<D: Decider>: Sendable {
    /// What is known of a command before the store has answered.
    enum Verdict: Sendable {
        /// True if the append is accepted; the command's last event is the `through`-th of the append, from 1.
        case pending(CommandReceipt.Effect, through: Int)
        case settled(CommandResult<D>)
    }

    let stream: StreamName
    /// Where the stream stands that the turn was decided upon.
    let base: (version: Int64, position: Int64)
    private(set) var state: D.State
    private(set) var events: [NewEvent] = []
    private var verdicts: [Verdict] = []
    /// Few: a round's commands are all fenced alike.
    private var fences: [StreamVersion] = []
    /// Repetitions that no event counts yet, those of the turn included.
    private(set) var repetitions: Int64
    private(set) var sideRows: [SideRow] = []
    private var acceptances: [Acceptance] = []
    /// Whether a command was refused, or found to change nothing: true only if nobody else has moved the stream.
    private var isConditional = false
    /// Where the turn's own commands lie; not kept for a command that is alone in its turn.
    private var accepted: [UUID128: (through: Int, fingerprint: UUID128?)] = [:]
    private let isOfOneCommand: Bool

    /// - Parameter commands: how many will be decided.
    init(stream: StreamName, upon memory: AggregateMemory<D>, commands: Int) {
        self.stream = stream
        isOfOneCommand = commands == 1
        base = (memory.version, memory.position)
        state = memory.state
        repetitions = memory.repetitions
    }

    /// The append that would make the decisions true; nil if they are true whatever the log holds.
    ///
    /// Another server may have written to the stream since it was read. A refusal that rests on less than the log holds
    /// would lose a device's message, so it too is told only when the log has confirmed where the stream stands.
    var append: Append? {
        if events.isEmpty {
            if acceptances.isEmpty, !isConditional { return nil }
            return Append(
                [], conditions: fences + [StreamVersion(stream, at: base.version)], acceptances: acceptances)
        }
        return Append(
            [StreamChange(stream, expecting: base.version, at: base.position, events: events)], conditions: fences,
            sideRows: sideRows, acceptances: acceptances)
    }

    /// Whether the log has more once the append is accepted.
    var storesAnything: Bool { !events.isEmpty || !acceptances.isEmpty }

    /// Decides the commands one after the other, each upon what the earlier ones of the turn have led to.
    ///
    /// - Parameters:
    ///   - memory: the one that the turn began with.
    ///   - remembered: what the log remembers of the commands with a fingerprint.
    mutating func decide(
        _ envelopes: [CommandEnvelope<D.Command>], upon memory: AggregateMemory<D>,
        remembered: [UUID128: RecordedAcceptance] = [:], nextEventID: () -> UUID128
    ) {
        for envelope in envelopes {
            if let fingerprint = envelope.fingerprint, let first = remembered[envelope.id] {
                verdicts.append(.settled(Self.answer(again: first, to: fingerprint)))
            } else {
                verdicts.append(verdict(on: envelope, memory.recentCommands, nextEventID: nextEventID))
            }
        }
    }

    private static func answer(again first: RecordedAcceptance, to fingerprint: UUID128) -> CommandResult<D> {
        guard first.fingerprint == fingerprint else { return .failure(.reused) }
        return .success(
            CommandReceipt(effect: .duplicate, stream: first.stream, version: first.version, position: first.position))
    }

    private mutating func verdict(
        on envelope: CommandEnvelope<D.Command>, _ recent: RecentCommands, nextEventID: () -> UUID128
    ) -> Verdict {
        let isCounted = D.countsRepetitions(of: envelope.command)
        if let known = recognise(envelope, recent) {
            if isCounted { repetitions += 1 }
            return known
        }
        let version = base.version + Int64(events.count)
        if let expected = envelope.expectedVersion, expected != version {
            isConditional = true
            return .settled(.failure(.stale(version: version)))
        }
        let decided: [D.Event]
        do {
            decided =
                isCounted && repetitions > 0
                ? try D.decide(envelope.command, in: state, context: envelope.context.counting(repetitions))
                : try D.decide(envelope.command, in: state, context: envelope.context)
        } catch {
            isConditional = true
            return .settled(.failure(.rejected(error)))
        }
        if decided.isEmpty {
            if isCounted { repetitions += 1 }
            if envelope.fingerprint != nil {
                if let fence = envelope.fence, !fences.contains(fence) { fences.append(fence) }
                remember(envelope)
            } else if events.isEmpty {
                isConditional = true
                return .settled(.success(receipt(.unchanged)))
            }
            return .pending(.unchanged, through: events.count)
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
                    id: nextEventID(), type: stored.type, schemaVersion: stored.schemaVersion, class: stored.eventClass,
                    observedTime: envelope.context.time, data: stored.data,
                    metadata: EventMetadata(
                        principal: envelope.context.principal, account: D.account(of: state),
                        commandID: envelope.id, causationID: envelope.context.causationID,
                        correlationID: envelope.context.correlationID, traceParent: envelope.context.traceParent)))
        }
        if isCounted { repetitions = 0 }
        if let fence = envelope.fence, !fences.contains(fence) { fences.append(fence) }
        sideRows += envelope.sideRows
        remember(envelope)
        return .pending(.recorded, through: events.count)
    }

    private mutating func remember(_ envelope: CommandEnvelope<D.Command>) {
        if let fingerprint = envelope.fingerprint {
            acceptances.append(
                Acceptance(
                    of: envelope.id, by: stream, version: base.version + Int64(events.count), fingerprint: fingerprint))
        }
        if !isOfOneCommand { accepted[envelope.id] = (events.count, envelope.fingerprint) }
    }

    /// A command that the stream, or this very turn, has already accepted.
    private func recognise(_ envelope: CommandEnvelope<D.Command>, _ recent: RecentCommands) -> Verdict? {
        if let own = accepted[envelope.id], own.fingerprint != envelope.fingerprint {
            return .settled(.failure(.reused))
        }
        if let known = recognise(envelope.id, recent) { return known }
        for id in envelope.earlierIDs {
            if let known = recognise(id, recent) { return known }
        }
        return nil
    }

    private func recognise(_ id: UUID128, _ recent: RecentCommands) -> Verdict? {
        if let entry = recent[id] {
            return .settled(
                .success(
                    CommandReceipt(
                        effect: .duplicate, stream: stream, version: entry.version, position: entry.position)))
        }
        return accepted[id].map { .pending(.duplicate, through: $0.through) }
    }

    private func receipt(_ effect: CommandReceipt.Effect) -> CommandReceipt {
        CommandReceipt(effect: effect, stream: stream, version: base.version, position: base.position)
    }

    /// Why the last command was not accepted; nil if it was.
    var lastRefusal: DispatchError<D.Rejection>? {
        if case .settled(.failure(let refusal)) = verdicts.last { refusal } else { nil }
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
                        position: through == 0 ? base.position : stored.firstPosition + Int64(through) - 1))
            }
        }
    }
}

extension AggregateMemory {
    /// Takes over what a turn has led to, after the store has accepted its append.
    mutating func adopt(_ turn: Turn<D>, _ receipt: AppendReceipt) {
        state = turn.state
        repetitions = turn.repetitions
        for (index, event) in turn.events.enumerated() {
            version += 1
            position = receipt.firstPosition + Int64(index)
            recentCommands.note(
                event.metadata.commandID, version: version, position: position, recordedTime: receipt.recordedTime)
        }
    }
}
