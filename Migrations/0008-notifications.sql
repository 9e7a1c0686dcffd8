-- What people are to be told, and how that went. A notification is written with the decision behind it, dispatched to
-- the account's mailboxes as deliveries, and each attempt at a delivery stays in the ledger.
create table notifications (
    id uuid primary key,
    account text not null,
    severity text not null,
    type text not null,
    subject text not null,
    title text not null,
    text text not null,
    data json not null,
    -- The workflow instance that wanted it, and the event or timer that the instance reacted to.
    workflow text not null,
    instance text not null,
    cause_event uuid,
    cause_position bigint,
    cause_timer text,
    created_time timestamptz not null,
    dispatched_time timestamptz
);
create index notifications_undispatched_idx on notifications (created_time, id) where dispatched_time is null;
create index notifications_time_idx on notifications (created_time, id);
create index notifications_account_idx on notifications (account, created_time, id);

create table deliveries (
    notification uuid not null references notifications (id),
    mailbox text not null,
    account text not null,
    state text not null check (state in ('pending', 'delivered', 'dead')),
    -- When the next attempt is due, while pending.
    due_time timestamptz not null,
    -- Attempts that were begun, and those that have failed since the delivery was last wanted.
    attempts integer not null default 0,
    failures integer not null default 0,
    -- Whoever attempts it now, and until when nobody else may; a claim that has run out belonged to a dead server.
    claim uuid,
    claimed_until timestamptz,
    primary key (notification, mailbox)
);
-- One lane a mailbox: the pump walks from lane to lane, so a long queue in one hides no other.
create index deliveries_lane_idx on deliveries (account, mailbox, due_time) where state = 'pending';

-- Without an outcome the server ended before it could record one.
create table delivery_attempts (
    notification uuid not null,
    mailbox text not null,
    number integer not null,
    started_time timestamptz not null,
    outcome text,
    -- The HTTP status or the SMTP reply code, if there was an answer.
    code integer,
    reason text,
    duration_microseconds bigint,
    primary key (notification, mailbox, number),
    foreign key (notification, mailbox) references deliveries
);

-- Deliveries that somebody wanted once more.
create table redeliveries (
    command_id uuid primary key,
    notification uuid not null,
    mailbox text not null,
    principal text not null,
    requested_time timestamptz not null,
    foreign key (notification, mailbox) references deliveries
);

-- What webhooks are signed with. A secret that was replaced signs beside the new one until it expires.
create table mailbox_secrets (
    account text not null,
    mailbox text not null,
    secret bytea not null,
    created_time timestamptz not null,
    expires_time timestamptz,
    primary key (account, mailbox, secret)
);

grant select, insert, update, delete on notifications, deliveries, delivery_attempts, redeliveries, mailbox_secrets
    to fleetlog_server;
