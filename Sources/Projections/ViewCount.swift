package import Logging
package import Runtime
import ServiceLifecycle

/// Counts the rows of each live view and hashes them, now and then and by one server at a time, so that nobody who asks has
/// to wait for it.
///
/// It takes a fiftieth of the time at most, however large a view is; a view that has not moved is not counted again.
package struct ViewCount: Service {
    package struct Pace: Sendable {
        /// Between two looks at whether it is time.
        package var looks = Duration.seconds(5)
        /// Between two counts of a view.
        package var counts = Duration.seconds(30)
        package init() {}
    }

    private let projections: [any WideProjection.Type]
    private let pool: PostgresPool
    private let pace: Pace
    private let logger: Logger

    package init(
        _ projections: [any WideProjection.Type], pool: PostgresPool, pace: Pace = Pace(), logger: Logger
    ) {
        self.projections = projections
        self.pool = pool
        self.pace = pace
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                for projection in projections {
                    do {
                        try await count(projection)
                    } catch {
                        if Task.isCancelled { return }
                        logger.warning(
                            "A view cannot be counted",
                            metadata: ["projection": "\(projection.name)", "error": "\(String(reflecting: error))"])
                    }
                }
                try? await Task.sleep(for: pace.looks)
            }
        }
    }

    private func count<P: WideProjection>(_ projection: P.Type) async throws {
        let claim = ViewCountStatements.claim(.text(P.name), .float8(pace.counts / .seconds(1)))
        let claimed = try await pool.withConnection { try await $0.query(claim) }
        guard let before = claimed.first else { return }
        let known = (generation: try before.int4(ifPresent: 0), position: try before.int8(ifPresent: 1))
        let begin = ContinuousClock.now
        let content = try await pool.withTransaction(.beginRepeatableRead) { connection -> BoundStatement? in
            guard let live = try await connection.query(CheckpointStatements.live(.text(P.name))).first else {
                return nil
            }
            let (generation, position) = (try live.int4(0), try live.int8(1))
            if known.generation == generation, known.position == position { return nil }
            let content = try await RowDigest.of([generation], of: P.self, on: connection)[0]
            return ViewCountStatements.store(
                .text(P.name), .int4(generation), .int8(position), .int8(content.rows), .text(content.digest),
                .float8((.now - begin) / .seconds(1)))
        }
        if let content { _ = try await pool.withConnection { try await $0.query(content) } }
    }
}

enum ViewCountStatements {
    /// No row while it is not time, or somebody else is at it.
    static let claim = Statement(
        "claim_view_count",
        """
        insert into view_contents (projection, claimed_time) values ($1, clock_timestamp())
        on conflict (projection) do update set claimed_time = excluded.claimed_time
        where view_contents.claimed_time
            <= clock_timestamp() - make_interval(secs => greatest($2, 50 * view_contents.seconds))
        returning generation, position
        """)

    static let store = Statement(
        "store_view_count",
        """
        update view_contents set generation = $2, position = $3, row_count = $4, digest = $5, seconds = $6,
            counted_time = clock_timestamp()
        where projection = $1
        """)
}
