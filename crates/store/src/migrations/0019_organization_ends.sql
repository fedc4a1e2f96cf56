-- Organizations that are deleted and not gone yet: nobody finds them any more, while their members go.

-- tables
alter table organizations add column deleted_at bigint;
