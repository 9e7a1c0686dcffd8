/// A stretch of positions that one statement looks at, so that it plans and opens the few partitions of that stretch and
/// not all. Where it holds too little, the next one is twice as long.
struct ReadWindow {
    /// As long as a partition of telemetry.
    static let partition: Int64 = 10_000_000

    /// What is looked through at a time where no index helps: a second's work or less.
    static let stretch: Int64 = 1_000_000

    private(set) var start: Int64
    private(set) var end: Int64

    /// - Parameter start: the window begins after it.
    init(after start: Int64, length: Int64) {
        self.start = start
        end = start.addingClamped(max(1, length))
    }

    /// The one of a partition of telemetry in which the position lies.
    init(around position: Int64) {
        self.init(after: max(0, position - 1) / Self.partition * Self.partition, length: Self.partition)
    }

    mutating func advance() {
        (start, end) = (end, end.addingClamped((end - start).addingClamped(end - start)))
    }
}

extension Int64 {
    /// The sum, or the largest number if it is beyond that.
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}
