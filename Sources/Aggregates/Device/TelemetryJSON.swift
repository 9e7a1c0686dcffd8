/// Writes and reads the payload of `TelemetryRecorded`, the one event that comes by the thousand a second.
///
/// Foundation's encoder takes more time than everything else that is decided about a reading, and its decoder more than
/// everything that workflows make of one. Foundation reads what is written here like every other payload; keys are in
/// order, as everywhere.
enum TelemetryJSON {
    /// - Throws: ``EventPayloadError`` for a number that JSON cannot say.
    static func encode(_ fact: TelemetryRecorded) throws(EventPayloadError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(80 + fact.metrics.count * 32)
        bytes += #"{"clock":""#.utf8
        bytes += fact.clock.rawValue.utf8
        bytes.append(UInt8(ascii: "\""))
        if let delay = fact.delay {
            bytes += #","delay":"#.utf8
            bytes += String(delay).utf8
        }
        if let flags = fact.flags { append(flags, to: &bytes) }
        bytes += #","metrics":{"#.utf8
        var isFirst = true
        for (metric, value) in fact.metrics.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            append(metric, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            try append(value, of: metric, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        if let offset = fact.offset {
            bytes += #","offset":"#.utf8
            bytes += String(offset).utf8
        }
        if let provisional = fact.provisional {
            bytes += (provisional ? #","provisional":true"# : #","provisional":false"#).utf8
        }
        if let repetitions = fact.repetitions {
            bytes += #","repetitions":"#.utf8
            bytes += String(repetitions).utf8
        }
        if let returned = fact.returned {
            bytes += (returned ? #","returned":true"# : #","returned":false"#).utf8
        }
        if let seq = fact.seq {
            bytes += #","seq":"#.utf8
            bytes += String(seq).utf8
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static func append(
        _ value: MetricValue, of metric: String, to bytes: inout [UInt8]
    ) throws(EventPayloadError) {
        switch value {
        case .number(let number):
            guard number.isFinite else { throw .notANumber(metric: metric) }
            if number == number.rounded(), abs(number) < 1e15 {
                bytes += String(Int64(number)).utf8
            } else {
                bytes += number.description.utf8
            }
        case .text(let text): append(text, to: &bytes)
        case .flag(let flag): bytes += (flag ? "true" : "false").utf8
        case .null: bytes += "null".utf8
        }
    }

    private static func append(_ flags: ReadingFlags, to bytes: inout [UInt8]) {
        bytes += #","flags":{"#.utf8
        if !flags.metrics.isEmpty {
            bytes += #""metrics":{"#.utf8
            for (name, flag) in flags.metrics.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                append(name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                append(flag.rawValue, to: &bytes)
                bytes.append(UInt8(ascii: ","))
            }
            bytes[bytes.count - 1] = UInt8(ascii: "}")
            bytes.append(UInt8(ascii: ","))
        }
        if !flags.missing.isEmpty {
            bytes += #""missing":["#.utf8
            for name in flags.missing {
                append(name, to: &bytes)
                bytes.append(UInt8(ascii: ","))
            }
            bytes[bytes.count - 1] = UInt8(ascii: "]")
            bytes.append(UInt8(ascii: ","))
        }
        if let schema = flags.schema { bytes += #""schema":\#(schema),"#.utf8 }
        if let time = flags.time { bytes += #""time":"\#(time.rawValue)","#.utf8 }
        // Every part of them ends with a comma.
        if bytes.last == UInt8(ascii: ",") { bytes.removeLast() }
        bytes.append(UInt8(ascii: "}"))
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += #"\u00"#.utf8
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Why a payload has no JSON form.
enum EventPayloadError: Error, Sendable, Hashable {
    case notANumber(metric: String)
}
