import Aggregates
import Runtime

/// How far the readings of a device were out of order at most, which says where in its stream those of a range can be.
package struct ReadingOrder: Sendable, Hashable {
    /// By how many microseconds one was made before another that is recorded before it.
    package var late: Int64
    /// By how many microseconds one was made after it was recorded.
    package var ahead: Int64

    package init(late: Int64 = 0, ahead: Int64 = 0) {
        self.late = late
        self.ahead = ahead
    }

    /// - Parameter newest: when the newest of those was made that are recorded before it.
    mutating func take(_ time: Timestamp, after newest: Timestamp?, recordedAt recorded: Timestamp) {
        if let newest { late = max(late, newest.microsecondsSince(time)) }
        ahead = max(ahead, time.microsecondsSince(recorded))
    }

    /// Readings that were dated anew: they lie where they did, and were made at other times.
    mutating func take(_ redated: ReadingsRedated, after newest: Timestamp?) {
        var later: Int64 = 0
        for reading in redated.readings {
            let time = redated.time(of: reading)
            if let newest { late = max(late, newest.microsecondsSince(time)) }
            later = max(later, time.microsecondsSince(reading.arrival))
        }
        // When they were recorded is not told here; by how much their arrivals were ahead of that is known already.
        let (sum, overflow) = ahead.addingReportingOverflow(later)
        ahead = overflow ? .max : sum
    }
}

extension Timestamp {
    fileprivate func microsecondsSince(_ earlier: Timestamp) -> Int64 {
        let (difference, overflow) = microseconds.subtractingReportingOverflow(earlier.microseconds)
        return overflow ? (self > earlier ? .max : .min) : difference
    }
}
