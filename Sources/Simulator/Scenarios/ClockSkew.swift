import Runtime

/// A device whose clock is wrong by up to two hours and runs some minutes a day fast or slow.
struct ClockSkew: Scenario {
    private let start: Timestamp
    private let offset: Duration
    /// Seconds a second.
    private let drift: Double

    init(start: Timestamp, random: inout SeededRandom) {
        self.start = start
        let seconds = Int.random(in: 120...7_200, using: &random)
        offset = .seconds(random.chance(0.5) ? seconds : -seconds)
        drift = Double.random(in: -0.003...0.003, using: &random)
    }

    func skew(at now: Timestamp) -> Duration { offset + (now - start) * drift }

    mutating func messages(for reading: Reading, at now: Timestamp, random: inout SeededRandom) -> [[Reading]] {
        var reading = reading
        reading.time = reading.time + skew(at: reading.time)
        return [[reading]]
    }
}
