-- Views as of a position, folded on the side and kept for a while. Their generations are below zero, so that no rebuild
-- has anything to do with them.
create table past_views (
    generation integer generated always as identity (start with -1 increment by -1) primary key,
    projection text not null references projections (name),
    definition integer not null,
    position bigint not null,
    state text not null default 'asked' check (state in ('asked', 'ready', 'failed', 'dropped')),
    failure text,
    used_time timestamptz not null default clock_timestamp()
);
create unique index past_views_position_idx on past_views (projection, position, definition) where state <> 'dropped';

grant select, insert, update, delete on past_views to fleetlog_server;
