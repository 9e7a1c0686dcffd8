package import Aggregates
package import Runtime

/// How runs go on from each other: one state holds until another one is observed.
package struct StateHistory: Sendable, Hashable {
    /// A time in which one state held.
    package struct Stretch: Sendable, Hashable {
        package var value: MetricValue
        package var from: Timestamp
        package var to: Timestamp
        /// When the state was said last within it; nil if that is not known, because it was said later as well, or before it.
        package var lastTime: Timestamp?
        /// Of the event that brought the state, if that was within the range.
        package var version: Int64?

        package var duration: Duration { to - from }
    }

    package struct Total: Sendable, Hashable {
        package var value: MetricValue
        package var duration: Duration
        package var stretches: Int
    }

    package private(set) var stretches: [Stretch] = []
    /// The longest first.
    package private(set) var totals: [Total] = []

    /// - Parameter runs: of the range, and the last ones before it.
    package init(_ runs: [StateRun], from: Timestamp, to: Timestamp) {
        let runs = runs.sorted { ($0.since, $0.lastTime, $0.version) < ($1.since, $1.lastTime, $1.version) }
        var held: StateRun?
        for run in runs where run.since < to {
            if let state = held, state.value == run.value {
                held?.lastTime = max(state.lastTime, run.lastTime)
            } else {
                if let state = held { append(state, until: run.since, from, to) }
                held = run
            }
        }
        if let held { append(held, until: to, from, to) }
        var byValue: [MetricValue: Total] = [:]
        for stretch in stretches {
            byValue[stretch.value, default: Total(value: stretch.value, duration: .zero, stretches: 0)].add(stretch)
        }
        totals = byValue.values.sorted { ($1.duration, "\($0.value)") < ($0.duration, "\($1.value)") }
    }

    /// Whether facts were left out in an hour in which the range has states.
    package static func isThinned(_ runs: [StateRun], from: Timestamp, to: Timestamp) -> Bool {
        runs.contains { $0.isThinned && $0.lastTime >= from && $0.since < to }
    }

    private mutating func append(_ run: StateRun, until end: Timestamp, _ from: Timestamp, _ to: Timestamp) {
        let (start, end) = (max(run.since, from), min(end, to))
        guard start < end else { return }
        stretches.append(
            Stretch(
                value: run.value, from: start, to: end,
                lastTime: run.lastTime < end && run.lastTime >= start ? run.lastTime : nil,
                version: run.since >= from ? run.version : nil))
    }
}

extension StateHistory.Total {
    fileprivate mutating func add(_ stretch: StateHistory.Stretch) {
        duration += stretch.duration
        stretches += 1
    }
}
