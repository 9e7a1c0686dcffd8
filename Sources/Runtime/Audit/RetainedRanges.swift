/// Where events have left the log, and how many, as the retention wrote it down; and how many are missing in fact.
struct RetainedRanges {
    private struct Range {
        var first: Int64
        var end: Int64
        var events: Int64
        var isFinished: Bool
        var missing: Int64 = 0
        /// Events left while they were counted, so nobody knows how many must be missing.
        var hasMoved = false
    }

    private var ranges: [Range] = []
    /// The first range that a later gap can lie in.
    private var next = 0

    init(_ rows: Rows) throws(PostgresError) { ranges = try Self.ranges(rows) }

    private static func ranges(_ rows: Rows) throws(PostgresError) -> [Range] {
        try rows.map { row throws(PostgresError) in
            Range(first: try row.int8(0), end: try row.int8(1), events: try row.int8(2), isFinished: try row.bool(3))
        }
    }

    /// Takes over what the retention has written down since.
    mutating func update(_ rows: Rows) throws(PostgresError) {
        let known = Dictionary(ranges.map { ($0.first, $0) }, uniquingKeysWith: { first, _ in first })
        ranges = try Self.ranges(rows).map { range in
            var range = range
            let before = known[range.first]
            range.missing = before?.missing ?? 0
            range.hasMoved =
                before.map {
                    $0.hasMoved || ($0.end, $0.events, $0.isFinished) != (range.end, range.events, range.isFinished)
                } ?? true
            return range
        }
        next = 0
    }

    /// Takes note of missing positions; returns the first of them that nobody said would be missing.
    mutating func note(missing gap: Swift.Range<Int64>) -> Int64? {
        var position = gap.lowerBound
        while position < gap.upperBound {
            while next < ranges.count, ranges[next].end <= position { next += 1 }
            guard next < ranges.count, ranges[next].first <= position else { return position }
            let end = min(ranges[next].end, gap.upperBound)
            ranges[next].missing += end - position
            position = end
        }
        return nil
    }

    func contain(_ position: Int64) -> Bool { ranges.contains { $0.first <= position && position < $0.end } }

    /// The ranges in which another number of events is missing than has left.
    var findings: [AuditFinding] {
        ranges.filter { range in
            // As long as events leave, fewer of them can have been missing when the log was read.
            range.isFinished && !range.hasMoved ? range.missing != range.events : range.missing > range.events
        }.map { range in
            AuditFinding(
                .positions, position: range.first,
                "\(range.events) events have left from here to position \(range.end - 1), and \(range.missing) are missing"
            )
        }
    }
}
