/// Stands in for the thread of a connection: its jobs run in their order, and those of others in between.
final class SimulatedThread: SerialExecutor {
    private let scheduler: SimulatedScheduler

    init(_ scheduler: SimulatedScheduler) { self.scheduler = scheduler }

    func enqueue(_ job: consuming ExecutorJob) { scheduler.put(UnownedJob(job), on: self) }
}
