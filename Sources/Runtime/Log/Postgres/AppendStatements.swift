/// The statements of one batch of appends, in the order in which they travel.
enum AppendStatements {
    /// Locks the head before anything else: position order becomes commit order, and two servers cannot deadlock.
    static let lockHead = Statement("lock_head", "select position from log_head for update")

    /// Inserts the appends whose claims hold, advances the head, and answers for the others.
    ///
    /// A claim is a stream and the version it must stand at. The probe of the index (stream, version) finds a stream
    /// that has moved on, or one that never got so far. Under READ COMMITTED this statement's snapshot is taken after
    /// the head was locked, so it sees whatever the last holder of the lock committed.
    ///
    /// The probes are scalar subqueries, because the planner may answer EXISTS with a hash of the whole table: it does
    /// if it plans while the log is young, and each append would then read the log from its beginning.
    static let append = Statement(
        "append",
        """
        with claim as materialized (
            select c.number, c.stream, c.version
            from unnest($1::text[], $2::bigint[]) with ordinality as c(stream, version, number)
        ), broken as materialized (
            select c.number, c.stream, c.version from claim c
            where (select true from events e where e.stream = c.stream and e.version = c.version + 1) is not null
               or (c.version > 0
                   and (select true from events e where e.stream = c.stream and e.version = c.version) is null)
        ), refused as materialized (
            select distinct l.append
            from unnest($3::int[], $4::bigint[]) as l(append, claim)
            where l.claim in (select number from broken)
        ), head as materialized (
            select position, greatest(recorded_time, clock_timestamp()) as recorded_time from log_head
        ), line as materialized (
            select e.*, row_number() over (order by e.number) as place
            from unnest(
                $5::int[], $6::text[], $7::text[], $8::bigint[], $9::uuid[], $10::text[], $11::int[], $12::text[],
                $13::timestamptz[], $14::text[], $15::uuid[], $16::uuid[], $17::uuid[], $18::text[], $19::json[]
            ) with ordinality as e(
                append, stream, category, version, id, type, schema_version, account,
                observed_time, principal, command_id, causation_id, correlation_id, trace_parent, data, number)
            where not exists (select from refused r where r.append = e.append)
        ), inserted as (
            insert into events (
                position, stream, category, version, id, type, schema_version, account, observed_time, recorded_time,
                principal, command_id, causation_id, correlation_id, trace_parent, data)
            select
                head.position + line.place, stream, category, version, id, type, schema_version, account,
                observed_time, head.recorded_time, principal, command_id, causation_id, correlation_id, trace_parent,
                data
            from line cross join head
            order by line.place
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
                select array_agg((
                    select coalesce(max(e.version), 0) from events e where e.stream = b.stream) order by b.number)
                from broken b), '{}'),
            set_config('fleetlog.refused', coalesce((select array_agg(append) from refused), '{}')::text, true)
        from head
        """)

    /// Whether an append whose answer was lost had been committed: its first event stands where it should.
    static let lookUp = Statement(
        "look_up",
        "select id, position, recorded_time from events where stream = $1 and version = $2")
}
