-- Whom the broker lets in. Each change gets a revision, and revisions are in the order of the commits, since rows here
-- change in transactions of appends, which lock the log's head first.
create sequence device_access_revision;

create table device_access (
    device text primary key,
    state text not null default 'active' check (state in ('active', 'quarantined', 'removed')),
    -- Numbers of keys are never given twice.
    next_key integer not null default 1,
    revision bigint not null default nextval('device_access_revision')
);

insert into device_access (device, next_key)
select device, max(key_id::integer) + 1 from device_credentials group by device;

create index device_access_revision_index on device_access (revision);

alter table device_credentials
    alter column verifier drop not null,
    -- SHA-256 of the key, which is 256 random bits. Keys from before have a verifier until they are used.
    add column key_hash bytea check (length(key_hash) = 32),
    add column expires_time timestamptz,
    add column last_used_time timestamptz,
    add check (verifier is not null or key_hash is not null);

create function device_access_moves() returns trigger language plpgsql as $$
begin
    new.revision := nextval('device_access_revision');
    return new;
end $$;

create trigger device_access_moves before update of state on device_access
    for each row execute function device_access_moves();

create function device_credentials_move_access() returns trigger language plpgsql as $$
declare
    moved text := case when tg_op = 'DELETE' then old.device else new.device end;
begin
    insert into device_access (device) values (moved)
    on conflict (device) do update set revision = nextval('device_access_revision');
    return null;
end $$;

create trigger device_credentials_move_access after insert or delete or update of expires_time on device_credentials
    for each row execute function device_credentials_move_access();

grant select, insert, update on device_access to fleetlog_server;
grant usage on sequence device_access_revision to fleetlog_server;

create index device_credentials_expires_time on device_credentials (expires_time) where expires_time is not null;
