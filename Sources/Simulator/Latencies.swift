/// Durations counted in buckets that grow with them: a quantile is exact to about 6 %.
struct Latencies: Sendable {
    private static let steps = 16
    private var buckets = [Int](repeating: 0, count: 40 * steps)
    private(set) var count = 0

    mutating func record(_ duration: Duration) {
        let microseconds = UInt64(max(0, duration / .microseconds(1)))
        buckets[min(buckets.count - 1, Self.bucket(microseconds))] += 1
        count += 1
    }

    /// Zero if nothing was recorded.
    func quantile(_ part: Double) -> Duration {
        guard count > 0 else { return .zero }
        let wanted = max(1, Int((Double(count) * part).rounded(.up)))
        var seen = 0
        for (index, number) in buckets.enumerated() {
            seen += number
            if seen >= wanted { return .microseconds(Self.middle(index)) }
        }
        return .zero
    }

    private static func bucket(_ value: UInt64) -> Int {
        guard value >= UInt64(steps) else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        return (exponent - 3) * steps + Int(value >> UInt64(exponent - 4)) - steps
    }

    private static func middle(_ bucket: Int) -> Int {
        guard bucket >= steps else { return bucket }
        let exponent = bucket / steps + 3
        let low = (bucket % steps + steps) << (exponent - 4)
        return low + (1 << (exponent - 4)) / 2
    }
}
