-- Roles that one server has at a time; ingest was the first. The advisory lock decides; the row lets the others see
-- whether its holder still lives.
alter table ingest_lease rename to leases;
alter table leases add column role text not null default 'ingest';
alter table leases drop column singleton;
alter table leases add constraint leases_pkey primary key (role);
alter table leases alter column role drop default;

-- How far a runner of workflows has come. Everything it writes is fenced by the generation: a server that was left
-- behind finds another number here and in the stream runner-<name>.
create table workflow_checkpoints (
    runner text primary key,
    generation bigint not null,
    -- Reacted to, up to here.
    position bigint not null,
    recorded_time timestamptz not null default '1970-01-01T00:00:00Z',
    -- Each state that is not stored is the fold of events after this.
    folded_position bigint not null,
    -- Those that have seen the log up to here; another one must be folded from its beginning.
    workflows text[] not null
);

-- Snapshots of workflow instances, keyed by position: an aid, except that the stream version must fit the decisions.
create table workflow_states (
    workflow text not null,
    key text not null,
    -- The newest event that the instance had observed.
    position bigint not null,
    event uuid not null,
    correlation uuid,
    -- The version of the instance's own stream.
    version bigint not null,
    state_version integer not null,
    state json not null,
    account text not null,
    -- Where its events come from.
    streams text[] not null,
    primary key (workflow, key)
);

-- Instances that cannot go on, until somebody asks for another attempt.
create table workflow_failures (
    workflow text not null,
    key text not null,
    -- Everything before it has been reacted to.
    position bigint not null,
    reason text not null,
    time timestamptz not null,
    streams text[] not null,
    retry boolean not null default false,
    primary key (workflow, key)
);

create table timers (
    workflow text not null,
    key text not null,
    name text not null,
    due_time timestamptz not null,
    primary key (workflow, key, name)
);
create index timers_due_time_idx on timers (due_time);

-- Commands on their way to aggregates, in order; a row is gone as soon as its command has come to an end.
create table workflow_outbox (
    number bigint generated always as identity primary key,
    -- The command's id, by which the aggregate takes it once.
    id uuid not null unique,
    workflow text not null,
    key text not null,
    command json not null,
    time timestamptz not null,
    causation uuid not null,
    correlation uuid,
    -- Why it can never be sent; such a row stays to be seen.
    failure text
);
create index workflow_outbox_open_idx on workflow_outbox (number) where failure is null;

grant select, insert, update, delete on
    workflow_checkpoints, workflow_states, workflow_failures, timers, workflow_outbox to fleetlog_server;
