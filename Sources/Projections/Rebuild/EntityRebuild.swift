import Runtime

/// Rebuilds the rows of one stream in the live view.
package struct EntityRebuild: Sendable {
    package struct Outcome: Sendable, Hashable {
        package var id: String
        /// As of which position they were compared and replaced.
        package var position: Int64
        package var events: Int64
        package var rows: Int64
        /// How many rows were otherwise before, and the first of them.
        package var differingRows: Int64
        package var sample: [RowDifference]

        package init(
            id: String, position: Int64, events: Int64, rows: Int64, differingRows: Int64, sample: [RowDifference]
        ) {
            self.id = id
            self.position = position
            self.events = events
            self.rows = rows
            self.differingRows = differingRows
            self.sample = sample
        }
    }

    let store: any EventStore
    let pool: PostgresPool

    /// - Throws: ``RebuildError/retained(through:)`` if the stream is not whole any more.
    package func run<P: WideProjection>(_ projection: P.Type, id: String) async throws -> Outcome {
        let stream = StreamName(category: P.category, id: id)
        // The long way before the view is held still.
        var fold = StreamRows<P>(stream: stream)
        let head = try await store.head().position
        try await fold.read(from: store, through: head)
        return try await replace(by: fold, id: id)
    }

    private func replace<P: WideProjection>(by folded: StreamRows<P>, id: String) async throws -> Outcome {
        var fold = folded
        return try await pool.withTransaction { connection in
            let (generation, position) = try await P.holdLive(on: connection)
            if fold.position > position {
                // The view had not come so far.
                fold = StreamRows(stream: fold.stream)
            }
            try await fold.read(from: store, through: position)
            // What no event names may be there, too.
            let held = try await connection.query(P.storedIDs(of: id, generation: generation)).map { try $0.text(0) }
            let ids = fold.ids.union(held).sorted()
            var stored: [String: P.Row] = [:]
            for row in try await connection.query(P.load(ids, generation: generation)) {
                let decoded = try P.decode(row)
                stored[P.id(of: decoded)] = decoded
            }
            guard fold.version > 0 || !stored.isEmpty else { throw RebuildError.unknownEntity }
            let differing = ids.filter { stored[$0] != fold.rows[$0] }
            let named = P.texts(of: Array(differing.prefix(10)), generation: generation)
            let before = try await texts(named, on: connection)
            let rows = differing.compactMap { fold.rows[$0] }
            let superfluous = differing.filter { fold.rows[$0] == nil }
            if !rows.isEmpty { _ = try await connection.query(P.store(rows, generation: generation)) }
            _ = try await connection.query(StuckStatements.delete(.text(P.name), .int4(generation), .text(id)))
            if !superfluous.isEmpty { _ = try await connection.query(P.remove(superfluous, generation: generation)) }
            let after = try await texts(named, on: connection)
            return Outcome(
                id: id, position: position, events: fold.version, rows: Int64(fold.rows.changed.count),
                differingRows: Int64(differing.count),
                sample: differing.prefix(10).map { RowDifference(id: $0, live: before[$0], next: after[$0]) })
        }
    }

    private func texts(
        _ statement: BoundStatement, on connection: PostgresConnection
    ) async throws -> [String: String] {
        let rows = try await connection.query(statement).map { (try $0.text(0), try $0.text(1)) }
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }
}

/// The rows that come of one stream, as far as it was read.
private struct StreamRows<P: WideProjection>: Sendable {
    let stream: StreamName
    private(set) var rows = ViewRows<P.Row>()
    private(set) var ids: Set<String> = []
    private(set) var version: Int64 = 0
    private(set) var position: Int64 = 0

    init(stream: StreamName) { self.stream = stream }

    /// - Throws: ``RebuildError/retained(through:)`` if events have left the log that were not read before.
    mutating func read(from store: any EventStore, through end: Int64) async throws {
        while true {
            let events = try await store.readStream(stream, from: version + 1, after: position, limit: 1_000)
            // Behind the events: it rises before they leave.
            if let floor = try await store.floor(of: stream), floor.version > version {
                throw RebuildError.retained(through: floor.version)
            }
            for event in events {
                if event.position > end { return }
                do throws(EventCodecError) {
                    try P.evolve(&rows, with: event)
                    ids.formUnion(try P.ids(of: event))
                } catch {
                    throw RebuildError.unreadable(position: event.position, reason: String(describing: error))
                }
                (version, position) = (event.version, event.position)
            }
            if events.count < 1_000 { return }
        }
    }
}
