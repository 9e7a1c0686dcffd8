-- The view of devices: how many readings came after one that was made later. Of those before this is known nothing.
alter table devices add column late_count bigint not null default 0;
