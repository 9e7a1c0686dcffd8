-- The view of devices: by which claim code a device registered itself.
alter table devices add column claim text;
