import Logging
import Runtime

/// One rebuild, from where it stands to its end.
package struct RebuildWork<P: WideProjection>: Sendable {
    enum End: Error {
        /// It was paused, cancelled, or done by somebody else.
        case stopped
    }

    let rebuild: Rebuild
    let store: any EventStore
    let pool: PostgresPool
    let pace: RebuildPace
    let logger: Logger
    private let thread = FoldThread()

    init(rebuild: Rebuild, store: any EventStore, pool: PostgresPool, pace: RebuildPace, logger: Logger) {
        self.rebuild = rebuild
        self.store = store
        self.pool = pool
        self.pace = pace
        self.logger = logger
    }

    var generation: Int32 { rebuild.generation }
    private var step: ProjectionStep<P> {
        ProjectionStep(generation: generation, isLive: false, thread: thread, bounds: pace.bounds)
    }

    /// - Throws: ``RebuildError`` for what will not pass by itself; ``FoldHang``,
    ///   ``ShardHangs`` or ``FoldExcess``; anything else may pass.
    func run() async throws {
        do {
            try await approachLive()
            if rebuild.kind == .rebuild, rebuild.comparison == nil { try await compare() }
            // The live view may stand still for good; the one that takes its place goes on to the head.
            try await fold { try await store.head().position }
            try await takeOver()
        } catch End.stopped {
            logger.info("A rebuild stops", metadata: ["projection": "\(P.name)", "generation": "\(generation)"])
        }
    }

    // MARK: Folding

    private func approachLive() async throws {
        try await fold { try await livePosition() }
    }

    private func livePosition() async throws -> Int64 {
        try await pool.withConnection { connection in
            guard let row = try await connection.query(CheckpointStatements.live(.text(P.name))).first else {
                throw RebuildError.unknownProjection
            }
            return try row.int8(1)
        }
    }

    /// Folds until it is near where `goal` has come to by then.
    private func fold(upTo goal: () async throws -> Int64) async throws {
        let start = try await checkpoint()
        var position = start
        var end = try await goal()
        // What is near goes without a limit, so that must not be more than a second of it.
        let near = rebuild.eventLimit.map { min(pace.near, Int64($0)) } ?? pace.near
        guard end - position > near || position == 0 && end > 0 else { return }
        let folding = RebuildFolding<P>(
            rebuild: rebuild, from: start, stuck: try await stuck(), log: store, pool: pool, pace: pace)
        try await withThrowingTaskGroup(of: Void.self) { stores in
            do {
                while end - position > pace.near || position == start {
                    try await store.streamLog(after: position, through: end, category: P.category) { page in
                        try await take(page, folding, &stores)
                    }
                    position = end
                    end = try await goal()
                }
            } catch End.stopped {
                // What was folded is not folded again when it goes on.
                try await stores.waitForAll()
                try await folding.store()
                throw End.stopped
            }
            try await stores.waitForAll()
        }
        try await folding.store()
    }

    /// Folds a page. What is due is stored beside the next ones, once at a time.
    private func take(
        _ page: LogPage, _ folding: RebuildFolding<P>, _ stores: inout ThrowingTaskGroup<Void, any Error>
    ) async throws {
        for part in folding.parts(of: page) {
            try await folding.take(part)
            if await folding.isFull { try await stores.waitForAll() }
            if let changes = try await folding.changesDue() {
                try await stores.waitForAll()
                stores.addTask { try await folding.store(changes) }
            }
            try await folding.rest()
        }
    }

    private func stuck() async throws -> [StuckEntity] {
        try await pool.withConnection { connection in
            try await connection.query(StuckStatements.all(.text(P.name), .int4(generation)))
                .map { try StuckEntity($0) }
        }
    }

    private func checkpoint() async throws -> Int64 {
        try await pool.withConnection { connection in
            let rows = try await connection.query(RebuildWorkStatements.checkpoint(.text(P.name), .int4(generation)))
            guard let row = rows.first else { throw End.stopped }
            return try row.int8(0)
        }
    }

    // MARK: Comparing

    /// Compares both as of one position: the live one waits only until the other has come up, not while they are read.
    private func compare() async throws {
        let comparison = try await pool.withConnection { connection in
            let live = try await openSnapshot(on: connection)
            do {
                let comparison = try await compare(live, in: connection)
                _ = try await connection.query(Statement.commit())
                return comparison
            } catch {
                _ = try? await connection.query(Statement.rollback(), uncancellable: true)
                throw error
            }
        }
        try await pool.withConnection { connection in
            let noted = try await connection.query(
                RebuildWorkStatements.compared(
                    .int8(rebuild.number), .int8(comparison.position), .int8(comparison.liveRows),
                    .int8(comparison.nextRows), .text(comparison.liveDigest), .text(comparison.nextDigest),
                    .int8(comparison.differingRows), .json(Array(ViewJSON.encode(comparison.sample).utf8))))
            guard noted.affected == 1 else { throw End.stopped }
        }
        Failpoint.reached(.rebuildCompared)
    }

    /// A snapshot that sees both generations at one position, since it is taken while the live one is held still.
    private func openSnapshot(on connection: PostgresConnection) async throws -> (generation: Int32, position: Int64) {
        try await pool.withTransaction { holder in
            let live = try await lock(on: holder)
            try await bring(to: live.position, on: connection)
            _ = try await connection.query(Statement.beginRepeatableRead())
            let seen = try await connection.query(
                RebuildWorkStatements.checkpoint(.text(P.name), .int4(generation)))
            guard try seen.first?.int8(0) == live.position else { throw RebuildError.disturbed }
            return live
        }
    }

    private func compare(
        _ live: (generation: Int32, position: Int64), in snapshot: PostgresConnection
    ) async throws -> Rebuild.Comparison {
        let digests = try await RowDigest.of([live.generation, generation], of: P.self, on: snapshot)
        let (old, new) = (digests[0], digests[1])
        var comparison = Rebuild.Comparison(
            position: live.position, liveRows: old.rows, nextRows: new.rows, liveDigest: old.digest,
            nextDigest: new.digest, differingRows: 0, sample: [])
        guard comparison.liveRows != comparison.nextRows || comparison.liveDigest != comparison.nextDigest else {
            return comparison
        }
        for row in try await snapshot.query(P.differences(live.generation, generation, limit: 10)) {
            comparison.differingRows = try row.int8(3)
            comparison.sample.append(
                RowDifference(
                    id: try row.text(0), live: try row.text(ifPresent: 1), next: try row.text(ifPresent: 2)))
        }
        return comparison
    }

    /// Holds the live generation still until the transaction ends.
    private func lock(on connection: PostgresConnection) async throws -> (generation: Int32, position: Int64) {
        guard let row = try await connection.query(RebuildWorkStatements.lockLive(.text(P.name))).first else {
            throw RebuildError.unknownProjection
        }
        return (try row.int4(0), try row.int8(1))
    }

    /// Brings the next generation up to a position that is near.
    private func bring(to end: Int64, on connection: PostgresConnection) async throws {
        var position = try await checkpoint()
        while position < end {
            let page = try await store.readLog(after: position, upTo: end, category: P.category)
            let outcome = try await step.apply(page, from: position, on: connection)
            guard case .moved = outcome else { throw RebuildError.disturbed }
            position = page.end
            _ = try await connection.query(
                RebuildWorkStatements.stored(
                    .int8(rebuild.number), .int8(position), .int8(Int64(page.events.count)), .null, .null))
        }
    }

    // MARK: Taking over

    /// Holds both generations still, brings the next one up to the live one, and changes their roles.
    private func takeOver() async throws {
        let isDone = try await pool.withTransaction { connection in
            let finish = RebuildWorkStatements.finish(.int8(rebuild.number))
            guard try await connection.query(finish).affected == 1 else { return false }
            let live = try await lock(on: connection)
            guard live.generation != generation else { throw RebuildError.disturbed }
            let rows = try await connection.query(
                RebuildWorkStatements.lock(.text(P.name), .int4(generation)))
            guard var position = try rows.first?.int8(0) else { throw RebuildError.disturbed }
            var events = 0
            while position < live.position {
                let page = try await store.readLog(after: position, upTo: live.position, category: P.category)
                try await step.applyWithin(page, from: position, on: connection)
                position = page.end
                events += page.events.count
            }
            _ = try await connection.run([
                RebuildWorkStatements.swap(.text(P.name), .int4(generation), .int4(live.generation)),
                RebuildWorkStatements.finished(.int8(rebuild.number), .int8(position), .int8(Int64(events))),
            ])
            Failpoint.reached(.rebuildSwapping)
            return true
        }
        if isDone { Failpoint.reached(.rebuildSwapped) }
    }
}

extension EventStore {
    /// The next page of a category, up to a position.
    func readLog(after start: Int64, upTo end: Int64, category: String) async throws -> LogPage {
        var page = try await readLog(after: start, where: LogFilter(category: category, scope: .all), limit: 1_000)
        page.events.removeAll { $0.position > end }
        page.end = min(page.end, end)
        return page
    }
}
