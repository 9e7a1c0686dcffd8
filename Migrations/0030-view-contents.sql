-- What each live view held when it was counted last.
create table view_contents (
    projection text primary key references projections (name),
    -- When a server began to count; nobody else does for some time.
    claimed_time timestamptz not null,
    generation integer,
    position bigint,
    row_count bigint,
    digest text,
    counted_time timestamptz,
    -- How long that took.
    seconds double precision not null default 0
);

grant select, insert, update on view_contents to fleetlog_server;
