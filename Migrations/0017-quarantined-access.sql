-- A device in quarantine is kept out by the broker too.
create function quarantined_devices_move_access() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        update device_access set state = 'quarantined' where device = new.device and state = 'active';
    else
        update device_access set state = 'active' where device = old.device and state = 'quarantined';
    end if;
    return null;
end $$;

create trigger quarantined_devices_move_access after insert or delete on quarantined_devices
    for each row execute function quarantined_devices_move_access();

update device_access set state = 'quarantined'
where state = 'active' and device in (select device from quarantined_devices);
