/// The statements of one batch of appends, in the order in which they travel.
package enum AppendStatements {
    /// What the connection of the appends is set to.
    package static let session = [
        // Planning a batch anew each time costs more than the plan could gain.
        Statement.unprepared("plan_cache_mode", "set plan_cache_mode = force_generic_plan"),
        // A plan made while the log is young is kept when it has grown; it must use the index from the start.
        Statement.unprepared("seqscan_off", "set enable_seqscan = off"),
        Statement.unprepared("bitmapscan_off", "set enable_bitmapscan = off"),
        // The price put on the one row of log_head, which has to be scanned, would call for compiling each batch.
        Statement.unprepared("jit_off", "set jit = off"),
    ]

    /// Locks the head before anything else: position order becomes commit order, and two servers cannot deadlock.
    ///
    /// `$1` is the position at which the head must be found for what the batch knows of its claims to hold. A batch that
    /// is sent behind another (`$2`) cannot be told where that one will leave the head, but Postgres knows it by then: the
    /// last batch of this session must have found the head at `$1`, and this one must find it where that one left it. A
    /// batch that is rolled back takes its settings with it.
    static let lockHead = Statement(
        "lock_head",
        """
        select set_config('fleetlog.expected_head', case
            when not $2::boolean then $1::bigint::text
            when current_setting('fleetlog.found_head', true) = $1::bigint::text
                then current_setting('fleetlog.left_head', true)
            else '-1'
        end, true)
        from log_head for update
        """)

    /// Inserts the appends whose claims hold, advances the head, and answers for the others.
    ///
    /// A claim is a stream and the version it must stand at. If the head is where the server expects it, nobody else has
    /// appended, and what the server knows of a claim holds (``KnownVersions``). For any other, one descent of the index
    /// (stream, version) finds that version and whatever is behind it; asked for the stream's last version, it would
    /// visit all that lie on the same page. Partitions before the claim's position are not looked at, nor opened if that
    /// goes for all claims (`$24`, and `$25` for those that telemetry is about); those of telemetry only if the stream
    /// may have some. A stream whose last event has left the log stands at its floor. Under READ COMMITTED this
    /// statement's snapshot is taken after the head was locked, so it sees whatever the last holder of the lock committed.
    ///
    /// Lines are numbered in the order in which they lie in the arrays, which the answers rest on; the planner knows
    /// that a function scan with ordinality is in that order and sorts nothing.
    static let append = Statement(
        "append",
        """
        with unmoved as materialized (
            select position = current_setting('fleetlog.expected_head')::bigint as is_certain from log_head
        ), claim as materialized (
            select
                c.number, c.stream, c.version,
                case
                    when c.is_known and (select is_certain from unmoved) then c.version
                    else greatest((
                        select e.version from events e
                        where e.class in (0, 2) and e.stream = c.stream and e.version >= c.version
                            and e.position >= c.position and e.position >= $24
                        order by e.version desc limit 1
                    ), case when c.telemetry then (
                        select e.version from events e
                        where e.class = 1 and e.stream = c.stream and e.version >= c.version
                            and e.position >= c.position and e.position >= $25
                        order by e.version desc limit 1
                    ) end, (
                        select f.version from stream_floors f where f.stream = c.stream and f.version >= c.version
                    ))
                end as actual
            from unnest($1::text[], $2::bigint[], $3::boolean[], $22::bigint[], $23::boolean[]) with ordinality
                as c(stream, version, is_known, position, telemetry, number)
        ), broken as materialized (
            select number, stream, actual from claim where coalesce(actual, 0) <> version
        ), refused as materialized (
            select distinct l.append
            from unnest($4::int[], $5::bigint[]) as l(append, claim)
            where l.claim in (select number from broken)
        ), head as materialized (
            select position, greatest(recorded_time, clock_timestamp()) as recorded_time from log_head
        ), line as (
            select e.*, row_number() over (order by e.number) as place
            from unnest(
                $6::int[], $7::text[], $8::text[], $9::bigint[], $10::uuid[], $11::text[], $12::int[], $13::text[],
                $14::timestamptz[], $15::text[], $16::uuid[], $17::uuid[], $18::uuid[], $19::text[], $20::json[],
                $21::int[]
            ) with ordinality as e(
                append, stream, category, version, id, type, schema_version, account,
                observed_time, principal, command_id, causation_id, correlation_id, trace_parent, data, class, number)
            where e.append <> all (coalesce((select array_agg(append) from refused), '{}'))
        ), inserted as (
            insert into events (
                position, stream, category, version, id, type, schema_version, account, observed_time, recorded_time,
                principal, command_id, causation_id, correlation_id, trace_parent, data, class)
            select
                head.position + line.place, stream, category, version, id, type, schema_version, account,
                observed_time, head.recorded_time, principal, command_id, causation_id, correlation_id, trace_parent,
                data, class
            from line cross join head
            order by line.number
            returning 1
        ), moved as (
            update log_head
            set position = log_head.position + (select count(*) from inserted), recorded_time = head.recorded_time
            from head
        )
        select
            head.position,
            head.recorded_time,
            (select count(*) from inserted),
            coalesce((select array_agg(append) from refused), '{}'),
            coalesce((select array_agg(number order by number) from broken), '{}'),
            coalesce((
                select array_agg(coalesce(actual, fleetlog_stream_version(stream), 0) order by number)
                from broken), '{}'),
            set_config('fleetlog.refused', coalesce((select array_agg(append) from refused), '{}')::text, true),
            set_config('fleetlog.found_head', head.position::text, false),
            set_config('fleetlog.left_head', (head.position + (select count(*) from inserted))::text, false)
        from head
        """)

    /// Inserts appends whose claims are all known, if the head is where the server expects it (`$16`, `$17` as ``lockHead``
    /// takes them), and advances it; else it fails, and nobody's claim was judged. Nothing needs to be looked for, refused or
    /// numbered, which is more than half of what ``append`` costs Postgres for a batch of one event, and a third for 32.
    ///
    /// The update is the lock: who waits for it sees the head as the last holder left it. It answers as ``append`` does.
    static let appendKnown = Statement(
        "append_known",
        """
        with head as (
            update log_head
            set position = position + cardinality($1::text[]),
                recorded_time = greatest(recorded_time, clock_timestamp())
            where position = case
                when not $17::boolean then $16::bigint
                when current_setting('fleetlog.found_head', true) = $16::bigint::text
                    then current_setting('fleetlog.left_head', true)::bigint
                else -1
            end
            returning position - cardinality($1::text[]) as position, recorded_time
        ), inserted as (
            insert into events (
                position, stream, category, version, id, type, schema_version, account, observed_time, recorded_time,
                principal, command_id, causation_id, correlation_id, trace_parent, data, class)
            select
                head.position + e.number, stream, category, version, id, type, schema_version, account,
                observed_time, head.recorded_time, principal, command_id, causation_id, correlation_id, trace_parent,
                data, class
            from head cross join unnest(
                $1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::int[], $7::text[],
                $8::timestamptz[], $9::text[], $10::uuid[], $11::uuid[], $12::uuid[], $13::text[], $14::json[],
                $15::int[]
            ) with ordinality as e(
                stream, category, version, id, type, schema_version, account,
                observed_time, principal, command_id, causation_id, correlation_id, trace_parent, data, class, number)
        )
        select
            coalesce(head.position, fleetlog_head_moved()),
            head.recorded_time,
            cardinality($1::text[])::bigint,
            '{}'::int[],
            '{}'::bigint[],
            '{}'::bigint[],
            set_config('fleetlog.found_head', head.position::text, false),
            set_config('fleetlog.left_head', (head.position + cardinality($1::text[]))::text, false)
        from (values (true)) as always left join head on true
        """)

    /// Whether an append whose answer was lost had been committed: its first event stands where it should.
    static let lookUp = Statement(
        "look_up",
        "select id, position, recorded_time from events where stream = $1 and version = $2")
}

extension BoundStatement {
    /// Whether it brings events to the log.
    var appends: Bool { statement == AppendStatements.append || statement == AppendStatements.appendKnown }
}

extension Pipeline.Conversation {
    var appends: Bool {
        guard case .batch(let batch) = content else { return false }
        return batch.contains(where: \.appends)
    }
}
