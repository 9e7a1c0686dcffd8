-- Devices that were moved, quarantined or retired: whether the firmware message that they find at the broker may stay is to be
-- looked at.
create table firmware_withdrawals (
    device text primary key,
    revision bigint not null default 1
);

grant select, insert, update, delete on firmware_withdrawals to fleetlog_server;

-- Of a new database nothing is to be rebuilt: what was measured for one account is not taken to the next.
update checkpoints set definition = 3 where projection = 'devices' and position = 0;
