import Runtime

/// A message in CBOR (RFC 8949), written as JSON text, so that one parser judges both.
///
/// CBOR needs no label: its maps and arrays begin with a byte that no JSON text begins with. What JSON cannot say is
/// refused: byte strings, `undefined`, numbers that are not finite, keys that are not texts, and tags other than those
/// of times (0 and 1) and of CBOR itself (55799).
struct CBORText {
    /// Containers and tags within each other; the parser allows less.
    private static let depth = 16

    private let bytes: UnsafeBufferPointer<UInt8>
    private var next = 0
    private var json: [UInt8] = []

    /// Whether the message is a map or an array of CBOR, or begins with the tag that says so.
    static func isCBOR(_ payload: [UInt8]) -> Bool {
        guard let first = payload.first else { return false }
        return (0x80...0xBF).contains(first) || first == 0xD9 && payload.starts(with: [0xD9, 0xD9, 0xF7])
    }

    static func json(of payload: [UInt8]) throws(MalformedPayload) -> [UInt8] {
        let result = payload.withUnsafeBufferPointer { bytes in
            Result { () throws(MalformedPayload) in
                var text = CBORText(bytes: bytes)
                text.json.reserveCapacity(bytes.count * 2)
                try text.value(depth: 0)
                guard text.next == bytes.count else { throw text.malformed("more bytes follow the value") }
                return text.json
            }
        }
        return try result.get()
    }

    private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The major type of an item and its argument; nil if its length is open.
    private struct Head {
        var major: UInt8
        var info: UInt8
        var argument: UInt64?
    }

    private mutating func head() throws(MalformedPayload) -> Head {
        let initial = try byte()
        var head = Head(major: initial >> 5, info: initial & 31)
        switch head.info {
        case 0..<24: head.argument = UInt64(head.info)
        case 24...27:
            var argument: UInt64 = 0
            for _ in 0..<(1 << (head.info - 24)) { argument = argument << 8 | UInt64(try byte()) }
            head.argument = argument
        case 31 where (2...5).contains(head.major): break
        default: throw malformed("a reserved first byte")
        }
        return head
    }

    private mutating func value(depth: Int) throws(MalformedPayload) {
        guard depth <= Self.depth else { throw malformed("items are nested too deeply") }
        let head = try head()
        switch head.major {
        case 0: json += String(head.argument ?? 0).utf8
        case 1: negative(head.argument ?? 0)
        case 2:
            throw MalformedPayload("a value is a byte string", advice: "send numbers, texts, true, false or null")
        case 3: try text(head)
        case 4: try array(head, depth)
        case 5: try map(head, depth)
        case 6: try tagged(head.argument ?? 0, depth)
        default: try simple(head)
        }
    }

    /// -1 - n, also where that has no Int64.
    private mutating func negative(_ argument: UInt64) {
        let (magnitude, overflow) = argument.addingReportingOverflow(1)
        json += (overflow ? "-18446744073709551616" : "-\(magnitude)").utf8
    }

    private mutating func text(_ head: Head) throws(MalformedPayload) {
        json.append(UInt8(ascii: "\""))
        if let length = head.argument {
            try chunk(length)
        } else {
            while !skipBreak() {
                let part = try self.head()
                guard part.major == 3, let length = part.argument else {
                    throw malformed("a part of a text is something else")
                }
                try chunk(length)
            }
        }
        json.append(UInt8(ascii: "\""))
    }

