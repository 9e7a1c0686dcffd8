import Aggregates
import Gateway
import Projections
import Runtime
import Workflows

/// The real HTTP server over a log and its views, as ``HTTPGateway`` answers at a port of its own; nothing else runs.
struct ServedGateway: Sendable {
    let log: BenchLog
    let devices: Directory<Device>
    let snapshots: PostgresSnapshotStore
    let port: Int
    /// May read everything.
    let token: String

    static let views: [any WideProjection.Type] = [
        DevicesProjection.self, AccountsProjection.self, AlertsProjection.self, TelemetryProjection.self,
        RolloutsProjection.self, RolloutDevicesProjection.self,
    ]

    static func with<Value: Sendable>(
        _ url: String, _ body: @Sendable (ServedGateway) async throws -> Value
    ) async throws -> Value {
        let url = try DatabaseURL(url)
        let (appending, reading) = (try PollThread(name: "bench-append"), try PollThread(name: "bench-read"))
        defer {
            appending.shutdown()
            reading.shutdown()
        }
        // As many connections as the server has unless told otherwise.
        let pool = PostgresPool(url: url, size: 8, threads: [reading], logger: silent)
        defer { pool.close() }
        let store = PostgresEventStore(url: url, pool: pool, thread: appending, logger: silent)
        let snapshots = PostgresSnapshotStore(pool: pool, logger: silent)
        let devices = Directory<Device>(store: store, snapshots: snapshots)
        let tokens = PostgresTokenStore(pool: pool, store: store)
        let gateway = gateway(store, pool, snapshots, devices, tokens)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            group.addTask { try await gateway.run() }
            defer { group.cancelAll() }
            guard let port = await gateway.listening.port else { throw BenchmarkFailed("the server does not listen") }
            guard let token = try await tokens.createAdminToken() else { throw BenchmarkFailed("there is a token") }
            return try await body(
                ServedGateway(
                    log: BenchLog(store: store, pool: pool), devices: devices, snapshots: snapshots, port: port,
                    token: token))
        }
    }

    private static func gateway(
        _ store: PostgresEventStore, _ pool: PostgresPool, _ snapshots: PostgresSnapshotStore,
        _ devices: Directory<Device>, _ tokens: PostgresTokenStore
    ) -> HTTPGateway {
        HTTPGateway(
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
            progress: ViewProgress(), readiness: AlwaysReady(), metrics: PrometheusMetrics(), logger: silent)
    }
}

/// There is no broker that had to know of credentials.
private struct NoBroker: CredentialChanges {
    func changed(devices: [String]) async {}
}

private struct AlwaysReady: ReadinessCheck {
    func reasonsAgainst() async -> [String] { [] }
}
