import Metrics

/// What came late of some events, seen from the rows of a view that had been made without them.
package struct Lateness: Sendable, Equatable {
    /// By how many seconds each late reading was late.
    package var seconds: [Double] = []
    /// The ids of rows that were over, and are otherwise now.
    package var recalculated: Set<String> = []

    package init() {}

    var isEmpty: Bool { seconds.isEmpty && recalculated.isEmpty }

    mutating func add(_ other: Lateness) {
        seconds += other.seconds
        recalculated.formUnion(other.recalculated)
    }

    func count(view: String, factory: any MetricsFactory) {
        if isEmpty { return }
        let view = [("view", view)]
        Counter(label: "fleetlog_late_readings_total", dimensions: view, factory: factory).increment(by: seconds.count)
        let histogram = Recorder(label: "fleetlog_late_reading_seconds", dimensions: view, factory: factory)
        for late in seconds { histogram.record(late) }
        // No series for a view that has no windows.
        if recalculated.isEmpty { return }
        Counter(label: "fleetlog_windows_recalculated_total", dimensions: view, factory: factory)
            .increment(by: recalculated.count)
    }
}
