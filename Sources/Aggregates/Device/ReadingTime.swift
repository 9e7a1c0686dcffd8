package import Runtime

/// When a reading was made, as far as its times and the device's clock tell.
struct ReadingTime: Sendable {
    /// A clock that is off by more counts as wrong, unless the settings say otherwise.
    static let usualLimit: Int64 = 60_000_000
    /// 2020: nothing was measured before, so a clock that says so was never set.
    fileprivate static let earliest: Int64 = 1_577_836_800_000_000

    /// How much later than the device's own time the reading arrived; nil without such a time.
    let delay: Int64?
    let flag: ReadingFlags.Time?
    let offset: Int64?
    /// What the clock is known for after this reading.
    let clock: DeviceClock
    let news: Device.Event?
    /// Whether the time cannot be and the clock is not known, so that the arrival stands for it.
    let isDatedByArrival: Bool
    private let limit: Int64

    init(_ telemetry: Telemetry, observedAt time: Timestamp, _ known: DeviceClock) {
        guard telemetry.clock == .device, let arrival = telemetry.arrival else {
            (delay, flag, offset, clock, news) = (nil, nil, nil, known, nil)
            (isDatedByArrival, limit) = (false, 0)
            return
        }
        let limit = telemetry.schemas?.clockLimit ?? Self.usualLimit
        let delay = arrival.microsecondsSince(time)
        var clock = known
        clock.hear(delay: delay, arrival: arrival)
        news = clock.news(limit: limit)
        var drift = clock.drift
        switch news {
        case .clockDrifted: drift = clock.offset
        case .clockRecovered: drift = nil
        default: break
        }
        flag = delay < -limit ? .future : time.microseconds < Self.earliest ? .unset : nil
        // A clock that has been set since says nothing of a reading that would be of the future by it, or of too long ago.
        if drift != nil, clock.mayDate(time, arrivedAt: arrival, limit: limit) {
            (offset, isDatedByArrival) = (clock.offset, false)
        } else {
            (offset, isDatedByArrival) = (flag == nil ? nil : -delay, flag != nil)
        }
        self.delay = delay
        self.limit = limit
        self.clock = clock
    }

    /// What the clock that this reading has shown to be wrong makes of earlier ones.
    func redated(_ readings: ProvisionalReadings, arrival: Timestamp?) -> ReadingsRedated? {
        guard case .clockDrifted? = news, let arrival else { return nil }
        return readings.redated(by: clock, at: arrival, limit: limit)
    }
}

extension TelemetryRecorded {
    /// When the reading was made, as far as is known: by the device's clock, corrected if it was known to be wrong.
    ///
    /// - Parameter time: the observed time of the event, which is what the device says.
    package func correctedTime(_ time: Timestamp) -> Timestamp {
        guard let offset else { return time }
        return time - .microseconds(offset)
    }

    /// When the reading arrived at the broker, or over HTTP; nil of readings from before that was kept.
    package func arrival(_ time: Timestamp) -> Timestamp? {
        if clock == .server { return time }
        return delay.map { time + .microseconds($0) }
    }
}

extension DeviceClock {
    /// Whether a reading of this time may have been made by this clock: before it arrived, and not too long ago.
    func mayDate(_ time: Timestamp, arrivedAt arrival: Timestamp, limit: Int64) -> Bool {
        let corrected = time - .microseconds(offset)
        return arrival.microsecondsSince(corrected) >= -limit && corrected.microseconds >= ReadingTime.earliest
    }

    /// Takes a recorded reading into account.
    package mutating func hear(_ fact: TelemetryRecorded, at time: Timestamp) {
        guard let delay = fact.delay else { return }
        let (arrival, overflow) = time.microseconds.addingReportingOverflow(delay)
        if !overflow { hear(delay: delay, arrival: Timestamp(microseconds: arrival)) }
    }
}

extension Timestamp {
    fileprivate func microsecondsSince(_ earlier: Timestamp) -> Int64 {
        let (difference, overflow) = microseconds.subtractingReportingOverflow(earlier.microseconds)
        return overflow ? (self > earlier ? .max : .min) : difference
    }
}
