import Logging
import Projections
import Runtime
import Support
import Testing

/// A server's views.
let views: [any WideProjection.Type] = [
    DevicesProjection.self, AccountsProjection.self, AlertsProjection.self, TelemetryProjection.self,
    StatesProjection.self, RolloutsProjection.self, RolloutDevicesProjection.self,
]

/// The role, for whoever asks.
private struct UncontestedLease: Lease {
    func lead(_ body: @escaping @Sendable () async -> Void) async { await body() }
}

extension RebuildPace {
    /// Looks at once, and stores after each page.
    static var eager: RebuildPace {
        var pace = RebuildPace()
        pace.looks = .milliseconds(10)
        pace.reports = .milliseconds(10)
        pace.definitions = .milliseconds(100)
        pace.checkpoints = .zero
        return pace
    }
}

extension PostgresLog {
    func rebuilds(_ projections: [any WideProjection.Type] = views) -> PostgresRebuilds {
        PostgresRebuilds(projections, store: store, pool: pool)
    }

    /// Lets rebuilds be done while `body` runs.
    func withRebuilding<Value: Sendable>(
        _ projections: [any WideProjection.Type] = views, pace: RebuildPace = .eager,
        _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let runner = RebuildRunner(
            projections, store: store, pool: pool, lease: UncontestedLease(), pace: pace, logger: Logger(label: "test"))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Rebuilds a view to the end.
    func rebuild(_ name: String, pace: RebuildPace = .eager) async throws -> Rebuild {
        let begun = try await rebuilds().start(name, eventLimit: nil, acceptingLoss: false, askedBy: "a test")
        return try await withRebuilding(pace: pace) { try await end(of: begun) }
    }

    func end(of rebuild: Rebuild) async throws -> Rebuild {
        try await eventually("the rebuild has ended") {
            let now = try await status(rebuild.projection).rebuild
            if now?.state == .failed { throw Failed(reason: now?.failure ?? "") }
            return now?.number == rebuild.number && now?.state == .finished
        }
        return try #require(try await status(rebuild.projection).rebuild)
    }

    struct Failed: Error { let reason: String }

    func status(_ name: String) async throws -> RebuildStatus {
        try #require(try await rebuilds().statuses().first { $0.name == name })
    }

    /// Role and number of each generation.
    func roles(_ name: String) async throws -> [String] {
        try await status(name).generations.map { "\($0.number) \($0.role.rawValue)" }
    }

    func number(_ sql: String) async throws -> Int64 {
        let statement = Statement.unprepared("a number", sql, effect: .writes)
        return try await pool.withConnection { try await $0.query(statement()).first?.int8(0) ?? 0 }
    }
}
