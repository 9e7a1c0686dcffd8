-- When each device was last observed, in rows of their own that can be sorted by it. An index over the view's own rows would
-- have all their indexes changed with each reading.

-- The view stands still while the rows are copied; who reads it does not wait.
lock table devices in share row exclusive mode;

create table device_last_readings (
    generation integer not null,
    id text not null,
    -- '-infinity' for a device that has sent no reading.
    observed_time timestamptz not null,
    primary key (generation, id)
);

insert into device_last_readings
    select generation, id, coalesce(last_observed_time, '-infinity') from devices;
create index device_last_readings_time_idx on device_last_readings (generation, observed_time, id);
-- The statements find their plans by these; rows come and go by generations.
analyze device_last_readings;

-- By the statement: the view stores many rows at once.
create function devices_note_reading() returns trigger language plpgsql as $$
begin
    insert into device_last_readings as known
        select generation, id, coalesce(last_observed_time, '-infinity') from stored
        on conflict (generation, id) do update set observed_time = excluded.observed_time
            where known.observed_time <> excluded.observed_time;
    return null;
end $$;

create function devices_forget_reading() returns trigger language plpgsql as $$
begin
    delete from device_last_readings using gone
        where device_last_readings.generation = gone.generation and device_last_readings.id = gone.id;
    return null;
end $$;

create trigger devices_add_reading after insert on devices
    referencing new table as stored for each statement execute function devices_note_reading();
create trigger devices_change_reading after update on devices
    referencing new table as stored for each statement execute function devices_note_reading();
create trigger devices_forget_reading after delete on devices
    referencing old table as gone for each statement execute function devices_forget_reading();

grant select, insert, update, delete on device_last_readings to fleetlog_server;
