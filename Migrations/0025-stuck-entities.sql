-- Entities whose rows stand still, because the view's code cannot take in an event of theirs; what follows it waits.
create table stuck_entities (
    projection text not null references projections (name),
    generation integer not null,
    -- The id of the stream.
    entity text not null,
    -- Of the event that cannot be taken in.
    position bigint not null,
    version bigint not null,
    event_type text not null,
    reason text not null,
    since timestamptz not null default clock_timestamp(),
    primary key (projection, generation, entity)
);

-- Views that stand still as a whole.
alter table projections
    add column paused_reason text,
    add column paused_by text,
    add column paused_time timestamptz;

grant select, insert, update, delete on stuck_entities to fleetlog_server;
