@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// The database that all servers of a simulation share, and the network between.
final class SimulatedDatabase: Sendable {
    let scheduler: SimulatedScheduler
    let plan: SimulationPlan
    private let state = Mutex(SimulatedLog())
    private let listeners = Mutex<[(SimulatedLife, LogSignal)]>([])
    private let calm = Mutex(false)

    init(_ scheduler: SimulatedScheduler, _ plan: SimulationPlan) {
        self.scheduler = scheduler
        self.plan = plan
    }

    /// What is stored, without going there.
    var log: SimulatedLog { state.withLock { $0 } }

    /// From now on nothing fails.
    func becomeCalm() { calm.withLock { $0 = true } }

    func fails(_ percent: Int) -> Bool { !calm.withLock { $0 } && scheduler.chance(percent) }

    /// One way, for whatever is sent.
    func travel() async { await scheduler.pause(scheduler.chance(plan.slow) ? 1_000...60_000 : 5...400) }

    func commit(_ batch: AppendBatch, expecting head: Int64?) throws(PostgresError) -> AppendBatch.Answer {
        let time = Timestamp(microseconds: scheduler.microseconds)
        let result = state.withLock { log -> Result<AppendBatch.Answer, PostgresError> in
            do throws(PostgresError) {
                return .success(try log.commit(batch, expecting: head, at: time))
            } catch {
                return .failure(error)
            }
        }
        if case .success(let answer) = result {
            scheduler.note("committed", answer.found, answer.left, Int64(batch.appends.count))
            if answer.left > answer.found { announce(answer.left) }
        } else {
            scheduler.note("not committed", Int64(batch.appends.count))
        }
        return try result.get()
    }

    func listen(_ life: SimulatedLife, _ signal: LogSignal) { listeners.withLock { $0.append((life, signal)) } }

    private func announce(_ position: Int64) {
        for (life, signal) in listeners.withLock({ $0 }) where !life.isOver && !fails(plan.lostSignals) {
            scheduler.call(after: scheduler.number(in: 10...5_000)) { signal.advance(to: position) }
        }
    }
}

/// Whether a server is still alive; a dead one reaches nothing any more.
final class SimulatedLife: Sendable {
    private let state = Mutex(false)

    var isOver: Bool { state.withLock { $0 } }

    func end() { state.withLock { $0 = true } }
}
