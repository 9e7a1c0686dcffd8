-- The view of devices: the latest readings that may yet be dated anew, and what is the latest without them. Null where all are
-- here to stay.
alter table devices add column unsettled jsonb;

-- Of a new database nothing is to be rebuilt.
update checkpoints set definition = 4 where projection = 'devices' and position = 0;
-- The view of states keeps other readings of a minute that has many.
update checkpoints set definition = 2 where projection = 'states' and position = 0;
