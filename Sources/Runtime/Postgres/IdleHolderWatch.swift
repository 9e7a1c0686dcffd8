package import Logging
import ServiceLifecycle

/// Ends connections that have locked rows of a table for which others wait, and stand still.
///
/// A server that is frozen, or cut off, in the middle of a transaction would hold up everybody else for as long as its
/// connection lives, which can be hours. Its COMMIT has not arrived, so nothing is lost that anybody was told of; should
/// it come to life, it finds its connection gone, and looks up what became of its work or does it again.
package struct IdleHolderWatch: Service {
    private static let interval = Duration.seconds(2)

    private let table: String
    private let patience: Duration
    private let pool: PostgresPool
    private let logger: Logger

    /// - Parameter patience: for how long Postgres may wait for the holder's next statement.
    package init(of table: String, patience: Duration, pool: PostgresPool, logger: Logger) {
        self.table = table
        self.patience = patience
        self.pool = pool
        self.logger = logger
    }

    /// Runs until graceful shutdown, or until the task is cancelled.
    package func run() async {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Self.interval)) != nil { await endIdleHolders() }
        }
    }

    private func endIdleHolders() async {
        // If Postgres cannot be asked now, nobody is held up by a lock in it.
        let ended = try? await pool.withConnection { connection in
            try await connection.query(
                Self.endIdleHolders(.float8(patience / .seconds(1)), .text(table)), timeout: .seconds(5))
        }
        guard let ended, !ended.isEmpty else { return }
        logger.warning("Ended a connection that held a lock and stood still", metadata: ["table": "\(table)"])
    }

    private static let endIdleHolders = Statement(
        "end idle holders",
        """
        select pg_terminate_backend(holder.pid)
        from pg_stat_activity as holder
        join pg_locks as lock on lock.pid = holder.pid and lock.granted and lock.locktype = 'relation'
            and lock.relation = $2::text::regclass and lock.mode in ('RowShareLock', 'RowExclusiveLock')
        where holder.datname = current_database() and holder.usename = current_user
            and holder.wait_event = 'ClientRead' and holder.query_start < clock_timestamp() - make_interval(secs => $1)
            and exists (
                select from pg_stat_activity as waiter
                where waiter.datname = current_database() and waiter.wait_event_type = 'Lock'
                    and holder.pid = any (pg_blocking_pids(waiter.pid)))
        """, effect: .writes)
}
