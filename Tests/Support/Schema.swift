import Logging
import Migrations
import Runtime

/// How a test database gets its schema.
enum Schema {
    /// Called with the owner's URL of an empty database; all its connections are closed when it returns.
    ///
    /// - Parameter last: the name of the last migration that is applied; all if nil.
    static func migrate(_ ownerURL: String, upTo last: String? = nil) async throws {
        let migrations = Migrations.all.map { Migration(name: $0.name, sql: $0.sql) }
            .filter { migration in last.map { migration.name <= $0 } ?? true }
        _ = try await Migrator.migrate(DatabaseURL(ownerURL), migrations, logger: quiet)
    }
}
