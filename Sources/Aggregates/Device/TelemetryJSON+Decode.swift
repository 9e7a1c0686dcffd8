extension TelemetryJSON {
    /// Reads what ``encode(_:)`` writes; nil for anything else, be it JSON or not.
    ///
    /// Escapes and exponents are left to Foundation as well: they are rare, and nothing is gained by a second opinion.
    static func decode(_ bytes: [UInt8]) -> TelemetryRecorded? {
        bytes.withUnsafeBufferPointer { buffer in
            var cursor = CanonicalCursor(buffer)
            return cursor.telemetry()
        }
    }
}

/// A place in the bytes of a canonical payload. Whatever does not fit makes the whole answer nil.
private struct CanonicalCursor {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var next = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func telemetry() -> TelemetryRecorded? {
        guard skip(#"{"clock":"#), let name = text(), let clock = ObservationClock(rawValue: name),
            let delay = integer(after: #","delay":"#),
            let flags = skip(#","flags":{"#) ? readingFlags() : .some(nil), skip(#","metrics":{"#),
            let metrics = metrics(), let offset = integer(after: #","offset":"#),
            let provisional = skip(#","provisional":true"#) ? .some(Bool?.some(true)) : .some(nil),
            let repetitions = integer(after: #","repetitions":"#),
            let returned = skip(#","returned":true"#) ? .some(Bool?.some(true)) : .some(nil),
            let seq = integer(after: #","seq":"#), skip("}"),
            next == bytes.count
        else { return nil }
        return TelemetryRecorded(
            metrics: metrics, seq: seq, clock: clock, delay: delay, flags: flags, offset: offset,
            provisional: provisional, repetitions: repetitions, returned: returned)
    }

    /// The inner nil if the key is not there, the outer one if no integer follows.
    private mutating func integer(after key: StaticString) -> Int64?? {
        guard skip(key) else { return .some(nil) }
        guard let number = integer() else { return nil }
        return .some(number)
    }

    /// Up to and with the closing brace.
    private mutating func metrics() -> [String: MetricValue]? {
        var metrics: [String: MetricValue] = [:]
        if skip("}") { return metrics }
        while true {
            guard let name = text(), skip(":"), let value = value() else { return nil }
            // Which of two would count is not for this reader to say.
            guard metrics.updateValue(value, forKey: name) == nil else { return nil }
            if skip("}") { return metrics }
            guard skip(",") else { return nil }
        }
    }

    /// Up to and with the closing brace; the outer nil for anything unexpected.
    private mutating func readingFlags() -> ReadingFlags?? {
        var flags = ReadingFlags()
        if skip(#""metrics":{"#) {
            repeat {
                guard let name = text(), skip(":"), let flag = text().flatMap(ReadingFlags.Metric.init),
                    flags.metrics.updateValue(flag, forKey: name) == nil
                else { return nil }
            } while skip(",")
            guard skip("},") else { return nil }
        }
        if skip(#""missing":["#) {
            repeat {
                guard let name = text() else { return nil }
                flags.missing.append(name)
            } while skip(",")
            guard skip("],") else { return nil }
        }
        if skip(#""schema":"#) {
            guard let schema = integer() else { return nil }
            flags.schema = Int(schema)
            if skip("}") { return flags }
            guard skip(",") else { return nil }
        }
        guard skip(#""time":"#), let time = text().flatMap(ReadingFlags.Time.init), skip("}") else { return nil }
        flags.time = time
        return flags
    }

    private mutating func value() -> MetricValue? {
        switch peek {
        case UInt8(ascii: "\""): text().map(MetricValue.text)
        case UInt8(ascii: "t"): skip("true") ? .flag(true) : nil
        case UInt8(ascii: "f"): skip("false") ? .flag(false) : nil
        case UInt8(ascii: "n"): skip("null") ? .null : nil
        default: number().map(MetricValue.number)
        }
    }

    /// A string without escapes.
    private mutating func text() -> String? {
        guard skip("\"") else { return nil }
        let start = next
        var bits: UInt8 = 0
        while let byte = peek, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20, byte != UInt8(ascii: "\\") else { return nil }
            bits |= byte
            next += 1
        }
        let found = UnsafeBufferPointer(rebasing: bytes[start..<next])
        guard skip("\"") else { return nil }
        // Most are ASCII, of which a string is made several times as fast if nothing is to be validated.
        return bits < 0x80 ? String(decoding: found, as: UTF8.self) : String(validating: found, as: UTF8.self)
    }

    private mutating func integer() -> Int64? {
        let isNegative = skip("-")
        let start = next
        var value: Int64 = 0
        while let digit {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowed) =
                isNegative ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
            if overflow || overflowed { return nil }
            value = sum
            next += 1
        }
        return isPlainInteger(from: start, isNegative: isNegative) ? value : nil
    }

    private mutating func number() -> Double? {
        let start = next
        let isNegative = skip("-")
        let first = next
        var (digits, value) = (0, Int64(0))
        while let digit {
            if digits < 18 { value = value * 10 + digit }
            digits += 1
            next += 1
        }
        guard isPlainInteger(from: first, isNegative: false) else { return nil }
        var decimals = 0
        if skip(".") {
            while let digit {
                if digits < 18 { value = value * 10 + digit }
                digits += 1
                decimals += 1
                next += 1
            }
            guard decimals > 0 else { return nil }
        }
        // An exponent, or "-0", which is another number than 0.
        guard peek != UInt8(ascii: "e"), peek != UInt8(ascii: "E"), !(isNegative && value == 0) else { return nil }
        if digits <= 15 {
            // Both are exact in binary, so their quotient is the nearest number there is.
            let magnitude = Double(value) / Self.powers[decimals]
            return isNegative ? -magnitude : magnitude
        }
        guard let text = String(validating: UnsafeBufferPointer(rebasing: bytes[start..<next]), as: UTF8.self),
            let number = Double(text), number.isFinite
        else { return nil }
        return number
    }

    /// JSON has no leading zeros; "-0" is left to others.
    private func isPlainInteger(from start: Int, isNegative: Bool) -> Bool {
        guard next > start else { return false }
        return bytes[start] != UInt8(ascii: "0") || next == start + 1 && !isNegative
    }

    private static let powers: [Double] = (0...15).map { exponent in
        (0..<exponent).reduce(1.0) { power, _ in power * 10 }
    }

    private var peek: UInt8? { next < bytes.count ? bytes[next] : nil }

    private var digit: Int64? {
        guard let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        return Int64(byte - UInt8(ascii: "0"))
    }

    private mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard next + count <= bytes.count else { return false }
        for offset in 0..<count where bytes[next + offset] != text.utf8Start[offset] { return false }
        next += count
        return true
    }
}
