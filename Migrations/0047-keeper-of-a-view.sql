-- By which definition of its view a generation's rows were changed last, if by a newer one than made it: a program that does
-- not know that one must not go on with them.
alter table checkpoints add column kept_definition integer not null default 0;
