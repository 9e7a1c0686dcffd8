import Logging
import Metrics

/// Sends appends to Postgres in batches, one transaction and one round trip each.
///
/// While one batch commits the next one fills, and is sent behind it as soon as it is full, so that Postgres goes from one
/// to the other without waiting for us; nobody waits for a timer. Each append gets an answer of its own.
///
/// It lives on the executor of its transport, which is the connection's thread: between the answer to one batch and the
/// sending of the next no other thread has to wake.
package actor GroupCommit {
    private typealias Queue = CommitQueue<CommitTicket>

    private struct Batch {
        var entries: [Queue.Entry]
        let encoded: AppendBatch

        init(_ entries: [Queue.Entry], _ known: inout KnownVersions) {
            self.entries = entries
            encoded = AppendBatch(entries.map(\.append), &known)
        }

        var events: Int { entries.reduce(0) { $0 + $1.events } }
    }

    private typealias Answer = Result<AppendBatch.Answer, PostgresError>

    /// A batch to see through.
    private struct Flight {
        let batch: Batch
        /// Of one that was sent behind another.
        var answer: Task<Answer, Never>?
    }

    private enum Phase {
        case idle
        /// Batches are being sent until the queue is empty.
        case committing
        case closed
    }

    private let link: any CommitTransport
    private let signal: LogSignal
    private let logger: Logger
    private var phase = Phase.idle
    private var queue: Queue
    /// Sent behind the one under way.
    private var behind: Flight?
    /// Batches that are committed and not yet answered.
    private var committed: [(entries: [Queue.Entry], outcomes: [AppendOutcome])] = []
    private var known: KnownVersions
    private var eventsUnderway = 0
    /// How many appends the last batch held.
    private var lastAnswered = 0
    private let limits: CommitQueue<Never>.Limits
    private nonisolated let executor: UnownedSerialExecutor
    private let now: @Sendable () -> ContinuousClock.Instant
    private let giveWay: @Sendable () async -> Void

    private let batchSize = Recorder(label: "fleetlog_commit_batch_events", aggregate: true)
    private let appended = Counter(label: "fleetlog_events_appended_total")
    private let conflicts = Counter(label: "fleetlog_append_conflicts_total")

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor }

    /// - Parameter giveWay: lets others run first.
    init(
        link: any CommitTransport, signal: LogSignal, limits: CommitQueue<Never>.Limits, telemetry: TelemetryTypes,
        logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        giveWay: @escaping @Sendable () async -> Void = { await Task.yield() }
    ) {
        self.link = link
        known = KnownVersions(telemetry: telemetry)
        // Kept alive by the transport, which is kept alive here.
        executor = link.unownedExecutor
        self.now = now
        self.giveWay = giveWay
        self.signal = signal
        self.logger = logger
        self.limits = limits
        queue = Queue(
            limits: .init(
                batchEvents: limits.batchEvents, batchBytes: limits.batchBytes, waitingEvents: limits.waitingEvents,
                waitingBytes: limits.waitingBytes))
    }

    /// The answers lie as the appends do; all of them are awaited together.
    nonisolated func append(_ appends: [Append]) async -> [CommitAnswer] {
        if appends.isEmpty { return [] }
        return await submit(appends, malformations: appends.map(\.malformation))
    }

    private func submit(_ appends: [Append], malformations: [String?]) async -> [CommitAnswer] {
        await withCheckedContinuation { continuation in
            let answers = CommitAnswers(appends.count, continuation)
            for (index, (append, malformation)) in zip(appends, malformations).enumerated() {
                let ticket = CommitTicket(answers: answers, index: index)
                if let malformation {
                    ticket.answer(.failure(.invalid(reason: malformation, sqlState: nil)))
                } else if case .closed = phase {
                    ticket.answer(.failure(.closed))
                } else if !queue.put(append, ticket: ticket) {
                    ticket.answer(.failure(.overloaded))
                }
            }
            switch phase {
            case .idle where !queue.isEmpty:
                phase = .committing
                // The batch belongs to everybody in it, so it may not end with the task of the one who came first.
                Task { await self.commitUntilEmpty() }
            case .committing: sendBehind()
            default: break
            }
        }
    }

    /// How many events the next batch is to hold.
    ///
    /// Of many that are on their way, half: while Postgres works on one half, the other is answered, comes again and is
    /// sent. Few travel together, since each transaction waits for the disk.
    private var share: Int {
        let onTheirWay = eventsUnderway + queue.waitingEvents
        return min(limits.batchEvents, onTheirWay < Self.worthHalving ? onTheirWay : onTheirWay / 2)
    }

    private static let worthHalving = 96

    /// Sends the next batch behind the one under way, if it is full.
    private func sendBehind() {
        guard behind == nil, eventsUnderway > 0, !queue.isEmpty, queue.waitingEvents >= share else { return }
        let batch = takeBatch()
        eventsUnderway += batch.events
        let head = known.expectedHead(for: batch.encoded.mark)
        // The one under way is awaited meanwhile; this one's turn to be awaited comes in `commit`.
        let answer = Task { await self.send(batch, expecting: head, behindAnother: true) }
        behind = Flight(batch: batch, answer: answer)
    }

    private func takeBatch() -> Batch { Batch(queue.takeBatch(atMost: share), &known) }

    private func send(_ batch: Batch, expecting head: Int64?, behindAnother isBehind: Bool = false) async -> Answer {
        do throws(PostgresError) {
            return .success(try await link.commit(batch.encoded, expecting: head, behindAnother: isBehind))
        } catch {
            return .failure(error)
        }
    }

    /// Refuses new appends; those that wait are still committed.
    func close() async {
        guard case .idle = phase else {
            phase = .closed
            return
        }
        phase = .closed
        await link.close()
    }

    private func commitUntilEmpty() async {
        // Those who are answered last may append again before the group is left.
        while behind != nil || !queue.isEmpty {
            await withDiscardingTaskGroup { answering in
                while let flight = await nextFlight() {
                    batchSize.record(flight.batch.events)
                    answering.addTask { await self.sendBehind() }
                    await commit(flight, &answering)
                    lastAnswered = flight.batch.entries.count
                }
            }
            await gather()
        }
        if case .closed = phase {
            await link.close()
        } else {
            phase = .idle
        }
    }

    private func nextFlight() async -> Flight? {
        if behind == nil, !queue.isEmpty { await gather() }
        if let flight = behind {
            behind = nil
            return flight
        }
        return queue.isEmpty ? nil : Flight(batch: takeBatch())
    }

    /// Lets those who were just answered come again, as long as more do: otherwise every other batch would hold a single
    /// append. They come from other threads, within microseconds; whoever stays away is not waited for.
    private func gather() async {
        var (waiting, since) = (0, now())
        while behind == nil, queue.count < lastAnswered, queue.waitingEvents < limits.batchEvents {
            if queue.count > waiting {
                (waiting, since) = (queue.count, now())
            } else if now() - since > Self.patience {
                return
            }
            await giveWay()
        }
    }

    /// A few times what it takes to wake a thread.
    private static let patience = Duration.microseconds(50)

    /// Sees a batch through, however often the connection is lost on the way; its appends are answered by `answering`,
    /// while the next batch is under way.
    private func commit(_ flight: Flight, _ answering: inout DiscardingTaskGroup) async {
        var flight = flight
        while true {
            let batch = flight.batch
            let answer: Answer
            if let behind = flight.answer {
                answer = await behind.value
            } else {
                eventsUnderway += batch.events
                answer = await send(batch, expecting: known.expectedHead(for: batch.encoded.mark))
            }
            eventsUnderway -= batch.events
            do throws(PostgresError) {
                let answer = try answer.get()
                known.learn(
                    batch.encoded.appends, answer.outcomes, of: batch.encoded.mark, found: answer.found,
                    left: answer.left)
                committed.append((batch.entries, answer.outcomes))
                answering.addTask { await self.answerCommitted() }
                return
            } catch {
                known.forget()
                let failure = CommitFailure(error, behindAnother: flight.answer != nil)
                guard let rest = await settle(batch, failure, error, &answering) else { return }
                flight = Flight(batch: rest)
            }
        }
    }

    /// What has to be sent again of a batch that failed.
    private func settle(
        _ batch: Batch, _ failure: CommitFailure, _ error: PostgresError, _ answering: inout DiscardingTaskGroup
    ) async -> Batch? {
        switch failure {
        case .retry: return batch
        case .poison(let reason, let sqlState):
            guard batch.entries.count > 1 else {
                batch.entries[0].ticket.answer(.failure(.invalid(reason: reason, sqlState: sqlState)))
                return nil
            }
            let middle = batch.entries.count / 2
            await commit(Flight(batch: Batch(Array(batch.entries[..<middle]), &known)), &answering)
            return Batch(Array(batch.entries[middle...]), &known)
        case .outcomeUnknown:
            var batch = batch
            for index in batch.entries.indices { batch.entries[index].isUncertain = true }
            return batch
        case .unavailable(let reason):
            logger.warning("append could not be committed", metadata: ["error": "\(error.debugDescription)"])
            return refuse(batch, reason: reason)
        }
    }

    /// Answers those that are known not to be stored; returns those whose fate is unknown.
    private func refuse(_ batch: Batch, reason: String) -> Batch? {
        for entry in batch.entries.filter({ !$0.isUncertain }) + queue.takeAll() {
            entry.ticket.answer(.failure(.unavailable(reason: reason)))
        }
        let uncertain = batch.entries.filter(\.isUncertain)
        return uncertain.isEmpty ? nil : Batch(uncertain, &known)
    }

    private func answerCommitted() async {
        while !committed.isEmpty {
            let batch = committed.removeFirst()
            await answer(batch.entries, batch.outcomes)
        }
    }

    private func answer(_ batch: [Queue.Entry], _ outcomes: [AppendOutcome]) async {
        var (first, last, count) = (Int64.max, Int64(0), 0)
        var categories: Set<String> = []
        for (entry, outcome) in zip(batch, outcomes) {
            switch outcome {
            case .accepted(let receipt):
                if receipt.eventCount > 0 {
                    (first, last) = (min(first, receipt.firstPosition), max(last, receipt.lastPosition))
                    count += receipt.eventCount
                    for change in entry.append.changes { categories.insert(change.stream.category) }
                }
                entry.ticket.answer(.success(outcome))
            case .conflict where entry.isUncertain:
                await answerUncertain(entry, outcome)
            case .conflict:
                conflicts.increment()
                entry.ticket.answer(.success(outcome))
            }
        }
        if last > 0 {
            // All of a batch lies together.
            signal.advance(from: first - 1, to: last, by: categories)
            appended.increment(by: count)
        }
        Failpoint.reached(.appendAnswered)
    }

    /// A conflict after a lost answer may be with the append's own events: then the first attempt had succeeded.
    private func answerUncertain(_ entry: Queue.Entry, _ outcome: AppendOutcome) async {
        while true {
            do throws(PostgresError) {
                let receipt = try await link.lookUp(entry.append)
                entry.ticket.answer(.success(receipt.map(AppendOutcome.accepted) ?? outcome))
                return
            } catch {
                logger.warning(
                    "outcome of an append still unknown", metadata: ["error": "\(error.debugDescription)"])
            }
        }
    }
}
