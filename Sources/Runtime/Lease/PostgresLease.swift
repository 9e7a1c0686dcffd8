package import Logging

/// A role held by an advisory lock on a connection of its own.
///
/// The lock ends with the connection. A server that stands still keeps both, so it also renews a row each second; a
/// candidate that finds the row stale ends the holder's connection from the database's side.
package struct PostgresLease: Lease {
    private let role: LeaseRole
    private let url: DatabaseURL
    private let thread: PollThread
    private let server: String
    private let logger: Logger
    private let pace: Pace

    package struct Pace: Sendable {
        package var renewal = Duration.seconds(1)
        /// Age of the row after which its holder counts as dead.
        package var patience = Duration.seconds(5)
        package init() {}
    }

    package init(
        _ role: LeaseRole, url: DatabaseURL, on thread: PollThread, server: String, logger: Logger, pace: Pace = Pace()
    ) {
        self.role = role
        self.url = url
        self.thread = thread
        self.server = server
        self.logger = logger
        self.pace = pace
    }

    package func lead(_ body: @escaping @Sendable () async -> Void) async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while !Task.isCancelled {
            do {
                let connection = try await PostgresConnection.connect(to: url, on: thread, logger: logger)
                do {
                    try await waitForRole(connection)
                    await hold(connection, body)
                    await connection.close()
                    return
                } catch {
                    await connection.close()
                    throw error
                }
            } catch {
                logger.warning(
                    "The lease cannot be asked for", metadata: ["role": "\(role.name)", "reason": "\(error)"])
                do { try await Task.sleep(for: backoff.next()) } catch { return }
            }
        }
    }

    /// Whether some server has the role at this moment.
    package static func isHeld(
        _ role: LeaseRole, asking connection: PostgresConnection
    ) async throws(PostgresError) -> Bool {
        let rows = try await connection.query(findHolder(.int8(role.key)), timeout: .seconds(2))
        return !rows.isEmpty
    }

    private func waitForRole(_ connection: PostgresConnection) async throws {
        while true {
            if try await !connection.query(Self.take(.int8(role.key), .text(server), .text(role.name))).isEmpty {
                return
            }
            let age = PostgresValue.float8(pace.patience / .seconds(1))
            let ended = try await connection.query(Self.endStaleHolder(.int8(role.key), age, .text(role.name)))
            if let row = ended.first, try row.bool(0) {
                logger.warning("The stale holder of a lease was ended", metadata: ["role": "\(role.name)"])
                continue
            }
            try await Task.sleep(for: pace.renewal)
        }
    }

    private func hold(_ connection: PostgresConnection, _ body: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await body() }
            group.addTask {
                do {
                    while true {
                        try await Task.sleep(for: pace.renewal)
                        let renewed = try await connection.query(
                            Self.renew(.text(server), .text(role.name)), timeout: .seconds(10))
                        guard renewed.affected == 1 else { return }
                    }
                } catch {
                    if Task.isCancelled { return }
                    logger.warning(
                        "A lease is lost", metadata: ["role": "\(role.name)", "reason": "\(error)"])
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Lock and row in one statement, so that a holder is never without a fresh row.
    package static let take = Statement(
        "take a lease",
        """
        with lock as materialized (select pg_try_advisory_lock($1) as taken)
        insert into leases (role, holder, backend_pid, renewed_time)
        select $3, $2, pg_backend_pid(), clock_timestamp() from lock where taken
        on conflict (role) do update
        set holder = excluded.holder, backend_pid = excluded.backend_pid, renewed_time = excluded.renewed_time
        returning holder
        """)

    package static let renew = Statement(
        "renew a lease",
        """
        update leases set renewed_time = clock_timestamp()
        where role = $2 and holder = $1 and backend_pid = pg_backend_pid()
        """)

    private static let findHolder = Statement(
        "find the holder of a lease",
        """
        select pid from pg_locks
        where locktype = 'advisory' and granted
            and database = (select oid from pg_database where datname = current_database())
            and classid = ($1::bigint >> 32)::int::oid and objid = ($1::bigint & 4294967295)::bigint::oid
            and objsubid = 1
        """)

    /// Only the process that holds the lock this very moment is ended, never one that merely has the same number.
    private static let endStaleHolder = Statement(
        "end the stale holder of a lease",
        """
        select pg_terminate_backend(lock.pid)
        from leases as lease
        join pg_locks as lock on lock.pid = lease.backend_pid and lock.locktype = 'advisory' and lock.granted
            and lock.database = (select oid from pg_database where datname = current_database())
            and lock.classid = ($1::bigint >> 32)::int::oid and lock.objid = ($1::bigint & 4294967295)::bigint::oid
            and lock.objsubid = 1
        where lease.role = $3 and lease.renewed_time < clock_timestamp() - make_interval(secs => $2)
        """, effect: .writes)
}
