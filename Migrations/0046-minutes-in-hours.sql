-- The windows of telemetry: a row is an hour, and has its minutes in it as the program packs them. In rows of before, each
-- minute is a row of its own; they are read until a rebuild has taken over.
alter table telemetry_windows add column minutes bytea;
-- Some nine bytes a minute that grow with each reading: packing them anew each time would cost more than they take.
alter table telemetry_windows alter column minutes set storage external;
-- Room for the hour that is still being filled to be changed in place.
alter table telemetry_windows set (fillfactor = 70);

-- Of a new database nothing is to be rebuilt.
update checkpoints set definition = 2 where projection = 'telemetry' and position = 0;
