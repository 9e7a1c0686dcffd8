import CoreMetrics
import Synchronization

enum MetricKind: Sendable {
    case counter
    case gauge
    case histogram(Buckets)

    /// The upper bounds of a histogram's buckets.
    enum Buckets: Sendable {
        case seconds
        case amounts
        /// From a second to a month.
        case ages

        var bounds: [Double] {
            switch self {
            case .seconds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
            case .ages: [1, 10, 60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_592_000]
            case .amounts: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]
            }
        }
    }

    var name: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }
}

/// One metric with one set of labels.
final class MetricSeries: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    private struct State {
        var value = 0.0
        var count: UInt64 = 0
        /// How many values fell into each bucket; the last is beyond all bounds.
        var buckets: [UInt64]
    }
    private let kind: MetricKind
    private let bounds: [Double]
    private let state: Mutex<State>

    init(_ kind: MetricKind) {
        self.kind = kind
        bounds = if case .histogram(let buckets) = kind { buckets.bounds } else { [] }
        state = Mutex(State(buckets: Array(repeating: 0, count: bounds.count + 1)))
    }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) { state.withLock { $0.value += amount } }
    func decrement(by amount: Double) { state.withLock { $0.value -= amount } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0.value = value } }
    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func reset() { state.withLock { $0 = State(buckets: Array(repeating: 0, count: bounds.count + 1)) } }

    func record(_ value: Double) {
        guard case .histogram = kind else {
            set(value)
            return
        }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.value += value
            state.count += 1
            state.buckets[bucket] += 1
        }
    }

    func render(_ name: String, _ labels: MetricLabels, to text: inout String) {
        let state = state.withLock { $0 }
        guard case .histogram = kind else {
            text += "\(name)\(labels.text()) \(Self.text(state.value))\n"
            return
        }
        var total: UInt64 = 0
        for (count, bound) in zip(state.buckets, bounds.map(Self.text) + ["+Inf"]) {
            total += count
            text += "\(name)_bucket\(labels.text(with: ("le", bound))) \(total)\n"
        }
        text += "\(name)_sum\(labels.text()) \(Self.text(state.value))\n\(name)_count\(labels.text()) \(state.count)\n"
    }

    private static func text(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }
}
