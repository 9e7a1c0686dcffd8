import Runtime

/// The rows of one view that come of a range of streams: folded anew, and compared with those that are stored.
protocol RangeComparison: Sendable {
    var compared: ComparedView { get set }
    /// Up to where ``take(_:)`` folds; the rest follows when the stored rows are read.
    var position: Int64 { get }
    /// How many rows it holds, in rows of `devices`.
    var weight: Int { get }

    /// Forgets all rows, and finds out how far the view has come.
    mutating func begin(in pool: PostgresPool) async throws
    /// The events, decoded.
    func prepared(_ events: [RecordedEvent]) -> [RecordedEvent]
    mutating func take(_ events: [RecordedEvent])
    /// Compares with what a snapshot of the database holds; false if the view has gone back behind what is folded, so that
    /// the range is to be begun anew.
    mutating func compare(
        _ range: StreamRange, in snapshot: PostgresConnection, _ streams: CategoryStreams, _ store: any EventStore,
        _ findings: inout AuditFindings
    ) async throws -> Bool
}

/// What was compared of a view whose rows are read range by range.
package struct ComparedView: Sendable, Hashable {
    package let name: String
    /// As of which the last range was compared.
    package internal(set) var position: Int64 = 0
    package internal(set) var streams = 0
    package internal(set) var rows: Int64 = 0
    /// Of how many of the streams events have left the log, and how many of their rows it cannot tell any more.
    package internal(set) var shortenedStreams = 0
    package internal(set) var untoldRows: Int64 = 0
}

struct RangeFold<P: RangedProjection>: RangeComparison {
    private static var page: Int64 { 5_000 }
    private static var patience: Duration { .seconds(600) }

    var compared = ComparedView(name: P.name)
    private(set) var position: Int64 = 0
    private var fold = PageFold<P>(bounds: FoldBounds())
    /// Where each stream was left.
    private var ends: [String: (version: Int64, position: Int64)] = [:]

    var weight: Int { fold.rows.count / P.rowsPerUnit }

    mutating func begin(in pool: PostgresPool) async throws {
        fold = PageFold(bounds: FoldBounds())
        ends = [:]
        position = try await pool.withConnection { try await Self.live(on: $0).position }
    }

    func prepared(_ events: [RecordedEvent]) -> [RecordedEvent] { events.map { P.prepared($0) } }

    mutating func take(_ events: [RecordedEvent]) { take(events, through: position) }

    private mutating func take(_ events: [RecordedEvent], through end: Int64) {
        let events = events.filter { $0.position <= end }
        for event in events { ends[event.stream.id] = (event.version, event.position) }
        fold.fold(events)
    }

    private static func live(
        on connection: PostgresConnection
    ) async throws -> (generation: Int32, position: Int64) {
        guard let live = try await connection.query(CheckpointStatements.live(.text(P.name))).first else {
            throw RebuildError.unknownProjection
        }
        return (try live.int4(0), try live.int8(1))
    }

    mutating func compare(
        _ range: StreamRange, in snapshot: PostgresConnection, _ streams: CategoryStreams, _ store: any EventStore,
        _ findings: inout AuditFindings
    ) async throws -> Bool {
        let live = try await Self.live(on: snapshot)
        guard live.position >= position else { return false }
        while position < live.position {
            let page = try await store.readLog(after: position, upTo: live.position, category: P.category)
            take(page.events.filter { range.contains($0.stream.id) }, through: live.position)
            position = page.end
        }
        let stuck = try await snapshot.query(
            StuckStatements.inRange(
                .text(P.name), .int4(live.generation), .text(range.first), .text(range.upperBound))
        ).map { try StuckEntity($0) }
        // A floor rises before events leave, so it is read behind them, and not in the snapshot.
        let floors = try await streams.floors(of: range)
        let told = try await Self.told(floors, streams)
        var differences = RangeDifferences<P>(as: position, ends, noting: stuck, fold.failures, &findings)

        var last: Runtime.Row?
        while true {
            let rows = try await snapshot.query(
                P.page(of: range, after: last, limit: Self.page, generation: live.generation), timeout: Self.patience)
            for row in rows {
                last = row
                let (id, stream) = (try P.id(stored: row), try P.stream(stored: row))
                let stored = try? P.decode(row)
                let folded = fold.rows[id]
                if folded != nil { fold.rows[id] = nil }
                if differences.leaveOut(stream) { continue }
                compared.rows += 1
                if let stored, stored == folded { continue }
                if floors[stream] != nil, let stored, P.start(of: stored) < told,
                    folded.map({ P.holds(stored, $0) }) ?? true
                {
                    compared.rows -= 1
                    compared.untoldRows += 1
                    continue
                }
                differences.note(stored, folded, id: id, of: stream, &findings)
            }
            if rows.count < Self.page { break }
        }
        for (id, row) in fold.rows.all { differences.noteLack(of: row, id: id, &findings) }
        differences.report(&findings)
        compared.position = position
        compared.streams += ends.count
        compared.shortenedStreams += floors.count
        return true
    }

    /// No reading has left the log that was made as late: a clock that is ahead by more than a day is not believed, and those
    /// of servers may differ by another one.
    private static func told(_ floors: [String: StreamPlace], _ streams: CategoryStreams) async throws -> Timestamp {
        guard let last = floors.values.map(\.position).max() else { return Timestamp(microseconds: .min) }
        guard let time = try await streams.time(behind: last) else { return Timestamp(microseconds: .max) }
        return time + .seconds(2 * 86_400)
    }
}
