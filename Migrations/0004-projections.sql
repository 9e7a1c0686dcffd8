-- Read models. Each row belongs to a generation of its projection: a rebuild fills the next generation beside the
-- live one, and takes over by one update of projections.live_generation.
create table projections (
    name text primary key,
    live_generation integer not null
);

create table checkpoints (
    projection text not null references projections (name),
    generation integer not null,
    position bigint not null,
    recorded_time timestamptz not null default '1970-01-01T00:00:00Z',
    failure text,
    primary key (projection, generation)
);

create table devices (
    generation integer not null,
    id text not null,
    account text not null,
    serial text not null,
    type text not null,
    name text not null,
    labels jsonb not null,
    state text not null,
    registered_time timestamptz not null,
    last_seen_time timestamptz,
    last_observed_time timestamptz,
    readings jsonb not null,
    telemetry_count bigint not null,
    refused_count bigint not null,
    version bigint not null,
    primary key (generation, id)
);
create index devices_account_idx on devices (generation, account, id);

create table accounts (
    generation integer not null,
    id text not null,
    name text not null,
    state text not null,
    opened_time timestamptz not null,
    version bigint not null,
    primary key (generation, id)
);

insert into projections (name, live_generation) values ('devices', 1), ('accounts', 1);
insert into checkpoints (projection, generation, position) values ('devices', 1, 0), ('accounts', 1, 0);

grant select, insert, update, delete on projections, checkpoints, devices, accounts to fleetlog_server;
