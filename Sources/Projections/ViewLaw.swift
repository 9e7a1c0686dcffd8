package import Runtime

/// A view holds what a rebuild would make of the log, no row more and none less.
///
/// The rows are read once, in one snapshot of the database with the view's checkpoint, and kept as hashes. Then each
/// stream is folded up to that checkpoint, in memory, and its rows are compared. So nothing is written beside the live
/// view, the view goes on meanwhile, and each row that differs is known by its id.
package struct ViewLaw<P: WideProjection>: StreamLaw {
    package var category: String? { P.category }
    /// As of which position the view is compared.
    package let position: Int64
    package let rowCount: Int
    /// What the view holds and no stream has accounted for yet.
    private var hashes: [String: Int]
    private var rows = ViewRows<P.Row>()
    private var last: RecordedEvent?
    private var isFoldable = true
    /// Whether all events of the stream are there; what a view made of one that has left is not in the log any more.
    private var isWhole = true

    /// Reads the view; to be done before an audit begins, so that the audit's head lies behind it.
    ///
    /// - Throws: `PostgresError`; ``RebuildError/unknownProjection``.
    package init(_ projection: P.Type, in pool: PostgresPool) async throws {
        (position, hashes) = try await pool.withTransaction(.beginRepeatableRead) { connection in
            let checkpoint = try await connection.query(CheckpointStatements.live(.text(P.name)))
            guard let live = checkpoint.first else { throw RebuildError.unknownProjection }
            let (generation, position) = (try live.int4(0), try live.int8(1))
            let limit: Int64 = 5_000
            var hashes: [String: Int] = [:]
            var last = ""
            while true {
                let rows = try await connection.query(
                    P.page(after: last, limit: limit, generation: generation), timeout: .seconds(60))
                for stored in rows {
                    let row = try P.decode(stored)
                    last = P.id(of: row)
                    hashes[last] = row.hashValue
                }
                if rows.count < limit { return (position, hashes) }
            }
        }
        rowCount = hashes.count
    }

    package mutating func begin(
        _ stream: StreamName, floor: Int64, snapshots: [Snapshot], _ findings: inout AuditFindings
    ) {
        isWhole = floor == 0
        rows = ViewRows()
        last = nil
        isFoldable = true
    }

    package mutating func take(_ event: RecordedEvent, _ findings: inout AuditFindings) {
        guard isFoldable, event.position <= position else { return }
        last = event
        do {
            try P.evolve(&rows, with: event)
        } catch {
            isFoldable = false
            findings.note(.init(.views, at: event, "the view \(P.name) cannot be rebuilt: \(error)"))
        }
    }

    package mutating func end(_ findings: inout AuditFindings) {
        guard isFoldable, let last else { return }
        for (id, row) in rows.all {
            guard let hash = hashes.removeValue(forKey: id) else {
                findings.note(.init(.views, at: last, "the view \(P.name) lacks the row \(id)"))
                continue
            }
            if isWhole, hash != row.hashValue {
                findings.note(.init(.views, at: last, "the row \(id) of the view \(P.name) differs from a rebuild"))
            }
        }
    }

    package mutating func finish(_ findings: inout AuditFindings) {
        for id in hashes.keys.sorted() {
            findings.note(
                .init(.views, position: position, "the row \(id) of the view \(P.name) comes from no event"))
        }
    }
}
