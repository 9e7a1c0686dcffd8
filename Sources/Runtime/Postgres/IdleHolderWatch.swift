import Logging

/// Ends a connection that has locked the head of the log and stands still.
///
/// A server that is frozen, or cut off, while it sends a batch would hold up everybody's appends for as long as its
/// connection lives, which can be hours. Its COMMIT has not arrived, so nothing is lost that anybody was told of; should
/// it come to life, it finds its connection gone and looks up what became of its batch.
struct HeadWatch: Sendable {
    private static let interval = Duration.seconds(2)
    /// Seconds for which Postgres has waited for the holder's next statement. All of a batch is sent at once.
    private static let patience = 5.0

    let pool: PostgresPool
    let logger: Logger

    /// Runs until the task is cancelled.
    func run() async {
        while (try? await Task.sleep(for: Self.interval)) != nil {
            // If Postgres cannot be asked now, nobody is held up by a lock in it.
            let ended = try? await pool.withConnection { connection in
                try await connection.query(Self.endIdleHolder(.float8(Self.patience)), timeout: .seconds(5))
            }
            guard let ended, !ended.isEmpty else { continue }
            logger.warning("Ended a connection that held the head of the log and stood still")
        }
    }

    private static let endIdleHolder = Statement(
        "end an idle holder of the head",
        """
        select pg_terminate_backend(holder.pid)
        from pg_stat_activity as holder
        join pg_locks as lock on lock.pid = holder.pid and lock.granted and lock.locktype = 'relation'
            and lock.relation = 'log_head'::regclass and lock.mode in ('RowShareLock', 'RowExclusiveLock')
        where holder.datname = current_database() and holder.usename = current_user
            and holder.wait_event = 'ClientRead' and holder.query_start < clock_timestamp() - make_interval(secs => $1)
        """, effect: .writes)
}
