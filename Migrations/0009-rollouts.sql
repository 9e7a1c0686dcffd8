-- The views rollouts and rollout-devices, and how far the delivery of firmware has come.
create table rollouts (
    generation integer not null,
    id text not null,
    account text not null,
    firmware_version text not null,
    artifact_url text not null,
    artifact_sha256 text not null,
    group_size bigint not null,
    success_threshold bigint not null,
    error_threshold bigint not null,
    attempts bigint not null,
    device_timeout bigint not null,
    state text not null,
    -- Why it is paused or aborted; empty otherwise.
    reason text not null,
    counts jsonb not null,
    opened_groups bigint not null,
    created_time timestamptz not null,
    changed_time timestamptz not null,
    version bigint not null,
    primary key (generation, id)
);
create index rollouts_account_idx on rollouts (generation, account, id);

create table rollout_devices (
    generation integer not null,
    rollout text not null,
    device text not null,
    -- Its place in the plan, from 0; the group follows from it.
    place bigint not null,
    state text not null,
    attempt bigint not null,
    -- Why its last attempt failed; empty if none has.
    reason text not null,
    changed_time timestamptz not null,
    version bigint not null,
    primary key (generation, rollout, device)
);
create index rollout_devices_state_idx on rollout_devices (generation, rollout, state, device);

-- Every event of a rollout up to this position has been carried to the broker.
create table firmware_delivery (
    singleton boolean primary key default true check (singleton),
    position bigint not null
);

-- Whose firmware message a device finds at the broker, so that the end of one rollout does not take another's away.
create table firmware_messages (
    device text primary key,
    rollout text not null
);

insert into projections (name, live_generation) values ('rollouts', 1), ('rollout-devices', 1);
insert into checkpoints (projection, generation, position) values ('rollouts', 1, 0), ('rollout-devices', 1, 0);
insert into firmware_delivery (position) values (0);

grant select, insert, update, delete on rollouts, rollout_devices to fleetlog_server;
grant select, insert, update, delete on firmware_messages to fleetlog_server;
grant select, update on firmware_delivery to fleetlog_server;
