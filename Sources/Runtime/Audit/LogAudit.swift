/// Proves over the stored log that nothing was left out, doubled or reordered, and that what was made of it fits.
///
/// It reads the log twice, up to the head it finds at the beginning: by position, and by stream. So it remembers of one
/// stream at a time, whatever the length of the log, and what is appended meanwhile is not looked at. It only reads, in
/// short statements, and needs no more than the server's role.
package struct LogAudit: Sendable {
    package struct Report: Sendable {
        package var head: Int64 = 0
        package var events: Int64 = 0
        package var streams: Int64 = 0
        package var snapshots: Int64 = 0
        package var findings = AuditFindings()
    }

    package enum Pass: String, Sendable { case positions, streams }

    private static let patience = Duration.seconds(600)

    private let pool: PostgresPool
    private let laws: [any StreamLaw]
    private let sample: Int?

    /// - Parameters:
    ///   - laws: beside those that hold for every stream.
    ///   - sample: streams whose snapshots are compared, chosen at random; all if nil.
    package init(of pool: PostgresPool, laws: [any StreamLaw], sample: Int? = nil) {
        self.pool = pool
        self.laws = laws
        self.sample = sample
    }

    /// - Throws: `PostgresError` if the database does not answer, or holds what is no event.
    package func run(
        _ progress: @Sendable (_ pass: Pass, _ done: Int64, _ head: Int64) -> Void
    ) async throws -> Report {
        var report = Report()
        report.head = try await query(ReadStatements.head()).first?.int8(0) ?? 0
        try await checkPositions(&report) { progress(.positions, $0, $1) }
        try await checkStreams(&report) { progress(.streams, $0, $1) }
        try await checkStrays(&report)
        return report
    }

    private func checkPositions(_ report: inout Report, _ progress: (Int64, Int64) -> Void) async throws {
        let page: Int64 = 20_000
        var window = ReadWindow(after: 0, length: page)
        var ranges = try RetainedRanges(try await query(AuditStatements.ranges()))
        var position: Int64 = 0
        var time = Timestamp(microseconds: 0)
        while true {
            let rows = try await query(
                AuditStatements.positions(
                    .int8(position), .int8(min(window.end, report.head)), .int8(page)))
            // Events may have left since the ranges were read; a log that lacks more than that is not asked each time.
            var isUpdated = false
            for row in rows {
                let (next, recordedTime) = (try row.int8(0), try row.timestamp(1))
                var lost = next > position + 1 ? ranges.note(missing: position + 1..<next) : nil
                if let first = lost, !isUpdated {
                    try ranges.update(try await query(AuditStatements.ranges()))
                    isUpdated = true
                    lost = ranges.note(missing: first..<next)
                }
                if let lost {
                    report.findings.note(.init(.positions, position: lost, "it is missing; the next one is \(next)"))
                }
                if recordedTime < time {
                    report.findings.note(.init(.times, position: next, "the recorded time turns back"))
                }
                (position, time) = (next, recordedTime)
                report.events += 1
            }
            progress(position, report.head)
            if rows.count == page {
                window = ReadWindow(after: position, length: page)
            } else if window.end >= report.head {
                break
            } else {
                window.advance()
            }
        }
        if position != report.head,
            position > report.head || ranges.note(missing: position + 1..<report.head + 1) != nil
        {
            report.findings.note(
                .init(.positions, position: position, "the last event is here, and the head says \(report.head)"))
        }
        try ranges.update(try await query(AuditStatements.ranges()))
        for finding in ranges.findings { report.findings.note(finding) }
    }

    private func checkStreams(_ report: inout Report, _ progress: (Int64, Int64) -> Void) async throws {
        let page: Int64 = 2_000
        var laws: [any StreamLaw] = [VersionLaw(), CommandLaw()] + self.laws
        let chosen = try await chosenStreams()
        var current: (stream: StreamName, version: Int64, laws: [Int])?
        var events: Int64 = 0
        while true {
            let rows = try await query(
                AuditStatements.streams(
                    .text(current?.stream.description ?? ""), .int8(current?.version ?? 0), .int8(report.head),
                    .int8(page)))
            let read = try rows.map { row throws(PostgresError) in try RecordedEvent(row) }
            let beginning = Self.streams(beginningIn: read, beside: current?.stream)
            let floors = try await floors(of: beginning)
            let snapshots = try await snapshots(of: beginning, chosen)
            for event in read {
                if event.stream != current?.stream {
                    for index in current?.laws ?? [] { laws[index].end(&report.findings) }
                    let category = event.stream.category
                    let concerned = laws.indices.filter { laws[$0].category ?? category == category }
                    let known = snapshots[event.stream.description] ?? []
                    for index in concerned {
                        laws[index].begin(
                            event.stream, floor: floors[event.stream.description] ?? 0, snapshots: known,
                            &report.findings)
                    }
                    current = (event.stream, 0, concerned)
                    report.streams += 1
                    report.snapshots += Int64(known.count)
                }
                current?.version = event.version
                for index in current?.laws ?? [] { laws[index].take(event, &report.findings) }
            }
            events += Int64(read.count)
            progress(events, report.head)
            if read.count < page { break }
        }
        for index in current?.laws ?? [] { laws[index].end(&report.findings) }
        for index in laws.indices { laws[index].finish(&report.findings) }
    }

    private func chosenStreams() async throws -> Set<String>? {
        guard let sample else { return nil }
        return Set(try await SnapshotSample.streams(sample, in: pool).map(\.description))
    }

    private static func streams(beginningIn events: [RecordedEvent], beside current: StreamName?) -> [String] {
        var streams: [String] = []
        var last = current
        for event in events where event.stream != last {
            last = event.stream
            streams.append(event.stream.description)
        }
        return streams
    }

    private func floors(of streams: [String]) async throws -> [String: Int64] {
        if streams.isEmpty { return [:] }
        var floors: [String: Int64] = [:]
        for row in try await query(AuditStatements.floors(.textArray(streams))) {
            floors[try row.text(0)] = try row.int8(1)
        }
        return floors
    }

    /// The snapshots that are to be compared, and those that stand for what has left the log.
    private func snapshots(of streams: [String], _ chosen: Set<String>?) async throws -> [String: [Snapshot]] {
        if streams.isEmpty { return [:] }
        let compared = streams.filter { chosen?.contains($0) ?? true }
        var found: [String: [Snapshot]] = [:]
        for row in try await query(AuditStatements.snapshots(.textArray(streams), .textArray(compared))) {
            guard let stream = StreamName(try row.text(0)) else { continue }
            found[stream.description, default: []].append(
                Snapshot(
                    stream: stream, version: try row.int8(1), stateVersion: try row.int4(2), recordedTime: nil,
                    data: try row.bytes(4), uncompressedSize: Int(try row.int4(3))))
        }
        return found
    }

    /// Where the stream stands that has lost its older events, and the snapshot that stands for them; version 0 if it has
    /// lost none.
    package static func floor(
        of stream: StreamName, in pool: PostgresPool
    ) async throws -> (version: Int64, snapshots: [Snapshot]) {
        let rows = try await pool.withConnection { try await $0.query(AuditStatements.hasFloors()) }
        // A log that is to be migrated yet has lost nothing.
        guard let row = rows.first, try row.bool(0) else { return (0, []) }
        let audit = LogAudit(of: pool, laws: [])
        let name = stream.description
        guard let version = try await audit.floors(of: [name])[name] else { return (0, []) }
        return (version, try await audit.snapshots(of: [name], [])[name] ?? [])
    }

    private func checkStrays(_ report: inout Report) async throws {
        for row in try await query(AuditStatements.strays(.int8(Int64(AuditFindings.limit)))) {
            report.findings.note(
                .init(
                    .snapshots, stream: try row.text(0), version: try row.int8(1),
                    "there is a snapshot, but no event of this version"))
        }
    }

    private func query(_ statement: BoundStatement) async throws -> Rows {
        try await pool.withConnection { connection in
            try await connection.query(statement, timeout: Self.patience)
        }
    }
}
