import Installation
import Logging
import Runtime
import Support

/// The throw-away Postgres that the tests talk to, as a role that may do everything.
enum TestPostgres {
    static func url() async throws -> DatabaseURL {
        try DatabaseURL(await text())
    }

    static func text() async throws -> String {
        try await ThrowawayPostgres.shared().urls(of: "postgres").superuser
    }

    /// Lends a poll thread and a connection on it.
    static func withConnection(_ body: (PostgresConnection) async throws -> Void) async throws {
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let connection = try await PostgresConnection.connect(to: url(), on: thread, logger: quiet)
        try await body(connection)
        await connection.close()
    }

    static func withPool(
        size: Int, acquireTimeout: Duration = .seconds(60), _ body: (PostgresPool) async throws -> Void
    ) async throws {
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let pool = PostgresPool(
            url: try await url(), size: size, acquireTimeout: acquireTimeout, threads: [thread], logger: quiet)
        defer { pool.close() }
        try await body(pool)
    }

    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
