-- Who holds which serial number: in an account, one device that is in service. Written in the transaction of the event
-- that gives or frees it, so that two registrations at once, on two servers, cannot both have it.
create table device_serials (
    account text collate "C" not null,
    serial text collate "C" not null,
    device text collate "C" not null unique,
    primary key (account, serial)
);

-- Of devices from before. Where several have the same number the first registered holds it; the others keep it without.
insert into device_serials (account, serial, device)
select distinct on (account, serial) account, serial, device
from (
    select
        coalesce(
            (
                select e.data ->> 'account' from events e
                where e.stream = r.stream and e.type = 'DeviceAssigned' order by e.version desc limit 1
            ), r.data ->> 'account') as account,
        r.data ->> 'serial' as serial, substr(r.stream, length('device-') + 1) as device, r.position
    from events r
    where r.category = 'device' and r.type = 'DeviceRegistered' and r.data ->> 'serial' is not null
        and not exists (
            select from events e where e.stream = r.stream and e.type = 'DeviceRetired'
        )
) registered
order by account, serial, position;

-- Devices that are kept out: a row as long as one is quarantined.
create table quarantined_devices (
    device text collate "C" primary key
);

grant select, insert, delete on device_serials, quarantined_devices to fleetlog_server;

-- The view of devices.
alter table devices
    add column location jsonb,
    add column metadata jsonb not null default '{}',
    add column quarantine jsonb;
