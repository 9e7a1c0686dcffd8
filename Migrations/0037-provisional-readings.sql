-- The windows of telemetry: numbers that may yet be dated anew, each for itself, and what all others come to. Null where all
-- are here to stay, as in every row of before.
alter table telemetry_windows add column provisional jsonb;
