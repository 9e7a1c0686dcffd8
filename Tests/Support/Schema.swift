import Logging
import Migrations
import Runtime

/// How a test database gets its schema.
enum Schema {
    /// Called with the owner's URL of an empty database; all its connections are closed when it returns.
    static func migrate(_ ownerURL: String) async throws {
        let migrations = Migrations.all.map { Migration(name: $0.name, sql: $0.sql) }
        _ = try await Migrator.migrate(DatabaseURL(ownerURL), migrations, logger: quiet)
    }
}
