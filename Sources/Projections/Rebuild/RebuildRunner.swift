package import Logging
package import Runtime
import ServiceLifecycle

extension LeaseRole {
    /// Who rebuilds views. The key is "fl-views" as a number.
    package static let rebuilds = LeaseRole("rebuilds", key: 0x666C_2D76_6965_7773)
}

/// Does the rebuilds that were asked for, one after the other in the order in which they were; one server, or command,
/// at a time.
///
/// The role only keeps two from doing the same work. That each page counts once is seen to by the checkpoints, which move
/// only from where their mover believes they stand.
package struct RebuildRunner: Service {
    private let projections: [any WideProjection.Type]
    private let store: any EventStore
    private let pool: PostgresPool
    private let lease: any Lease
    private let pace: RebuildPace
    private let logger: Logger
    private let lostThreads = LostThreads()

    /// - Parameter lease: see ``PostgresLease`` with the role ``LeaseRole/rebuilds``.
    package init(
        _ projections: [any WideProjection.Type], store: any EventStore, pool: PostgresPool, lease: any Lease,
        pace: RebuildPace = RebuildPace(), logger: Logger
    ) {
        self.projections = projections
        self.store = store
        self.pool = pool
        self.lease = lease
        self.pace = pace
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled { await lease.lead { await lead() } }
        }
    }

    private func lead() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        var nextLook = ContinuousClock.now
        var lossy: Set<String> = []
        while !Task.isCancelled {
            do {
                while true {
                    if ContinuousClock.now >= nextLook {
                        for projection in projections {
                            let isSeenTo = try await askForDefinition(of: projection)
                            if !isSeenTo, lossy.insert(projection.name).inserted { noteLoss(of: projection) }
                        }
                        nextLook = .now + pace.definitions
                    }
                    try await sweep()
                    if try await workOnFirst() {
                        nextLook = .now
                    } else {
                        try await Task.sleep(for: pace.looks)
                    }
                    backoff.reset()
                }
            } catch {
                if Task.isCancelled { return }
                logger.warning("Rebuilds are interrupted", metadata: ["error": "\(String(reflecting: error))"])
                try? await Task.sleep(for: backoff.next())
            }
        }
    }

    // MARK: What is to be done

    /// Has a view rebuilt whose rows an older program has made, or makes.
    ///
    /// - Returns: false if the live rows say what no rebuild can, so that somebody must ask for it.
    private func askForDefinition(of projection: any WideProjection.Type) async throws -> Bool {
        let (name, definition) = (PostgresValue.text(projection.name), PostgresValue.int4(projection.definition))
        return try await pool.withConnection { connection -> Bool in
            _ = try await connection.query(RebuildWorkStatements.adoptDefinition(name, definition))
            if let row = try await connection.query(RebuildStatements.supersede(name, definition)).first {
                let ended = try Rebuild(row)
                logger.notice(
                    "A rebuild of an older definition is given up",
                    metadata: ["projection": "\(ended.projection)", "definition": "\(ended.definition)"])
            }
            guard try await !connection.query(RebuildWorkStatements.lacksDefinition(name, definition)).isEmpty else {
                return true
            }
            guard try await connection.query(RebuildStatements.lacksEvents(.text(projection.category))).isEmpty else {
                return false
            }
            _ = try await connection.query(
                RebuildStatements.begin(
                    name, .text(Rebuild.Cause.definition.rawValue), definition, .text("system"), .null))
            logger.notice("A view's definition has changed", metadata: ["projection": "\(projection.name)"])
            return true
        }
    }

    private func noteLoss(of projection: any WideProjection.Type) {
        logger.warning(
            "A view's definition has changed, but telemetry has left the log: ask for its rebuild",
            metadata: ["projection": "\(projection.name)"])
    }

    /// Works on the oldest rebuild that this program can do; false if there is none.
    private func workOnFirst() async throws -> Bool {
        let running = try await pool.withConnection { connection in
            try await connection.query(RebuildStatements.running()).map { try Rebuild($0) }
        }
        for rebuild in running {
            // One of a newer definition is left to a newer program, one of an older is ended at the next look.
            guard let projection = projections.first(where: { $0.name == rebuild.projection }),
                rebuild.kind == .swapBack
                    ? projection.definition >= rebuild.definition : projection.definition == rebuild.definition
            else { continue }
            try await work(on: rebuild, projection)
            return true
        }
        return false
    }

    private func work<P: WideProjection>(on rebuild: Rebuild, _ projection: P.Type) async throws {
        Failpoint.reached(.rebuildBegun)
        let work = RebuildWork<P>(rebuild: rebuild, store: store, pool: pool, pace: pace, logger: logger)
        do {
            try await P.rebuild(work)
        } catch let hang as FoldHang {
            try await giveUp([hang], in: rebuild)
        } catch let several as ShardHangs {
            try await giveUp(several.hangs, in: rebuild)
        } catch let excess as FoldExcess {
            logger.error("Entities of a view are stuck", metadata: ["projection": "\(P.name)"])
            try await pool.withConnection { try await stop(excess.stuck, in: rebuild, on: $0) }
        } catch {
            // Anything else may pass by itself.
            guard let reason = Self.lastingReason(of: error) else {
                if let reason = Self.passingReason(of: error) { await note(reason, of: rebuild) }
                throw error
            }
            logger.error(
                "A rebuild has failed", metadata: ["projection": "\(P.name)", "reason": "\(String(reflecting: error))"])
            _ = try await pool.withConnection { connection in
                try await connection.query(RebuildWorkStatements.fail(.int8(rebuild.number), .text(reason)))
            }
        }
    }

    /// It goes on from its checkpoint and stops the entities at their events, unless that has cost too many threads.
    private func giveUp(_ hangs: [FoldHang], in rebuild: Rebuild) async throws {
        let lost = lostThreads.add(hangs.count, to: rebuild)
        let positions = hangs.map(\.event.position)
        logger.error(
            "The code of a view does not return from an event",
            metadata: ["projection": "\(rebuild.projection)", "positions": "\(positions)", "lost": "\(lost)"])
        let reason =
            "the view's code did not return \(lost) times, the last time from the event at position "
            + "\(positions.max() ?? 0)"
        try await pool.withConnection { connection in
            try await stop(hangs.map(\.stuck), in: rebuild, on: connection)
            guard lost >= pace.bounds.lostThreads else { return }
            _ = try await connection.query(RebuildWorkStatements.fail(.int8(rebuild.number), .text(reason)))
        }
    }

    /// When it comes to their events.
    private func stop(
        _ stuck: [StuckEntity], in rebuild: Rebuild, on connection: PostgresConnection
    ) async throws {
        for entity in stuck {
            _ = try await connection.query(
                StuckStatements.insertAhead(entity, rebuild.projection, rebuild.generation))
        }
    }

    /// Why it would fail again in the same way, for everybody's eyes; nil if that is not known.
    private static func lastingReason(of error: any Error) -> String? {
        switch error {
        case RebuildError.disturbed: nil
        case let error as RebuildError: error.description
        // Data that the table does not take, or a statement that is wrong.
        case let error as PostgresError where ["22", "23", "42"].contains(error.sqlState?.classCode):
            error.description
        default: nil
        }
    }

    /// What it waits for, where somebody has to see to it; it is tried again all the time.
    private static func passingReason(of error: any Error) -> String? {
        guard (error as? PostgresError)?.sqlState == .diskFull else { return nil }
        return """
            The disk of Postgres is full. Make room, and it goes on by itself; or cancel it, and its rows are deleted.
            """
    }

    /// As far as a disk that is full takes this, which is to say mostly: the row is changed where it lies.
    private func note(_ reason: String, of rebuild: Rebuild) async {
        let wait = RebuildWorkStatements.wait(.int8(rebuild.number), .text(reason))
        _ = try? await pool.withConnection { try await $0.query(wait) }
    }

    // MARK: What is to go

    /// Deletes the rows of dropped generations, some at a time.
    private func sweep() async throws {
        let dropped = try await pool.withConnection { connection in
            try await connection.query(RebuildStatements.dropped()).map {
                (name: try $0.text(0), number: try $0.int4(1))
            }
        }
        for generation in dropped {
            guard let projection = projections.first(where: { $0.name == generation.name }) else { continue }
            try await sweep(generation.number, of: projection)
        }
    }

    private func sweep<P: WideProjection>(_ generation: Int32, of projection: P.Type) async throws {
        try await pool.withConnection { connection in
            while try await connection.query(P.drop(generation, limit: 10_000)).affected > 0 {
                Failpoint.reached(.generationDropping)
            }
            _ = try await connection.run([
                StuckStatements.forget(.text(P.name), .int4(generation)),
                RebuildStatements.forget(.text(P.name), .int4(generation)),
            ])
        }
    }
}
