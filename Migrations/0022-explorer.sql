-- What an auditor asks the log for: what followed from an event, what one request did, what people did. Nobody causes a
-- reading, so the partitions of telemetry have none of these, and what they cost falls on the other events that have a
-- cause, a request or a user behind them.
--
-- Appends wait while this runs: for one pass over the partitions of lifecycle events that exist.
create function fleetlog_index_for_audit(name text) returns void language plpgsql
set search_path = pg_catalog, public, pg_temp as $$
begin
    execute format(
        'create index %I on %I (causation_id) where causation_id is not null', name || '_causation_idx', name);
    execute format(
        'create index %I on %I (correlation_id, position) where correlation_id is not null',
        name || '_correlation_idx', name);
    execute format(
        'create index %I on %I (position) where principal like ''user:%%''', name || '_users_idx', name);
end $$;
revoke all on function fleetlog_index_for_audit(text) from public;

alter function fleetlog_make_partition(smallint, bigint, bigint) rename to fleetlog_make_bare_partition;

create function fleetlog_make_partition(of_class smallint, first bigint, behind bigint) returns void language plpgsql
set search_path = pg_catalog, public, pg_temp as $$
begin
    perform fleetlog_make_bare_partition(of_class, first, behind);
    if of_class = 0 then
        perform fleetlog_index_for_audit(format('events_lifecycle_%s', first));
    end if;
end $$;
revoke all on function fleetlog_make_partition(smallint, bigint, bigint) from public;

select fleetlog_index_for_audit(name) from log_partitions where class = 0;
do $$
begin
    if to_regclass('events_mixed') is not null then
        perform fleetlog_index_for_audit('events_mixed');
    end if;
end $$;

-- The position of the last event that was recorded by then; 0 if there is none. Recorded times never decrease, so a
-- search that halves the log finds it.
create function fleetlog_position_at(instant timestamptz) returns bigint language plpgsql stable
set search_path = pg_catalog, public, pg_temp as $$
declare
    low bigint := 0;
    high bigint;
    middle bigint;
    newest record;
begin
    select position into high from log_head;
    while low < high loop
        middle := low + (high - low + 1) / 2;
        -- The newest event up to there; behind it nothing is left of this half, if events have left the log.
        select position, recorded_time into newest from events
        where position <= middle and position > low order by position desc limit 1;
        if not found then
            low := middle;
        elsif newest.recorded_time <= instant then
            low := middle;
        else
            high := newest.position - 1;
        end if;
    end loop;
    return low;
end $$;
revoke all on function fleetlog_position_at(timestamptz) from public;
grant execute on function fleetlog_position_at(timestamptz) to fleetlog_server;

-- Why something was told, and what was told because of an event.
create index notifications_cause_idx on notifications (cause_event) where cause_event is not null;
