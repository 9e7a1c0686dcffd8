import Logging
import Projections
import Runtime
import Support

extension PostgresLog {
    /// Lets past views of all kinds be folded while `body` runs.
    func withPasts(
        of projections: [any WideProjection.Type] = views,
        _ change: (inout PastBuilder.Bounds) -> Void = { _ in },
        _ body: @Sendable (PostgresPastViews) async throws -> Void
    ) async throws {
        var bounds = PastBuilder.Bounds()
        bounds.looks = .milliseconds(20)
        change(&bounds)
        let builder = PastBuilder(projections, store: store, pool: pool, bounds: bounds, logger: Logger(label: "test"))
        let past = PostgresPastViews(projections, pool: pool, patience: .seconds(60))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await builder.run() }
            defer { group.cancelAll() }
            try await body(past)
        }
    }

    /// Runs all views live; `body` may wait until they know all that the log has.
    func withLiveViews<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for view in views { group.addTask { try await self.run(view) } }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    private func run<P: WideProjection>(_ view: P.Type) async throws {
        try await ProjectionRunner(view, log: store, pool: pool, logger: Logger(label: "test")).run()
    }

    /// - Returns: the position as of which the views are.
    func viewsReachHead() async throws -> Int64 {
        var ends: [String: Int64] = [:]
        for view in views {
            let filter = LogFilter(category: view.category, scope: .all)
            ends[view.name] = try await store.readLog(after: 0, where: filter, limit: 10_000).events.last?.position ?? 0
        }
        let wanted = ends
        try await eventually(within: .seconds(60), "all views at the head") {
            try await PostgresFleetQueries(pool: pool).projections().allSatisfy {
                $0.position >= wanted[$0.name] ?? 0
            }
        }
        return try await store.head().position
    }
}
