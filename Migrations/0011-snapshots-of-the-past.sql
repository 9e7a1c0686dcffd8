-- When the last event of the state was recorded, so that a past instant finds its snapshot. Unknown for those that were
-- written before: they serve a past version, not an instant. Adding the column touches no row.
alter table snapshots add column recorded_time timestamptz;
