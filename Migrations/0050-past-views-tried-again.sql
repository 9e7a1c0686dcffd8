-- From when on a past view that failed for a reason that may pass is tried again; null for all others.
alter table past_views add column retry_time timestamptz;
