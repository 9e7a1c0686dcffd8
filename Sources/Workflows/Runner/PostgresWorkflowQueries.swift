package import Runtime

/// The queries over the tables of a runner.
package struct PostgresWorkflowQueries: WorkflowQueries {
    private let pool: PostgresPool
    private let runner: String

    package init(pool: PostgresPool, runner: String = "workflows") {
        self.pool = pool
        self.runner = runner
    }

    package func workflows() async throws(EventStoreError) -> [WorkflowStatus] {
        try await query(Self.status(.text(runner))) { rows in
            try rows.map { row in
                WorkflowStatus(
                    name: try row.text(0), position: try row.int8(1), tether: try row.int8(2),
                    tetherSeconds: try row.float8(3), instances: try row.int8(4), stopped: try row.int8(5),
                    timers: try row.int8(6), commands: try row.int8(7))
            }
        }
    }

    /// How far the workflows have come in the log.
    package func readers() async throws(EventStoreError) -> [LogReader] {
        try await query(Self.position(.text(runner))) { rows in
            try rows.map { LogReader("the workflows", at: try $0.int8(0)) }
        }
    }

    package func stopped(_ workflow: String, limit: Int) async throws(EventStoreError) -> [StoppedInstance] {
        try await query(Self.stopped(.text(workflow), .int8(Int64(limit)))) { rows in
            try rows.map { row in
                StoppedInstance(
                    workflow: try row.text(0), key: try row.text(1), position: try row.int8(2),
                    reason: try row.text(3), time: try row.timestamp(4), isToBeRetried: try row.bool(5))
            }
        }
    }

    package func retry(_ workflow: String, key: String) async throws(EventStoreError) -> Bool {
        try await query(Self.retry(.text(workflow), .text(key))) { $0.affected == 1 }
    }

    private func query<Value>(
        _ statement: BoundStatement, _ body: (Rows) throws -> Value
    ) async throws(EventStoreError) -> Value {
        do {
            let rows = try await pool.withConnection { try await $0.query(statement, timeout: .seconds(10)) }
            return try body(rows)
        } catch {
            throw .unavailable(reason: (error as? PostgresError)?.debugDescription ?? "\(error)")
        }
    }

    private static let position = Statement(
        "workflow position", "select position from workflow_checkpoints where runner = $1")

    private static let status = Statement(
        "workflow status",
        """
        select w.name, c.position, h.position - c.position,
            case when h.position > c.position then coalesce((
                select greatest(0, extract(epoch from clock_timestamp() - e.recorded_time)) from events e
                where e.position > c.position order by e.position limit 1), 0)::float8 else 0 end,
            (select count(*) from workflow_states s where s.workflow = w.name),
            (select count(*) from workflow_failures f where f.workflow = w.name),
            (select count(*) from timers t where t.workflow = w.name),
            (select count(*) from workflow_outbox o where o.workflow = w.name)
        from workflow_checkpoints c cross join log_head h cross join unnest(c.workflows) as w (name)
        where c.runner = $1
        order by w.name
        """)

    private static let stopped = Statement(
        "stopped workflow instances",
        """
        select workflow, key, position, reason, time, retry from workflow_failures
        where workflow = $1 order by key limit $2
        """)

    private static let retry = Statement(
        "ask for another attempt at a workflow instance",
        "update workflow_failures set retry = true where workflow = $1 and key = $2")
}
