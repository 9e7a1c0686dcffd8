package import Runtime

/// What may not leave the log before it is in the views: how far each has come, and what waits in it.
package enum ViewReaders {
    package static func all(_ pool: PostgresPool) async throws -> [LogReader] {
        try await pool.withConnection { connection in
            try await connection.query(statement(), timeout: .seconds(30))
        }.map { row in
            LogReader(try row.text(0), at: try row.int8(1))
        }
    }

    /// Generations that were replaced or dropped do not count: who swaps back to one asks for what was.
    private static let statement = Statement(
        "view_readers",
        """
        select 'the view ' || c.projection, c.position
        from projections p join checkpoints c on c.projection = p.name and c.generation = p.live_generation
        union all
        select 'the rebuild of ' || c.projection, c.position
        from rebuilds r join checkpoints c on c.projection = r.projection and c.generation = r.generation
        where r.state in ('running', 'paused', 'failed')
        union all
        select s.entity || ', stuck in the view ' || s.projection, s.position - 1
        from projections p join stuck_entities s on s.projection = p.name and s.generation = p.live_generation
        """)
}
