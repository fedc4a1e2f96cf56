-- Replacements of roles that are under way, because so many members have them.

-- tables
create table role_set_migrations (
  instance_id text not null,
  id text not null,
  role_set_id text not null,
  dest_role_set_id text,
  trigger_type text not null,
  status text not null,
  mappings text not null,
  migrated_members bigint not null,
  started_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, role_set_id)
);

-- foreign keys
alter table role_set_migrations add foreign key (instance_id, role_set_id) references role_sets (instance_id, id) on delete cascade;
