package import Logging
package import Metrics
package import Runtime
import ServiceLifecycle

/// Keeps the live generation of a projection up to date, until graceful shutdown.
package struct ProjectionRunner<P: WideProjection>: Service {
    /// Positions behind the head above which the log is streamed.
    private static var longWay: Int64 { 10_000 }

    private let log: any LogSource
    private let pool: PostgresPool
    private let logger: Logger
    private let bounds: FoldBounds
    private let progress: ViewProgress
    private let thread = FoldThread()
    private let metrics: any MetricsFactory
    /// Between two looks at whether a view that pauses goes on.
    private static var looks: Duration { .milliseconds(250) }

    package init(
        _ projection: P.Type, log: any LogSource, pool: PostgresPool, logger: Logger,
        progress: ViewProgress = ViewProgress(), bounds: FoldBounds = FoldBounds(),
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.metrics = metrics
        self.progress = progress
        self.bounds = bounds
        self.log = log
        self.pool = pool
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await P.follow(self) }
    }

    func follow() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        var left: Int32?
        while !Task.isCancelled {
            do {
                guard let checkpoint = try await checkpoint(), !checkpoint.isPaused else {
                    try await Task.sleep(for: Self.looks)
                    continue
                }
                guard checkpoint.definition <= P.definition else {
                    if left != checkpoint.generation { note(newer: checkpoint) }
                    left = checkpoint.generation
                    try await Task.sleep(for: Self.looks)
                    continue
                }
                try await follow(from: checkpoint) { backoff.reset() }
            } catch is Overtaken {
                continue
            } catch {
                if Task.isCancelled { return }
                logger.warning(
                    "projection interrupted",
                    metadata: ["projection": "\(P.name)", "error": "\(String(reflecting: error))"])
                try? await Task.sleep(for: backoff.next())
            }
        }
    }

    /// Its rows may be such as this program would spoil: another server keeps them.
    private func note(newer checkpoint: Checkpoint) {
        logger.notice(
            "A newer server keeps a view; this one leaves its rows alone",
            metadata: [
                "projection": "\(P.name)", "generation": "\(checkpoint.generation)",
                "definition": "\(checkpoint.definition)", "known": "\(P.definition)",
            ])
    }

    private func follow(from start: Checkpoint, _ progressed: () -> Void) async throws {
        var checkpoint = start
        let subscription = Subscription(to: log, where: LogFilter(category: P.category, scope: .all))
        let step = ProjectionStep<P>(generation: checkpoint.generation, isLive: true, thread: thread, bounds: bounds)
        let tether = Gauge(label: "view_tether_length", dimensions: [("view", P.name)], factory: metrics)
        while !Task.isCancelled {
            if log.signal.position - checkpoint.position > Self.longWay {
                try await catchUp(&checkpoint, step, tether, progressed)
                continue
            }
            let page = try await subscription.page(after: checkpoint.position)
            if page.end == checkpoint.position {
                // Another server may have moved on, or a rebuild may have taken over.
                guard try await self.checkpoint() == checkpoint else { return }
                tether.record(0)
                continue
            }
            try await take(page, &checkpoint, step)
            progressed()
            tether.record(max(0, log.signal.position - page.end))
        }
    }

    private func catchUp(
        _ checkpoint: inout Checkpoint, _ step: ProjectionStep<P>, _ tether: Gauge, _ progressed: () -> Void
    ) async throws {
        let head = try await log.head().position
        try await log.streamLog(after: checkpoint.position, through: head, category: P.category) { page in
            try Task.checkCancellation()
            try await take(page, &checkpoint, step)
            progressed()
            tether.record(max(0, log.signal.position - page.end))
        }
    }

    /// - Throws: ``Overtaken`` if another server has moved on, a rebuild has taken over, or only a part of the page was taken.
    private func take(_ page: LogPage, _ checkpoint: inout Checkpoint, _ step: ProjectionStep<P>) async throws {
        let start = checkpoint.position
        let outcome: ProjectionStep<P>.Outcome
        do {
            outcome = try await apply(page, from: start, step)
        } catch let error as PostgresError where ["22", "23", "42"].contains(error.sqlState?.classCode) {
            // The database will not take these rows another time either.
            try await note(failure: error, generation: checkpoint.generation)
            throw error
        }
        guard case .moved(let stuck, let lateness) = outcome else { throw Overtaken() }
        lateness.count(view: P.name, factory: metrics)
        if stuck > 0 {
            logger.error(
                "Entities of a view are stuck", metadata: ["projection": "\(P.name)", "entities": "\(stuck)"])
        }
        checkpoint.position = page.end
        progress.advance(P.name, to: page.end)
    }

    /// Where the code does not return from an event, that is stored before anything else of the page is tried: whoever goes on,
    /// here or elsewhere, loses no thread to it again.
    private func apply(
        _ page: LogPage, from start: Int64, _ step: ProjectionStep<P>, upTo hang: FoldHang? = nil
    ) async throws -> ProjectionStep<P>.Outcome {
        do {
            let outcome = try await pool.withConnection { connection in
                try await step.apply(page, from: start, upTo: hang, on: connection)
            }
            guard let hang, case .moved(_, let lateness) = outcome else { return outcome }
            lateness.count(view: P.name, factory: metrics)
            logger.error(
                "The code of a view does not return from an event",
                metadata: ["projection": "\(P.name)", "position": "\(hang.event.position)", "lost": "\(thread.lost)"])
            // The view may pause now.
            return .overtaken
        } catch let hang as FoldHang {
            return try await apply(page, from: start, step, upTo: hang)
        }
    }

    private struct Overtaken: Error {}

    private struct Checkpoint: Equatable, Sendable {
        var generation: Int32
        var position: Int64
        var isPaused: Bool
        /// The newest that has changed the rows, or made them.
        var definition: Int32
    }

    private func checkpoint() async throws -> Checkpoint? {
        let checkpoint = try await pool.withConnection { connection in
            try await connection.query(CheckpointStatements.live(.text(P.name))).first.map {
                Checkpoint(
                    generation: try $0.int4(0), position: try $0.int8(1), isPaused: try $0.bool(2),
                    definition: try $0.int4(3))
            }
        }
        if let checkpoint { progress.advance(P.name, to: checkpoint.position) }
        return checkpoint
    }

    private func note(failure: PostgresError, generation: Int32) async throws {
        let statement = CheckpointStatements.fail(
            .text(P.name), .int4(generation), .text(failure.description))
        _ = try await pool.withConnection { connection in try await connection.query(statement) }
    }
}
