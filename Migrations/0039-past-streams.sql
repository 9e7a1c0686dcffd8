-- Views as of a position, of a single stream. Empty where the whole view is meant, as in every row of before.
alter table past_views add column stream text collate "C" not null default '';

create unique index past_views_stream_idx on past_views (projection, stream, position, definition)
    where state <> 'dropped';
drop index past_views_position_idx;
