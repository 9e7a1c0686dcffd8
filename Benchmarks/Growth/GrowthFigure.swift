/// What is measured of a log of any length.
enum GrowthFigure: String, CaseIterable, Sendable {
    /// From 1,000 writers, each one event at a time.
    case append
    /// From 32.
    case appendOf32 = "append.32"
    /// At 1,000 appends a second.
    case latencyMedian = "latency.p50"
    case latencyTail = "latency.p99"
    case many = "shapes.many"
    case hot = "shapes.hot"
    case zipf = "shapes.zipf"
    case zipfWithReader = "shapes.zipf.reader"
    /// To one actor, from 1,000 commanders.
    case actor
    /// Half a million events in order of position, as they are stored.
    case log
    /// The same, to typed events.
    case decoded
    /// Whole streams of 100 events, one after the other.
    case stream
    /// 2,000 actors asked at once.
    case wake
    /// One after the other, 99th percentile.
    case wakeAlone = "wake.1"

    var unit: String {
        switch self {
        case .append, .appendOf32, .many, .hot, .zipf, .zipfWithReader, .log, .decoded: "events/s"
        case .latencyMedian, .latencyTail, .wakeAlone: "µs"
        case .actor: "commands/s"
        case .stream: "streams/s"
        case .wake: "actors/s"
        }
    }

    /// The shape of what is written, and whether a reader follows from the start; nil for what writes otherwise or reads.
    var shape: (shape: LogShape, withReader: Bool)? {
        switch self {
        case .many: (.many, false)
        case .hot: (.hot, false)
        case .zipf: (.zipf, false)
        case .zipfWithReader: (.zipf, true)
        default: nil
        }
    }
}
