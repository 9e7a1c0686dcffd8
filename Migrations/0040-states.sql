-- The view of states: what each device has said of its states in one hour, and whether it was there. Facts as the program
-- packs them, in the order in which they were observed, so that a late one can be put among them; and the runs that they come
-- to, which is what is asked for.
create table states (
    generation integer not null,
    device text collate "C" not null,
    start timestamptz not null,
    -- Whose the device was.
    account text collate "C" not null,
    facts bytea not null,
    runs json not null,
    primary key (generation, device, start, account)
    -- Room for the hour that is still being filled to be changed in place.
) with (fillfactor = 70);
-- A few hundred bytes that grow with each reading: packing them anew each time would cost more than they take.
alter table states alter column facts set storage external, alter column runs set storage external;

insert into projections (name, live_generation) values ('states', 1);
insert into checkpoints (projection, generation, position) values ('states', 1, 0);

grant select, insert, update, delete on states to fleetlog_server;
