package import Aggregates
import Runtime

/// A number that may yet be dated anew. It is kept for itself: the least of some numbers does not tell what the least of the
/// others is, so nothing can be taken out of a summary.
package struct ProvisionalNumber: Sendable, Hashable {
    package var reading: ProvisionalReading
    package var number: Double

    package init(_ number: Double, of reading: ProvisionalReading) {
        self.reading = reading
        // No negative zero, as in summaries.
        self.number = number + 0.0
    }

    var summary: WindowSummary { WindowSummary(number, at: reading.arrival) }
}

// In order they are the same however they came.
extension ProvisionalNumber: Comparable {
    package static func < (left: Self, right: Self) -> Bool {
        (left.reading.time, left.reading.delay, left.number) < (right.reading.time, right.reading.delay, right.number)
    }
}

// As lists of numbers.
extension ProvisionalNumber: Codable {
    package init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        reading = ProvisionalReading(time: try list.decode(Int64.self), delay: try list.decode(Int64.self))
        number = try list.decode(Double.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try list.encode(reading.time)
        try list.encode(reading.delay)
        try list.encode(number)
    }
}
