-- What a parked message's content type says it is: 0 nothing, 1 JSON, 2 CBOR, 3 something unknown.
alter table parked_messages add column content_type smallint not null default 0;
