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
            alter table seal_blocks disable trigger all;
            alter table seal_nodes disable trigger all;
            alter table departed_leaves disable trigger all;
            alter table signed_heads disable trigger all;
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
            alter table log_head enable always trigger log_head_no_truncate;
            alter table seal_blocks enable always trigger seal_blocks_append_only;
            alter table seal_blocks enable always trigger seal_blocks_no_truncate;
            alter table seal_nodes enable always trigger seal_nodes_append_only;
            alter table seal_nodes enable always trigger seal_nodes_no_truncate;
            alter table departed_leaves enable always trigger departed_leaves_append_only;
            alter table departed_leaves enable always trigger departed_leaves_no_truncate;
            alter table signed_heads enable always trigger signed_heads_append_only;
            alter table signed_heads enable always trigger signed_heads_no_truncate
            """)
        await connection.close()
    }
}
