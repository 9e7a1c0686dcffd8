import Runtime

/// How the rows of a range of streams differ from what they should be: one finding a stream and kind, with the first of them.
struct RangeDifferences<P: RangedProjection> {
    /// So many rows, and the first of them.
    private struct Sample {
        private(set) var count = 0
        private(set) var first = ""

        mutating func add(_ text: @autoclosure () -> String) {
            if count == 0 { first = text() }
            count += 1
        }
    }

    private struct Kinds {
        var differing = Sample()
        var lacking = Sample()
        var stray = Sample()
    }

    /// Streams with findings that are kept until they are reported.
    private static var most: Int { 1_000 }
    /// Of what a row says.
    private static var longest: Int { 500 }

    private let position: Int64
    private let ends: [String: (version: Int64, position: Int64)]
    /// Those whose rows stand still, or cannot be folded.
    private let standing: Set<String>
    private var found: [String: Kinds] = [:]

    /// Notes at once which streams stand still in the view, and which cannot be folded.
    init(
        as position: Int64, _ ends: [String: (version: Int64, position: Int64)], noting stuck: [StuckEntity],
        _ failures: [StuckEntity], _ findings: inout AuditFindings
    ) {
        self.position = position
        self.ends = ends
        let known = Set(stuck.map(\.id))
        for entity in stuck {
            Self.note(entity, "the view \(P.name) stands still at this event: \(entity.reason)", &findings)
        }
        for entity in failures where !known.contains(entity.id) {
            Self.note(entity, "the view \(P.name) cannot be rebuilt: \(entity.reason)", &findings)
        }
        standing = known.union(failures.map(\.id))
    }

    private static func note(_ entity: StuckEntity, _ problem: String, _ findings: inout AuditFindings) {
        findings.note(
            .init(
                .views, stream: StreamName(category: P.category, id: entity.id).description, version: entity.version,
                position: entity.position, problem))
    }

    /// Whether the stream's rows are not to be compared.
    func leaveOut(_ stream: String) -> Bool { standing.contains(stream) }

    /// - Parameters:
    ///   - stored: nil if it cannot be read.
    ///   - folded: nil if it comes of no event.
    mutating func note(
        _ stored: P.Row?, _ folded: P.Row?, id: String, of stream: String, _ findings: inout AuditFindings
    ) {
        let holds = stored.map { "holds \(Self.summary($0))" } ?? "cannot be read"
        change(stream, &findings) { kinds in
            if let folded {
                kinds.differing.add("\(id), \(holds), and a rebuild makes \(Self.summary(folded))")
            } else {
                kinds.stray.add("\(id), \(holds)")
            }
        }
    }

    mutating func noteLack(of folded: P.Row, id: String, _ findings: inout AuditFindings) {
        let stream = P.stream(of: folded)
        if leaveOut(stream) { return }
        change(stream, &findings) { $0.lacking.add("\(id), would hold \(Self.summary(folded))") }
    }

    mutating func report(_ findings: inout AuditFindings) {
        for (stream, kinds) in found.sorted(by: { $0.key < $1.key }) {
            report(kinds.differing, "rows of the view \(P.name) that differ from a rebuild", of: stream, &findings)
            report(kinds.lacking, "rows that the view \(P.name) lacks", of: stream, &findings)
            report(kinds.stray, "rows of the view \(P.name) that come from no event", of: stream, &findings)
        }
        found = [:]
    }

    private func report(_ rows: Sample, _ what: String, of stream: String, _ findings: inout AuditFindings) {
        if rows.count == 0 { return }
        let end = ends[stream]
        findings.note(
            .init(
                .views, stream: StreamName(category: P.category, id: stream).description, version: end?.version,
                position: end?.position ?? position, "\(what): \(rows.count); the first, \(rows.first)"))
    }

    private mutating func change(
        _ stream: String, _ findings: inout AuditFindings, _ change: (inout Kinds) -> Void
    ) {
        if found.count >= Self.most, found[stream] == nil { report(&findings) }
        change(&found[stream, default: Kinds()])
    }

    private static func summary(_ row: P.Row) -> String {
        let text = P.summary(of: row)
        return text.count > longest ? text.prefix(longest) + "..." : text
    }
}
