package import Logging
import ServiceLifecycle
import Synchronization

/// A bounded number of connections to one database, lent to a scope at a time.
///
/// It connects when somebody asks, replaces what breaks, and goes on trying while Postgres is away. `run()` adds
/// checks of idle connections and the end at graceful shutdown; without it, call `close()`.
package final class PostgresPool: Service {
    private let url: DatabaseURL
    private let threads: [PollThread]
    private let acquireTimeout: Duration
    private let logger: Logger
    private let state: Mutex<PoolState<PostgresConnection>>
    private let ids = Atomic<UInt64>(0)
    private let opened = Atomic<Int>(0)

    /// - Parameters:
    ///   - acquireTimeout: how long a caller waits for a connection before it gets an error.
    ///   - threads: the poll threads over which the connections are spread; at least one.
    package init(
        url: DatabaseURL, size: Int, acquireTimeout: Duration = .seconds(5), waiterLimit: Int = 10_000,
        threads: [PollThread], logger: Logger
    ) {
        precondition(size > 0 && !threads.isEmpty, "a pool needs a size and a thread")
        self.url = url
        self.threads = threads
        self.acquireTimeout = acquireTimeout
        self.logger = logger
        state = Mutex(PoolState(size: size, waiterLimit: waiterLimit))
    }

    /// Whether the last attempt to reach Postgres succeeded, for `/readyz`.
    package var isReachable: Bool { state.withLock { $0.isReachable } }

    /// Lends a connection to `body`. One that comes back with a transaction open, or work under way, is thrown away.
    /// - Throws: what `body` throws; `PostgresError` if there is no connection in time.
    @discardableResult
    package func withConnection<Value>(_ body: (PostgresConnection) async throws -> Value) async throws -> Value {
        let connection = try await acquire()
        defer { giveBack(connection) }
        return try await body(connection)
    }

    /// Runs `body` in a transaction, committed if it returns and rolled back if it throws.
    /// - Throws: `PostgresError.connectionLost(outcomeUnknown: true)` if the answer to the commit was lost.
    @discardableResult
    package func withTransaction<Value>(
        _ begin: Statement = .begin, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await withConnection { connection in
            _ = try await connection.query(begin())
            let value: Value
            do {
                value = try await body(connection)
            } catch {
                // Uncancellable, or a cancelled task could not clean up; if it fails, the connection is dropped.
                _ = try? await connection.query(Statement.rollback(), uncancellable: true)
                throw error
            }
            _ = try await connection.query(Statement.commit())
            return value
        }
    }

    /// Checks idle connections from time to time, until graceful shutdown or cancellation; then closes.
    package func run() async throws {
        defer { close() }
        connectIfNeeded()
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: .seconds(10))) != nil { await self.checkIdleConnections() }
        }
    }

    /// Ends idle connections now and lent ones when they come back; whoever waits gets `closed`.
    package func close() {
        let (waiters, idle) = state.withLock { $0.close() }
        for waiter in waiters { waiter.resume(returning: .failure(.closed)) }
        for connection in idle { end(connection) }
    }

    // MARK: Borrowing

    private func acquire() async throws(PostgresError) -> PostgresConnection {
        while true {
            let connection: PostgresConnection
            switch state.withLock({ $0.borrow() }) {
            case .refused(let error): throw error
            case .connection(let idle): connection = idle
            case .mustWait: connection = try await wait()
            }
            // It may have broken while it lay idle, the moment before its thread said so.
            if connection.isUsable { return connection }
            giveBack(connection)
        }
    }

    private func wait() async throws(PostgresError) -> PostgresConnection {
        let id = ids.wrappingAdd(1, ordering: .relaxed).newValue
        let timer = threads[0].schedule(at: .now + acquireTimeout) { [weak self] in self?.expire(id, nil) }
        defer { threads[0].cancel(timer) }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let ready = state.withLock({ $0.enqueue(continuation, id) }) {
                    continuation.resume(returning: ready)
                }
                if Task.isCancelled { expire(id, .cancelled) }
                connectIfNeeded()
            }
        } onCancel: {
            expire(id, .cancelled)
        }
        return try result.get()
    }

    private func expire(_ id: UInt64, _ error: PostgresError?) {
        guard let (waiter, reason) = state.withLock({ $0.expire(id) }) else { return }
        waiter.resume(returning: .failure(error ?? reason))
    }

    private func giveBack(_ connection: PostgresConnection) {
        settle(state.withLock { $0.giveBack(connection, isIdle: connection.isIdle) })
    }

    private func settle(_ returned: PoolState<PostgresConnection>.Returned) {
        switch returned {
        case .toIdle: break
        case .toWaiter(let waiter, let connection): waiter.resume(returning: .success(connection))
        case .dropped(let connection):
            end(connection)
            connectIfNeeded()
        }
    }

    private func end(_ connection: PostgresConnection) {
        connection.thread.perform { connection.assumeIsolated { $0.close() } }
    }

    // MARK: Connecting

    private func connectIfNeeded() {
        guard state.withLock({ $0.startConnecting() }) else { return }
        // Not a child of whoever asked: the connection outlives that caller, who may also give up waiting.
        Task { [weak self] in
            var backoff = Backoff()
            while let delay = await self?.connect(&backoff) {
                if delay > .zero { try? await Task.sleep(for: delay) }
            }
        }
    }

    /// Opens one connection; nil when no more are wanted, else how long to wait before the next.
    private func connect(_ backoff: inout Backoff) async -> Duration? {
        guard state.withLock({ $0.wantsConnection() }) else { return nil }
        do throws(PostgresError) {
            let thread = threads[opened.wrappingAdd(1, ordering: .relaxed).newValue % threads.count]
            let connection = try await PostgresConnection.connect(to: url, on: thread, logger: logger) { [weak self] in
                self?.noticeLoss(of: $0)
            }
            backoff.reset()
            settle(state.withLock { $0.connected(connection) })
            return .zero
        } catch {
            state.withLock { $0.failedToConnect(error) }
            let delay = backoff.next()
            logger.warning(
                "Cannot connect to Postgres",
                metadata: ["url": "\(url)", "reason": "\(error.debugDescription)", "retry": "\(delay)"])
            return delay
        }
    }

    private func noticeLoss(of connection: PostgresConnection) {
        state.withLock { $0.noticeLoss(of: connection) }
        connectIfNeeded()
    }

    private static let check = Statement("check of an idle connection", "select 1")

    private func checkIdleConnections() async {
        for connection in state.withLock({ $0.takeIdle() }) {
            do throws(PostgresError) {
                _ = try await connection.query(Self.check(), timeout: .seconds(5))
            } catch {
                await connection.close()
                state.withLock { $0.noticeLoss(of: connection) }
            }
            giveBack(connection)
        }
        connectIfNeeded()
    }
}
