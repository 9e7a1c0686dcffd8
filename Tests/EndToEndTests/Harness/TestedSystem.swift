import Foundation
import Installation
import Logging
import Runtime
import Support
import Testing

/// Everything real: a database, a broker, and the servers that a test starts on them.
final class TestedSystem: Sendable {
    let database: TestDatabase
    /// A cluster of this test's own, which it may stop and kill; nil if it shares one.
    let postgres: PrivatePostgres?
    let broker: ThrowawayBroker
    let thread: PollThread
    /// For looking at the database as one who may do everything.
    let pool: PostgresPool
    let token: String
    private let folder: String

    /// - Parameter postgres: a cluster that the test stops, kills or fills; nil for the shared one.
    /// - Parameter standby: where another cluster is found, to which servers go when that one takes no writes.
    /// - Parameter database: one without a schema, for the servers to migrate; a migrated one if nil.
    /// - Parameter admitsCertificates: whether the broker has ports with TLS, one of them for certificates of devices.
    static func with(
        postgres: PrivatePostgres? = nil, standby: String? = nil, database: TestDatabase? = nil,
        admitsCertificates: Bool = false,
        _ body: @Sendable (TestedSystem) async throws -> Void
    ) async throws {
        let system = try await TestedSystem(
            postgres: postgres, standby: standby, empty: database, admitsCertificates: admitsCertificates)
        do {
            try await body(system)
        } catch {
            Issue.record("\(error)\n\(system.complaints)")
        }
        await system.remove()
    }

    private init(
        postgres: PrivatePostgres?, standby: String?, empty: TestDatabase?, admitsCertificates: Bool
    ) async throws {
        self.postgres = postgres
        let created = if let empty { empty } else { try await TestDatabase.create(in: postgres) }
        database = standby.map { created.alsoFound(at: $0) } ?? created
        broker =
            admitsCertificates
            ? try await ThrowawayBroker.start(tlsPort: freePort(), certificatePort: freePort())
            : try await ThrowawayBroker.start()
        folder = try ThrowawayFolder.make()
        try FileManager.default.createDirectory(atPath: folder + "/servers", withIntermediateDirectories: false)
        thread = try PollThread(name: "tests")
        pool = PostgresPool(url: try DatabaseURL(database.superuserURL), size: 2, threads: [thread], logger: quiet)
        guard empty == nil else {
            token = ""
            return
        }
        token = try await Executable.run(["token", "create", "tests", "--database-url", database.serverURL])
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func remove() async {
        ThrowawayFolder.remove(folder)
        await broker.remove()
        pool.close()
        thread.shutdown()
    }

    /// Starts a server without waiting for it. The same name again is the same server, started again.
    func launch(_ name: String = "server", more environment: [String: String] = [:]) throws -> ServerProcess {
        let port = try freePort()
        let settings = [
            "FLEETLOG_DATABASE_URL": database.serverURL, "FLEETLOG_MIGRATION_DATABASE_URL": database.ownerURL,
            "FLEETLOG_HTTP_PORT": "\(port)", "FLEETLOG_MQTT_HOST": broker.address,
            "FLEETLOG_MQTT_PORT": "\(broker.port)", "FLEETLOG_MQTT_SECRET_FILE": broker.files.gatewayPasswordFile,
            "FLEETLOG_WEBHOOK_ALLOW_PRIVATE": "loopback",
            // Nobody answers there: a webhook that asked a proxy of the environment would never arrive.
            "http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9",
        ]
        return try ServerProcess(
            name, ["serve"], environment: settings.merging(environment) { $1 }, port: port, in: folder + "/servers")
    }

    /// Starts a server and waits until it is ready.
    func start(_ name: String = "server", more environment: [String: String] = [:]) async throws -> ServerProcess {
        let server = try launch(name, more: environment)
        try await server.ready()
        return server
    }

    func api(_ server: ServerProcess) -> API { API(port: server.port, token: token) }

    /// The last warnings and errors of all servers.
    private var complaints: String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/servers")) ?? []
        return names.filter { $0.hasSuffix(".log") }.sorted().map { name in
            let log = (try? String(contentsOfFile: "\(folder)/servers/\(name)", encoding: .utf8)) ?? ""
            return "--- \(name)\n" + log.split(separator: "\n").suffix(30).joined(separator: "\n")
        }.joined(separator: "\n")
    }
}

let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
