package import Runtime

/// Builds the next generation of a projection beside the live one, compares the two, and lets it take over.
package struct ProjectionRebuild<P: WideProjection>: Sendable {
    package struct Progress: Sendable {
        package var position: Int64
        package var head: Int64
        package var events: Int64
    }

    package struct Comparison: Sendable, Equatable {
        package var liveRows: Int64
        package var nextRows: Int64
        package var identical: Bool
        /// The position as of which both were compared.
        package var position: Int64
        package var events: Int64
    }

    private let store: any EventStore
    private let pool: PostgresPool

    package init(_ projection: P.Type, store: any EventStore, pool: PostgresPool) {
        self.store = store
        self.pool = pool
    }

    /// Rebuilds from the first event; sends nothing anywhere.
    ///
    /// The live generation goes on serving meanwhile and stands still only while the two are compared.
    package func run(_ report: @Sendable (Progress) -> Void) async throws -> Comparison {
        let generation = try await pool.withConnection { connection in
            let rows = try await connection.query(CheckpointStatements.begin(.text(P.name)))
            guard let row = rows.first else { throw RebuildError.unknownProjection }
            return try row.int4(0)
        }
        let step = ProjectionStep<P>(generation: generation)
        var progress = Progress(position: 0, head: try await store.head().position, events: 0)
        while progress.position < progress.head {
            try await store.streamLog(
                after: progress.position, through: progress.head, category: P.category
            ) { page in
                let start = progress.position
                let outcome = try await pool.withConnection { connection in
                    try await step.apply(page, from: start, on: connection)
                }
                guard outcome == .moved else { throw RebuildError.disturbed }
                progress.position = page.end
                progress.events += Int64(page.events.count)
                report(progress)
            }
            progress.head = try await store.head().position
        }
        return try await takeOver(generation, after: progress)
    }

    /// Holds both generations still, brings the one behind to the other's position, compares, and swaps.
    private func takeOver(_ generation: Int32, after progress: Progress) async throws -> Comparison {
        try await pool.withTransaction { connection in
            let rows = try await connection.query(
                CheckpointStatements.lockBoth(.text(P.name), .int4(generation)))
            var live: (generation: Int32, position: Int64)?
            for row in rows where try row.bool(2) { live = (try row.int4(0), try row.int8(1)) }
            guard let live else { throw RebuildError.disturbed }
            let meeting = max(live.position, progress.position)
            try await bring(live.generation, from: live.position, to: meeting, on: connection)
            let late = try await bring(generation, from: progress.position, to: meeting, on: connection)
            let digests = try await connection.run([
                P.digest(generation: live.generation), P.digest(generation: generation),
            ])
            guard let old = digests[0].first, let new = digests[1].first else { throw RebuildError.disturbed }
            let identical = try old.int8(0) == new.int8(0) && old.text(1) == new.text(1)
            let comparison = Comparison(
                liveRows: try old.int8(0), nextRows: try new.int8(0), identical: identical, position: meeting,
                events: progress.events + late)
            _ = try await connection.run([
                CheckpointStatements.swap(.text(P.name), .int4(generation)),
                CheckpointStatements.forget(.text(P.name), .int4(live.generation)),
                P.drop(before: live.generation),
            ])
            return comparison
        }
    }

    /// Returns how many events were applied.
    @discardableResult
    private func bring(
        _ generation: Int32, from start: Int64, to end: Int64, on connection: PostgresConnection
    ) async throws -> Int64 {
        let step = ProjectionStep<P>(generation: generation)
        var position = start
        var events: Int64 = 0
        try await store.streamLog(after: start, through: end, category: P.category) { page in
            try await step.applyWithin(page, from: position, on: connection)
            position = page.end
            events += Int64(page.events.count)
        }
        return events
    }
}

package enum RebuildError: Error, Sendable, Hashable {
    case unknownProjection
    /// Another rebuild of the same projection has interfered.
    case disturbed
}
