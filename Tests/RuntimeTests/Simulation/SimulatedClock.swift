/// A clock whose timers ring when the seed says so: a program may not rely on how long anything takes.
struct SimulatedClock: Clock {
    let scheduler: SimulatedScheduler

    var now: ContinuousClock.Instant { scheduler.now }
    var minimumResolution: Duration { .microseconds(1) }

    /// Not cut short by cancellation, which would only let it end sooner.
    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
        await scheduler.pause(5_000...200_000)
    }
}
