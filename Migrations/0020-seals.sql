-- Seals: a Merkle tree over the log (RFC 6962), and its signed heads. What changes an event afterwards, or takes one out,
-- no longer fits them.

-- The leaves of each 1,024 positions, 32 bytes a leaf: a tampered event can be named, and one that left the log by
-- retention stays provable.
create table seal_blocks (
    block bigint primary key,
    leaves bytea not null check (length(leaves) = 1024 * 32)
);
-- Hashes do not compress.
alter table seal_blocks alter column leaves set storage external;

-- The roots of the perfect subtrees from a block upwards.
create table seal_nodes (
    level smallint not null check (level >= 10),
    number bigint not null,
    hash bytea not null check (length(hash) = 32),
    primary key (level, number)
);

-- The leaves of events that left the log before their block was full.
create table departed_leaves (
    position bigint primary key,
    leaf bytea not null check (length(leaf) = 32)
);

create table signed_heads (
    -- The position of the last event that it covers.
    size bigint not null,
    time timestamptz not null,
    note text not null,
    primary key (size, time)
);

do $$
declare part text;
begin
    foreach part in array array['seal_blocks', 'seal_nodes', 'departed_leaves', 'signed_heads'] loop
        execute format(
            'create trigger %I before update or delete on %I
                for each row execute function refuse_to_change_history()', part || '_append_only', part);
        execute format('alter table %I enable always trigger %I', part, part || '_append_only');
        execute format(
            'create trigger %I before truncate on %I
                for each statement execute function refuse_to_change_history()', part || '_no_truncate', part);
        execute format('alter table %I enable always trigger %I', part, part || '_no_truncate');
    end loop;
end $$;

grant select, insert on seal_blocks, seal_nodes, signed_heads to fleetlog_server;
grant select on departed_leaves to fleetlog_server;
