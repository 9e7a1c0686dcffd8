-- Who ingests. The advisory lock decides; this row lets the others see whether its holder still lives.
create table ingest_lease (
    singleton boolean primary key default true check (singleton),
    holder text not null,
    backend_pid integer not null,
    renewed_time timestamptz not null
);

-- Messages whose aggregate could not take them when they came: committed here before they were acknowledged, and
-- applied in order when it can.
create table parked_messages (
    id bigint generated always as identity primary key,
    device text not null,
    topic text not null,
    payload bytea not null,
    -- The delivery that brought it, so that it keeps its identity.
    generation bigint not null,
    earlier_generations bigint[] not null,
    delivery_number bigint not null,
    received_time timestamptz not null,
    reason text not null
);
create index parked_messages_device_idx on parked_messages (device, id);

grant select, insert, update, delete on ingest_lease, parked_messages to fleetlog_server;
