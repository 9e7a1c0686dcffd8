import Gateway
import Logging
import Migrations
import Runtime

/// The schema that this program works with.
enum Schema {
    static let migrations = Migrations.all.map { Migration(name: $0.name, sql: $0.sql) }

    /// Brings a database's schema up to date, and has the log say of it: before, there may be none.
    ///
    /// - Parameter ownerURL: of the schema's owner.
    /// - Returns: the names of the migrations that were applied now.
    static func migrate(_ ownerURL: String, logger: Logger) async throws -> [String] {
        let applied = try await Migrator.migrate(DatabaseURL(ownerURL), migrations, logger: logger)
        if applied.isEmpty { return [] }
        try await LogAccess.with(ownerURL) { log in
            let act = AdministrativeAct(.schemaMigrated, .init(nil, ["migrations": applied.joined(separator: " ")]))
            try await Administration(store: log.store).record(act, .init(by: .commandLine))
        }
        return applied
    }

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
