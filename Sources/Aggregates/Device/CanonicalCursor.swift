package import Runtime

/// A place in the bytes of JSON that was written by hand or by Postgres. Whatever does not fit makes the whole answer nil, and
/// Foundation reads it.
package struct CanonicalCursor {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var next = 0

    package init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    package var isAtEnd: Bool { next == bytes.count }

    /// The members of an object, each of which `member` reads from behind its colon; false for anything unexpected.
    package mutating func object(_ member: (String, inout Self) -> Bool) -> Bool {
        guard skip("{") else { return false }
        if skip("}") { return true }
        repeat {
            guard let name = text(), skip(":") else { return false }
            _ = skip(" ")
            guard member(name, &self) else { return false }
        } while comma()
        return skip("}")
    }

    package mutating func list<Element>(_ element: (inout Self) -> Element?) -> [Element]? {
        guard skip("[") else { return nil }
        var list: [Element] = []
        if skip("]") { return list }
        repeat {
            guard let value = element(&self) else { return nil }
            list.append(value)
        } while comma()
        return skip("]") ? list : nil
    }

    /// Puts the next value in its place; false if it cannot be read.
    package mutating func take<Value>(_ place: inout Value, _ read: (inout Self) -> Value?) -> Bool {
        guard let value = read(&self) else { return false }
        place = value
        return true
    }

    package mutating func take<Value>(optional place: inout Value?, _ read: (inout Self) -> Value?) -> Bool {
        place = read(&self)
        return place != nil
    }

    /// An object with any names; nil if one comes twice.
    package mutating func members<Value>(_ value: (inout Self) -> Value?) -> [String: Value]? {
        var members: [String: Value] = [:]
        let isWhole = object { name, cursor in
            guard let value = value(&cursor) else { return false }
            return members.updateValue(value, forKey: name) == nil
        }
        return isWhole ? members : nil
    }

    /// A value of any shape, by Foundation: for what is rare.
    package mutating func decoded<Value: Decodable>(_ type: Value.Type) -> Value? {
        span().flatMap { JSONBytes.decode(type, $0) }
    }

    /// The bytes of the next value, balanced but not checked; nil if it has no end.
    private mutating func span() -> UnsafeBufferPointer<UInt8>? {
        let start = next
        var depth = 0
        repeat {
            guard let byte = peek else { return nil }
            next += 1
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "\""): guard skipRestOfText() else { return nil }
            case UInt8(ascii: ","), UInt8(ascii: ":"): break
            default: skipRestOfScalar()
            }
        } while depth > 0
        return depth == 0 ? UnsafeBufferPointer(rebasing: bytes[start..<next]) : nil
    }

    private mutating func skipRestOfText() -> Bool {
        while let byte = peek {
            next += byte == UInt8(ascii: "\\") ? 2 : 1
            if byte == UInt8(ascii: "\"") { return true }
        }
        return false
    }

    private mutating func skipRestOfScalar() {
        while let byte = peek, ![UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]")].contains(byte) { next += 1 }
    }

    package mutating func flag() -> Bool? { skip("true") ? true : skip("false") ? false : nil }

    package mutating func time() -> Timestamp? { text().flatMap { Timestamp($0) } }

    private mutating func comma() -> Bool {
        guard skip(",") else { return false }
        _ = skip(" ")
        return true
    }

    package mutating func value() -> MetricValue? {
        switch peek {
        case UInt8(ascii: "\""): text().map(MetricValue.text)
        case UInt8(ascii: "t"): skip("true") ? .flag(true) : nil
        case UInt8(ascii: "f"): skip("false") ? .flag(false) : nil
        case UInt8(ascii: "n"): skip("null") ? .null : nil
        default: number().map(MetricValue.number)
        }
    }

    /// A string without escapes.
    package mutating func text() -> String? {
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

    package mutating func integer() -> Int64? {
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

    package mutating func number() -> Double? {
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

    package mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard next + count <= bytes.count else { return false }
        for offset in 0..<count where bytes[next + offset] != text.utf8Start[offset] { return false }
        next += count
        return true
    }
}
