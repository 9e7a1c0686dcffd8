package import Runtime

/// What a device has said last, by when it was said.
package struct LatestReadings: Sendable, Hashable, Codable {
    package var readings: [String: LatestReading]
    package var flagged: FlaggedReading?
    /// When the newest reading was made.
    package var observed: Timestamp?

    package init(readings: [String: LatestReading], flagged: FlaggedReading?, observed: Timestamp?) {
        self.readings = readings
        self.flagged = flagged
        self.observed = observed
    }

    fileprivate mutating func take(_ metrics: [String: MetricValue], _ flags: ReadingFlags?, at time: Timestamp) {
        observed = max(observed ?? time, time)
        if let flags { FlaggedReading(flags: flags, time: time).replace(&flagged) }
        for (metric, value) in metrics { LatestReading(value: value, time: time).replace(&readings[metric]) }
    }
}

/// A device's readings that may yet be dated anew, and what is the latest without them: by their arrival they may hide a
/// reading that was made later.
///
/// A reading is kept as far as it may come to be the latest. What was made and has arrived no earlier stands for it by either
/// date, so of a buffer that is emptied in order only the end is kept.
package struct UnsettledReadings: Sendable, Hashable, Codable {
    private struct Reading: Sendable, Hashable, Codable {
        let reading: ProvisionalReading
        var metrics: [String: MetricValue]
        var flags: ReadingFlags?

        var isEmpty: Bool { metrics.isEmpty && flags == nil }

        /// Whether this is the later one by either date; of several metrics only what both have is compared.
        func covers(_ other: Reading) -> Bool {
            reading != other.reading && reading.time >= other.reading.time && reading.arrival >= other.reading.arrival
        }

        /// Leaves out what cannot come to be the latest beside another one.
        mutating func giveWay(to other: Reading) {
            guard other.covers(self) else { return }
            // By one of the dates they may be of one instant.
            let isLater = other.reading.time > reading.time && other.reading.arrival > reading.arrival
            metrics = metrics.filter { metric, value in
                guard let another = other.metrics[metric] else { return true }
                return !isLater && another.isBefore(value)
            }
            if let flags, let others = other.flags, isLater || !others.isBefore(flags) { self.flags = nil }
        }

        /// Adds what another reading of the same times says.
        mutating func merge(_ other: Reading) {
            for (metric, value) in other.metrics where metrics[metric].map({ $0.isBefore(value) }) ?? true {
                metrics[metric] = value
            }
            if let others = other.flags, flags.map({ $0.isBefore(others) }) ?? true { flags = others }
        }
    }

    private var settled: LatestReadings
    /// In the order of their arrival.
    private var readings: [Reading] = []

    /// - Parameter latest: of all readings so far, none of which may be dated anew.
    package init(beside latest: LatestReadings) { settled = latest }

    package var isEmpty: Bool { readings.isEmpty }

    var approximateHeapBytes: Int {
        settled.readings.approximateHeapBytes
            + readings.reduce(readings.approximateHeapBytes) { $0 + $1.metrics.approximateHeapBytes }
    }

    /// Takes the next reading in, of whichever kind.
    package mutating func take(_ fact: TelemetryRecorded, at time: Timestamp) {
        if let arrival = fact.arrival(time) {
            let end = arrival - ProvisionalReadings.memory
            settleFirst(readings.prefix { $0.reading.arrival < end }.count)
        }
        if let reading = ProvisionalReading(fact, at: time) {
            insert(Reading(reading: reading, metrics: fact.metrics, flags: fact.flags))
        } else {
            settled.take(fact.metrics, fact.flags, at: fact.correctedTime(time))
        }
    }

    private mutating func insert(_ reading: Reading) {
        var new = reading
        for place in readings.indices {
            new.giveWay(to: readings[place])
            readings[place].giveWay(to: new)
        }
        let isNothing = new.isEmpty && readings.contains { $0.covers(new) }
        readings.removeAll { $0.isEmpty && new.covers($0) }
        if isNothing { return }
        if let place = readings.firstIndex(where: { $0.reading == new.reading }) {
            readings[place].merge(new)
            return
        }
        let times = (new.reading.arrival, new.reading.time)
        let place = readings.firstIndex { times < ($0.reading.arrival, $0.reading.time) } ?? readings.endIndex
        readings.insert(new, at: place)
        settleFirst(readings.count - ProvisionalReadings.most)
    }

    /// These stay dated by their arrival.
    private mutating func settleFirst(_ count: Int) {
        guard count > 0 else { return }
        for one in readings.prefix(count) { settled.take(one.metrics, one.flags, at: one.reading.arrival) }
        readings.removeFirst(count)
    }

    /// What is the latest when these are dated anew; all others stay where they are.
    package func settled(by fact: ReadingsRedated) -> LatestReadings {
        let dated = Set(fact.readings)
        return readings.reduce(into: settled) { latest, one in
            let time = dated.contains(one.reading) ? fact.time(of: one.reading) : one.reading.arrival
            latest.take(one.metrics, one.flags, at: time)
        }
    }
}

extension Device.State {
    /// Before the reading counts among the latest.
    mutating func settle(_ fact: TelemetryRecorded, at time: Timestamp) {
        if unsettled == nil, fact.provisional == true {
            unsettled = UnsettledReadings(
                beside: LatestReadings(readings: readings, flagged: latestFlagged, observed: latestObserved))
        }
        unsettled?.take(fact, at: time)
        if unsettled?.isEmpty == true { unsettled = nil }
    }

    mutating func redate(_ fact: ReadingsRedated) {
        guard let latest = unsettled?.settled(by: fact) else { return }
        (readings, latestFlagged, latestObserved) = (latest.readings, latest.flagged, latest.observed)
        unsettled = nil
    }
}
