/// When actors go to sleep.
package struct Passivation: Sendable {
    /// Whoever was not used for so long sleeps.
    package var idle: Duration
    /// If actors take up more than this holds, those used least recently sleep first.
    package var memory: ActorMemory
    /// The clock that uses are noted by.
    package var now: @Sendable () -> ContinuousClock.Instant

    package init(
        idle: Duration = .seconds(600), memory: ActorMemory = .unlimited,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.idle = idle
        self.memory = memory
        self.now = now
    }

    /// Actors that one step may look at; other work of the executor goes on between two steps.
    static let step = 256
    /// Uses are told apart by the second.
    static let tick = Duration.seconds(1)
}

/// Why an actor was put to sleep.
enum PassivationCause: String, Sendable, CaseIterable {
    case idle, memory
}
