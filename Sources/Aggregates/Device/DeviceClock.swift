package import Runtime

/// What is known of a device's clock: how far it is from the clock by which its messages arrive, and how sure that is.
///
/// A reading's delay is its arrival less the device's own time: what the clock lags behind, and the time that the reading
/// took. The latter is never negative, so the least delay tells most of the clock, as in the clock filter of NTP
/// (RFC 5905, section 10); how long the fastest reading took is not to be told from a clock that lags by as much. What has
/// been buffered for a week has a large delay and says nothing. The least delay may grow by the wander of a cheap
/// crystal. A clock that was set is believed when readings have agreed on it for a while, as NTP's stepout threshold
/// does (section 11.3): those of a buffer that is being emptied do not agree, since each is less late than the one before.
///
/// Constant in size and folded from the readings' events, so that whoever folds them comes to the same estimate.
package struct DeviceClock: Sendable, Hashable {
    /// A delay that readings agreed on, and since when.
    private struct Candidate: Sendable, Hashable {
        var delay: Int64
        var since: Int64
        var readings: Int64
    }

    /// In microseconds, as all numbers here. Readings that differ by less agree.
    private static let reach: Int64 = 5_000_000
    /// The confidence is no better than this: many devices tell their time in seconds.
    private static let floor: Int64 = 1_000_000
    /// A clock may gain or lose one part in so many, 100 ppm.
    private static let wander: Int64 = 10_000
    /// How many readings must agree on a clock, and for how long.
    private static let settlingReadings: Int64 = 4
    private static let settlingTime: Int64 = 60_000_000
    /// Far beyond any time that can be written; sums of a few of these do not overflow.
    private static let most: Int64 = 1 << 60

    private var least: Int64 = 0
    private var spread: Int64 = 0
    /// The arrival of the last reading that agreed.
    private var heard: Int64 = 0
    private var since: Int64 = 0
    /// How many readings have agreed, up to as many as are needed; 0 before the first.
    private var readings: Int64 = 0
    /// Whether enough have agreed for long enough.
    package private(set) var isSettled = false
    private var candidate: Candidate?
    /// The offset as it was last announced, while the clock counts as wrong.
    package private(set) var drift: Int64?

    package init() {}

    /// By how many microseconds the clock runs ahead; below zero if it lags.
    package var offset: Int64 { -least }
    /// The offset is right within so many microseconds, as of the last reading that agreed.
    package var confidence: Int64 { Self.floor + spread }

    /// Takes a reading with a time of the device's own into account.
    package mutating func hear(delay: Int64, arrival: Timestamp) {
        let delay = max(-Self.most, min(delay, Self.most))
        let now = max(-Self.most, min(arrival.microseconds, Self.most))
        guard readings > 0 else { return begin(delay, now) }
        let wander = max(0, now - heard) / Self.wander
        let difference = delay - least
        // One that is earlier than all before may correct an estimate that was not good.
        if difference <= Self.reach + wander, -difference <= Self.reach + wander + spread {
            agree(difference, wander, now)
        } else if !isSettled, difference < 0 {
            begin(delay, now)
        } else {
            weigh(delay, now)
        }
    }

    private mutating func begin(_ delay: Int64, _ now: Int64) {
        (least, spread, heard, since, readings) = (delay, 0, now, now, 1)
        candidate = nil
    }

    private mutating func agree(_ difference: Int64, _ wander: Int64, _ now: Int64) {
        spread = max(abs(difference), spread - spread / 16)
        least += min(difference, wander)
        heard = max(heard, now)
        candidate = nil
        if isSettled { return }
        if difference < -Self.floor {
            // Less late than all before: a buffer may be being emptied.
            (since, readings) = (now, 1)
        } else {
            readings = min(readings + 1, Self.settlingReadings)
            isSettled = readings == Self.settlingReadings && now - since >= Self.settlingTime
        }
    }

    /// A reading that is late, or of a clock that was set.
    private mutating func weigh(_ delay: Int64, _ now: Int64) {
        guard var step = candidate, abs(delay - step.delay) <= Self.reach else {
            candidate = Candidate(delay: delay, since: now, readings: 1)
            return
        }
        step.readings = min(step.readings + 1, Self.settlingReadings)
        candidate = step
        guard step.readings == Self.settlingReadings, now - step.since >= Self.settlingTime else { return }
        (least, spread, heard, since) = (step.delay, Self.reach, now, step.since)
        (readings, isSettled, candidate) = (step.readings, true, nil)
    }

    package mutating func announce(_ drift: Int64?) { self.drift = drift }

    /// What is to be said of the clock: that it is wrong, by how much if that has changed, or that it is right again.
    ///
    /// It is right again at half of the limit, so that a clock at the limit is not announced again and again.
    func news(limit: Int64) -> Device.Event? {
        guard isSettled else { return nil }
        if let drift {
            if abs(least) <= limit / 2 {
                return .clockRecovered(ClockRecovered(offset: offset, confidence: confidence))
            }
            if abs(offset - drift) <= limit { return nil }
        } else if abs(least) <= max(limit, confidence) {
            return nil
        }
        return .clockDrifted(
            ClockDrifted(offset: offset, confidence: confidence, since: Timestamp(microseconds: since)))
    }
}

extension DeviceClock: Codable {
    /// As one list of numbers, since it is part of each row and snapshot of a device.
    package var packed: [Int64?] {
        [
            least, spread, heard, since, readings, isSettled ? 1 : 0, drift, candidate?.delay, candidate?.since,
            candidate?.readings,
        ]
    }

    /// Nil for numbers that are no clock's.
    package init?(packed numbers: [Int64?]) {
        guard numbers.count == 10, let least = numbers[0], let spread = numbers[1], let heard = numbers[2],
            let since = numbers[3], let readings = numbers[4]
        else { return nil }
        (self.least, self.spread, self.heard, self.since, self.readings) = (least, spread, heard, since, readings)
        isSettled = numbers[5] == 1
        drift = numbers[6]
        if let delay = numbers[7], let since = numbers[8], let readings = numbers[9] {
            candidate = Candidate(delay: delay, since: since, readings: readings)
        }
    }

    /// Reads what its `Codable` form is; nil if Foundation must read it.
    package init?(_ cursor: inout CanonicalCursor) {
        let numbers = cursor.list { cursor in
            cursor.skip("null") ? .some(nil) : cursor.integer().map(Optional.some)
        }
        guard let numbers else { return nil }
        self.init(packed: numbers)
    }

    package init(from decoder: any Decoder) throws {
        guard let clock = DeviceClock(packed: try decoder.singleValueContainer().decode([Int64?].self)) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not what is known of a clock"))
        }
        self = clock
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(packed)
    }
}

/// The device's clock is off by more than the limit, or by another amount than was said before.
package struct ClockDrifted: Sendable, Codable, Equatable {
    /// By how many microseconds the clock runs ahead; below zero if it lags.
    package var offset: Int64
    /// The offset is right within so many microseconds.
    package var confidence: Int64
    /// The arrival of the first reading that showed it.
    package var since: Timestamp

    package init(offset: Int64, confidence: Int64, since: Timestamp) {
        self.offset = offset
        self.confidence = confidence
        self.since = since
    }
}

/// The device's clock is right again.
package struct ClockRecovered: Sendable, Codable, Equatable {
    package var offset: Int64
    package var confidence: Int64

    package init(offset: Int64, confidence: Int64) {
        self.offset = offset
        self.confidence = confidence
    }
}
