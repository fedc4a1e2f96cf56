-- Domains of organizations, and how people with an address there come to them.

-- tables
create table organization_domains (
  instance_id text not null,
  id text not null,
  organization_id text not null,
  name text not null,
  enrollment_mode text not null,
  verified boolean not null,
  affiliation_email_address text,
  affiliation_strategy text,
  affiliation_verified_at bigint,
  ownership_strategy text,
  ownership_value text,
  ownership_attempts bigint not null,
  ownership_expires_at bigint,
  ownership_verified_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, organization_id, name)
);
create unique index organization_domains_instance_id_name_key on organization_domains (instance_id, name) where verified;
create index organization_domains_created on organization_domains (instance_id, created_at, id);

create table organization_suggestions (
  instance_id text not null,
  id text not null,
  organization_id text not null,
  domain_id text,
  user_id text not null,
  status text not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, organization_id, user_id)
);
create index organization_suggestions_user on organization_suggestions (instance_id, user_id, created_at, id);
create index organization_suggestions_domain on organization_suggestions (instance_id, domain_id, status);

create table organization_membership_requests (
  instance_id text not null,
  id text not null,
  organization_id text not null,
  user_id text not null,
  status text not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, organization_id, user_id)
);
create index organization_membership_requests_organization on organization_membership_requests (instance_id, organization_id, created_at, id);
create index organization_membership_requests_user on organization_membership_requests (instance_id, user_id);

-- foreign keys
alter table organization_domains add foreign key (instance_id, organization_id) references organizations (instance_id, id) on delete cascade;
alter table organization_suggestions add foreign key (instance_id, organization_id) references organizations (instance_id, id) on delete cascade;
alter table organization_suggestions add foreign key (instance_id, user_id) references users (instance_id, id) on delete cascade;
alter table organization_membership_requests add foreign key (instance_id, organization_id) references organizations (instance_id, id) on delete cascade;
alter table organization_membership_requests add foreign key (instance_id, user_id) references users (instance_id, id) on delete cascade;
