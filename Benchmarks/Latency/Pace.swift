import Runtime

/// Appends of one event each, or requests, that are due at fixed times, whether or not those before them are answered.
///
/// What one takes is counted from the time at which it was due, so that a slow answer shows in all that were kept waiting
/// by it (coordinated omission).
struct Pace: Sendable {
    let perSecond: Int
    let seconds: Int
    /// The number of the first stream, so that others can have been written before.
    var firstStream = 0

    private static let secondsOfWarmingUp = 1

    /// How many there are in all, with those that do not count.
    var count: Int { perSecond * (seconds + Self.secondsOfWarmingUp) }

    /// One a second to each of as many streams.
    var appends: [Append] {
        Array(LogRows(writers: perSecond, events: count, firstWriter: firstStream).batches.joined())
    }

    func isCounted(_ number: Int) -> Bool { number >= perSecond * Self.secondsOfWarmingUp }

    /// When the append is due, from the beginning.
    func delay(of number: Int) -> Duration { .seconds(1) * number / perSecond }
}
