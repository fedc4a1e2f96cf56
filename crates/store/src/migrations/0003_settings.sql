-- Rules of the settings' layers (locks and bounds), and plans that applications subscribe to.

-- tables
alter table platform_settings add column rules text not null default '{}';
alter table instance_settings add column rules text not null default '{}';

create table plans (
  id text not null primary key,
  workspace_id text not null,
  slug text not null,
  name text not null,
  created_at bigint not null,
  updated_at bigint not null,
  unique (workspace_id, slug)
);

alter table applications add column plan_id text;
create index applications_plan on applications (plan_id);

-- foreign keys
