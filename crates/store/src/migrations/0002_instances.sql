-- Further instances of an application, each of them once: the labelled ones by their label, those of the wire contract by their environment.

-- tables
alter table instances add column label text;
alter table instances add column updated_at bigint;
create unique index instances_application_id_environment_key on instances (application_id, environment) where label is null and deleted_at is null;
create unique index instances_application_id_label_key on instances (application_id, label) where label is not null and deleted_at is null;
