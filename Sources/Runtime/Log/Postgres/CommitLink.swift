import Logging

/// The one connection that appends travel on; opened on demand, and again after each loss. It lives on the connection's
/// thread.
actor CommitLink: CommitTransport {
    private let url: DatabaseURL
    private nonisolated let thread: PollThread
    private let logger: Logger
    private var connection: PostgresConnection?
    private var backoff = Backoff(first: .milliseconds(50), limit: .seconds(2))

    init(url: DatabaseURL, thread: PollThread, logger: Logger) {
        self.url = url
        self.thread = thread
        self.logger = logger
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    func commit(
        _ batch: AppendBatch, expecting head: Int64?, behindAnother isBehind: Bool
    ) async throws(PostgresError) -> AppendBatch.Answer {
        // Opening the connection is the business of the one before it.
        if isBehind, connection?.isUsable != true { throw .connectionLost(outcomeUnknown: false) }
        let connection = try await connected()
        let statements = batch.statements(expecting: head, behindAnother: isBehind)
        let results: [Rows]
        do throws(PostgresError) {
            results = try await run(statements, connection)
        } catch  where error.lacksPartition && !isBehind {
            logger.warning("The log had no partition for the next events")
            await makePartitions(connection)
            results = try await run(statements, connection)
        }
        Failpoint.reached(.appendCommitted)
        return try batch.answer(from: results, of: statements)
    }

    private func makePartitions(_ connection: PostgresConnection) async {
        do throws(PostgresError) {
            _ = try await connection.query(LogPartitions.make(), uncancellable: true)
        } catch {
            logger.error("No partition of the log could be made", metadata: ["error": "\(error.debugDescription)"])
        }
    }

    private func run(
        _ statements: [BoundStatement], _ connection: PostgresConnection
    ) async throws(PostgresError) -> [Rows] {
        do throws(PostgresError) {
            return try await connection.run(statements, uncancellable: true)
        } catch {
            if case .server = error { try await rollBack(connection) }
            throw error
        }
    }

    /// A refused statement leaves the transaction open and the batch's own COMMIT unsent. Only when the rollback has
    /// been answered is it certain that nothing was stored.
    private func rollBack(_ connection: PostgresConnection) async throws(PostgresError) {
        do throws(PostgresError) {
            _ = try await connection.query(Statement.rollback(), uncancellable: true)
        } catch {
            throw .connectionLost(outcomeUnknown: true)
        }
    }

    func lookUp(_ append: Append) async throws(PostgresError) -> AppendReceipt? {
        guard let change = append.changes.first, let event = change.events.first else { return nil }
        let rows = try await connected().query(
            AppendStatements.lookUp(.text(change.stream.description), .int8(change.expectedVersion + 1)))
        guard let row = rows.first, try row.uuid(0) == event.id else { return nil }
        return AppendReceipt(
            firstPosition: try row.int8(1), eventCount: append.eventCount, recordedTime: try row.timestamp(2))
    }

    func close() async {
        await connection?.close()
        connection = nil
    }

    private func connected() async throws(PostgresError) -> PostgresConnection {
        if let connection {
            if connection.isUsable { return connection }
            self.connection = nil
        }
        do throws(PostgresError) {
            let fresh = try await PostgresConnection.connect(to: url, on: thread, logger: logger)
            for setting in AppendStatements.session { _ = try await fresh.query(setting()) }
            connection = fresh
            backoff.reset()
            return fresh
        } catch {
            try? await Task.sleep(for: backoff.next())
            throw error
        }
    }
}
