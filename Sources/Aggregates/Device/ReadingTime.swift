package import Runtime

/// When a reading was made, as far as its times and the device's clock tell.
struct ReadingTime: Sendable {
    /// A clock that is off by more counts as wrong, unless the settings say otherwise.
    static let usualLimit: Int64 = 60_000_000
    /// 2020: nothing was measured before, so a clock that says so was never set.
    private static let earliest: Int64 = 1_577_836_800_000_000

    /// How much later than the device's own time the reading arrived; nil without such a time.
    let delay: Int64?
    let flag: ReadingFlags.Time?
    let offset: Int64?
    /// What the clock is known for after this reading.
    let clock: DeviceClock
    let news: Device.Event?

    init(_ telemetry: Telemetry, observedAt time: Timestamp, _ known: DeviceClock) {
        guard telemetry.clock == .device, let arrival = telemetry.arrival else {
            (delay, flag, offset, clock, news) = (nil, nil, nil, known, nil)
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
        let corrected = time - .microseconds(clock.offset)
        if drift != nil, arrival.microsecondsSince(corrected) >= -limit, corrected.microseconds >= Self.earliest {
            offset = clock.offset
        } else {
            offset = flag == nil ? nil : -delay
        }
        self.delay = delay
        self.clock = clock
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
