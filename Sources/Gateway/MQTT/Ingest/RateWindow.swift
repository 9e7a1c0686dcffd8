/// How many came a second, over the last seconds.
struct RateWindow {
    private let start: ContinuousClock.Instant
    private var counts: [Int]
    private var newest = 0

    init(seconds: Int, from start: ContinuousClock.Instant = .now) {
        self.start = start
        counts = Array(repeating: 0, count: seconds)
    }

    /// Adds to the present second and returns the rate.
    mutating func add(_ count: Int, at time: ContinuousClock.Instant) -> Double {
        let second = max(newest, Int((time - start).components.seconds))
        // Each second has its place in the ring; those that have passed since the last call are emptied.
        for passed in 0..<min(second - newest, counts.count) { counts[(second - passed) % counts.count] = 0 }
        newest = second
        counts[second % counts.count] += count
        return Double(counts.reduce(0, +)) / Double(counts.count)
    }
}
