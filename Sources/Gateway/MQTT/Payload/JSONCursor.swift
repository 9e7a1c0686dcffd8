/// A place in a JSON text that is known to be UTF-8. Reads what RFC 8259 allows, and nothing else.
struct JSONCursor {
    let bytes: UnsafeBufferPointer<UInt8>
    var next = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool {
        mutating get { peek() == nil }
    }

    func malformed(_ what: String) -> MalformedPayload {
        MalformedPayload("not JSON: \(what) (byte \(next + 1))", advice: "send JSON as RFC 8259 describes it")
    }

    /// The next byte that is not white space; stays before it.
    mutating func peek() -> UInt8? {
        while next < bytes.count {
            switch bytes[next] {
            case 0x20, 0x0A, 0x0D, 0x09: next += 1
            default: return bytes[next]
            }
        }
        return nil
    }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let byte = peek(), UInt32(byte) == character.value else { return false }
        next += 1
        return true
    }

    mutating func skip(word: StaticString) -> Bool {
        _ = peek()
        let length = word.utf8CodeUnitCount
        guard next + length <= bytes.count else { return false }
        for index in 0..<length where bytes[next + index] != word.utf8Start[index] { return false }
        next += length
        return true
    }

    /// Whether another element follows; if not, the closing bracket is behind the cursor.
    mutating func hasNext(before close: Unicode.Scalar, isFirst: Bool) throws(MalformedPayload) -> Bool {
        if skip(close) { return false }
        if isFirst { return true }
        guard skip(",") else { throw malformed("a comma or the end of an object or array is missing") }
        return true
    }

    /// A key and its colon.
    mutating func key() throws(MalformedPayload) -> String {
        guard peek() == UInt8(ascii: "\"") else { throw malformed("a key is missing") }
        let key = try string()
        guard skip(":") else { throw malformed("a colon is missing") }
        return key
    }

    mutating func string() throws(MalformedPayload) -> String {
        next += 1
        let start = next
        while next < bytes.count {
            let byte = bytes[next]
            if byte == UInt8(ascii: "\"") {
                defer { next += 1 }
                return String(decoding: bytes[start..<next], as: UTF8.self)
            }
            if byte == UInt8(ascii: "\\") { return try stringWithEscapes(from: start) }
            if byte < 0x20 { throw controlCharacter(byte) }
            next += 1
        }
        throw malformed("a string does not end")
    }

    private mutating func stringWithEscapes(from start: Int) throws(MalformedPayload) -> String {
        var text = Array(bytes[start..<next])
        while next < bytes.count {
            let byte = bytes[next]
            next += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape().utf8
            case 0..<0x20: throw controlCharacter(byte)
            default: text.append(byte)
            }
        }
        throw malformed("a string does not end")
    }

    private mutating func escape() throws(MalformedPayload) -> Character {
        guard next < bytes.count else { throw malformed("a string does not end") }
        defer { next += 1 }
        switch bytes[next] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return Character(try escapedScalar())
        default: throw malformed("an unknown escape")
        }
    }

    /// Stays on the last digit.
    private mutating func escapedScalar() throws(MalformedPayload) -> Unicode.Scalar {
        var code = try hexadecimal()
        if (0xD800..<0xDC00).contains(code), next + 2 < bytes.count, bytes[next + 1] == UInt8(ascii: "\\"),
            bytes[next + 2] == UInt8(ascii: "u")
        {
            next += 2
            let low = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw malformed("half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        if code == 0 { throw controlCharacter(0) }
        guard let scalar = Unicode.Scalar(code) else { throw malformed("half a surrogate pair") }
        return scalar
    }

    /// Four digits after the cursor, which ends on the last.
    private mutating func hexadecimal() throws(MalformedPayload) -> UInt32 {
        guard next + 4 < bytes.count else { throw malformed("an escape does not end") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            next += 1
            switch bytes[next] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): code = code << 4 | UInt32(bytes[next] - 0x30)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): code = code << 4 | UInt32(bytes[next] - 0x57)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): code = code << 4 | UInt32(bytes[next] - 0x37)
            default: throw malformed("an escape has a wrong digit")
            }
        }
        return code
    }

    private func controlCharacter(_ byte: UInt8) -> MalformedPayload {
        byte == 0
            ? MalformedPayload("a text holds a null character", advice: "leave null characters out")
            : malformed("a control character in a string")
    }
}

extension JSONCursor {
    /// Passes any one value, which is checked no further than is needed to find its end.
    mutating func skipValue() throws(MalformedPayload) {
        var depth = 0
        repeat {
            switch peek() {
            case UInt8(ascii: "\""): _ = try string()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                next += 1
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                next += 1
                depth -= 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw malformed("a value is missing") }
                next += 1
            case .none: throw malformed("the text ends within a value")
            default:
                while next < bytes.count, !Self.endsWord(bytes[next]) { next += 1 }
            }
        } while depth > 0
        guard depth == 0 else { throw malformed("a bracket closes nothing") }
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ":"), UInt8(ascii: "\""), 0...0x20:
            true
        default: false
        }
    }
}
