package import Runtime

/// Proves of views whose rows are more than memory holds that they hold what a rebuild would make of the log.
///
/// It goes through the streams of their category in the order of their names, and folds as many of them as memory may
/// take. Then it reads what the views have of these, of those that lie between, and of how far they have come, in a
/// snapshot of the database; what came meanwhile is folded too. So nothing is written beside the live views, they go on
/// meanwhile, and no snapshot is held for longer than it takes to read a range's rows. One stream is always folded whole.
package struct ViewRangeAudit: Sendable {
    package struct Bounds: Sendable {
        /// Rows of `devices`, or as much of others, in memory at once.
        package var rows = 50_000
        /// Events of a range: what comes while they are read is read once more.
        package var events = 200_000
        package init() {}
    }

    package struct Report: Sendable {
        package var views: [ComparedView]
        /// How many streams there are, of which a sample was compared; nil if all were.
        package var streamsInLog: Int?
    }

    private static let page = 2_000
    private static let attempts = 10

    private let store: any EventStore
    private let pool: PostgresPool
    private let streams: CategoryStreams
    private let bounds: Bounds
    private var comparisons: [any RangeComparison]

    /// - Parameter projections: of one category.
    package init(
        _ projections: [any RangedProjection.Type], of category: String, store: any EventStore, pool: PostgresPool,
        bounds: Bounds = Bounds()
    ) {
        self.store = store
        self.pool = pool
        self.bounds = bounds
        streams = CategoryStreams(of: category, in: pool)
        comparisons = projections.map { Self.comparison(of: $0) }
    }

    private static func comparison<P: RangedProjection>(of projection: P.Type) -> any RangeComparison { RangeFold<P>() }

    /// - Parameters:
    ///   - sample: streams that are compared, chosen at random; all if nil.
    ///   - progress: told of the events that were read; of a sample, of the streams done and how many they are.
    /// - Throws: `PostgresError`, `EventStoreError`; ``RebuildError/unknownProjection``.
    package func run(
        sample: Int? = nil, _ findings: inout AuditFindings,
        progress: (_ done: Int64, _ all: Int64?) -> Void = { _, _ in }
    ) async throws -> Report {
        var work = self
        var events: Int64 = 0
        if let sample {
            let (chosen, count) = try await work.choose(sample)
            for (index, id) in chosen.enumerated() {
                _ = try await work.compare(StreamRange(only: id), &findings, &events)
                progress(Int64(index + 1), Int64(chosen.count))
            }
            return Report(views: work.comparisons.map(\.compared), streamsInLog: count)
        }
        var rest = StreamRange(from: "", before: nil)
        while true {
            let next = try await work.compare(rest, &findings, &events)
            progress(events, nil)
            guard let next else { return Report(views: work.comparisons.map(\.compared), streamsInLog: nil) }
            rest = StreamRange(from: next, before: nil)
        }
    }

    /// Compares the first streams of a range, and returns the id of the one with which to go on; nil if that was all.
    private mutating func compare(
        _ range: StreamRange, _ findings: inout AuditFindings, _ events: inout Int64
    ) async throws -> String? {
        for _ in 0..<Self.attempts {
            let next = try await fold(range, &events)
            let part = StreamRange(from: range.first, before: next ?? range.end)
            if try await compareStored(part, &findings) { return next }
        }
        throw RebuildError.disturbed
    }

    /// Folds as many streams of a range as memory may take, and returns the id of the next one.
    private mutating func fold(_ range: StreamRange, _ events: inout Int64) async throws -> String? {
        for index in comparisons.indices { try await comparisons[index].begin(in: pool) }
        let end = comparisons.map(\.position).max() ?? 0
        var last: RecordedEvent?
        var count = 0
        while true {
            let page = try await streams.events(of: range, after: last, through: end, limit: Self.page)
            for part in page.chunkedByStream {
                // They are of one category, so what one has decoded serves all.
                let events = comparisons.first?.prepared(part) ?? part
                if let last, events[0].stream != last.stream, isFull(count) { return events[0].stream.id }
                for index in comparisons.indices { comparisons[index].take(events) }
                last = events.last
                count += events.count
            }
            events += Int64(page.count)
            if page.count < Self.page { return nil }
        }
    }

    private func isFull(_ events: Int) -> Bool {
        events >= bounds.events || comparisons.reduce(0) { $0 + $1.weight } >= bounds.rows
    }

    private mutating func compareStored(
        _ range: StreamRange, _ findings: inout AuditFindings
    ) async throws -> Bool {
        let before = (comparisons.map(\.compared), findings)
        let isDone = try await pool.withTransaction(.beginRepeatableRead) { snapshot in
            for index in comparisons.indices {
                let isDone = try await comparisons[index].compare(range, in: snapshot, streams, store, &findings)
                guard isDone else { return false }
            }
            return true
        }
        if !isDone {
            for (index, compared) in before.0.enumerated() { comparisons[index].compared = compared }
            findings = before.1
        }
        return isDone
    }

    /// Streams chosen at random, each with the same chance, and how many there are.
    private func choose(_ count: Int) async throws -> (ids: [String], streams: Int) {
        var (chosen, seen, last): ([String], Int, String) = ([], 0, "")
        while true {
            let ids = try await streams.ids(after: last, limit: Self.page)
            for id in ids {
                seen += 1
                if chosen.count < count {
                    chosen.append(id)
                } else {
                    let place = Int.random(in: 0..<seen)
                    if place < count { chosen[place] = id }
                }
            }
            guard ids.count == Self.page, let end = ids.last else { return (chosen.sorted(), seen) }
            last = end
        }
    }
}

extension [RecordedEvent] {
    /// The events of each stream, which lie side by side.
    fileprivate var chunkedByStream: [[RecordedEvent]] {
        var chunks: [[RecordedEvent]] = []
        for event in self {
            if chunks.last?.last?.stream == event.stream {
                chunks[chunks.count - 1].append(event)
            } else {
                chunks.append([event])
            }
        }
        return chunks
    }
}
