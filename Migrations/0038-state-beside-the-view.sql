-- The first reading of a device makes it active. With its state in the narrow rows, that took a new row there with an entry
-- in each of their indexes, for all devices of a new fleet within a minute; in the view it takes one in an index.
create index devices_state_idx on devices (generation, state, id);

drop trigger devices_change_search on devices;
alter table device_search drop column state;
create or replace function device_search_of(device devices) returns setof device_search language sql stable as $$
    select
        device.generation, device.id, device.account, device.serial, lower(device.name), device.type,
        device.registered_time, device.labels,
        point((device.location ->> 'longitude')::float8, (device.location ->> 'latitude')::float8),
        lower(device.location ->> 'text'),
        lower(concat_ws(' ', device.id, device.serial, device.name, device.type,
            (select string_agg(l.key || ':' || l.value, ' ' order by l.key) from jsonb_each_text(device.labels) l)))
$$;
create trigger devices_change_search after update on devices
    for each row
    when (
        old.account is distinct from new.account or old.serial is distinct from new.serial
        or old.name is distinct from new.name or old.type is distinct from new.type
        or old.registered_time is distinct from new.registered_time
        or old.labels is distinct from new.labels or old.location is distinct from new.location)
    execute function devices_change_search();
