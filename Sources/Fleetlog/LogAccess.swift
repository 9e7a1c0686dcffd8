import Foundation
import Logging
import Runtime

/// The log and what reaches it, for the length of one command.
struct LogAccess: Sendable {
    let pool: PostgresPool
    let store: PostgresEventStore
    let snapshots: PostgresSnapshotStore
    private let url: DatabaseURL
    private let thread: PollThread

    /// A role that a server has otherwise.
    func lease(_ role: LeaseRole) -> PostgresLease {
        PostgresLease(
            role, url: url, on: thread, server: "command-\(ProcessInfo.processInfo.processIdentifier)", logger: quiet)
    }

    static func with<Value>(
        _ databaseURL: String, mayLackMigrations: Bool = false, _ body: (LogAccess) async throws -> Value
    ) async throws -> Value {
        let logger = quiet
        let url = try DatabaseURL(databaseURL)
        let thread = try PollThread(name: "postgres")
        return try await thread.lend {
            try await check(url, thread, logger, mayLackMigrations)
            let pool = PostgresPool(url: url, size: 4, threads: [thread], logger: logger)
            defer { pool.close() }
            return try await body(
                LogAccess(
                    pool: pool,
                    store: PostgresEventStore(
                        url: url, pool: pool, thread: thread,
                        // Before its migration a log has no partitions to pass by.
                        telemetry: mayLackMigrations ? .unknown : KnownEvents.telemetry, logger: logger),
                    snapshots: PostgresSnapshotStore(pool: pool, logger: logger), url: url, thread: thread))
        }
    }

    private static func check(_ url: DatabaseURL, _ thread: PollThread, _ logger: Logger, _ mayLackMigrations: Bool)
        async throws
    {
        let connection: PostgresConnection
        do throws(PostgresError) {
            connection = try await PostgresConnection.connect(to: url, on: thread, logger: logger)
        } catch {
            throw SettingsError(
                """
                \(error.debugDescription)
                Is it running? 'fleetlog up' starts the one of this folder; --database-url names another.
                """)
        }
        do {
            try await Schema.check(connection, mayLackMigrations: mayLackMigrations)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }
}

/// What goes wrong is thrown, and said once; a command has no use for the log of a server.
let quiet = Logger(label: "fleetlog") { _ in SwiftLogNoOpLogHandler() }
