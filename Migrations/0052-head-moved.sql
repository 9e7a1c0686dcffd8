-- Ends an append that counts on nobody having appended before it.
create function fleetlog_head_moved() returns bigint language plpgsql volatile
set search_path = pg_catalog, public, pg_temp as $$
begin
    raise exception 'the head of the log is not where the server has left it' using errcode = 'serialization_failure';
end $$;
revoke all on function fleetlog_head_moved() from public;
grant execute on function fleetlog_head_moved() to fleetlog_server;
