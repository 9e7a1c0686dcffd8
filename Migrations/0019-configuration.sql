-- Devices that have a desired configuration, and whether the broker has it: each change raises the revision in the
-- transaction of its event, delivery follows. With a new connection to the broker all of them are delivered again.
create table configuration_messages (
    device text collate "C" primary key,
    revision bigint not null default 1,
    delivered_revision bigint not null default 0
);
create index configuration_messages_waiting_idx on configuration_messages (device)
    where revision > delivered_revision;

grant select, insert, update, delete on configuration_messages to fleetlog_server;
