-- The log in partitions: by class, then by position. Old telemetry can leave as whole tables, and the indexes that an
-- append writes to stay as small as one partition.
--
-- What was written before stays where it is, as the one partition of the class 'mixed': no event is copied or numbered
-- anew. Appends and reads wait while this runs: for one pass over the old table (its constraint is checked) and for its
-- indexes on texts to be built anew (they compare byte by byte from now on). An empty log has nothing to wait for.

-- The head first, as every append takes it first.
lock table log_head in access exclusive mode;
lock table events in access exclusive mode;

drop trigger events_append_only on events;
drop trigger events_no_truncate on events;
alter table events rename to events_mixed;
alter table events_mixed rename constraint events_pkey to events_mixed_position_key;
alter table events_mixed rename constraint events_stream_version_key to events_mixed_stream_version_key;
alter table events_mixed rename constraint events_id_key to events_mixed_id_key;
alter index events_account_idx rename to events_mixed_account_idx;
alter index events_category_idx rename to events_mixed_category_idx;

create table events (
    position bigint not null,
    version bigint not null constraint events_version_check check (version > 0),
    observed_time timestamptz not null,
    recorded_time timestamptz not null,
    id uuid not null,
    command_id uuid not null,
    causation_id uuid,
    correlation_id uuid,
    schema_version integer not null constraint events_schema_version_check check (schema_version > 0),
    -- 0 lifecycle, 1 telemetry, 2 mixed: written before events had a class.
    class smallint not null default 0,
    stream text collate "C" not null,
    category text collate "C" not null,
    type text collate "C" not null,
    account text collate "C" not null,
    principal text not null,
    trace_parent text,
    data json not null
) partition by list (class);
create table events_lifecycle partition of events for values in (0) partition by range (position);
create table events_telemetry partition of events for values in (1) partition by range (position);

-- A table that is attached gets the first trigger by itself; the second one must be made on each.
create trigger events_append_only before update or delete on events
    for each row execute function refuse_to_change_history();
alter table events enable always trigger events_append_only;
create trigger events_no_truncate before truncate on events
    for each statement execute function refuse_to_change_history();
alter table events enable always trigger events_no_truncate;
create trigger events_no_truncate before truncate on events_lifecycle
    for each statement execute function refuse_to_change_history();
alter table events_lifecycle enable always trigger events_no_truncate;
create trigger events_no_truncate before truncate on events_telemetry
    for each statement execute function refuse_to_change_history();
alter table events_telemetry enable always trigger events_no_truncate;

do $$
declare
    head bigint;
