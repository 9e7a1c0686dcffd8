import Runtime
import Support

extension TestedSystem {
    func number(_ name: String, _ sql: String, _ parameters: [PostgresValue] = []) async throws -> Int {
        let statement = Statement(name, sql).bind(parameters)
        let rows = try await pool.withConnection { try await $0.query(statement, timeout: .seconds(30)) }
        guard let row = rows.first else { throw Wrong("\(name): no row") }
        return Int(try row.int8(0))
    }

    /// The first column of each row.
    func texts(_ name: String, _ sql: String, _ parameters: [PostgresValue] = []) async throws -> [String] {
        let statement = Statement(name, sql).bind(parameters)
        let rows = try await pool.withConnection { try await $0.query(statement, timeout: .seconds(30)) }
        return try rows.map { try $0.text(0) }
    }

    /// The position of the newest event.
    var head: Int { get async throws { try await number("head", "select position from log_head") } }

    /// How many readings are in the log.
    var readings: Int {
        get async throws {
            try await number("readings", "select count(*) from events where type = 'TelemetryRecorded'")
        }
    }

    /// Waits until the log has grown by so many events.
    func growth(by count: Int, within limit: Duration = .seconds(30)) async throws {
        let start = try await head
        try await eventually(within: limit, "the log grows by \(count)", every: .milliseconds(20)) {
            try await head >= start + count
        }
    }

    /// Waits until Postgres has done with all servers, which have ended.
    func serversAreDisconnected() async throws {
        try await eventually("Postgres has done with the servers") {
            try await number(
                "connections of servers",
                """
                select count(*) from pg_stat_activity
                where datname = current_database() and usename <> current_user and backend_type = 'client backend'
                """) == 0
        }
    }

    /// Waits until all that follows from the log is in it: nothing is left to be reacted to, or to be sent.
    func workflowsCaughtUp(within limit: Duration = .seconds(60)) async throws {
        do {
            try await eventually(within: limit, "the workflows catch up", every: .milliseconds(100)) {
                try await number(
                    "workflows behind",
                    """
                    select (select count(*) from workflow_checkpoints c, log_head h where c.position < h.position)
                        + (select count(*) from workflow_outbox where failure is null)
                    """) == 0
            }
        } catch let never as NeverHappened {
            throw Wrong("\(never): \(try await whatHoldsWorkflowsUp())")
        }
    }

    private func whatHoldsWorkflowsUp() async throws -> [String] {
        try await texts(
            "what holds workflows up",
            """
            select concat_ws(' ', 'head', position, recorded_time) from log_head
            union all
            select concat_ws(' ', 'checkpoint', runner, generation, position, recorded_time) from workflow_checkpoints
            union all
            select concat_ws(' ', 'to be sent', number, workflow, key, time, command) from workflow_outbox
            union all
            select concat_ws(' ', 'stopped', workflow, key, position, reason) from workflow_failures
            union all
            select concat_ws(' ', 'lease', l) from leases l
            union all
            select concat_ws(' ', 'connection', pid, state, wait_event, clock_timestamp() - state_change, query)
            from pg_stat_activity where datname = current_database() and usename <> current_user
            """)
    }

    /// Waits until the views have come to the end of the log.
    func viewsCaughtUp(within limit: Duration = .seconds(30)) async throws {
        try await eventually(within: limit, "the views catch up", every: .milliseconds(100)) {
            try await number(
                "views behind",
                """
                select count(*) from checkpoints c join projections p
                    on p.name = c.projection and p.live_generation = c.generation
                where c.position < (select position from log_head)
                """) == 0
        }
    }
}
