package import Runtime

/// What the readings of one minute come to, of whatever accounts the caller may see.
package struct MinuteSum: Sendable, Hashable {
    package var start: Timestamp
    package var count: Int64
    /// In millionths.
    package var sum: Int128
    /// How many were too large to be summed.
    package var unsummed: Int64

    package init(start: Timestamp, count: Int64, sum: Int128, unsummed: Int64) {
        self.start = start
        self.count = count
        self.sum = sum
        self.unsummed = unsummed
    }
}

/// The mean of all readings of the last so many minutes, minute by minute of observed time.
///
/// What comes is added and what is over is taken away again, in whole numbers: it is the mean of the very readings, with
/// nothing left over of others. The minutes are those of the view `telemetry`, so a late reading is in all means that it
/// belongs to, as soon as it is in its minute.
package struct RollingAverage: Sendable {
    package struct Point: Sendable, Hashable {
        /// The end of its last minute.
        package var time: Timestamp
        package var count: Int64
        /// Nil if a number was too large to be summed, or there is none.
        package var mean: Double?
    }

    private let length: Duration
    private var minutes: [MinuteSum] = []
    private var first = 0
    private var total = MinuteSum(start: Timestamp(microseconds: 0), count: 0, sum: 0, unsummed: 0)

    package init(minutes: Int) { length = .seconds(Int64(minutes) * 60) }

    /// The mean as of the end of the next minute that has readings.
    package mutating func take(_ minute: MinuteSum) -> Point {
        minutes.append(minute)
        total.count += minute.count
        total.sum += minute.sum
        total.unsummed += minute.unsummed
        let end = minute.start + .seconds(60)
        while minutes[first].start < end - length {
            total.count -= minutes[first].count
            total.sum -= minutes[first].sum
            total.unsummed -= minutes[first].unsummed
            first += 1
        }
        return Point(
            time: end, count: total.count,
            mean: total.unsummed > 0 || total.count == 0 ? nil : Double(total.sum) / 1e6 / Double(total.count))
    }
}
