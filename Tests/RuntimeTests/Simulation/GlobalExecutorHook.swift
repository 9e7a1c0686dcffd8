import Glibc

/// Sends the jobs of a simulation's thread to its scheduler instead of the threads of the global executor.
///
/// The hook is the Swift runtime's own, and belongs to the whole process. Jobs of all other threads go their usual way;
/// those of a simulation are told by the thread that enqueues them, since nothing of it ever runs on another one. So
/// the actors and unstructured tasks of the program run as they are, with no executor handed through them for tests.
enum GlobalExecutorHook {
    private typealias Original = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Original) -> Void

    /// The scheduler of the thread that asks.
    private static let scheduler: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    private static let isInstalled: Bool = {
        _ = scheduler
        guard let symbol = dlsym(nil, "swift_task_enqueueGlobal_hook") else { return false }
        symbol.assumingMemoryBound(to: Hook?.self).pointee = { job, original in
            if let scheduler = pthread_getspecific(GlobalExecutorHook.scheduler) {
                Unmanaged<SimulatedScheduler>.fromOpaque(scheduler).takeUnretainedValue().put(job)
            } else {
                original(job)
            }
        }
        return true
    }()

    /// Runs `body`, and whatever it starts, under the scheduler; `body` must wait for the end of it.
    static func run(under simulated: SimulatedScheduler, _ body: () -> Void) {
        precondition(isInstalled, "the Swift runtime has no hook for its global executor")
        pthread_setspecific(scheduler, Unmanaged.passUnretained(simulated).toOpaque())
        body()
        pthread_setspecific(scheduler, nil)
    }
}
