import Logging
import Metrics

/// Sends appends to Postgres in batches, one transaction and one round trip each.
///
/// While one batch commits the next one fills, and is encoded as soon as it is full, so that Postgres need not wait for
/// it; nobody waits for a timer. Each append gets an answer of its own.
package actor GroupCommit {
    private typealias Queue = CommitQueue<CommitTicket>

    private struct Batch {
        var entries: [Queue.Entry]
        let encoded: AppendBatch

        init(_ entries: [Queue.Entry]) {
            self.entries = entries
            encoded = AppendBatch(entries.map(\.append))
        }
    }

    private enum Phase {
        case idle
        /// Batches are being sent until the queue is empty.
        case committing
        case closed
    }

    private let link: CommitLink
    private let signal: LogSignal
    private let logger: Logger
    private var phase = Phase.idle
    private var queue: Queue
    /// A full batch that waits for the one under way.
    private var ready: Batch?
    /// Batches that are committed and not yet answered.
    private var committed: [(entries: [Queue.Entry], outcomes: [AppendOutcome])] = []
    private let limits: CommitQueue<Never>.Limits

    private let batchSize = Recorder(label: "fleetlog_commit_batch_events", aggregate: true)
    private let appended = Counter(label: "fleetlog_events_appended_total")
    private let conflicts = Counter(label: "fleetlog_append_conflicts_total")

    init(link: CommitLink, signal: LogSignal, limits: CommitQueue<Never>.Limits, logger: Logger) {
        self.link = link
        self.signal = signal
        self.logger = logger
        self.limits = limits
        queue = Queue(
            limits: .init(
                batchEvents: limits.batchEvents, batchBytes: limits.batchBytes, waitingEvents: limits.waitingEvents,
                waitingBytes: limits.waitingBytes))
    }

    /// The answers lie as the appends do; all of them are awaited together.
    func append(_ appends: [Append]) async -> [CommitAnswer] {
        if appends.isEmpty { return [] }
        return await withCheckedContinuation { continuation in
            let answers = CommitAnswers(appends.count, continuation)
            for (index, append) in appends.enumerated() {
                let ticket = CommitTicket(answers: answers, index: index)
                if let reason = append.malformation {
                    ticket.answer(.failure(.invalid(reason: reason, sqlState: nil)))
                } else if case .closed = phase {
                    ticket.answer(.failure(.closed))
                } else if !queue.put(append, ticket: ticket) {
                    ticket.answer(.failure(.overloaded))
                }
            }
            if case .idle = phase, !queue.isEmpty {
                phase = .committing
                // The batch belongs to everybody in it, so it may not end with the task of the one who came first.
                Task { await self.commitUntilEmpty() }
            } else if ready == nil, queue.waitingEvents >= limits.batchEvents {
                ready = Batch(queue.takeBatch())
            }
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
        while ready != nil || !queue.isEmpty {
            await withDiscardingTaskGroup { answering in
                while let batch = await nextBatch() {
                    batchSize.record(batch.entries.reduce(0) { $0 + $1.append.eventCount })
                    await commit(batch, &answering)
                }
            }
        }
        if case .closed = phase {
            await link.close()
        } else {
            phase = .idle
        }
    }

    private func nextBatch() async -> Batch? {
        if ready == nil, !queue.isEmpty { await gather() }
        if let full = ready {
            ready = nil
            return full
        }
        return queue.isEmpty ? nil : Batch(queue.takeBatch())
    }

    /// Lets those who can append at once do so, as long as more come: whoever was just answered, and the rest of the
    /// round that the first append came from. Otherwise every other batch would hold a single append.
    private func gather() async {
        var waiting = 0
        while ready == nil, queue.count > waiting, queue.waitingEvents < limits.batchEvents {
            waiting = queue.count
            await Self.letOthersRun()
        }
    }

    /// Off the actor, so that it queues behind all that is ready to run, and not only behind calls of the actor.
    @concurrent private static func letOthersRun() async { await Task.yield() }

    /// Commits the batch however often the connection is lost on the way; its appends are answered by `answering`, while
    /// the next batch is under way.
    private func commit(_ batch: Batch, _ answering: inout DiscardingTaskGroup) async {
        var batch = batch
        while !batch.entries.isEmpty {
            do throws(PostgresError) {
                let outcomes = try await link.commit(batch.encoded)
                committed.append((batch.entries, outcomes))
                answering.addTask { await self.answerCommitted() }
                return
            } catch {
                switch CommitFailure(error) {
                case .poison(let reason, let sqlState):
                    guard batch.entries.count > 1 else {
                        batch.entries[0].ticket.answer(.failure(.invalid(reason: reason, sqlState: sqlState)))
                        return
                    }
                    let middle = batch.entries.count / 2
                    await commit(Batch(Array(batch.entries[..<middle])), &answering)
                    batch = Batch(Array(batch.entries[middle...]))
                case .retry:
                    continue
                case .outcomeUnknown:
                    for index in batch.entries.indices { batch.entries[index].isUncertain = true }
                case .unavailable(let reason):
                    logger.warning("append could not be committed", metadata: ["error": "\(error.debugDescription)"])
                    batch = refuse(batch, reason: reason)
                }
            }
        }
    }

    /// Answers those that are known not to be stored; returns those whose fate is unknown.
    private func refuse(_ batch: Batch, reason: String) -> Batch {
        let waiting = (ready?.entries ?? []) + queue.takeAll()
        ready = nil
        for entry in batch.entries.filter({ !$0.isUncertain }) + waiting {
            entry.ticket.answer(.failure(.unavailable(reason: reason)))
        }
        return Batch(batch.entries.filter(\.isUncertain))
    }

    private func answerCommitted() async {
        while !committed.isEmpty {
            let batch = committed.removeFirst()
            await answer(batch.entries, batch.outcomes)
        }
    }

    private func answer(_ batch: [Queue.Entry], _ outcomes: [AppendOutcome]) async {
        var last: Int64 = 0
        for (entry, outcome) in zip(batch, outcomes) {
            switch outcome {
            case .accepted(let receipt):
                last = max(last, receipt.lastPosition)
                appended.increment(by: receipt.eventCount)
                entry.ticket.answer(.success(outcome))
            case .conflict where entry.isUncertain:
                await answerUncertain(entry, outcome)
            case .conflict:
                conflicts.increment()
                entry.ticket.answer(.success(outcome))
            }
        }
        if last > 0 { signal.advance(to: last) }
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
