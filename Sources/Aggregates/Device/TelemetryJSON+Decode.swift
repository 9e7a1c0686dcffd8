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

extension CanonicalCursor {
    fileprivate mutating func telemetry() -> TelemetryRecorded? {
        guard skip(#"{"clock":"#), let name = text(), let clock = ObservationClock(rawValue: name),
            let delay = integer(after: #","delay":"#),
            let flags = skip(#","flags":{"#) ? readingFlags() : .some(nil), skip(#","metrics":{"#),
            let metrics = metrics(), let offset = integer(after: #","offset":"#),
            let provisional = skip(#","provisional":true"#) ? .some(Bool?.some(true)) : .some(nil),
            let repetitions = integer(after: #","repetitions":"#),
            let returned = skip(#","returned":true"#) ? .some(Bool?.some(true)) : .some(nil),
            let seq = integer(after: #","seq":"#), skip("}"),
            isAtEnd
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
}
