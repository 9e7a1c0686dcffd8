-- Room in each page, so that a row that a reading changes finds its next version beside it and no index is touched. Pages
-- that are there keep what they have; they get room as their rows move.
alter table devices set (fillfactor = 70);
