import Foundation
import Installation
import Logging
import Migrations
import Runtime

/// A Postgres and a folder of the benchmark's own, gone when the benchmark ends.
struct ThrowawayServers: Sendable {
    let postgres: PrivatePostgres
    let folder: String
    /// What new databases are copies of.
    private var template = "bench_template"

    private init(postgres: PrivatePostgres, folder: String) {
        self.postgres = postgres
        self.folder = folder
    }

    static func with<Value: Sendable>(_ body: (ThrowawayServers) async throws -> Value) async throws -> Value {
        // In /tmp itself: the service users can enter it, and socket paths stay short.
        let folder = "/tmp/fleetlog-bench-\(getpid())-\(UInt16.random(in: .min ... .max))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let postgres = try PrivatePostgres(in: folder, settings: ["max_wal_size": "4GB"], logger: silent)
        do {
            try await postgres.start()
            let servers = ThrowawayServers(postgres: postgres, folder: folder)
            try await servers.migrateTemplate()
            let value = try await body(servers)
            await postgres.stop()
            return value
        } catch {
            await postgres.stop()
            throw error
        }
    }

    /// The same servers, whose fresh databases hold from the beginning what `fill` puts into one.
    func filled(by fill: (String) async throws -> Void) async throws -> ThrowawayServers {
        var filled = self
        filled.template = Self.newName()
        try await fill(try await postgres.createDatabase(filled.template, from: template).server)
        return filled
    }

    /// Lends the URL of a fresh database with the current schema, just after a checkpoint, and drops it afterwards.
    ///
    /// - Parameter fill: puts into it what is to be there; it is vacuumed and analysed then.
    func withDatabase<Value: Sendable>(
        filledBy fill: ((String) async throws -> Void)? = nil, _ body: (String) async throws -> Value
    ) async throws -> Value {
        let name = Self.newName()
        let urls = try await postgres.createDatabase(name, from: template)
        do {
            try await fill?(urls.server)
            try await withConnection(urls.superuser) { connection in
                if fill != nil {
                    _ = try await connection.query(Statement.unprepared("settle", "vacuum analyze", effect: .reads)())
                }
                _ = try await connection.query(Statement.unprepared("checkpoint", "checkpoint", effect: .reads)())
            }
            let value = try await body(urls.server)
            try await postgres.dropDatabase(name)
            return value
        } catch {
            try? await postgres.dropDatabase(name)
            throw error
        }
    }

    /// Lends the owner's URL of a database without our schema, and drops it afterwards.
    func withEmptyDatabase<Value: Sendable>(_ body: (String) async throws -> Value) async throws -> Value {
        let name = Self.newName()
        let urls = try await postgres.createDatabase(name)
        do {
            let value = try await body(urls.owner)
            try await postgres.dropDatabase(name)
            return value
        } catch {
            try? await postgres.dropDatabase(name)
            throw error
        }
    }

    /// Lends the URLs of a fresh database with the schema of so many migrations, and drops it afterwards.
    func withDatabase<Value: Sendable>(
        of migrations: [Migration], _ body: (PrivatePostgres.URLs) async throws -> Value
    ) async throws -> Value {
        let name = Self.newName()
        let urls = try await postgres.createDatabase(name)
        do {
            _ = try await Migrator.migrate(try DatabaseURL(urls.owner), migrations, logger: silent)
            let value = try await body(urls)
            try await postgres.dropDatabase(name)
            return value
        } catch {
            try? await postgres.dropDatabase(name)
            throw error
        }
    }

    /// Lends a fresh broker, and stops it afterwards.
    func withBroker<Value: Sendable>(
        isGuarded: Bool = true, _ body: (PrivateBroker) async throws -> Value
    ) async throws -> Value {
        let port = PortCheck(
            try PortCheck.freePort(), for: "MQTT", flag: "--mqtt-port", variable: "FLEETLOG_MQTT_PORT")
        let folder = folder + "/broker-" + String(UInt32.random(in: .min ... .max), radix: 36)
        let broker = try PrivateBroker(in: folder, port: port, isGuarded: isGuarded, logger: silent)
        try await broker.start()
        do {
            let value = try await body(broker)
            await broker.kill()
            return value
        } catch {
            await broker.kill()
            throw error
        }
    }

    func withConnection<Value: Sendable>(
        _ url: String, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let thread = try PollThread(name: "bench-setup")
        defer { thread.shutdown() }
        let connection = try await PostgresConnection.connect(to: try DatabaseURL(url), on: thread, logger: silent)
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    private static func newName() -> String { "bench_" + String(UInt64.random(in: .min ... .max), radix: 36) }

    private func migrateTemplate() async throws {
        let urls = try await postgres.createDatabase(template)
        let migrations = Migrations.all.map { Migration(name: $0.name, sql: $0.sql) }
        _ = try await Migrator.migrate(try DatabaseURL(urls.owner), migrations, logger: silent)
    }
}

let silent = Logger(label: "fleetlog.bench") { _ in SwiftLogNoOpLogHandler() }

/// Runs blocking C calls on a thread of their own, so that they hold up none of the shared pool.
func onThreadOfItsOwn<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread { continuation.resume(with: Result(catching: body)) }
        thread.stackSize = 1 << 20
        thread.start()
    }
}
