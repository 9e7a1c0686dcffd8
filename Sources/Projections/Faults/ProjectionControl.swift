import Runtime

/// Pausing a view, and going on with it and with what stands still in it.
package protocol ProjectionControl: Sendable {
    /// What stands still in the live view, the oldest first.
    func stuck(_ name: String, limit: Int) async throws(RebuildError) -> [StuckEntity]
    /// Lets the live view stand still as a whole.
    func pause(_ name: String, reason: String, by principal: String) async throws(RebuildError)
    /// Goes on with the view and all that stands still in it, or with one entity of it. Of code that still does not return not
    /// more is tried than ``FoldBounds/lostThreads``.
    ///
    /// - Returns: how many entities go on, and what still does not.
    func resume(_ name: String, entity: String?) async throws(RebuildError) -> Resumption
}

package struct Resumption: Sendable, Hashable {
    package var resumed: Int
    package var stuck: [StuckEntity]

    package init(resumed: Int = 0, stuck: [StuckEntity] = []) {
        self.resumed = resumed
        self.stuck = stuck
    }
}

extension PostgresRebuilds: ProjectionControl {
    package func stuck(_ name: String, limit: Int) async throws(RebuildError) -> [StuckEntity] {
        _ = try projection(name)
        return try await answering { connection in
            try await connection.query(StuckStatements.list(.text(name), .null, .int8(Int64(limit))))
                .map { try StuckEntity($0) }
        }
    }

    package func pause(_ name: String, reason: String, by principal: String) async throws(RebuildError) {
        _ = try projection(name)
        try await answering { connection in
            _ = try await connection.query(StuckStatements.pause(.text(name), .text(reason), .text(principal)))
        }
    }

    package func resume(_ name: String, entity: String?) async throws(RebuildError) -> Resumption {
        let projection = try projection(name)
        do {
            return try await resume(projection, entity)
        } catch {
            throw RebuildError(error)
        }
    }

    private func resume<P: WideProjection>(_ projection: P.Type, _ entity: String?) async throws -> Resumption {
        // As many as can be stuck, and some more.
        let limit: Int64 = 100_000
        let wanted = StuckStatements.list(.text(P.name), entity.map { .text($0) } ?? .null, .int8(limit))
        let stuck = try await pool.withConnection { try await $0.query(wanted).map { try StuckEntity($0) } }
        if entity != nil, stuck.isEmpty { throw RebuildError.unknownEntity }
        var outcome = Resumption()
        let again = StuckFold<P>(store: store, pool: pool, thread: FoldThread(), bounds: bounds)
        for (index, entity) in stuck.enumerated() {
            // The rest can be resumed one by one, or all when the code is mended.
            guard again.thread.lost < bounds.lostThreads else {
                outcome.stuck += stuck[index...]
                break
            }
            if let left = try await again.run(entity) {
                outcome.stuck.append(left)
            } else {
                outcome.resumed += 1
            }
        }
        if entity == nil {
            _ = try await pool.withConnection { try await $0.query(StuckStatements.resume(.text(P.name))) }
        }
        return outcome
    }
}

/// Folds the waiting events of one entity onto its rows in the live view.
struct StuckFold<P: WideProjection>: Sendable {
    let store: any EventStore
    let pool: PostgresPool
    let thread: FoldThread
    let bounds: FoldBounds

    /// What it is stuck at now; nil if it has caught up with the view.
    func run(_ entity: StuckEntity) async throws -> StuckEntity? {
        try await pool.withTransaction { connection in
            let (generation, end) = try await P.holdLive(on: connection)
            let stuck = try await connection.query(
                StuckStatements.list(.text(P.name), .text(entity.id), .int8(1))
            ).map { try StuckEntity($0) }
            // Somebody else may have been faster.
            guard var next = stuck.first.map({ (version: $0.version, after: $0.position - 1) }) else { return nil }
            let stream = StreamName(category: P.category, id: entity.id)
            while true {
                let place = StreamPlace(stream, at: next.version - 1, position: next.after)
                guard var events = try await waiting(behind: place) else {
                    var left = entity
                    left.reason = "events that wait have left the log; a rebuild of the view goes on without them"
                    return left
                }
                let isLast = events.count < 1_000
                events.removeAll { $0.position > end }
                if let left = try await fold(events, generation, on: connection) { return left }
                guard let last = events.last, !isLast else { break }
                next = (last.version + 1, last.position)
            }
            _ = try await connection.query(
                StuckStatements.delete(.text(P.name), .int4(generation), .text(entity.id)))
            return nil
        }
    }

    /// Nil if some of them have left the log.
    private func waiting(behind place: StreamPlace) async throws -> [RecordedEvent]? {
        do throws(EventStoreError) {
            return try await store.readTail(place, limit: 1_000)
        } catch {
            guard case .retained = error else { throw error }
            return nil
        }
    }

    private func fold(
        _ events: [RecordedEvent], _ generation: Int32, on connection: PostgresConnection
    ) async throws -> StuckEntity? {
        if events.isEmpty { return nil }
        var fold = PageFold<P>(bounds: bounds)
        for row in try await connection.query(P.load(PageFold<P>.ids(of: events), generation: generation)) {
            let decoded = try P.decode(row)
            fold.rows.load(decoded, id: P.id(of: decoded))
        }
        let (result, rows) = try await folding(events, onto: fold, generation)
        if let rows { _ = try await connection.query(rows) }
        let gone = result.rows.gone
        if !gone.isEmpty { _ = try await connection.query(P.remove(gone, generation: generation)) }
        guard let left = result.failures.first else { return nil }
        _ = try await connection.query(StuckStatements.insert([left], P.name, generation))
        return left
    }

    private func folding(
        _ events: [RecordedEvent], onto start: PageFold<P>, _ generation: Int32
    ) async throws -> (PageFold<P>, BoundStatement?) {
        do {
            return try await start.folding(events, on: thread, generation: generation)
        } catch let hang as FoldHang {
            var start = start
            start.bar(hang.event, hang.reason)
            return try await start.folding(events, on: thread, generation: generation)
        }
    }
}