    private mutating func chunk(_ length: UInt64) throws(MalformedPayload) {
        guard length <= UInt64(bytes.count - next) else { throw malformed("a text does not end") }
        let chunk = UnsafeBufferPointer(rebasing: bytes[next..<next + Int(length)])
        guard String(validating: chunk, as: UTF8.self) != nil else {
            throw MalformedPayload("a text is not UTF-8", advice: "encode texts as UTF-8")
        }
        for byte in chunk {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: json += "\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
            default: json.append(byte)
            }
        }
        next += chunk.count
    }

    private mutating func array(_ head: Head, _ depth: Int) throws(MalformedPayload) {
        json.append(UInt8(ascii: "["))
        var (left, isFirst) = (try count(head), true)
        while try hasMore(&left) {
            if !isFirst { json.append(UInt8(ascii: ",")) }
            isFirst = false
            try value(depth: depth + 1)
        }
        json.append(UInt8(ascii: "]"))
    }

    private mutating func map(_ head: Head, _ depth: Int) throws(MalformedPayload) {
        json.append(UInt8(ascii: "{"))
        var (left, isFirst) = (try count(head), true)
        while try hasMore(&left) {
            if !isFirst { json.append(UInt8(ascii: ",")) }
            isFirst = false
            let key = try self.head()
            guard key.major == 3 else { throw malformed("a key is not a text") }
            try text(key)
            json.append(UInt8(ascii: ":"))
            try value(depth: depth + 1)
        }
        json.append(UInt8(ascii: "}"))
    }

    /// The elements to come; nil if a break ends them.
    private func count(_ head: Head) throws(MalformedPayload) -> UInt64? {
        // Each takes a byte at least.
        if let count = head.argument, count > UInt64(bytes.count - next) { throw malformed("it ends too early") }
        return head.argument
    }

    private mutating func hasMore(_ left: inout UInt64?) throws(MalformedPayload) -> Bool {
        guard let count = left else { return !skipBreak() }
        left = count > 0 ? count - 1 : 0
        return count > 0
    }

    private mutating func tagged(_ tag: UInt64, _ depth: Int) throws(MalformedPayload) {
        switch tag {
        case 0:
            let head = try head()
            guard head.major == 3 else { throw malformed("a time is not a text") }
            try text(head)
        case 1: json += "\"\(try epochTime())\"".utf8
        case 55799: try value(depth: depth + 1)
        default:
            throw MalformedPayload("a value has the tag \(tag)", advice: "send tags 0 and 1 for times, and no others")
        }
    }

    /// Seconds since 1970.
    private mutating func epochTime() throws(MalformedPayload) -> Timestamp {
        let head = try head()
        let seconds: Double
        switch head.major {
        case 0: seconds = Double(head.argument ?? 0)
        case 1: seconds = -1 - Double(head.argument ?? 0)
        case 7 where (25...27).contains(head.info): seconds = try number(head)
        default: throw malformed("a time is not a number")
        }
        // Until the year 9999, which is as far as RFC 3339 goes.
        guard (-62_135_596_800...253_402_300_799).contains(seconds) else { throw malformed("a time is out of range") }
        return Timestamp(microseconds: Int64((seconds * 1_000_000).rounded()))
    }

    private mutating func simple(_ head: Head) throws(MalformedPayload) {
        switch head.info {
        case 20: json += "false".utf8
        case 21: json += "true".utf8
        case 22: json += "null".utf8
        case 25...27: json += "\(try number(head))".utf8
        default:
            throw MalformedPayload(
                "a value is undefined or a simple value", advice: "send numbers, texts, true, false or null")
        }
    }

    private func number(_ head: Head) throws(MalformedPayload) -> Double {
        let bits = head.argument ?? 0
        let number =
            switch head.info {
            case 25: Self.half(UInt16(truncatingIfNeeded: bits))
            case 26: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
            default: Double(bitPattern: bits)
            }
        guard number.isFinite else {
            throw MalformedPayload("a number is not finite", advice: "send null, or leave the metric out")
        }
        return number
    }

    /// RFC 8949, appendix D.
    private static func half(_ bits: UInt16) -> Double {
        let (exponent, mantissa) = (Int(bits >> 10 & 31), Double(bits & 1_023))
        let magnitude: Double =
            switch exponent {
            case 0: .init(sign: .plus, exponent: -24, significand: 1) * mantissa
            case 31: mantissa == 0 ? .infinity : .nan
            default: .init(sign: .plus, exponent: exponent - 25, significand: 1) * (mantissa + 1_024)
            }
        return bits & 0x8000 == 0 ? magnitude : -magnitude
    }

    private mutating func byte() throws(MalformedPayload) -> UInt8 {
        guard next < bytes.count else { throw malformed("it ends too early") }
        defer { next += 1 }
        return bytes[next]
    }

    private mutating func skipBreak() -> Bool {
        guard next < bytes.count, bytes[next] == 0xFF else { return false }
        next += 1
        return true
    }

    private func malformed(_ what: String) -> MalformedPayload {
        MalformedPayload("not CBOR: \(what) (byte \(next + 1))", advice: "send CBOR as RFC 8949 describes it")
    }
}
