import Runtime

extension PostgresLog {
    /// Changes history, as only somebody can who may put its triggers aside.
    package func tamper(_ sql: String) async throws {
        let connection = try await PostgresConnection.connect(
            to: try DatabaseURL(database.superuserURL), on: thread, logger: quiet)
        try await connection.runScript(
            """
            do $$
            declare part regclass;
            begin
                for part in select relid from pg_partition_tree('events') loop
                    execute format('alter table %s disable trigger all', part);
                end loop;
            end $$;
            alter table log_head disable trigger all;
            \(sql);
            do $$
            declare part regclass;
            begin
                for part in select relid from pg_partition_tree('events') loop
                    execute format('alter table %s enable always trigger events_append_only', part);
                    execute format('alter table %s enable always trigger events_no_truncate', part);
                end loop;
            end $$;
            alter table log_head enable always trigger log_head_forward_only;
            alter table log_head enable always trigger log_head_no_truncate
            """)
        await connection.close()
    }
}