begin
    if not exists (select from events_mixed) then
        drop table events_mixed;
        return;
    end if;
    select position into head from log_head;
    -- The column's value is in the catalogue, not in the rows; the bound keeps the partition out of reads behind it.
    execute format(
        'alter table events_mixed
            add column class smallint not null default 2,
            alter column stream type text collate "C", alter column category type text collate "C",
            alter column type type text collate "C", alter column account type text collate "C",
            add constraint events_mixed_bound check (class = 2 and position <= %s)', head);
    create index events_mixed_type_idx on events_mixed (type, position);
    revoke all on events_mixed from fleetlog_server, fleetlog_retention;
    create trigger events_no_truncate before truncate on events_mixed
        for each statement execute function refuse_to_change_history();
    alter table events_mixed enable always trigger events_no_truncate;
    alter table events attach partition events_mixed for values in (2);
end $$;

grant select, insert on events to fleetlog_server;
grant select, delete on events to fleetlog_retention;

-- How many positions a partition of a class holds; only the owner may change it, for partitions not made yet.
create table log_partition_sizes (
    class smallint primary key,
    positions bigint not null check (positions >= 1000)
);
insert into log_partition_sizes (class, positions) values (0, 100000000), (1, 10000000);

create table log_partitions (
    name text primary key,
    class smallint not null references log_partition_sizes (class),
    first_position bigint not null,
    -- The first position behind it.
    end_position bigint not null,
    unique (class, first_position)
);

-- Makes a partition beside the log and attaches it. Attaching an empty table with a lock that appends and reads do not
-- mind never keeps them waiting; 'create table ... partition of' would.
create function fleetlog_make_partition(of_class smallint, first bigint, behind bigint) returns void language plpgsql
set search_path = pg_catalog, public, pg_temp as $$
declare
    parent text := case of_class when 0 then 'events_lifecycle' else 'events_telemetry' end;
    name text := format('%s_%s', parent, first);
begin
    execute format('create table public.%I (like events including defaults including constraints)', name);
    execute format('alter table %I add constraint %I unique (position)', name, name || '_position_key');
    execute format('alter table %I add constraint %I unique (stream, version)', name, name || '_stream_version_key');
    execute format('alter table %I add constraint %I unique (id)', name, name || '_id_key');
    execute format('create index %I on %I (account, position)', name || '_account_idx', name);
    -- Telemetry is one category of few types, so an index on them would find everything.
    if of_class = 0 then
        execute format('create index %I on %I (category, position)', name || '_category_idx', name);
        execute format('create index %I on %I (type, position)', name || '_type_idx', name);
    end if;
    execute format(
        'create trigger events_no_truncate before truncate on %I
            for each statement execute function refuse_to_change_history()', name);
    execute format('alter table %I enable always trigger events_no_truncate', name);
    execute format('alter table %I attach partition %I for values from (%s) to (%s)', parent, name, first, behind);
    insert into log_partitions (name, class, first_position, end_position) values (name, of_class, first, behind);
end $$;
revoke all on function fleetlog_make_partition(smallint, bigint, bigint) from public;

-- Makes the partitions that are needed soon: of each class, as many positions behind the head as two of its partitions
-- hold. How many there are follows from the head, so whoever calls it, and however often, there is never one too many.
create function fleetlog_make_partitions() returns integer language plpgsql security definer
set search_path = pg_catalog, public, pg_temp set lock_timeout = '10s' as $$
declare
    head bigint;
    size record;
    next bigint;
    made integer := 0;
begin
    -- "fl-parts": one at a time, each seeing what the one before has made.
    perform pg_advisory_xact_lock(x'666c2d7061727473'::bigint);
    select position into head from log_head;
    for size in select class, positions from log_partition_sizes order by class loop
        select coalesce(max(end_position), head + 1) into next from log_partitions where class = size.class;
        while next <= head + 2 * size.positions loop
            perform fleetlog_make_partition(size.class, next, next + size.positions);
            next := next + size.positions;
            made := made + 1;
        end loop;
    end loop;
    return made;
end $$;
revoke all on function fleetlog_make_partitions() from public;
grant execute on function fleetlog_make_partitions() to fleetlog_server;
grant select on log_partition_sizes, log_partitions to fleetlog_server, fleetlog_retention;

select fleetlog_make_partitions();

-- The last event of a stream that has left the log. Where nothing is left behind it, it says where the stream stands.
create table stream_floors (
    stream text collate "C" primary key,
    version bigint not null,
    position bigint not null
);

-- Where events have left the log, and how many: what is missing beyond that is lost.
create table retained_ranges (
    first_position bigint primary key,
    -- The first position behind it.
    end_position bigint not null,
    events bigint not null,
    cutoff timestamptz not null,
    finished_time timestamptz
);
grant select on stream_floors, retained_ranges to fleetlog_server, fleetlog_retention;

-- Where a stream stands. A function, since the statement of appends asks seldom, and would else open every partition of
-- the log each time for the case that it asks.
create function fleetlog_stream_version(of_stream text) returns bigint language plpgsql stable as $$
begin
    return greatest(
        (select e.version from events e where e.stream = of_stream order by e.version desc limit 1),
        (select f.version from stream_floors f where f.stream = of_stream));
end $$;
