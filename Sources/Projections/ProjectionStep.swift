import Runtime

/// Applies pages of the log to one generation of a projection.
struct ProjectionStep<P: WideProjection>: Sendable {
    enum Outcome: Sendable, Equatable {
        case moved
        /// Somebody else moved the checkpoint first; nothing was changed.
        case overtaken
    }

    let generation: Int32
    /// Whether it moves only while this generation is the live one.
    let isLive: Bool

    /// Applies a page in a transaction of its own: checkpoint and rows together.
    ///
    /// - Throws: ``EventCodecError`` for an event that the projection cannot read; nothing was changed then.
    func apply(_ page: LogPage, from position: Int64, on connection: PostgresConnection) async throws -> Outcome {
        let move = moving(from: position, to: page)
        let ids = try Self.ids(of: page)
        if ids.isEmpty { return try await connection.query(move).affected == 1 ? .moved : .overtaken }
        let opened = try await connection.run([Statement.begin(), move, P.load(ids, generation: generation)])
        guard opened[1].affected == 1 else {
            _ = try await connection.query(Statement.rollback())
            return .overtaken
        }
        do {
            let store = try folded(page, ids: ids, onto: opened[2])
            _ = try await connection.run([store, Statement.commit()])
            return .moved
        } catch {
            if connection.isUsable { _ = try? await connection.query(Statement.rollback()) }
            throw error
        }
    }

    /// Applies a page within the caller's transaction, which holds the checkpoint's lock.
    func applyWithin(_ page: LogPage, from position: Int64, on connection: PostgresConnection) async throws {
        let ids = try Self.ids(of: page)
        let results = try await connection.run([
            moving(from: position, to: page), P.load(ids, generation: generation),
        ])
        guard results[0].affected == 1 else { throw RebuildError.disturbed }
        if !ids.isEmpty { _ = try await connection.query(try folded(page, ids: ids, onto: results[1])) }
    }

    private static func ids(of page: LogPage) throws(EventCodecError) -> [String] {
        var ids: Set<String> = []
        for event in page.events { ids.formUnion(try P.ids(of: event)) }
        // Always in the same order, so that two transactions cannot lock each other out.
        return ids.sorted()
    }

    private func moving(from position: Int64, to page: LogPage) -> BoundStatement {
        (isLive ? CheckpointStatements.moveLive : CheckpointStatements.move)(
            .text(P.name), .int4(generation), .int8(position), .int8(page.end),
            .timestamp(page.events.last?.recordedTime ?? Timestamp.now()))
    }

    private func folded(_ page: LogPage, ids: [String], onto stored: Rows) throws -> BoundStatement {
        var rows: [String: P.Row] = [:]
        for row in stored {
            let decoded = try P.decode(row)
            rows[P.id(of: decoded)] = decoded
        }
        for event in page.events { try P.evolve(&rows, with: event) }
        return P.store(ids.compactMap { rows[$0] }, generation: generation)
    }
}
