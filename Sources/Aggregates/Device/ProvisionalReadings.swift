package import Runtime

/// A reading as far as its time is concerned: what the device said, and how much later it arrived.
package struct ProvisionalReading: Sendable, Hashable, Codable {
    /// By the device's clock, in microseconds since 1970.
    package var time: Int64
    /// In microseconds.
    package var delay: Int64

    package init(time: Int64, delay: Int64) {
        self.time = time
        self.delay = delay
    }

    /// Nil unless the reading is dated by its arrival until the clock is known.
    package init?(_ fact: TelemetryRecorded, at time: Timestamp) {
        guard fact.provisional == true, let delay = fact.delay else { return nil }
        self.init(time: time.microseconds, delay: delay)
    }

    package var arrival: Timestamp { Timestamp(microseconds: time) + .microseconds(delay) }
}

/// Readings that are dated by their arrival, because their own times cannot be and the clock was not known: those of the
/// last days, as many as one event can date anew.
struct ProvisionalReadings: Sendable, Codable, Equatable {
    static let most = 250
    /// Readings times metrics: as many windows may change at once, of each length.
    private static let mostNumbers = 1_000
    /// What arrived longer ago stays where it is.
    static let memory = Duration.seconds(7 * 86_400)

    private(set) var readings: [ProvisionalReading] = []
    /// What they have measured, by name.
    private var metrics: [String] = []

    init() {}

    /// Reads what its `Codable` form is, mostly empty; nil if Foundation must read it.
    init?(_ cursor: inout CanonicalCursor) {
        if cursor.skip(#"{"readings":[],"metrics":[]}"#) || cursor.skip(#"{"metrics":[],"readings":[]}"#) { return }
        guard let readings = cursor.decoded(Self.self) else { return nil }
        self = readings
    }

    func hasRoom(for fact: TelemetryRecorded, arrivedAt arrival: Timestamp) -> Bool {
        let metrics = Set(metrics).union(fact.measured)
        let count = readings.reduce(1) { $0 + ($1.arrival < arrival - Self.memory ? 0 : 1) }
        return count <= Self.most && count * metrics.count <= Self.mostNumbers
    }

    mutating func insert(_ reading: ProvisionalReading, measuring names: [String]) {
        readings.removeAll { $0.arrival < reading.arrival - Self.memory }
        if readings.isEmpty { metrics = [] }
        readings.append(reading)
        metrics = Set(metrics).union(names).sorted()
    }

    /// What becomes of them when the clock is known: those that may have been made by it are dated by it.
    ///
    /// - Parameter arrival: of the reading that shows what the clock is.
    func redated(by clock: DeviceClock, at arrival: Timestamp, limit: Int64) -> ReadingsRedated? {
        var seen: Set<ProvisionalReading> = []
        let dated = readings.filter { reading in
            reading.arrival >= arrival - Self.memory && seen.insert(reading).inserted
                && clock.mayDate(
                    Timestamp(microseconds: reading.time), arrivedAt: reading.arrival, limit: limit)
        }
        guard !dated.isEmpty else { return nil }
        return ReadingsRedated(offset: clock.offset, confidence: clock.confidence, metrics: metrics, readings: dated)
    }
}

/// Readings that were dated by their arrival were made at other times, by the clock that is known now.
package struct ReadingsRedated: Sendable, Codable, Equatable {
    /// By how many microseconds the device's times are ahead of the times of the readings.
    package var offset: Int64
    /// The offset is right within so many microseconds.
    package var confidence: Int64
    /// What some of the readings have measured, by name.
    package var metrics: [String]
    /// All readings of the device with these times that are dated by their arrival.
    package var readings: [ProvisionalReading]

    package init(offset: Int64, confidence: Int64, metrics: [String], readings: [ProvisionalReading]) {
        self.offset = offset
        self.confidence = confidence
        self.metrics = metrics
        self.readings = readings
    }

    /// When the reading was made.
    package func time(of reading: ProvisionalReading) -> Timestamp {
        Timestamp(microseconds: reading.time) - .microseconds(offset)
    }
}

extension TelemetryRecorded {
    /// The metrics that count in windows.
    var measured: [String] { metrics.compactMap { $1.measure == nil ? nil : $0 } }
}

extension MetricValue {
    /// The number that it counts as; nil for what is not measured.
    package var measure: Double? {
        switch self {
        case .number(let number): number
        case .flag(let flag): flag ? 1 : 0
        case .text, .null: nil
        }
    }
}
