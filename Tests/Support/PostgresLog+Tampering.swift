import Runtime

extension PostgresLog {
    /// Changes history, as only somebody can who may put its triggers aside.
    package func tamper(_ sql: String) async throws {
        let connection = try await PostgresConnection.connect(
            to: try DatabaseURL(database.superuserURL), on: thread, logger: quiet)
        try await connection.runScript(
            """
            alter table events disable trigger all;
            alter table log_head disable trigger all;
            \(sql);
            alter table events enable always trigger events_append_only;
            alter table events enable always trigger events_no_truncate;
            alter table log_head enable always trigger log_head_forward_only;
            alter table log_head enable always trigger log_head_no_truncate
            """)
        await connection.close()
    }
}
