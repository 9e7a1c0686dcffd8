-- The group roles. The server logs in as a member of fleetlog_server; retention is done by fleetlog_retention alone.
-- Roles belong to the whole Postgres instance, so another database may have created them already.
do $$
begin
    create role fleetlog_server nologin;
exception when duplicate_object or unique_violation then null;
end $$;

do $$
begin
    create role fleetlog_retention nologin;
exception when duplicate_object or unique_violation then null;
end $$;

grant usage on schema public to fleetlog_server, fleetlog_retention;
grant select on schema_migrations to fleetlog_server;
