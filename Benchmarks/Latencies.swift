internal import Histogram

/// Times of many things alike, in an HDR histogram: three significant digits, from a microsecond to an hour.
struct Latencies: Sendable {
    private var histogram = Histogram<UInt64>(lowestDiscernibleValue: 1, highestTrackableValue: longest)

    private static let longest: UInt64 = 3_600_000_000

    mutating func add(_ latency: Duration) {
        histogram.record(UInt64(min(max(latency / .microseconds(1), 0), Double(Self.longest))))
    }

    mutating func add(_ other: Latencies) { histogram.add(other.histogram) }

    func percentile(_ percent: Double) -> Duration {
        .microseconds(Int64(histogram.valueAtPercentile(percent)))
    }
}
