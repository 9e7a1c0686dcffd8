import Runtime

/// The minutes of an hour as they are stored, and of which row they are.
struct StoredHour: Sendable {
    var place: WindowsWanted.Place
    var settled: PackedMinutes
    var provisional: [ProvisionalNumber]
}

/// Puts the minutes of hours, which come by metric, time and account, in the order of their own times.
struct WantedMinutes {
    private let wanted: WindowsWanted
    private var found: [MetricWindow] = []
    /// Of the hour that came last: another account may have minutes between them.
    private var open: [MetricWindow] = []
    private var hour: (metric: String, start: Timestamp)?

    init(_ wanted: WindowsWanted) { self.wanted = wanted }

    var isFull: Bool { found.count >= wanted.limit }

    mutating func take(_ next: StoredHour) {
        let place = next.place
        if let hour, hour != (place.metric, place.start) { close() }
        hour = (place.metric, place.start)
        for window in TelemetryHour.windows(of: place.start, next.settled, next.provisional)
        where wanted.from <= window.start && window.start < wanted.to {
            let minute = MetricWindow(
                metric: place.metric, start: window.start, account: place.account, summary: window.summary)
            if let after = wanted.after, minute.place <= after { continue }
            open.append(minute)
        }
    }

    private mutating func close() {
        found += open.sorted { $0.place < $1.place }
        open = []
    }

    mutating func all() -> [MetricWindow] {
        close()
        return Array(found.prefix(wanted.limit))
    }
}

extension WindowsWanted.Place: Comparable {
    /// Names compare by their bytes, as in the database.
    package static func < (left: Self, right: Self) -> Bool {
        if left.metric != right.metric { return left.metric.utf8.lexicographicallyPrecedes(right.metric.utf8) }
        if left.start != right.start { return left.start < right.start }
        return left.account.utf8.lexicographicallyPrecedes(right.account.utf8)
    }
}
