import Runtime

/// One reading of a device, as it will stand in a message.
struct Reading: Sendable, Equatable {
    enum Value: Sendable, Equatable {
        case number(Double)
        case text(String)
        case flag(Bool)
    }

    struct Metric: Sendable, Equatable {
        var name: String
        var value: Value
    }

    /// By the device's own clock.
    var time: Timestamp
    var seq: Int64
    var metrics: [Metric]

    subscript(name: String) -> Value? { metrics.first { $0.name == name }?.value }
}

/// What a device publishes in one go.
struct Message: Sendable, Equatable {
    var seqs: [Int64]
    var payload: [UInt8]

    /// One reading becomes an object, several an array.
    init(_ readings: [Reading]) {
        seqs = readings.map(\.seq)
        let objects = readings.map(\.json)
        payload = Array((objects.count == 1 ? objects[0] : "[\(objects.joined(separator: ","))]").utf8)
    }
}

extension Reading {
    fileprivate var json: String {
        let milliseconds = Timestamp(microseconds: time.microseconds / 1_000 * 1_000)
        var text = #"{"ts":"\#(milliseconds)","seq":\#(seq)"#
        for metric in metrics { text += #","\#(metric.name)":\#(metric.value.json)"# }
        return text + "}"
    }
}

extension Reading.Value {
    /// Texts are our own words and need no escapes.
    fileprivate var json: String {
        switch self {
        case .number(let number): "\(number)"
        case .text(let text): "\"\(text)\""
        case .flag(let flag): "\(flag)"
        }
    }
}
