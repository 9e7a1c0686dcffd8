import Installation
import Migrations
import Runtime

/// How long a full database keeps those waiting that use it while it is migrated, migration by migration: who appends,
/// who looks at a device, who looks at a key.
struct MigrateBenchmark {
    let events: Int64
    let devices: Int

    /// The schema that the database has when it is filled; what comes after is measured.
    private static let start = "0025-stuck-entities"
    /// Milliseconds that anybody may wait.
    private static let aim = 1_000.0

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let migrations = Migrations.all.map { Migration(name: $0.name, sql: $0.sql) }
        guard let first = migrations.firstIndex(where: { $0.name == Self.start }) else {
            throw BenchmarkFailed("there is no migration \(Self.start)")
        }
        let seen = try await ThrowawayServers.with { servers in
            try await servers.withDatabase(of: Array(migrations[...first])) { urls in
                try await fill(urls, servers)
                progress("migrate: \(events) events and \(devices) devices are stored")
                return try await BenchLog.with(urls.server) { log in
                    var seen: [(name: String, waits: MigrationWaits)] = []
                    for last in migrations.indices where last > first {
                        let waits = try await MigrationWaits.during(log, writer: devices + last) {
                            _ = try await Migrator.migrate(
                                try DatabaseURL(urls.owner), Array(migrations[...last]), logger: silent)
                        }
                        seen.append((migrations[last].name, waits))
                        progress("migrate: \(migrations[last].name): \(waits)")
                    }
                    return seen
                }
            }
        }
        for (name, waits) in seen {
            let number = name.prefix { $0 != "-" }
            for (who, longest) in [("append", waits.append), ("view", waits.view), ("key", waits.key)] {
                try report(
                    Measure(
                        "migrate.\(number).\(who)", unit: "ms", of: .one(longest / .milliseconds(1)),
                        beside: .one(Self.aim)))
            }
        }
    }

    private func fill(_ urls: PrivatePostgres.URLs, _ servers: ThrowawayServers) async throws {
        try await FilledLog(events: events, devices: devices, areRegistered: true).fill(urls.server)
        try await servers.withConnection(urls.superuser) { connection in
            try await connection.runScript(
                """
                insert into devices (
                    generation, id, account, serial, type, name, labels, state, registered_time, last_seen_time,
                    last_observed_time, readings, telemetry_count, refused_count, version)
                select 1, 'bench' || n, 'default', 'S-' || n, 'temperature', 'Device ' || n,
                    jsonb_build_object('floor', (n % 16)::text), 'active', now(), now(), now(),
                    '{"battery":{"value":3.6},"humidity":{"value":41},"rssi":{"value":-60},"temperature":{"value":21.5}}',
                    10, 0, 11
                from generate_series(0, \(devices - 1)) n;
                insert into device_credentials (device, key_id, key_hash)
                select 'bench' || n, '1', sha256(('bench' || n)::bytea) from generate_series(0, \(devices - 1)) n;
                """)
            _ = try await connection.query(Statement.unprepared("settle", "vacuum analyze", effect: .reads)())
        }
    }
}
