-- The view of devices: how many readings were flagged, and the newest of them.
alter table devices
    add column flagged_count bigint not null default 0,
    add column flagged jsonb;
