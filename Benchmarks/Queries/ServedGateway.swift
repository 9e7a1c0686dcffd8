import Aggregates
import Gateway
import Projections
import Runtime
import Workflows

/// The real HTTP server over a log and its views, as ``HTTPGateway`` answers at a port of its own; nothing else runs.
struct ServedGateway: Sendable {
    let port: Int
    /// May read everything.
    let token: String

    static let views: [any WideProjection.Type] = [
        DevicesProjection.self, AccountsProjection.self, AlertsProjection.self, TelemetryProjection.self,
        StatesProjection.self, RolloutsProjection.self, RolloutDevicesProjection.self,
    ]

    static func with<Value: Sendable>(
        _ url: String, _ body: @Sendable (ServedGateway) async throws -> Value
    ) async throws -> Value {
        // As many connections as the server has unless told otherwise.
        try await BenchLog.with(url, connections: 8) { log in
            let snapshots = PostgresSnapshotStore(pool: log.pool, logger: silent)
            let devices = Directory<Device>(store: log.store, snapshots: snapshots)
            let tokens = PostgresTokenStore(pool: log.pool, store: log.store)
            let progress = ViewProgress()
            for view in views { progress.advance(view.name, to: try await log.store.head().position) }
            let gateway = gateway(over: log, snapshots, devices, tokens, progress)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await gateway.run() }
                defer { group.cancelAll() }
                guard let port = await gateway.listening.port else {
                    throw BenchmarkFailed("the server does not listen")
                }
                guard let token = try await tokens.createAdminToken() else { throw BenchmarkFailed("there is a token") }
                return try await body(ServedGateway(port: port, token: token))
            }
        }
    }

    private static func gateway(
        over log: BenchLog, _ snapshots: PostgresSnapshotStore, _ devices: Directory<Device>,
        _ tokens: PostgresTokenStore, _ progress: ViewProgress
    ) -> HTTPGateway {
        let (store, pool) = (log.store, log.pool)
        return HTTPGateway(
            configuration: HTTPConfiguration(port: 0), store: store, search: PostgresLogSearch(pool: pool),
            devices: devices, accounts: Directory(store: store, snapshots: snapshots),
            alerts: Directory(store: store, snapshots: snapshots),
            rollouts: Directory(store: store, snapshots: snapshots), queries: PostgresFleetQueries(pool: pool),
            past: PostgresPastViews(views, pool: pool), seals: SealedTree(pool: pool),
            serials: PostgresSerialNumbers(pool: pool),
            notifications: PostgresNotificationLedger(pool: pool, pump: Bell()),
            workflows: PostgresWorkflowQueries(pool: pool), tokens: tokens, credentials: NoBroker(),
            deviceKeys: PostgresDeviceKeys(pool: pool), reads: ReadRecorder(store: store),
            rebuilds: PostgresRebuilds(views, store: store, pool: pool),
            progress: progress, readiness: AlwaysReady(), metrics: PrometheusMetrics(), logger: silent)
    }
}

/// There is no broker that had to know of credentials.
private struct NoBroker: CredentialChanges {
    func changed(devices: [String]) async {}
}

private struct AlwaysReady: ReadinessCheck {
    func reasonsAgainst() async -> [String] { [] }
}
