-- Rebuilds: by which definition each generation of a view was made, which one can be swapped back to, and how far the
-- work on the next one has come.
alter table projections add column previous_generation integer;
alter table checkpoints
    add column definition integer not null default 1,
    -- Nobody may move it any more: its rows are being deleted.
    add column is_dropped boolean not null default false;

create table rebuilds (
    number bigint generated always as identity primary key,
    projection text not null references projections (name),
    generation integer not null,
    kind text not null check (kind in ('rebuild', 'swap-back')),
    cause text not null check (cause in ('request', 'definition')),
    definition integer not null,
    asked_by text not null,
    -- Events a second; null for as fast as the machine allows.
    event_limit integer check (event_limit > 0),
    state text not null check (state in ('running', 'paused', 'failed', 'finished', 'cancelled')),
    started_time timestamptz not null default clock_timestamp(),
    changed_time timestamptz not null default clock_timestamp(),
    -- How far it has come; the checkpoint of the generation may lie before it.
    reached_position bigint not null default 0,
    events bigint not null default 0,
    event_rate double precision not null default 0,
    position_rate double precision not null default 0,
    compared_position bigint,
    live_rows bigint,
    next_rows bigint,
    live_digest text,
    next_digest text,
    differing_rows bigint,
    sample json,
    failure text
);
create unique index rebuilds_open_idx on rebuilds (projection) where state in ('running', 'paused', 'failed');
create index rebuilds_projection_idx on rebuilds (projection, number);

grant select, insert, update on rebuilds to fleetlog_server;
