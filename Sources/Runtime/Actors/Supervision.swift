/// What is to be done about an aggregate whose actor fails. Pure: times and random numbers are handed in.
///
/// healthy -> restarting, again and again with back-off -> isolated, tried again at a slow pace. A success, whenever it
/// comes, makes it healthy.
struct Supervision: Sendable, Equatable {
    enum Failure: Sendable, Equatable {
        /// An event of its stream cannot be read or folded.
        case unreadable(reason: String)
        /// Others kept changing the stream. Never leads to isolation, since nothing is wrong with the stream.
        case contended
    }

    enum Standing: Sendable, Equatable {
        /// Where a success leads to.
        case healthy
        /// Not to be asked again before `after`.
        case restarting(after: ContinuousClock.Instant, attempts: Int)
        /// Given up on as far as others are concerned; tried again after `retry`, or when an operator says so.
        case isolated(since: ContinuousClock.Instant, retry: ContinuousClock.Instant)
    }

    private(set) var standing = Standing.healthy
    private(set) var failure: Failure?

    /// Notes that the actor has failed.
    mutating func fail(
        _ failure: Failure, at now: ContinuousClock.Instant, by policy: SupervisionPolicy,
        using random: inout some RandomNumberGenerator
    ) {
        self.failure = failure
        switch (standing, failure) {
        case (.isolated(let since, _), .unreadable):
            standing = .isolated(since: since, retry: now + policy.pause(using: &random))
        case (.isolated, .contended), (.healthy, _):
            standing = .restarting(after: now + policy.delay(after: 1, using: &random), attempts: 1)
        case (.restarting(_, let attempts), .unreadable) where attempts + 1 >= policy.attempts:
            standing = .isolated(since: now, retry: now + policy.pause(using: &random))
        case (.restarting(_, let attempts), _):
            standing = .restarting(
                after: now + policy.delay(after: attempts + 1, using: &random), attempts: attempts + 1)
        }
    }

    /// Notes that an operator wants it tried now.
    mutating func demand(at now: ContinuousClock.Instant) {
        switch standing {
        case .healthy: break
        case .restarting(_, let attempts): standing = .restarting(after: now, attempts: attempts)
        case .isolated(let since, _): standing = .isolated(since: since, retry: now)
        }
    }

    /// Whether the actor may be asked.
    func admits(at now: ContinuousClock.Instant) -> Bool {
        switch standing {
        case .healthy: true
        case .restarting(let after, _): now >= after
        case .isolated(_, let retry): now >= retry
        }
    }

    var isIsolated: Bool { if case .isolated = standing { true } else { false } }
}

/// How patiently failing actors are tried again.
package struct SupervisionPolicy: Sendable {
    /// Failures in a row that isolate a stream.
    package var attempts = 5
    /// What the first failure is followed by; twice as long after each more, up to `limit`.
    package var first = Duration.milliseconds(200)
    package var limit = Duration.seconds(10)
    /// Between two attempts at an isolated stream.
    package var pause = Duration.seconds(60)

    package init() {}

    /// Between half of the delay and the whole of it, so that many that failed together do not all return at once.
    func delay(after attempts: Int, using random: inout some RandomNumberGenerator) -> Duration {
        min(limit, first * (1 << min(attempts - 1, 20))) * Double.random(in: 0.5...1, using: &random)
    }

    func pause(using random: inout some RandomNumberGenerator) -> Duration {
        pause * Double.random(in: 0.5...1, using: &random)
    }
}
