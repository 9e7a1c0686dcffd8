-- Searching devices. What they are searched and sorted by changes seldom, so it stands in narrow rows of its own beside
-- the view, generation by generation: a reading touches neither these rows nor their indexes. pg_trgm is a trusted
-- extension, which the database's owner may create.
create extension if not exists pg_trgm;

-- Nobody moves the view while the rows are copied.
lock table devices in access exclusive mode;

create table device_search (
    generation integer not null,
    id text not null,
    account text collate "C" not null,
    serial text collate "C" not null,
    -- In small letters.
    name text collate "C" not null,
    type text collate "C" not null,
    state text collate "C" not null,
    registered_time timestamptz not null,
    labels jsonb not null,
    -- Longitude and latitude.
    place point,
    -- In small letters.
    place_name text collate "C",
    -- Everything that a text is looked for in, in small letters.
    words text collate "C" not null,
    primary key (generation, id)
);

create function device_search_of(device devices) returns setof device_search language sql stable as $$
    select
        device.generation, device.id, device.account, device.serial, lower(device.name), device.type, device.state,
        device.registered_time, device.labels,
        point((device.location ->> 'longitude')::float8, (device.location ->> 'latitude')::float8),
        lower(device.location ->> 'text'),
        lower(concat_ws(' ', device.id, device.serial, device.name, device.type,
            (select string_agg(l.key || ':' || l.value, ' ' order by l.key) from jsonb_each_text(device.labels) l)))
$$;

insert into device_search select s.* from devices d, device_search_of(d) s;

create index device_search_account_idx on device_search (generation, account, id);
create index device_search_serial_idx on device_search (generation, serial, id);
create index device_search_name_idx on device_search (generation, name, id);
create index device_search_registered_idx on device_search (generation, registered_time, id);
create index device_search_state_idx on device_search (generation, state, id);
create index device_search_type_idx on device_search (generation, type, id);
create index device_search_place_name_idx on device_search (generation, place_name) where place_name is not null;
create index device_search_place_idx on device_search using gist (place) where place is not null;
create index device_search_labels_idx on device_search using gin (labels jsonb_path_ops);
create index device_search_words_idx on device_search using gin (words gin_trgm_ops);
-- The statements find their plans by these; rows come and go by generations.
analyze device_search;

-- New rows by the statement, since a rebuild stores many at once.
create function devices_add_search() returns trigger language plpgsql as $$
begin
    insert into device_search select s.* from added a, device_search_of(a) s;
    return null;
end $$;

create function devices_change_search() returns trigger language plpgsql as $$
begin
    delete from device_search where generation = old.generation and id = old.id;
    if tg_op = 'UPDATE' then
        insert into device_search select s.* from device_search_of(new) s;
    end if;
    return null;
end $$;

create trigger devices_add_search after insert on devices
    referencing new table as added for each statement execute function devices_add_search();
create trigger devices_forget_search after delete on devices
    for each row execute function devices_change_search();
create trigger devices_change_search after update on devices
    for each row
    when (
        old.account is distinct from new.account or old.serial is distinct from new.serial
        or old.name is distinct from new.name or old.type is distinct from new.type
        or old.state is distinct from new.state or old.registered_time is distinct from new.registered_time
        or old.labels is distinct from new.labels or old.location is distinct from new.location)
    execute function devices_change_search();

-- The hour of a device's newest reading: an index over the reading's time itself would have to be changed with each
-- reading.
create function reading_hour(reading_time timestamptz) returns bigint language sql immutable as $$
    select case
        when isfinite(reading_time)
            then floor(extract(epoch from (reading_time - timestamptz '1970-01-01T00:00:00Z')) / 3600)::bigint
        when reading_time = 'infinity' then 9223372036854775807
        else -9223372036854775808
    end
$$;
alter table devices
    add column last_observed_hour bigint not null generated always as (reading_hour(last_observed_time)) stored;
create index devices_last_observed_idx on devices (generation, last_observed_hour, id);
create index devices_flapping_idx on devices (generation, id) where connectivity ? 'flappingUntil';

grant select, insert, update, delete on device_search to fleetlog_server;
