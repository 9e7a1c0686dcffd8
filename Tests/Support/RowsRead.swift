package import Runtime

/// Tells how many rows of tables Postgres has read so far, on whatever way.
package struct RowsRead: Sendable {
    private let pool: PostgresPool
    private let tables: [String]

    private static let flush = Statement.unprepared("flush statistics", "select pg_stat_force_next_flush()")
    private static let read = Statement.unprepared(
        "rows read",
        """
        select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint
        from pg_stat_user_tables where relname = any ($1)
        """)

    /// - Parameter pool: of one connection, on which everything that counts is done.
    package init(of tables: [String], by pool: PostgresPool) {
        self.tables = tables
        self.pool = pool
    }

    package func count() async throws -> Int64 {
        try await pool.withConnection { connection in
            _ = try await connection.query(Self.flush())
            return try await connection.query(Self.read(.textArray(tables))).first?.int8(0) ?? 0
        }
    }
}
