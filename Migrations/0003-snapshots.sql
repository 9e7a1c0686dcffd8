-- Encoded states of aggregates at a version. An aid only: any row may be deleted at any time.
create table snapshots (
    stream text not null,
    version bigint not null,
    state_version integer not null,
    uncompressed_size integer not null,
    data bytea not null,
    created_time timestamptz not null default now(),
    primary key (stream, version)
);
-- The bytes are LZ4 already.
alter table snapshots alter column data set storage external;

grant select, insert, update, delete on snapshots to fleetlog_server;
