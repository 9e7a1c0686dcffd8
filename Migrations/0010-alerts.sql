-- The view of alerts.
create table alerts (
    generation integer not null,
    id text not null,
    account text not null,
    device text not null,
    kind text not null,
    severity text not null,
    title text not null,
    text text not null,
    state text not null,
    raised_time timestamptz not null,
    acknowledged_time timestamptz,
    acknowledged_by text,
    note text,
    cleared_time timestamptz,
    reason text,
    version bigint not null,
    primary key (generation, id)
);
-- Lists are read newest first: all, or those of a state, an account or a device.
create index alerts_time_idx on alerts (generation, raised_time desc, id desc);
create index alerts_state_idx on alerts (generation, state, raised_time desc, id desc);
create index alerts_account_idx on alerts (generation, account, state, raised_time desc, id desc);
create index alerts_device_idx on alerts (generation, device, raised_time desc, id desc);

insert into projections (name, live_generation) values ('alerts', 1);
insert into checkpoints (projection, generation, position) values ('alerts', 1, 0);

grant select, insert, update, delete on alerts to fleetlog_server;
