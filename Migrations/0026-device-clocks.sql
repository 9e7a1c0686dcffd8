-- The view of devices: what is known of a device's clock, how far it is off while it counts as wrong, and how many of
-- its readings were repetitions.
alter table devices
    add column clock jsonb not null default '[0, 0, 0, 0, 0, 0, null, null, null, null]',
    add column clock_drift bigint,
    add column duplicate_count bigint not null default 0;
create index devices_clock_drift_idx on devices (generation, id) where clock_drift is not null;

-- Rows of before lack all this: the server rebuilds them by itself. Where there are none yet, there is nothing to rebuild.
update checkpoints set definition = 2 where projection = 'devices' and position = 0;
