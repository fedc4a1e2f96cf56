-- Conversions: the users of an instance go over to another kind of pools, or an organization to an application of its own. While one is
-- under way, its instance is closed to everybody else.

-- tables
create table conversions (
  instance_id text not null,
  id text not null,
  kind text not null,
  wanted text not null,
  status text not null,
  fingerprint text not null,
  report text not null,
  done text not null,
  stage bigint not null,
  application_id text,
  target_id text,
  started_at bigint,
  ended_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id)
);
create index conversions_created on conversions (instance_id, created_at, id);

create table conversion_copies (
  instance_id text not null,
  conversion_id text not null,
  user_id text not null,
  organization_id text not null,
  copy_id text not null,
  primary key (instance_id, conversion_id, user_id, organization_id)
);

alter table instances add column conversion_id text;

-- foreign keys
alter table conversion_copies add foreign key (instance_id, conversion_id) references conversions (instance_id, id) on delete cascade;
