package import Aggregates
package import Runtime

/// The numbers of one metric of a device in one hour, and in its minutes.
package struct TelemetryHour: Sendable, Hashable {
    package let device: String
    /// Whose the device was when the readings were recorded: who gets it later does not see them.
    package let account: String
    package let metric: String
    package let start: Timestamp
    /// Of all of its readings.
    package private(set) var summary: WindowSummary
    /// Of those that are here to stay.
    package private(set) var minutes: PackedMinutes
    /// Of those that may yet be dated anew, in order.
    package private(set) var provisional: [ProvisionalNumber]

    /// An hour of one reading so far.
    package init(
        device: String, account: String, metric: String, start: Timestamp, _ number: Double, at time: Timestamp,
        _ reading: ProvisionalReading? = nil
    ) {
        self.init(
            device: device, account: account, metric: metric, start: start, summary: WindowSummary(number, at: time),
            minutes: PackedMinutes(), provisional: [])
        keep(number, WindowSummary(number, at: time), at: time, reading)
    }

    /// As it was stored.
    init(
        device: String, account: String, metric: String, start: Timestamp, summary: WindowSummary,
        minutes: PackedMinutes, provisional: [ProvisionalNumber]
    ) {
        self.device = device
        self.account = account
        self.metric = metric
        self.start = start
        self.summary = summary
        self.minutes = minutes
        self.provisional = provisional
    }

    /// Takes in a reading of this hour.
    ///
    /// - Parameter reading: nil if it is here to stay.
    package mutating func insert(_ number: Double, at time: Timestamp, _ reading: ProvisionalReading?) {
        let one = WindowSummary(number, at: time)
        summary.merge(one)
        keep(number, one, at: time, reading)
    }

    private mutating func keep(
        _ number: Double, _ one: WindowSummary, at time: Timestamp, _ reading: ProvisionalReading?
    ) {
        guard let reading else {
            return minutes.merge(one, intoMinute: PackedMinutes.Minute.number(of: time, in: start), of: start)
        }
        provisional.append(ProvisionalNumber(number, of: reading))
        provisional.sort()
    }

    /// Takes the numbers of these readings out; the hour is to go if it says that none is left.
    mutating func remove(_ readings: Set<ProvisionalReading>) -> (removed: [ProvisionalNumber], isEmpty: Bool) {
        let removed = provisional.filter { readings.contains($0.reading) }
        if removed.isEmpty { return ([], false) }
        provisional.removeAll { readings.contains($0.reading) }
        let left = minutes.all(of: start).map(\.summary) + provisional.map(\.summary)
        guard let first = left.first else { return (removed, true) }
        summary = left.dropFirst().reduce(into: first) { $0.merge($1) }
        return (removed, false)
    }

    /// What its minutes that have readings come to, in order.
    package var windows: [(start: Timestamp, summary: WindowSummary)] {
        Self.windows(of: start, minutes, provisional)
    }

    static func windows(
        of start: Timestamp, _ minutes: PackedMinutes, _ provisional: [ProvisionalNumber]
    ) -> [(start: Timestamp, summary: WindowSummary)] {
        let settled = minutes.all(of: start).map { (start: $0.start(in: start), summary: $0.summary) }
        if provisional.isEmpty { return settled }
        var windows = Dictionary(uniqueKeysWithValues: settled.map { ($0.start, $0.summary) })
        for number in provisional {
            let start = WindowLength.minute.start(of: number.reading.arrival)
            if windows[start]?.merge(number.summary) == nil { windows[start] = number.summary }
        }
        return windows.map { (start: $0.key, summary: $0.value) }.sorted { $0.start < $1.start }
    }

    /// Whether it has readings of the minute in which a time lies.
    func hasMinute(of time: Timestamp) -> Bool {
        let start = WindowLength.minute.start(of: time)
        return windows.contains { $0.start == start }
    }
}
