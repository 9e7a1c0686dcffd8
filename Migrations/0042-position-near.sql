-- About where the log was at an instant, for those who then look at what comes after it: found in half the steps.

-- All up to the position was recorded by the instant, and what comes after it, as far as it was, less than `slack` before. Null
-- for the very last position.
create function fleetlog_position_near(instant timestamptz, slack interval) returns bigint language plpgsql stable
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
            exit when newest.recorded_time > instant - slack;
        else
            high := newest.position - 1;
        end if;
    end loop;
    return low;
end $$;

create or replace function fleetlog_position_at(instant timestamptz) returns bigint language sql stable
set search_path = pg_catalog, public, pg_temp as $$
    select fleetlog_position_near(instant, null)
$$;

revoke all on function fleetlog_position_near(timestamptz, interval) from public;
grant execute on function fleetlog_position_near(timestamptz, interval) to fleetlog_server;
