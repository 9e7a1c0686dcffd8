-- Devices that were given commands, and whether the broker has those that are open: each change raises the revision in
-- the transaction of its event, delivery follows. When one of them is over, the others are delivered again.
create table command_messages (
    device text collate "C" primary key,
    revision bigint not null default 1,
    delivered_revision bigint not null default 0,
    due_time timestamptz,
    held_time timestamptz
);
create index command_messages_waiting_idx on command_messages (device) where revision > delivered_revision;
create index command_messages_due_idx on command_messages (due_time) where due_time is not null;
create index command_messages_held_idx on command_messages (held_time) where held_time is not null;

grant select, insert, update, delete on command_messages to fleetlog_server;
