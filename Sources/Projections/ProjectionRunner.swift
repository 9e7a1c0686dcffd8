package import Logging
import Metrics
package import Runtime
import ServiceLifecycle

/// Keeps the live generation of a projection up to date, until graceful shutdown.
package struct ProjectionRunner<P: WideProjection>: Service {
    private let store: any EventStore
    private let pool: PostgresPool
    private let logger: Logger

    package init(_ projection: P.Type, store: any EventStore, pool: PostgresPool, logger: Logger) {
        self.store = store
        self.pool = pool
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while !Task.isCancelled {
            do {
                try await followFromCheckpoint { backoff.reset() }
            } catch {
                if Task.isCancelled { return }
                logger.warning(
                    "projection interrupted",
                    metadata: ["projection": "\(P.name)", "error": "\(String(reflecting: error))"])
                try? await Task.sleep(for: backoff.next())
            }
        }
    }

    private func followFromCheckpoint(_ progressed: () -> Void) async throws {
        guard var checkpoint = try await checkpoint() else { return }
        let subscription = Subscription(to: store, where: LogFilter(category: P.category, scope: .all))
        let step = ProjectionStep<P>(generation: checkpoint.generation)
        let tether = Gauge(label: "view_tether_length", dimensions: [("view", P.name)])
        while !Task.isCancelled {
            let page = try await subscription.page(after: checkpoint.position)
            if page.end == checkpoint.position {
                // Another server may have moved on, or a rebuild may have taken over.
                guard try await self.checkpoint() == checkpoint else { return }
                tether.record(0)
                continue
            }
            let start = checkpoint.position
            let outcome: ProjectionStep<P>.Outcome
            do {
                outcome = try await pool.withConnection { connection in
                    try await step.apply(page, from: start, on: connection)
                }
            } catch let error as EventCodecError {
                try await note(failure: error, generation: checkpoint.generation)
                throw error
            }
            guard outcome == .moved else { return }
            checkpoint.position = page.end
            progressed()
            tether.record(max(0, store.signal.position - page.end))
        }
    }

    private struct Checkpoint: Equatable, Sendable {
        var generation: Int32
        var position: Int64
    }

    private func checkpoint() async throws -> Checkpoint? {
        try await pool.withConnection { connection in
            let rows = try await connection.query(CheckpointStatements.live(.text(P.name)))
            return try rows.first.map { Checkpoint(generation: try $0.int4(0), position: try $0.int8(1)) }
        }
    }

    private func note(failure: EventCodecError, generation: Int32) async throws {
        let statement = CheckpointStatements.fail(
            .text(P.name), .int4(generation), .text(String(describing: failure)))
        _ = try await pool.withConnection { connection in try await connection.query(statement) }
    }
}
