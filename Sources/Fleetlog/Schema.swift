import Migrations
import Runtime

/// The schema that this program works with.
enum Schema {
    static let migrations = Migrations.all.map { Migration(name: $0.name, sql: $0.sql) }

    /// - Parameter mayLackMigrations: whether it is enough that the database is no newer than this program.
    /// - Throws: if the database is older or newer than this program.
    static func check(_ connection: PostgresConnection, mayLackMigrations: Bool = false) async throws {
        let status = try await Migrator.status(connection, migrations)
        try status.verify()
        if !status.pending.isEmpty, !mayLackMigrations {
            throw SettingsError(
                "the database lacks migrations (\(status.pending.joined(separator: ", "))): run 'fleetlog migrate', "
                    + "or give the server --migration-database-url")
        }
    }
}
