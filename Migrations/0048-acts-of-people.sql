-- What people did, without what they read: each look at personal data is an event of a person as well, and there may be a
-- thousand of them for each act.
--
-- Appends wait while this runs: for one pass over the partitions of lifecycle events that exist.
create function fleetlog_index_for_acts(name text) returns void language plpgsql
set search_path = pg_catalog, public, pg_temp as $$
begin
    execute format(
        'create index %I on %I (position) where principal like ''user:%%'' and category <> ''access''',
        name || '_acts_idx', name);
    execute format(
        'create index %I on %I (account, position) where principal like ''user:%%'' and category <> ''access''',
        name || '_account_acts_idx', name);
end $$;
revoke all on function fleetlog_index_for_acts(text) from public;

create or replace function fleetlog_make_partition(of_class smallint, first bigint, behind bigint) returns void
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    perform fleetlog_make_bare_partition(of_class, first, behind);
    if of_class = 0 then
        perform fleetlog_index_for_audit(format('events_lifecycle_%s', first));
        perform fleetlog_index_for_acts(format('events_lifecycle_%s', first));
    end if;
end $$;

select fleetlog_index_for_acts(name) from log_partitions where class = 0;
do $$
begin
    if to_regclass('events_mixed') is not null then
        perform fleetlog_index_for_acts('events_mixed');
    end if;
end $$;
