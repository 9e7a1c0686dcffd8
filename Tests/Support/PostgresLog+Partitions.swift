import Runtime

extension PostgresLog {
    /// Makes the partitions, which must be empty, so small that a test can fill them; they begin behind the head.
    package func usePartitions(of positions: Int64) async throws {
        try await ofEachPartition("drop table %I")
        try await asSuperuser(
            """
            delete from log_partitions;
            update log_partition_sizes set positions = \(positions);
            select fleetlog_make_partitions()
            """)
    }

    /// Runs the statement for each partition, whose name stands for `%I`.
    package func ofEachPartition(_ statement: String) async throws {
        try await asSuperuser(
            """
            do $$
            declare part text;
            begin
                for part in select name from log_partitions loop
                    execute format('\(statement)', part);
                end loop;
            end $$
            """)
    }

    package func asSuperuser(_ sql: String) async throws {
        let connection = try await PostgresConnection.connect(
            to: try DatabaseURL(database.superuserURL), on: thread, logger: quiet)
        try await connection.runScript(sql)
        await connection.close()
    }

    /// The first column of the answer, as a superuser sees it.
    package func texts(_ sql: String) async throws -> [String] {
        let connection = try await PostgresConnection.connect(
            to: try DatabaseURL(database.superuserURL), on: thread, logger: quiet)
        let rows = try await connection.query(Statement.unprepared("texts", sql)())
        await connection.close()
        return try rows.map { try $0.text(0) }
    }
}
