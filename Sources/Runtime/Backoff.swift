/// How long to wait before trying again: twice as long each time, and a random part of that, so that many
/// clients of one server that comes back do not all return at once.
package struct Backoff: Sendable {
    private let first: Duration
    private let limit: Duration
    private var ceiling: Duration

    package init(first: Duration = .milliseconds(50), limit: Duration = .seconds(2)) {
        self.first = first
        self.limit = limit
        ceiling = first
    }

    /// Between zero and the present ceiling ("full jitter"), at least a millisecond.
    package mutating func next() -> Duration {
        var random = SystemRandomNumberGenerator()
        return next(using: &random)
    }

    package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        defer { ceiling = min(limit, ceiling * 2) }
        return max(.milliseconds(1), ceiling * Double.random(in: 0...1, using: &random))
    }

    package mutating func reset() {
        ceiling = first
    }
}
