import Aggregates
import Projections
import Runtime

/// What a device has measured, as JSON.
struct MetricAnswer<Item: Encodable>: Encodable {
    var device: String
    var resolution: String
    var from: Timestamp
    var to: Timestamp
    var items: [Item]
    var next: String?

    /// Whether there is nothing of it, here or further on.
    var isEmpty: Bool { items.isEmpty && next == nil }

    private enum CodingKeys: CodingKey { case device, resolution, from, to, items, next }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(device, forKey: .device)
        try fields.encode(resolution, forKey: .resolution)
        try fields.encode(from, forKey: .from)
        try fields.encode(to, forKey: .to)
        try fields.encode(items, forKey: .items)
        // Null at the end, as in every list.
        try fields.encode(next, forKey: .next)
    }
}

struct WindowAnswer: Encodable {
    var metric: String
    var unit: String?
    var start: Timestamp
    var count: Int64
    var min: Double
    var max: Double
    /// Absent if a number was too large to be summed.
    var mean: Double?
    var deviation: Double?
    var last: Double
    var lastTime: Timestamp

    init(_ window: MetricWindow, unit: String?) {
        metric = window.metric
        self.unit = unit
        start = window.start
        count = window.summary.count
        min = window.summary.minimum
        max = window.summary.maximum
        mean = window.summary.mean
        deviation = window.summary.deviation
        last = window.summary.last
        lastTime = window.summary.lastTime
    }
}

/// One value as it was recorded.
struct ReadingAnswer: Encodable {
    var metric: String
    var unit: String?
    var value: MetricValue
    /// Corrected.
    var time: Timestamp
    /// What the device said, if that is something else.
    var deviceTime: Timestamp?
    var arrivalTime: Timestamp?
    var recordedTime: Timestamp
    var flag: ReadingFlags.Metric?
    var position: Int64
}
