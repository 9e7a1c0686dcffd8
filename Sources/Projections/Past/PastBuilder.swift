package import Logging
package import Runtime
import ServiceLifecycle

/// Folds the past views that somebody has asked for, and deletes those that nobody asks for any more: whole views one at a
/// time, whatever the number of servers, and single streams one at a time beside them, since they are soon done.
package struct PastBuilder: Service {
    /// What one may cost.
    package struct Bounds: Sendable {
        package var time = Duration.seconds(300)
        /// Rows of `devices` kept in memory, or as much of others; beyond it they are stored, and read again.
        package var rows = 50_000
        /// How long one is kept after it was asked for last.
        package var keep = Duration.seconds(600)
        /// How long one that failed for a reason that may pass is left alone.
        package var rest = Duration.seconds(5)
        /// Between two looks at whether there is something to do.
        package var looks = Duration.milliseconds(200)

        package init() {}
    }

    private enum Failure: Error {
        case tooLong
        case stuck(position: Int64)
        case unreadable(StuckEntity)
    }

    private let projections: [any WideProjection.Type]
    private let store: any EventStore
    private let pool: PostgresPool
    private let bounds: Bounds
    private let logger: Logger

    package init(
        _ projections: [any WideProjection.Type], store: any EventStore, pool: PostgresPool, bounds: Bounds = Bounds(),
        logger: Logger
    ) {
        self.projections = projections
        self.store = store
        self.pool = pool
        self.bounds = bounds
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for extent in PastExtent.allCases { group.addTask { await follow(extent) } }
            }
        }
    }

    private func follow(_ extent: PastExtent) async {
        while !Task.isCancelled {
            do {
                try await work(extent)
            } catch {
                if Task.isCancelled { return }
                logger.warning("Past views are interrupted", metadata: ["error": "\(String(reflecting: error))"])
                try? await Task.sleep(for: .seconds(1))
            }
            try? await Task.sleep(for: bounds.looks)
        }
    }

    private var keep: PostgresValue { .float8(bounds.keep / .seconds(1)) }

    private func work(_ extent: PastExtent) async throws {
        let due = PastStatements.due(keep, extent.isSingle)
        guard try await pool.withConnection({ try await $0.query(due).first?.bool(0) }) == true else { return }
        try await pool.withTransaction { connection in
            guard try await connection.query(PastStatements.lock(extent.key)).first?.bool(0) == true else { return }
            try await sweep(extent)
            for row in try await asked(extent) { try await build(row) }
        }
    }

    private struct Asked {
        var generation: Int32
        var projection: String
        var definition: Int32
        var position: Int64
        /// All streams if nil.
        var stream: StreamName?
    }

    private func asked(_ extent: PastExtent) async throws -> [Asked] {
        try await pool.withConnection { connection in
            try await connection.query(PastStatements.asked(extent.isSingle)).map {
                Asked(
                    generation: try $0.int4(0), projection: try $0.text(1), definition: try $0.int4(2),
                    position: try $0.int8(3), stream: StreamName(try $0.text(4)))
            }
        }
    }

    private func build(_ asked: Asked) async throws {
        // One of another definition is left to a program of its own.
        guard let projection = projections.first(where: { $0.name == asked.projection }),
            projection.definition == asked.definition
        else { return }
        var reason: String?
        var rest = PostgresValue.null
        do {
            try await fold(asked, projection)
            Failpoint.reached(.pastStored)
        } catch Failure.tooLong {
            let what = asked.stream == nil ? "the log" : "its events"
            reason = "to fold \(what) up to there takes longer than \(bounds.time)"
        } catch Failure.stuck(let position) {
            reason = "the view's code does not return from the event at position \(position)"
        } catch Failure.unreadable(let stuck) {
            // Who asks for all streams may not know this one.
            let stream = asked.stream.map { " of \($0)" } ?? ""
            reason = "the view's code cannot take in the event at position \(stuck.position)" + stream
            logger.error(
                "A past view has an event that its code cannot take in",
                metadata: ["projection": "\(asked.projection)", "entity": "\(stuck.id)"])
        } catch EventStoreError.retained {
            reason = "some of it has left the log"
        } catch let error as PostgresError where error.sqlState?.classCode == "53" {
            // Others wait, and may need less.
            reason = "the database cannot take its rows at the moment"
            rest = .float8(bounds.rest / .seconds(1))
            logger.error("A past view is not stored", metadata: ["error": "\(String(reflecting: error))"])
        } catch let error as PostgresError where ["22", "23", "42"].contains(error.sqlState?.classCode) {
            // The database will not take these rows a second later either, and others wait.
            reason = "the database does not take its rows"
            logger.error("A past view is not stored", metadata: ["error": "\(String(reflecting: error))"])
        }
        if let reason { logger.warning("A past view cannot be folded", metadata: ["reason": "\(reason)"]) }
        let end = PastStatements.end(
            .int4(asked.generation), .text(reason == nil ? "ready" : "failed"), reason.map { .text($0) } ?? .null,
            rest)
        _ = try await pool.withConnection { try await $0.query(end) }
        Failpoint.reached(.pastReady, if: reason == nil)
    }

    private func fold<P: WideProjection>(_ asked: Asked, _ projection: P.Type) async throws {
        // What an interrupted builder has left.
        try await delete(asked.generation, of: projection)
        let end = ContinuousClock.now + bounds.time
        let shard = RebuildShard<P>(isComplete: true, stuck: [], after: 0)
        try await events(of: asked, P.category) { events in
            guard ContinuousClock.now < end else { throw Failure.tooLong }
            if events.isEmpty { return }
            let rows: [P.Row] = try await load(shard.missing(for: events), asked.generation, projection)
            if let lost = try await shard.fold(events, onto: rows) { throw Failure.stuck(position: lost.position) }
            guard shard.rowCount > bounds.rows * P.rowsPerUnit else { return }
            try await store(shard, asked.generation)
            shard.forget()
        }
        Failpoint.reached(.pastFolded)
        try await store(shard, asked.generation)
    }

    private func events(
        of asked: Asked, _ category: String, _ body: ([RecordedEvent]) async throws -> Void
    ) async throws {
        guard let stream = asked.stream else {
            return try await store.streamLog(after: 0, through: asked.position, category: category) { page in
                try await body(page.events)
            }
        }
        var place = StreamPlace(stream, at: 0, position: 0)
        while true {
            let page = try await store.readTail(place, limit: 1_000)
            let events = page.filter { $0.position <= asked.position }
            try await body(events)
            guard events.count == 1_000, let last = events.last else { return }
            place = StreamPlace(stream, at: last.version, position: last.position)
        }
    }

    private func load<P: WideProjection>(
        _ ids: [String], _ generation: Int32, _ projection: P.Type
    ) async throws -> [P.Row] {
        if ids.isEmpty { return [] }
        return try await pool.withConnection { connection in
            try await connection.query(P.load(ids, generation: generation)).map { try P.decode($0) }
        }
    }

    private func store<P: WideProjection>(_ shard: RebuildShard<P>, _ generation: Int32) async throws {
        let changed = shard.takeChanged()
        // Its rows would stand still before that and look right.
        if let stuck = changed.stuck.first { throw Failure.unreadable(stuck) }
        if !changed.gone.isEmpty {
            _ = try await pool.withConnection { try await $0.query(P.remove(changed.gone, generation: generation)) }
        }
        let rows = changed.stored + changed.new
        for start in stride(from: 0, to: rows.count, by: 2_000) {
            let chunk = Array(rows[start..<min(start + 2_000, rows.count)])
            _ = try await pool.withConnection { try await $0.query(P.store(chunk, generation: generation)) }
        }
    }

    // MARK: What is to go

    private func sweep(_ extent: PastExtent) async throws {
        let dropped = try await pool.withConnection { connection in
            try await connection.query(PastStatements.expire(keep, extent.isSingle)).map {
                (try $0.int4(0), try $0.text(1))
            }
        }
        for (generation, name) in dropped {
            guard let projection = projections.first(where: { $0.name == name }) else { continue }
            try await delete(generation, of: projection)
            Failpoint.reached(.pastDropped)
            _ = try await pool.withConnection { try await $0.query(PastStatements.forget(.int4(generation))) }
        }
    }

    private func delete<P: WideProjection>(_ generation: Int32, of projection: P.Type) async throws {
        _ = try await pool.withConnection { connection in
            while try await connection.query(P.drop(generation, limit: 10_000)).affected > 0 {}
        }
    }
}
