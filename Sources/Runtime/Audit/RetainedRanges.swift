/// Where events have left the log, and how many, as the retention wrote it down; and how many are missing in fact.
struct RetainedRanges {
    private struct Range {
        var first: Int64
        var end: Int64
        var events: Int64
        var isFinished: Bool
        var missing: Int64 = 0
    }

    private var ranges: [Range] = []
    /// The first range that a later gap can lie in.
    private var next = 0

    init(_ rows: Rows) throws(PostgresError) {
        for row in rows {
            ranges.append(
                Range(
                    first: try row.int8(0), end: try row.int8(1), events: try row.int8(2), isFinished: try row.bool(3)))
        }
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

    /// The ranges in which another number of events is missing than has left.
    var findings: [AuditFinding] {
        ranges.filter { $0.isFinished ? $0.missing != $0.events : $0.missing > $0.events }.map { range in
            AuditFinding(
                .positions, position: range.first,
                "\(range.events) events have left from here to position \(range.end - 1), and \(range.missing) are missing"
            )
        }
    }
}
