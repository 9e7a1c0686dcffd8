-- The view of devices: by how many microseconds a reading was made before another that is recorded before it, and by how many
-- after it was recorded, at most. Rows of before have neither, until a rebuild has taken over.
alter table devices add column most_late bigint, add column most_ahead bigint;

-- Of a new database nothing is to be rebuilt.
update checkpoints set definition = 4 where projection = 'devices' and position = 0;
