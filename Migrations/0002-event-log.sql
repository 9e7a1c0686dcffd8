-- The log: the only truth. Positions come from log_head, which is locked before anything else in each append, so
-- position order is commit order and there are no gaps.
create table log_head (
    singleton boolean primary key default true check (singleton),
    position bigint not null,
    recorded_time timestamptz not null
);
insert into log_head (position, recorded_time) values (0, '1970-01-01T00:00:00Z');

create table events (
    position bigint not null,
    stream text not null,
    category text not null,
    version bigint not null check (version > 0),
    id uuid not null,
    type text not null,
    schema_version integer not null check (schema_version > 0),
    account text not null,
    observed_time timestamptz not null,
    recorded_time timestamptz not null,
    principal text not null,
    command_id uuid not null,
    causation_id uuid,
    correlation_id uuid,
    trace_parent text,
    data json not null,
    constraint events_pkey primary key (position),
    constraint events_stream_version_key unique (stream, version),
    constraint events_id_key unique (id)
);
create index events_category_idx on events (category, position);
create index events_account_idx on events (account, position);

-- History does not change: neither by the server, nor by the owner, nor by a superuser. Only retention may delete.
create function refuse_to_change_history() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_user = 'fleetlog_retention' then
        return old;
    end if;
    raise exception 'the log is append-only: % on % is refused', tg_op, tg_table_name
        using errcode = 'insufficient_privilege', hint = 'Append a correcting event instead.';
end $$;

create trigger events_append_only before update or delete on events
    for each row execute function refuse_to_change_history();
create trigger events_no_truncate before truncate on events
    for each statement execute function refuse_to_change_history();
alter table events enable always trigger events_append_only;
alter table events enable always trigger events_no_truncate;

create function refuse_to_turn_back() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.position >= old.position and new.recorded_time >= old.recorded_time then
        return new;
    end if;
    raise exception 'the head of the log only moves forward: % is refused', tg_op
        using errcode = 'insufficient_privilege';
end $$;

create trigger log_head_forward_only before update or delete on log_head
    for each row execute function refuse_to_turn_back();
create trigger log_head_no_truncate before truncate on log_head
    for each statement execute function refuse_to_turn_back();
alter table log_head enable always trigger log_head_forward_only;
alter table log_head enable always trigger log_head_no_truncate;

-- Whether the append with this number was accepted in the running transaction; guards the side rows of a batch.
create function fleetlog_accepted(append integer) returns boolean language sql stable as $$
    select not append = any (coalesce(nullif(current_setting('fleetlog.refused', true), ''), '{}')::integer[])
$$;

grant select, insert on events to fleetlog_server;
grant select on log_head to fleetlog_server;
grant update (position, recorded_time) on log_head to fleetlog_server;
grant select, delete on events to fleetlog_retention;
