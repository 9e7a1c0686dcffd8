package import Runtime

/// Why a server's term as the runner ends.
enum RunnerEnd: Error, Sendable, Hashable {
    /// Another server has taken over: nothing more can be written.
    case fenced
    case cancelled
    /// The store refused a step, although every part of it looked sound. Memory is ahead of the log now.
    case refused(Refusal)
    /// The database holds something that this program cannot read.
    case broken(reason: String)
}

/// A step that the store refused.
struct Refusal: Sendable, Hashable {
    var reason: String
    /// The step reacted to the log up to here.
    var position: Int64
    /// Those that had outputs in it.
    var instances: [FailureRow]
    /// Whether it was one of them for certain; otherwise the step is to be repeated an event at a time.
    var isCertain: Bool
}

/// What the runner lets others see, in the order in which it happens. Whoever looks may hold it up.
package enum RunnerHappening: Sendable, Hashable {
    case leading
    case following
    /// States are in memory; the log is followed from `position` on.
    case began(generation: Int64, position: Int64)
    /// A step is decided and not recorded yet.
    case decided(RunnerStep)
    case recorded(RunnerStep)
    case sending([UUID128])
    /// The commands have come to an end; the outbox does not know yet.
    case sent([UUID128])
    case marked([UUID128])
    case stopped(workflow: String, key: String, reason: String)
    case recovered(workflow: String, key: String)
    case fenced
}

/// What one step of the runner came to.
package struct RunnerStep: Sendable, Hashable {
    /// The log is reacted to up to here.
    package var position: Int64
    package var events = 0
    package var decisions = 0
    package var commands = 0
    package var notifications = 0
    package var fired = 0

    package init(position: Int64) { self.position = position }
}
