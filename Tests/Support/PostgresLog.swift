package import Runtime

/// The log in a database of its own, with what a server has to reach it.
package struct PostgresLog: Sendable {
    package let database: TestDatabase
    package let thread: PollThread
    package let pool: PostgresPool
    package let store: PostgresEventStore
    package let snapshots: PostgresSnapshotStore

    /// Lends a log that is up and running to `body`, and takes it down afterwards.
    ///
    /// - Parameter database: one that another server already uses; a fresh one if nil.
    package static func with<Value: Sendable>(
        _ database: TestDatabase? = nil, limits: CommitQueue<Never>.Limits = .init(),
        _ body: @Sendable (PostgresLog) async throws -> Value
    ) async throws -> Value {
        let database = if let database { database } else { try await TestDatabase.create() }
        let url = try DatabaseURL(database.serverURL)
        let thread = try PollThread(name: "test-postgres")
        defer { thread.shutdown() }
        let pool = PostgresPool(
            url: url, size: 4, acquireTimeout: .seconds(60), threads: [thread], logger: quiet)
        defer { pool.close() }
        let log = PostgresLog(
            database: database, thread: thread, pool: pool,
            store: PostgresEventStore(url: url, pool: pool, thread: thread, limits: limits, logger: quiet),
            snapshots: PostgresSnapshotStore(pool: pool, logger: quiet))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await log.store.run() }
            group.addTask { try await log.snapshots.run() }
            defer { group.cancelAll() }
            return try await body(log)
        }
    }
}
