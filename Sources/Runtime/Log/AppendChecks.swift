extension Append {
    /// The largest payload of one event, in bytes.
    package static let largestPayload = 1 << 20

    /// Why this append can never be stored, or nil. Checked before it may travel with others.
    package var malformation: String? {
        if changes.isEmpty, conditions.isEmpty { return "an append needs a change or a condition" }
        let mayRepeat = changes.count + conditions.count > 1
        var streams: Set<StreamName> = []
        for change in changes {
            if mayRepeat, !streams.insert(change.stream).inserted { return "a stream may appear once in an append" }
            // What no reader could name would stop them all, for good: the log never lets go of an event.
            if !change.stream.isReadable { return StreamName.rule }
            if change.events.isEmpty { return "a change needs at least one event" }
            if change.expectedVersion < 0 { return "an expected version is 0 or more" }
            for event in change.events {
                if event.data.count > Self.largestPayload { return "a payload may have 1 MiB" }
                if let reason = event.data.textMalformation { return reason }
            }
        }
        for condition in conditions where mayRepeat && !streams.insert(condition.stream).inserted {
            return "a stream may appear once in an append"
        }
        return nil
    }
}

extension [UInt8] {
    /// Why Postgres would refuse these bytes as text, or nil.
    fileprivate var textMalformation: String? {
        // One pass settles most payloads, which are ASCII without escapes.
        var (seen, hasNull, hasEscape) = (UInt8(0), false, false)
        for byte in self {
            seen |= byte
            hasNull = hasNull || byte == 0
            hasEscape = hasEscape || byte == UInt8(ascii: "\\")
        }
        if hasNull { return "a payload may not contain a null byte" }
        if seen >= 0x80, String(validating: self, as: UTF8.self) == nil { return "a payload must be UTF-8" }
        return hasEscape && containsEscapedNull ? "a payload may not contain \\u0000" : nil
    }

    /// JSON may spell the null character as an escape; Postgres could never give it back as text.
    private var containsEscapedNull: Bool {
        var index = startIndex
        while let backslash = self[index...].firstIndex(of: UInt8(ascii: "\\")) {
            if self[backslash...].starts(with: Array(#"\u0000"#.utf8)) { return true }
            // An escaped backslash must not be read as the start of an escape.
            index = Swift.min(backslash + 2, endIndex)
        }
        return false
    }
}
