-- What a device may send goes by its type in its account, and by limits of its own.
alter table device_access
    add column account text collate "C",
    add column type text collate "C",
    -- Absent if it has none of its own.
    add column limits json;

update device_access a set account = known.account, type = known.type
from (
    select
        substr(r.stream, length('device-') + 1) as device,
        coalesce(
            (
                select e.data ->> 'account' from events e
                where e.stream = r.stream and e.type = 'DeviceAssigned' order by e.version desc limit 1
            ), r.data ->> 'account') as account,
        coalesce(
            (
                select e.data ->> 'type' from events e
                where e.stream = r.stream and e.type = 'DeviceUpdated' and e.data ->> 'type' is not null
                order by e.version desc limit 1
            ), r.data ->> 'type') as type
    from events r
    where r.category = 'device' and r.type = 'DeviceRegistered'
) known
where a.device = known.device;

create index device_access_type_idx on device_access (account, type, device);

drop trigger device_access_moves on device_access;
create trigger device_access_moves before update of state, account, type, limits on device_access
    for each row execute function device_access_moves();
