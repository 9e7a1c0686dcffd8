package import Logging

/// One forward step of the schema.
package struct Migration: Sendable, Hashable {
    /// Sorts after all earlier ones: `0007_side_rows`.
    package let name: String
    /// Any number of statements; they run in one transaction, which they must not end.
    package let sql: String

    package init(name: String, sql: String) {
        self.name = name
        self.sql = sql
    }
}

/// Brings a database's schema forward. What is applied is written down with the checksum of its text.
package enum Migrator {
    /// Applies what is missing, in order of name, one transaction each. Several servers may do so at once: an advisory
    /// lock lets one at a time.
    /// - Returns: the names of those applied now.
    package static func migrate(
        _ url: DatabaseURL, _ migrations: [Migration], logger: Logger
    ) async throws(MigrationError) -> [String] {
        let thread: PollThread
        do throws(SystemCallFailed) {
            thread = try PollThread(name: "migrations")
        } catch {
            throw .database(.connectFailed(reason: "\(error.call) failed with \(error.code)"))
        }
        return try await thread.lend { () throws(MigrationError) in
            let connection = try await asking { () throws(PostgresError) in
                try await PostgresConnection.connect(to: url, on: thread, logger: logger)
            }
            do throws(MigrationError) {
                let applied = try await migrate(connection, migrations, logger)
                await connection.close()
                return applied
            } catch {
                await connection.close()  // gives the lock back too
                throw error
            }
        }
    }

    /// What the database has and lacks, for a server that may not change the schema itself.
    package static func status(
        _ connection: PostgresConnection, _ migrations: [Migration]
    ) async throws(MigrationError) -> MigrationStatus {
        let migrations = try sorted(migrations)
        return try await asking { () throws(PostgresError) in
            let known = try await checksums(of: migrations, connection)
            guard try await connection.query(findTable())[0].bool(0) else {
                return MigrationStatus(known: known, applied: [])
            }
            return MigrationStatus(known: known, applied: try await appliedMigrations(connection))
        }
    }

    private static func migrate(
        _ connection: PostgresConnection, _ migrations: [Migration], _ logger: Logger
    ) async throws(MigrationError) -> [String] {
        let migrations = try sorted(migrations)
        try await asking { () throws(PostgresError) in
            _ = try await connection.query(takeLock())
            _ = try await connection.query(createTable())
        }
        let status = try await status(connection, migrations)
        try status.verify()
        let pending = Set(status.pending)
        for migration in migrations where pending.contains(migration.name) {
            try await apply(migration, connection)
            logger.info("Applied a migration", metadata: ["migration": "\(migration.name)"])
        }
        return status.pending
    }

    private static func apply(
        _ migration: Migration, _ connection: PostgresConnection
    ) async throws(MigrationError) {
        func step(_ ask: () async throws(PostgresError) -> Void) async throws(MigrationError) {
            do throws(PostgresError) { try await ask() } catch { throw .failed(name: migration.name, error) }
        }
        try await step { () throws(PostgresError) in
            _ = try await connection.query(Statement.begin())
            try await connection.runScript(migration.sql)
        }
        guard connection.isInTransaction else { throw .endedTransaction(name: migration.name) }
        try await step { () throws(PostgresError) in
            _ = try await connection.run([record(.text(migration.name), .text(migration.sql)), Statement.commit()])
        }
    }

    private static func sorted(_ migrations: [Migration]) throws(MigrationError) -> [Migration] {
        let sorted = migrations.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.name == right.name {
            throw .duplicate(left.name)
        }
        return sorted
    }

    private static func checksums(
        of migrations: [Migration], _ connection: PostgresConnection
    ) async throws(PostgresError) -> [MigrationStatus.Entry] {
        let rows = try await connection.query(
            computeChecksums(.textArray(migrations.map(\.name)), .textArray(migrations.map(\.sql))))
        return try entries(rows)
    }

    private static func appliedMigrations(
        _ connection: PostgresConnection
    ) async throws(PostgresError) -> [MigrationStatus.Entry] {
        try entries(try await connection.query(readApplied()))
    }

    private static func entries(_ rows: Rows) throws(PostgresError) -> [MigrationStatus.Entry] {
        var entries: [MigrationStatus.Entry] = []
        for row in rows { entries.append(.init(name: try row.text(0), checksum: try row.bytes(1))) }
        return entries
    }

    private static func asking<Value>(
        _ ask: () async throws(PostgresError) -> Value
    ) async throws(MigrationError) -> Value {
        do throws(PostgresError) { return try await ask() } catch { throw .database(error) }
    }
}

extension Migrator {
    // The key spells "fl-schem"; ingest holds another one for as long as a server runs.
    fileprivate static let takeLock = Statement(
        "take migration lock", "select pg_advisory_lock(x'666c2d736368656d'::bigint)")

    fileprivate static let createTable = Statement.unprepared(
        "create schema_migrations",
        """
        create table if not exists schema_migrations (
            name text collate "C" primary key,
            checksum bytea not null,
            applied_at timestamptz not null default clock_timestamp())
        """)

    fileprivate static let findTable = Statement(
        "find schema_migrations", "select to_regclass('schema_migrations') is not null")

    fileprivate static let readApplied = Statement(
        "read schema_migrations", "select name, checksum from schema_migrations order by name")

    fileprivate static let computeChecksums = Statement(
        "compute migration checksums",
        """
        select name, sha256(convert_to(sql, 'UTF8'))
        from unnest($1, $2) with ordinality as migration (name, sql, place) order by place
        """)

    fileprivate static let record = Statement(
        "record migration",
        "insert into schema_migrations (name, checksum) values ($1, sha256(convert_to($2, 'UTF8')))")
}
