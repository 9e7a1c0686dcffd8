-- Keys and certificates that have ended are forgotten some time later. Nobody needs to be told of that: whoever keeps a
-- table of those that hold was told when they ended. Such a deletion belongs to no event, and must take no revision,
-- since those are in the order of the log's commits.
create or replace function device_credentials_move_access() returns trigger language plpgsql as $$
declare
    moved text := case when tg_op = 'DELETE' then old.device else new.device end;
begin
    if tg_op = 'DELETE' and old.expires_time < now() - interval '1 hour' then
        return null;
    end if;
    insert into device_access (device) values (moved)
    on conflict (device) do update set revision = nextval('device_access_revision');
    return null;
end $$;
