import Runtime

/// The statements of the runner. Those that take part in recording a step have the number of their append as `$1` and
/// keep to its answer; in a transaction without an append the checkpoint's statement answers in its place.
enum RunnerStatements {
    static let checkpoint = Statement(
        "read a runner's checkpoint",
        "select generation, position, folded_position, workflows from workflow_checkpoints where runner = $1")

    /// Takes the rows over for a generation; those of an older one can write nothing from now on.
    static let takeOver = Statement(
        "take a runner over",
        """
        insert into workflow_checkpoints (runner, generation, position, folded_position, workflows)
        values ($1, $2, 0, 0, '{}')
        on conflict (runner) do update set generation = excluded.generation
        where workflow_checkpoints.generation <= excluded.generation
        """)

    /// Beside an append, whose condition on the generation's stream is the fence.
    static let moveWithAppend = Statement(
        "move a runner's checkpoint with an append",
        """
        update workflow_checkpoints set position = $4, recorded_time = $5, folded_position = $6, workflows = $7
        where runner = $2 and generation = $3 and fleetlog_accepted($1)
        """)

    /// Without an append: the row itself is the fence, and what follows in the transaction keeps to it.
    static let move = Statement(
        "move a runner's checkpoint",
        """
        with moved as (
            update workflow_checkpoints set position = $4, recorded_time = $5, folded_position = $6, workflows = $7
            where runner = $1 and generation = $2 and position = $3
            returning 1
        )
        select exists (select from moved),
            set_config('fleetlog.refused', case when exists (select from moved) then '{}' else '{0}' end, true)
        """)

    static let states = Statement(
        "read workflow states",
        """
        select workflow, key, position, event, correlation, version, state_version, state, account, streams
        from workflow_states where workflow = $1 and key > $2 order by key limit $3
        """)

    static let state = Statement(
        "read a workflow state",
        """
        select workflow, key, position, event, correlation, version, state_version, state, account, streams
        from workflow_states where workflow = $1 and key = $2
        """)

    static let saveStates = Statement(
        "save workflow states",
        """
        insert into workflow_states (
            workflow, key, position, event, correlation, version, state_version, state, account, streams)
        select workflow, key, position, event, correlation, version, state_version, state, account,
            string_to_array(streams, ' ')
        from unnest($2::text[], $3::text[], $4::bigint[], $5::uuid[], $6::uuid[], $7::bigint[], $8::int[], $9::json[],
            $10::text[], $11::text[])
            as s (workflow, key, position, event, correlation, version, state_version, state, account, streams)
        where fleetlog_accepted($1)
        on conflict (workflow, key) do update
        set position = excluded.position, event = excluded.event, correlation = excluded.correlation,
            version = excluded.version, state_version = excluded.state_version, state = excluded.state,
            account = excluded.account, streams = excluded.streams
        """)

    static let setTimers = Statement(
        "set timers",
        """
        insert into timers (workflow, key, name, due_time)
        select t.* from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) as t
        where fleetlog_accepted($1)
        on conflict (workflow, key, name) do update set due_time = excluded.due_time
        """)

    static let removeTimers = Statement(
        "remove timers",
        """
        delete from timers t using unnest($2::text[], $3::text[], $4::text[]) as d (workflow, key, name)
        where t.workflow = d.workflow and t.key = d.key and t.name = d.name and fleetlog_accepted($1)
        """)

    /// Those of stopped instances wait until the instance goes on.
    static let dueTimers = Statement(
        "read due timers",
        """
        select workflow, key, name, due_time from timers t
        where due_time <= $1 and workflow = any ($3)
            and not exists (select from workflow_failures f where f.workflow = t.workflow and f.key = t.key)
        order by due_time limit $2
        """)

    static let nextTimer = Statement(
        "read the next timer",
        "select due_time from timers where due_time > $1 and workflow = any ($2) order by due_time limit 1")

    static let putCommands = Statement(
        "put commands into the outbox",
        """
        insert into workflow_outbox (id, workflow, key, command, time, causation, correlation)
        select id, workflow, key, command, time, causation, correlation
        from unnest($2::uuid[], $3::text[], $4::text[], $5::json[], $6::timestamptz[], $7::uuid[], $8::uuid[])
            with ordinality as c (id, workflow, key, command, time, causation, correlation, place)
        where fleetlog_accepted($1)
        order by place
        on conflict (id) do nothing
        """)

    static let fail = Statement(
        "stop a workflow instance",
        """
        insert into workflow_failures (workflow, key, position, reason, time, streams)
        select $2, $3, $4, $5, clock_timestamp(), $6 where fleetlog_accepted($1)
        on conflict (workflow, key) do update
        set position = excluded.position, reason = excluded.reason, time = excluded.time, streams = excluded.streams,
            retry = false
        """)

    static let recover = Statement(
        "let a workflow instance go on",
        "delete from workflow_failures where workflow = $2 and key = $3 and fleetlog_accepted($1)")

    static let noteStream = Statement(
        "note a stream of a stopped instance",
        """
        update workflow_failures set streams = array_append(streams, $4)
        where workflow = $2 and key = $3 and not $4 = any (streams) and fleetlog_accepted($1)
        """)

    static let failures = Statement(
        "read stopped workflow instances", "select workflow, key, position, reason, streams from workflow_failures")

    static let retries = Statement(
        "read workflow instances to be tried again",
        "select workflow, key, position, reason, streams from workflow_failures where retry")
}

extension StateRow {
    init(_ row: Row) throws(PostgresError) {
        self.init(
            workflow: try row.text(0), key: try row.text(1),
            seen: SeenEvent(
                position: try row.int8(2), id: try row.uuid(3), correlation: try row.uuid(ifPresent: 4),
                account: AccountID(try row.text(8))),
            version: try row.int8(5), stateVersion: try row.int4(6), state: try row.bytes(7),
            streams: try row.textArray(9).compactMap { StreamName($0) })
    }

    static func saving(_ rows: [StateRow]) -> SideRow {
        SideRow(
            RunnerStatements.saveStates,
            [
                .textArray(rows.map(\.workflow)), .textArray(rows.map(\.key)), .int8Array(rows.map(\.seen.position)),
                .uuidArray(rows.map(\.seen.id)), .nullableUUIDArray(rows.map(\.seen.correlation)),
                .int8Array(rows.map(\.version)), .int4Array(rows.map(\.stateVersion)), .jsonArray(rows.map(\.state)),
                .textArray(rows.map(\.seen.account.rawValue)),
                .textArray(rows.map { $0.streams.map(\.description).joined(separator: " ") }),
            ])
    }
}

extension FailureRow {
    init(_ row: Row) throws(PostgresError) {
        self.init(
            workflow: try row.text(0), key: try row.text(1), position: try row.int8(2), reason: try row.text(3),
            streams: try row.textArray(4).compactMap { StreamName($0) })
    }

    var sideRow: SideRow {
        SideRow(
            RunnerStatements.fail,
            [
                .text(workflow), .text(key), .int8(position), .text(reason.filter { $0 != "\0" }),
                .textArray(streams.map(\.description)),
            ])
    }
}
