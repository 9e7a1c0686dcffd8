import Logging
import Metrics

/// Sends appends to Postgres in batches, one transaction and one round trip each.
///
/// While one batch commits the next one fills; nobody waits for a timer. Each append gets an answer of its own.
package actor GroupCommit {
    private typealias Queue = CommitQueue<CommitTicket>

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
        while !queue.isEmpty {
            await gather()
            let batch = queue.takeBatch()
            batchSize.record(batch.reduce(0) { $0 + $1.append.eventCount })
            await commit(batch)
        }
        if case .closed = phase {
            await link.close()
        } else {
            phase = .idle
        }
    }

    /// Lets those who can append at once do so, as long as more come: whoever was just answered, and the rest of the
    /// round that the first append came from. Otherwise every other batch would hold a single append.
    private func gather() async {
        var waiting = 0
        while queue.count > waiting, queue.waitingEvents < limits.batchEvents {
            waiting = queue.count
            await Self.letOthersRun()
        }
    }

    /// Off the actor, so that it queues behind all that is ready to run, and not only behind calls of the actor.
    @concurrent private static func letOthersRun() async { await Task.yield() }

    /// Commits the batch and answers each append of it, however often the connection is lost on the way.
    private func commit(_ batch: [Queue.Entry]) async {
        var batch = batch
        while !batch.isEmpty {
            let appends = AppendBatch(batch.map(\.append))
            do throws(PostgresError) {
                let outcomes = try await link.commit(appends)
                await answer(batch, outcomes)
                Failpoint.reached(.appendAnswered)
                return
            } catch {
                switch CommitFailure(error) {
                case .poison(let reason, let sqlState):
                    guard batch.count > 1 else {
                        batch[0].ticket.answer(.failure(.invalid(reason: reason, sqlState: sqlState)))
                        return
                    }
                    let middle = batch.count / 2
                    await commit(Array(batch[..<middle]))
                    batch = Array(batch[middle...])
                case .retry:
                    continue
                case .outcomeUnknown:
                    for index in batch.indices { batch[index].isUncertain = true }
                case .unavailable(let reason):
                    logger.warning("append could not be committed", metadata: ["error": "\(error.debugDescription)"])
                    batch = await refuse(batch, reason: reason)
                }
            }
        }
    }

    /// Answers those that are known not to be stored; returns those whose fate is unknown, after a pause.
    private func refuse(_ batch: [Queue.Entry], reason: String) async -> [Queue.Entry] {
        for entry in batch where !entry.isUncertain {
            entry.ticket.answer(.failure(.unavailable(reason: reason)))
        }
        for entry in queue.takeAll() { entry.ticket.answer(.failure(.unavailable(reason: reason))) }
        return batch.filter(\.isUncertain)
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
