/// The sizes and intervals of a runner.
package struct RunnerPace: Sendable {
    /// Events of a step.
    package var pageSize = 1_000
    /// Timers of a step.
    package var timerLimit = 1_000
    /// An instance that has observed and not decided is stored when it has been ahead of its stored state for this many
    /// events. More of them cost a longer start, less of them more writes.
    package var foldWindow: Int64 = 500_000
    /// States stored at once.
    package var stateSlice = 2_000
    /// The checkpoint moves this often even if nothing follows from the events.
    package var checkpointInterval = Duration.seconds(1)
    package var checkpointEvents: Int64 = 20_000
    /// What other servers ask for, and what nobody told of, is noticed this often.
    package var pollInterval = Duration.seconds(1)
    /// While events come singly, each step waits this long for more of them.
    package var gathering = Duration.milliseconds(20)

    package init() {}
}
