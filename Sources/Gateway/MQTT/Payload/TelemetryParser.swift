import Aggregates
import Runtime

/// Reads the readings out of a message's JSON text.
struct TelemetryParser {
    var text: JSONCursor
    /// Set if readings may come as events.
    var events: EventEnvelope?

    mutating func message() throws(MalformedPayload) -> [Reading] {
        var readings: [Reading] = []
        if text.skip("[") {
            var isFirst = true
            while try text.hasNext(before: "]", isFirst: isFirst) {
                isFirst = false
                guard readings.count < TelemetryLimits.readings else {
                    throw MalformedPayload(
                        "the message has more than \(TelemetryLimits.readings) readings",
                        advice: "send several messages")
                }
                readings.append(try reading())
            }
            if readings.isEmpty {
                throw MalformedPayload("the message has no reading", advice: "send at least one reading")
            }
        } else {
            readings.append(try reading())
        }
        guard text.isAtEnd else { throw text.malformed("more text follows the JSON value") }
        return readings
    }

    private mutating func reading() throws(MalformedPayload) -> Reading {
        guard text.skip("{") else {
            throw MalformedPayload(
                "a reading is not a JSON object",
                advice: "send an object such as {\"temperature\":21.5}, or an array of objects")
        }
        var reading = Reading(metrics: [:])
        var known = (time: false, seq: false, receipt: false)
        var isFirst = true
        while try text.hasNext(before: "}", isFirst: isFirst) {
            isFirst = false
            let key = try text.key()
            switch key {
            case "ts":
                if known.time { throw Self.twice(key) }
                known.time = true
                reading.time = try time()
            case "seq":
                if known.seq { throw Self.twice(key) }
                known.seq = true
                reading.seq = try seq()
            case "receipt":
                if known.receipt { throw Self.twice(key) }
                known.receipt = true
                reading.wantsReceipt = try receipt()
            case _ where events != nil && EventEnvelope.keys.contains(key):
                try events?.read(key, from: &text)
                if key == "payload" { try metric(key, depth: 1, into: &reading.metrics) }
            default:
                try metric(key, depth: 1, into: &reading.metrics)
            }
        }
        try events?.open(&reading)
        if reading.metrics.isEmpty {
            throw MalformedPayload(
                "a reading has no metric", advice: "send at least one value beside ts, seq and receipt")
        }
        return reading
    }

    private mutating func metric(
        _ name: String, depth: Int, into metrics: inout [String: MetricValue]
    ) throws(MalformedPayload) {
        guard !name.isEmpty, name.utf8.count <= TelemetryLimits.name else {
            throw MalformedPayload(
                "the name of a metric has \(name.utf8.count) bytes", advice: "use 1 to \(TelemetryLimits.name) bytes")
        }
        let value: MetricValue
        switch text.peek() {
        case UInt8(ascii: "{"):
            guard depth < TelemetryLimits.depth else {
                throw MalformedPayload(
                    "objects are nested too deeply", advice: "nest at most \(TelemetryLimits.depth) levels")
            }
            return try nested(name, depth: depth, into: &metrics)
        case UInt8(ascii: "["):
            throw MalformedPayload(
                "a metric is an array", advice: "send one metric an element, or several readings as an array")
        case UInt8(ascii: "\""): value = .text(try text.string())
        case UInt8(ascii: "t") where text.skip(word: "true"): value = .flag(true)
        case UInt8(ascii: "f") where text.skip(word: "false"): value = .flag(false)
        case UInt8(ascii: "n") where text.skip(word: "null"): value = .null
        default: value = .number(try text.number())
        }
        guard metrics.updateValue(value, forKey: name) == nil else { throw Self.twice(name) }
        guard metrics.count <= TelemetryLimits.metrics else {
            throw MalformedPayload(
                "a reading has more than \(TelemetryLimits.metrics) metrics", advice: "send several readings")
        }
    }

    private mutating func nested(
        _ name: String, depth: Int, into metrics: inout [String: MetricValue]
    ) throws(MalformedPayload) {
        _ = text.skip("{")
        var isFirst = true
        while try text.hasNext(before: "}", isFirst: isFirst) {
            isFirst = false
            try metric("\(name).\(try text.key())", depth: depth + 1, into: &metrics)
        }
    }

    private mutating func time() throws(MalformedPayload) -> Timestamp? {
        if text.skip(word: "null") { return nil }
        guard text.peek() == UInt8(ascii: "\""), let time = Timestamp(try text.string()) else {
            throw MalformedPayload("ts is not a time", advice: "send RFC 3339 text such as \"2026-11-21T04:00:00Z\"")
        }
        return time
    }

    private mutating func seq() throws(MalformedPayload) -> Int64? {
        if text.skip(word: "null") { return nil }
        guard let number = text.wholeNumber(), number >= 0 else {
            throw MalformedPayload("seq is not a whole number", advice: "send a number from 0 to \(Int64.max)")
        }
        return number
    }

    private mutating func receipt() throws(MalformedPayload) -> Bool {
        if text.skip(word: "true") { return true }
        guard text.skip(word: "false") || text.skip(word: "null") else {
            throw MalformedPayload("receipt is not true or false", advice: "send \"receipt\":true, or leave it out")
        }
        return false
    }

    static func twice(_ key: String) -> MalformedPayload {
        MalformedPayload("a key appears twice", advice: "send \"\(key.prefix(64))\" once in a reading")
    }
}
