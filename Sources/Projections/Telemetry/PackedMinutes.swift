package import Runtime

/// What the minutes of an hour come to, in order, as bytes: some nine a minute with one reading.
///
/// A minute is its number with two bits of what follows, its numbers, and when the last of them was made; of one reading its
/// sums follow from that. A number is written as millionths if it is a whole number of them, and as its eight bytes otherwise.
/// Minutes do not depend on each other, so the next one is put behind those that are there. The same minutes are always
/// the same bytes.
package struct PackedMinutes: Sendable {
    package private(set) var bytes: [UInt8]
    /// Where the last minute is; nil if there is none.
    private var last: Int32?

    private static let form: UInt8 = 1

    package struct Minute: Sendable, Hashable {
        /// Of the hour, from 0 to 59.
        package var number: UInt8
        package var summary: WindowSummary
    }

    init() { bytes = [Self.form] }

    /// - Returns: nil for bytes that are no minutes of an hour that begins then.
    package init?(_ bytes: [UInt8], of hour: Timestamp) {
        guard bytes.first == Self.form else { return nil }
        self.bytes = bytes
        var (place, previous) = (1, -1)
        var reader = MinuteReader(bytes, of: hour)
        while !reader.isAtEnd {
            guard let minute = reader.next(), minute.number > previous, minute.number < 60 else { return nil }
            previous = Int(minute.number)
            last = Int32(place)
            place = reader.place
        }
    }

    package var isEmpty: Bool { last == nil }

    package func all(of hour: Timestamp) -> [Minute] {
        var minutes: [Minute] = []
        var reader = MinuteReader(bytes, of: hour)
        while let minute = reader.next() { minutes.append(minute) }
        return minutes
    }

    /// Adds to what a minute comes to.
    mutating func merge(_ summary: WindowSummary, intoMinute number: UInt8, of hour: Timestamp) {
        guard let last, number <= bytes[Int(last)] & MinuteHead.number else {
            last = Int32(bytes.count)
            return append(Minute(number: number, summary: summary), of: hour)
        }
        guard number < bytes[Int(last)] & MinuteHead.number else {
            var reader = MinuteReader(bytes, of: hour, from: Int(last))
            guard var minute = reader.next() else { return }
            minute.summary.merge(summary)
            bytes.removeLast(bytes.count - Int(last))
            return append(minute, of: hour)
        }
        var minutes = all(of: hour)
        if let place = minutes.firstIndex(where: { $0.number == number }) {
            minutes[place].summary.merge(summary)
        } else {
            let place = minutes.firstIndex { $0.number > number } ?? minutes.endIndex
            minutes.insert(Minute(number: number, summary: summary), at: place)
        }
        bytes.removeLast(bytes.count - 1)
        for minute in minutes {
            self.last = Int32(bytes.count)
            append(minute, of: hour)
        }
    }

    private mutating func append(_ minute: Minute, of hour: Timestamp) {
        let summary = minute.summary
        let numbers = [summary.minimum, summary.maximum, summary.last]
        let millionths = numbers.map { WindowSummary.millionths(of: $0) }
        var head = minute.number
        if summary.count == 1 { head |= MinuteHead.isOne }
        let areMillionths = millionths.allSatisfy { $0 != nil }
        if areMillionths { head |= MinuteHead.hasMillionths }
        bytes.append(head)
        // Of one reading all three are the same.
        for place in summary.count == 1 ? 2..<3 : 0..<3 {
            if areMillionths, let number = millionths[place] {
                bytes.appendVariable(signed: number)
            } else {
                withUnsafeBytes(of: numbers[place].bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
        let start = minute.start(in: hour).microseconds
        bytes.appendVariable(UInt64(bitPattern: summary.lastTime.microseconds &- start))
        if summary.count == 1 { return }
        bytes.appendVariable(UInt64(bitPattern: summary.count))
        bytes.appendVariable(signed: summary.sum)
        bytes.appendVariable(UInt128(bitPattern: summary.squares))
        bytes.appendVariable(UInt64(bitPattern: summary.unsummed))
    }
}

extension PackedMinutes: Hashable {
    package static func == (left: Self, right: Self) -> Bool { left.bytes == right.bytes }
    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

extension PackedMinutes.Minute {
    /// In which minute of its hour a time lies.
    static func number(of time: Timestamp, in hour: Timestamp) -> UInt8 {
        UInt8(clamping: (time.microseconds - hour.microseconds) / 60_000_000)
    }

    package func start(in hour: Timestamp) -> Timestamp { hour + .seconds(60 * Int64(number)) }
}

private enum MinuteHead {
    static let number: UInt8 = 0x3F
    static let isOne: UInt8 = 0x40
    static let hasMillionths: UInt8 = 0x80
}

private struct MinuteReader {
    private var numbers: VariableLengthReader
    private let hour: Timestamp

    init(_ bytes: [UInt8], of hour: Timestamp, from place: Int = 1) {
        numbers = VariableLengthReader(bytes, from: place)
        self.hour = hour
    }

    var isAtEnd: Bool { numbers.isAtEnd }
    var place: Int { numbers.place }

    mutating func next() -> PackedMinutes.Minute? {
        guard !numbers.isAtEnd else { return nil }
        let head = numbers.bytes[numbers.place]
        numbers.place += 1
        let number = head & MinuteHead.number
        let start = hour + .seconds(60 * Int64(number))
        guard head & MinuteHead.isOne == 0 else {
            guard let value = value(head), let time = time(from: start) else { return nil }
            return .init(number: number, summary: WindowSummary(value, at: time))
        }
        guard let minimum = value(head), let maximum = value(head), let last = value(head),
            let time = time(from: start), let count = numbers.next(UInt64.self), let sum = numbers.nextSigned128(),
            let squares = numbers.next(UInt128.self), let unsummed = numbers.next(UInt64.self)
        else { return nil }
        let summary = WindowSummary(
            count: Int64(bitPattern: count), minimum: minimum, maximum: maximum, last: last, lastTime: time, sum: sum,
            squares: Int128(bitPattern: squares), unsummed: Int64(bitPattern: unsummed))
        return .init(number: number, summary: summary)
    }

    private mutating func value(_ head: UInt8) -> Double? {
        guard head & MinuteHead.hasMillionths == 0 else { return numbers.nextSigned().map { Double($0) / 1e6 } }
        guard numbers.place + 8 <= numbers.bytes.count else { return nil }
        let bits = numbers.bytes[numbers.place..<numbers.place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        numbers.place += 8
        return Double(bitPattern: bits)
    }

    private mutating func time(from start: Timestamp) -> Timestamp? {
        numbers.next(UInt64.self).map { Timestamp(microseconds: start.microseconds &+ Int64(bitPattern: $0)) }
    }
}
