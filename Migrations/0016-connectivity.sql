-- Whether a device is there. Of the devices from before it is known that they were heard of, or not.
alter table devices add column connectivity jsonb not null
    default '{"presence":"unknown","hasSession":false,"sessions":0,"changes":[]}';
update devices set connectivity = jsonb_set(connectivity, '{presence}', '"online"') where last_seen_time is not null;
create index devices_presence_idx on devices (generation, (connectivity ->> 'presence'), id);
