-- Commands that somebody may send again under the same id, such as those with an Idempotency-Key: written in the
-- transaction that accepts them, also when they leave no events. Kept for a window of time, then purged.
create table accepted_commands (
    command_id uuid not null,
    stream text not null,
    -- Where the command left the stream: the first answer, which a repetition is given again.
    version bigint not null,
    position bigint not null,
    -- What the command says, as a hash; the same id with another content is refused.
    fingerprint uuid not null,
    recorded_time timestamptz not null,
    primary key (command_id, stream)
);
create index accepted_commands_time_idx on accepted_commands (recorded_time);

grant select, insert, delete on accepted_commands to fleetlog_server;
