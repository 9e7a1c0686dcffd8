package import Aggregates
import Runtime

/// The numbers of a window that may yet be dated anew, each for itself, and what all others come to.
///
/// The least of some numbers does not tell what the least of the others is, so nothing can be taken out of a summary.
package struct ProvisionalNumbers: Sendable, Hashable {
    package struct Number: Sendable, Hashable {
        package var reading: ProvisionalReading
        package var number: Double
    }

    /// Nil if there are no others.
    package private(set) var settled: WindowSummary? {
        get { settledIfAny.first }
        set { settledIfAny = newValue.map { [$0] } ?? [] }
    }
    /// Elsewhere, since hardly any window has one: it would make each half as large again.
    private var settledIfAny: [WindowSummary] = []
    /// In order, so that they are the same however they came.
    package private(set) var all: [Number]

    /// - Parameter summary: of a window that has none.
    init(settled summary: WindowSummary) { (settledIfAny, all) = ([summary], []) }

    init(_ number: Double, of reading: ProvisionalReading) {
        // No negative zero, as in summaries.
        all = [Number(reading: reading, number: number + 0.0)]
    }

    var summary: WindowSummary? {
        all.reduce(settled) { sum, number in
            let next = WindowSummary(number.number, at: number.reading.arrival)
            guard var sum else { return next }
            sum.merge(next)
            return sum
        }
    }

    mutating func merge(_ other: ProvisionalNumbers) {
        if let theirs = other.settled, settled?.merge(theirs) == nil { settled = theirs }
        all += other.all
        all.sort()
    }

    mutating func remove(_ readings: Set<ProvisionalReading>) -> [Number] {
        let removed = all.filter { readings.contains($0.reading) }
        all.removeAll { readings.contains($0.reading) }
        return removed
    }
}

extension ProvisionalNumbers.Number: Comparable {
    package static func < (left: Self, right: Self) -> Bool {
        (left.reading.time, left.reading.delay, left.number) < (right.reading.time, right.reading.delay, right.number)
    }
}

// As lists of numbers. Sums of 128 bits are texts, since JSON's numbers are no more than doubles to most readers.

extension ProvisionalNumbers: Codable {
    private enum CodingKeys: CodingKey { case settled, all }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        all = try fields.decode([Number].self, forKey: .all)
        settled = try fields.decodeIfPresent(WindowSummary.self, forKey: .settled)
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encodeIfPresent(settled, forKey: .settled)
        try fields.encode(all, forKey: .all)
    }
}

extension ProvisionalNumbers.Number: Codable {
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

extension WindowSummary: Codable {
    package init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        let count = try list.decode(Int64.self)
        let numbers = (try list.decode(Double.self), try list.decode(Double.self), try list.decode(Double.self))
        let lastTime = Timestamp(microseconds: try list.decode(Int64.self))
        guard let sum = Int128(try list.decode(String.self)), let squares = Int128(try list.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: list, debugDescription: "not a sum of 128 bits")
        }
        self.init(
            count: count, minimum: numbers.0, maximum: numbers.1, last: numbers.2, lastTime: lastTime, sum: sum,
            squares: squares, unsummed: try list.decode(Int64.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try list.encode(count)
        for number in [minimum, maximum, last] { try list.encode(number) }
        try list.encode(lastTime.microseconds)
        try list.encode(String(sum))
        try list.encode(String(squares))
        try list.encode(unsummed)
    }
}
