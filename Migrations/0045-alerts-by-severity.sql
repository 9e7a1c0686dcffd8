-- Open alerts are read with the gravest first too: all of them, or those of an account. Open ones are few beside those that
-- are over, so these indexes are small, and are soon built on a table that is full.
create index alerts_gravity_idx on alerts (
    generation, array_position(array['info', 'warning', 'critical'], severity) desc, raised_time desc, id desc
) where state = 'open';

create index alerts_account_gravity_idx on alerts (
    generation, account, array_position(array['info', 'warning', 'critical'], severity) desc, raised_time desc, id desc
) where state = 'open';
