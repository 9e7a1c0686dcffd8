extension Timestamp: LosslessStringConvertible {
    /// Reads RFC 3339: any offset, none to nine digits of fraction (beyond six they are cut off); nil if it is not that.
    package init?(_ text: String) {
        var text = text
        guard let time = text.withUTF8({ Timestamp(utf8: $0) }) else { return nil }
        self = time
    }

    package init?(utf8 text: UnsafeBufferPointer<UInt8>) {
        var digits = DigitReader(text: text)
        guard
            let year = digits.number(4), digits.skip("-"),
            let month = digits.number(2), digits.skip("-"),
            let day = digits.number(2), digits.skip("T", or: "t", or: " "),
            let hour = digits.number(2), digits.skip(":"),
            let minute = digits.number(2), digits.skip(":"),
            let second = digits.number(2),
            let fraction = digits.microseconds(), let offset = digits.offset(), digits.isAtEnd,
            (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year),
            hour <= 23, minute <= 59, second <= 60  // 60: a leap second is the first of the next minute
        else { return nil }
        let seconds = Self.days(before: year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        self.init(microseconds: Int64(seconds) * 1_000_000 + Int64(fraction))
    }

    /// RFC 3339 in UTC; the fraction is left out when zero, else has three or six digits.
    package var description: String {
        let second = microseconds.dividedFloored(by: 1_000_000)
        let fraction = Int(microseconds &- second &* 1_000_000)  // the product may lie below the range
        let day = second.dividedFloored(by: 86_400)
        let time = Int(second - day * 86_400)
        let (year, month, dayOfMonth) = Self.date(ofDay: Int(day))
        guard (0...9_999).contains(year) else { return "\(year)-\(month)-\(dayOfMonth) + \(time) s" }
        return String(unsafeUninitializedCapacity: 27) { buffer in
            var next = 0
            func put(_ value: Int, _ width: Int, _ after: Unicode.Scalar) {
                var value = value
                for index in stride(from: next + width - 1, through: next, by: -1) {
                    buffer[index] = UInt8(48 + value % 10)
                    value /= 10
                }
                buffer[next + width] = UInt8(truncatingIfNeeded: after.value)
                next += width + 1
            }
            put(year, 4, "-")
            put(month, 2, "-")
            put(dayOfMonth, 2, "T")
            put(time / 3_600, 2, ":")
            put(time / 60 % 60, 2, ":")
            put(time % 60, 2, fraction == 0 ? "Z" : ".")
            if fraction != 0 {
                if fraction % 1_000 == 0 { put(fraction / 1_000, 3, "Z") } else { put(fraction, 6, "Z") }
            }
            return next
        }
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01, counted in years that begin in March, so that the leap day comes last.
    private static func days(before year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = year.dividedFloored(by: 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let day = day + 719_468
        let era = day.dividedFloored(by: 146_097)
        let dayOfEra = day - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

extension BinaryInteger {
    fileprivate func dividedFloored(by divisor: Self) -> Self {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

private struct DigitReader {
    let text: UnsafeBufferPointer<UInt8>
    var next = 0

    var isAtEnd: Bool { next == text.count }

    mutating func number(_ width: Int) -> Int? {
        guard next + width <= text.count else { return nil }
        var value = 0
        for index in next..<next + width {
            let digit = text[index] &- 48
            guard digit <= 9 else { return nil }
            value = value * 10 + Int(digit)
        }
        next += width
        return value
    }

    mutating func skip(_ first: Unicode.Scalar, or second: Unicode.Scalar, or third: Unicode.Scalar) -> Bool {
        skip(first) || skip(second) || skip(third)
    }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard next < text.count, UInt32(text[next]) == character.value else { return false }
        next += 1
        return true
    }

    mutating func microseconds() -> Int? {
        guard skip(".") else { return 0 }
        var (value, digits) = (0, 0)
        while next < text.count, text[next] &- 48 <= 9 {
            if digits < 6 { value = value * 10 + Int(text[next] - 48) }
            digits += 1
            next += 1
        }
        guard (1...9).contains(digits) else { return nil }
        for _ in min(digits, 6)..<6 { value *= 10 }
        return value
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int? {
        if skip("Z") || skip("z") { return 0 }
        let sign: Int
        if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
        guard let hours = number(2), skip(":"), let minutes = number(2), hours <= 23, minutes <= 59 else { return nil }
        return sign * (hours * 3_600 + minutes * 60)
    }
}
