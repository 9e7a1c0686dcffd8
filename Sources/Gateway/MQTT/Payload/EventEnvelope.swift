import Aggregates

/// What an event says beside its reading: `{"device_id":"...","event_type":"temperature","payload":{"value":21.5}}`.
///
/// The payload's `value` is the metric that the type names; whatever else is in it lies below that name.
struct EventEnvelope {
    static let keys: Set<String> = ["device_id", "event_type", "payload"]

    /// All ids that were named so far.
    private(set) var devices: Set<String> = []
    /// The event under way.
    private var type: String?
    private var hasPayload = false
    private var namesDevice = false

    /// Reads the value of one of its keys; that of `payload` is left to the parser.
    mutating func read(_ key: String, from text: inout JSONCursor) throws(MalformedPayload) {
        if key == "payload" {
            if hasPayload { throw TelemetryParser.twice(key) }
            hasPayload = true
            guard text.peek() == UInt8(ascii: "{") else {
                throw MalformedPayload("payload is not an object", advice: "send {\"value\":21.5} as the payload")
            }
            return
        }
        guard text.peek() == UInt8(ascii: "\"") else {
            throw MalformedPayload("\(key) is not a text", advice: "send \(key) as a text")
        }
        let value = try text.string()
        if key == "device_id" {
            if namesDevice { throw TelemetryParser.twice(key) }
            namesDevice = true
            devices.insert(value)
        } else {
            if type != nil { throw TelemetryParser.twice(key) }
            type = value
        }
    }

    /// Turns what was read of an event into its reading; one that is no event stays as it is.
    mutating func open(_ reading: inout Reading) throws(MalformedPayload) {
        defer { (type, hasPayload, namesDevice) = (nil, false, false) }
        guard type != nil || hasPayload else { return }
        guard let type, hasPayload else {
            throw MalformedPayload(
                "event_type and payload come together", advice: "send both of them, or neither")
        }
        guard !type.isEmpty, !["ts", "seq", "receipt"].contains(type), reading.metrics["payload.value"] != nil else {
            throw MalformedPayload(
                "an event has no type, or its payload no value",
                advice: "send {\"event_type\":\"temperature\",\"payload\":{\"value\":21.5}}")
        }
        var metrics: [String: MetricValue] = [:]
        for (name, value) in reading.metrics {
            guard name.hasPrefix("payload.") else {
                throw MalformedPayload(
                    "an event has another key: \(name.prefix(64))",
                    advice: "send device_id, event_type, payload, ts, seq and receipt only")
            }
            let below = name.dropFirst("payload.".count)
            let metric = below == "value" ? type : "\(type).\(below)"
            guard metric.utf8.count <= TelemetryLimits.name else {
                throw MalformedPayload(
                    "the name of a metric has \(metric.utf8.count) bytes",
                    advice: "use 1 to \(TelemetryLimits.name) bytes")
            }
            metrics[metric] = value
        }
        reading.metrics = metrics
    }
}
