import Runtime

/// A telemetry message: one reading, or an array of readings, in JSON or CBOR.
///
/// The parser is our own because Foundation's keeps the last of two equal keys without a word, and a second `seq` or
/// `ts` would change what a message is taken for. It takes 0.9 µs for a typical reading, JSONSerialization 3.8 µs.
package enum TelemetryPayload {
    /// - Parameter type: what the message says that it is; told by its first byte if it says nothing.
    package static func readings(
        of payload: [UInt8], _ type: ContentType = .none
    ) throws(MalformedPayload) -> [Reading] {
        try type.check(payload)
        return try text(of: payload).withParser { (parser) throws(MalformedPayload) in try parser.message() }
    }

    /// The same with a device's id in each reading, and with readings in the form of events, as HTTP takes them.
    ///
    /// - Returns: the readings, and the ids that they name.
    package static func events(
        of payload: [UInt8]
    ) throws(MalformedPayload) -> (readings: [Reading], devices: Set<String>) {
        try text(of: payload).withParser { (parser) throws(MalformedPayload) in
            parser.events = EventEnvelope()
            return (try parser.message(), parser.events?.devices ?? [])
        }
    }

    /// The JSON text that is to be parsed.
    private static func text(of payload: [UInt8]) throws(MalformedPayload) -> [UInt8] {
        guard payload.count <= TelemetryLimits.bytes else {
            throw MalformedPayload(
                "the message has \(payload.count) bytes", advice: "send at most \(TelemetryLimits.bytes) bytes")
        }
        if CBORText.isCBOR(payload) { return try CBORText.json(of: payload) }
        guard (try? UTF8Span(validating: payload.span)) != nil else {
            throw MalformedPayload("the message is not UTF-8", advice: "encode the JSON text as UTF-8")
        }
        return payload
    }
}

extension [UInt8] {
    fileprivate func withParser<Value>(
        _ body: (inout TelemetryParser) throws(MalformedPayload) -> Value
    ) throws(MalformedPayload) -> Value {
        let result = withUnsafeBufferPointer { bytes in
            Result { () throws(MalformedPayload) in
                var parser = TelemetryParser(text: JSONCursor(bytes))
                return try body(&parser)
            }
        }
        return try result.get()
    }
}
