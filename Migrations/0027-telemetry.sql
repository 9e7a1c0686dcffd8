-- The view of telemetry: what each device has measured, by minute and hour. Names compare by their bytes, so that a range
-- holds a metric and all that is nested below it.
create table telemetry_windows (
    generation integer not null,
    device text collate "C" not null,
    metric text collate "C" not null,
    -- In seconds.
    length integer not null,
    start timestamptz not null,
    -- Whose the device was.
    account text collate "C" not null,
    count bigint not null,
    minimum double precision not null,
    maximum double precision not null,
    last double precision not null,
    last_time timestamptz not null,
    -- Of millionths, and of their squares: whole numbers, whose sum does not depend on the order.
    sum numeric not null,
    squares numeric not null,
    -- How many were too large to be summed.
    unsummed bigint not null,
    primary key (generation, device, metric, length, start, account)
    -- Room for the window that is still being filled to be changed in place.
) with (fillfactor = 80);

insert into projections (name, live_generation) values ('telemetry', 1);
insert into checkpoints (projection, generation, position) values ('telemetry', 1, 0);

grant select, insert, update, delete on telemetry_windows to fleetlog_server;
