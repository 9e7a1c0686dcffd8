extension JSONCursor {
    /// A number without fraction and exponent that fits; nil leaves the cursor anywhere.
    mutating func wholeNumber() -> Int64? {
        guard let literal = literal(), literal.digits == literal.length else { return nil }
        return Int64(literal.text(of: bytes))
    }

    mutating func number() throws(MalformedPayload) -> Double {
        let start = next
        guard let literal = literal() else {
            next = start
            throw malformed("a value is neither number, string, object, true, false nor null")
        }
        if let exact = literal.exact { return exact }
        guard let number = Double(literal.text(of: bytes)), number.isFinite else {
            throw MalformedPayload("a number is too large", advice: "send numbers below 1e308")
        }
        return number
    }

    private struct Literal {
        let start: Int
        var length = 0
        /// Bytes before a fraction or an exponent.
        var digits = 0
        var mantissa: UInt64 = 0
        var mantissaDigits = 0
        var fraction = 0
        var hasExponent = false
        var isNegative = false

        /// Both the digits and the power of ten are exact in a `Double`, so their quotient is rounded once.
        var exact: Double? {
            guard mantissaDigits <= 15, !hasExponent else { return nil }
            let value = Double(mantissa) / Self.powers[fraction]
            return isNegative ? -value : value
        }

        func text(of bytes: UnsafeBufferPointer<UInt8>) -> String {
            String(decoding: bytes[start..<start + length], as: UTF8.self)
        }

        private static let powers: [Double] = (0...15).map { (0..<$0).reduce(1) { power, _ in power * 10 } }
    }

    private mutating func literal() -> Literal? {
        _ = peek()
        var literal = Literal(start: next)
        if byte == UInt8(ascii: "-") {
            literal.isNegative = true
            next += 1
        }
        let first = byte
        guard digits(into: &literal) > 0 else { return nil }
        if first == UInt8(ascii: "0"), literal.mantissaDigits > 1 { return nil }
        literal.digits = next - literal.start
        if byte == UInt8(ascii: ".") {
            next += 1
            literal.fraction = digits(into: &literal)
            if literal.fraction == 0 { return nil }
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            literal.hasExponent = true
            next += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { next += 1 }
            var exponent = literal
            guard digits(into: &exponent) > 0 else { return nil }
        }
        literal.length = next - literal.start
        return literal
    }

    private var byte: UInt8? { next < bytes.count ? bytes[next] : nil }

    private mutating func digits(into literal: inout Literal) -> Int {
        let start = next
        while let byte, byte &- 0x30 <= 9 {
            literal.mantissa = literal.mantissa &* 10 &+ UInt64(byte - 0x30)
            literal.mantissaDigits += 1
            next += 1
        }
        return next - start
    }
}
