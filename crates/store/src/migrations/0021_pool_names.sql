-- The names that pools have ever had: a name is a host and an issuer, and never becomes another organization's.

-- tables
create table pool_names (
  instance_id text not null,
  slug text not null,
  organization_id text not null,
  primary key (instance_id, slug)
);
insert into pool_names (instance_id, slug, organization_id) select instance_id, slug, organization_id from pools where slug is not null and organization_id is not null;
