package import Runtime

/// Asking for rebuilds, and how they are doing. Whoever has the role does the work: see ``RebuildRunner``.
package protocol Rebuilds: Sendable {
    /// Every view, in the order of the names.
    func statuses() async throws(RebuildError) -> [RebuildStatus]
    /// Has a view built anew beside the live one.
    ///
    /// - Parameter acceptingLoss: whether rows may go that were made of events that have left the log.
    /// - Throws: ``RebuildError/alreadyOpen`` while another rebuild of it has not ended; ``RebuildError/lossy``.
    func start(
        _ name: String, eventLimit: Int?, acceptingLoss: Bool, askedBy: String
    ) async throws(RebuildError) -> Rebuild
    /// Rebuilds the rows of one stream, compares and replaces them, all in one transaction.
    func rebuild(_ name: String, only id: String) async throws(RebuildError) -> EntityRebuild.Outcome
    func pause(_ name: String) async throws(RebuildError) -> Rebuild
    func resume(_ name: String) async throws(RebuildError) -> Rebuild
    /// Gives a rebuild up, and has its rows deleted.
    func cancel(_ name: String) async throws(RebuildError) -> Rebuild
    /// Has the previous generation brought up to date, and then take over again.
    ///
    /// - Parameter acceptingLoss: whether it may lack events that have left the log since it was live.
    /// - Throws: ``RebuildError/noPrevious``; ``RebuildError/lacksEvents``.
    func swapBack(_ name: String, acceptingLoss: Bool, askedBy: String) async throws(RebuildError) -> Rebuild
    /// Has all generations deleted that came before the live one.
    func dropPrevious(_ name: String) async throws(RebuildError)
}

/// Rebuilds in Postgres.
package struct PostgresRebuilds: Rebuilds {
    let projections: [any WideProjection.Type]
    let store: any EventStore
    let pool: PostgresPool
    let bounds: FoldBounds

    package init(
        _ projections: [any WideProjection.Type], store: any EventStore, pool: PostgresPool,
        bounds: FoldBounds = FoldBounds()
    ) {
        self.projections = projections
        self.store = store
        self.pool = pool
        self.bounds = bounds
    }

    package func statuses() async throws(RebuildError) -> [RebuildStatus] {
        try await answering { connection in
            let results = try await connection.run([
                RebuildStatements.generations(), RebuildStatements.newest(),
            ])
            var statuses: [RebuildStatus] = []
            for row in results[0] {
                let name = try row.text(0)
                if statuses.last?.name != name { statuses.append(RebuildStatus(name: name, generations: [])) }
                statuses[statuses.count - 1].generations.append(try RebuildStatus.Generation(row))
            }
            let rebuilds = try results[1].map { try Rebuild($0) }
            for index in statuses.indices {
                statuses[index].rebuild = rebuilds.first { $0.projection == statuses[index].name }
            }
            return statuses
        }
    }

    package func start(
        _ name: String, eventLimit: Int?, acceptingLoss: Bool, askedBy: String
    ) async throws(RebuildError) -> Rebuild {
        let projection = try projection(name)
        return try await answering { connection in
            let question = RebuildStatements.lacksEvents(.text(projection.category))
            if !acceptingLoss, try await !connection.query(question).isEmpty { throw RebuildError.lossy }
            let begin = RebuildStatements.begin(
                .text(name), .text(Rebuild.Cause.request.rawValue), .int4(projection.definition), .text(askedBy),
                eventLimit.map { .int4(Int32(clamping: $0)) } ?? .null)
            return try await Self.opened(try await connection.query(begin))
        }
    }

    package func rebuild(_ name: String, only id: String) async throws(RebuildError) -> EntityRebuild.Outcome {
        let projection = try projection(name)
        do {
            return try await EntityRebuild(store: store, pool: pool).run(projection, id: id)
        } catch {
            throw RebuildError(error)
        }
    }

    package func pause(_ name: String) async throws(RebuildError) -> Rebuild {
        try await change(name, RebuildStatements.pause)
    }

    package func resume(_ name: String) async throws(RebuildError) -> Rebuild {
        try await change(name, RebuildStatements.resume)
    }

    package func cancel(_ name: String) async throws(RebuildError) -> Rebuild {
        try await change(name, RebuildStatements.cancel)
    }

    package func swapBack(
        _ name: String, acceptingLoss: Bool, askedBy: String
    ) async throws(RebuildError) -> Rebuild {
        let projection = try projection(name)
        return try await answering { connection in
            let question = RebuildStatements.previousLacksEvents(.text(name), .text(projection.category))
            if !acceptingLoss, try await !connection.query(question).isEmpty { throw RebuildError.lacksEvents }
            let rows = try await connection.query(RebuildStatements.beginSwapBack(.text(name), .text(askedBy)))
            guard let row = rows.first else { throw RebuildError.noPrevious }
            return try Rebuild(row)
        }
    }

    package func dropPrevious(_ name: String) async throws(RebuildError) {
        _ = try projection(name)
        try await answering { connection in
            let dropped = try await connection.query(RebuildStatements.dropPrevious(.text(name)))
            guard try dropped.first?.int8(0) ?? 0 > 0 else { throw RebuildError.noPrevious }
        }
    }

    func projection(_ name: String) throws(RebuildError) -> any WideProjection.Type {
        guard let projection = projections.first(where: { $0.name == name }) else { throw .unknownProjection }
        return projection
    }

    private func change(_ name: String, _ statement: Statement) async throws(RebuildError) -> Rebuild {
        _ = try projection(name)
        return try await answering { connection in
            guard let row = try await connection.query(statement(.text(name))).first else {
                throw RebuildError.nothingOpen
            }
            return try Rebuild(row)
        }
    }

    static func opened(_ rows: Rows) async throws -> Rebuild {
        guard let row = rows.first else { throw RebuildError.alreadyOpen }
        return try Rebuild(row)
    }

    func answering<Value: Sendable>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws(RebuildError) -> Value {
        do {
            return try await pool.withConnection(body)
        } catch {
            throw RebuildError(error)
        }
    }
}

extension RebuildError {
    init(_ error: any Error) {
        switch error {
        case let known as RebuildError: self = known
        // Two who asked at once: the index lets one of them in.
        case let failure as PostgresError where failure.sqlState == .uniqueViolation: self = .alreadyOpen
        default: self = .unavailable(reason: String(reflecting: error))
        }
    }
}
