import Runtime

/// To which streams events go.
enum LogShape: String, CaseIterable, Sendable {
    /// Many small streams: each ends after five events, and another begins.
    case many
    /// Eight streams that get all events.
    case hot
    /// 100,000 streams, the second one half as often as the first, the third one a third as often, and so on (Zipf).
    case zipf
}

/// The streams to which a shape's events go.
struct ShapedStreams: Sendable {
    /// How many the log holds before; small streams come behind them.
    static let count = 100_000

    /// The number of the first one.
    var first = 0
    /// How many events each of them has before.
    var versions = 2
}

/// One of the writers' lanes: a round of appends at a time, answered together; no stream is in two lanes.
///
/// Events for the same stream travel in one append, as an actor's turn has it. Lanes are the same each time they are made.
struct ShapedLane: Sendable {
    static let count = 4
    static let round = 250
    private static let (hotStreams, smallStreamVersions) = (8, 5)

    private let shape: LogShape
    private let lane: Int
    private let streams: ShapedStreams
    private let sample = SampleEvents()
    /// Of the lane's streams that have been drawn.
    private var versions: [Int: Int64] = [:]
    private var rounds = 0
    private var draws: UInt64
    /// How often the lane's streams are drawn, each added to those before it.
    private let weights: [Double]

    init(_ lane: Int, of shape: LogShape, to streams: ShapedStreams) {
        self.shape = shape
        self.lane = lane
        self.streams = streams
        draws = UInt64(lane) << 32
        var sum = 0.0
        weights =
            shape == .zipf
            ? stride(from: lane, to: ShapedStreams.count, by: Self.count).map { stream in
                sum += 1 / Double(stream + 1)
                return sum
            } : []
    }

    mutating func nextRound() -> [Append] {
        var counts: [Int: Int] = [:]
        for number in 0..<Self.round { counts[nextStream(number), default: 0] += 1 }
        rounds += 1
        return counts.map { stream, count in
            let version = versions[stream] ?? (stream < ShapedStreams.count ? Int64(streams.versions) : 0)
            versions[stream] = version + Int64(count)
            let number = streams.first + stream
            let events = (1...count).map { sample.event(of: number, version: version + Int64($0)) }
            return Append([StreamChange(sample.stream(of: number), expecting: version, events: events)])
        }
    }

    private mutating func nextStream(_ number: Int) -> Int {
        switch shape {
        case .many:
            let generation = rounds / Self.smallStreamVersions
            return ShapedStreams.count + (generation * Self.round + number) * Self.count + lane
        case .hot:
            return number % (Self.hotStreams / Self.count) * Self.count + lane
        case .zipf:
            draws += 1
            let drawn = Double(SampleEvents.mixed(draws) >> 11) / Double(1 << 53) * (weights.last ?? 0)
            return weights.partitioningIndex { $0 > drawn } * Self.count + lane
        }
    }
}

extension [Double] {
    /// The first of ascending numbers for which `belongs` holds; the last one if it holds for none.
    fileprivate func partitioningIndex(_ belongs: (Double) -> Bool) -> Int {
        var (low, high) = (0, count - 1)
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
