-- Organizations, their members, and what members may do.

-- tables
create table organizations (
  instance_id text not null,
  id text not null,
  name text not null,
  slug text,
  image_id text,
  public_metadata text not null,
  private_metadata text not null,
  created_by text,
  role_set_id text not null,
  max_allowed_memberships bigint,
  admin_delete_enabled boolean not null,
  exclusive_membership boolean not null,
  members bigint not null,
  pending_invitations bigint not null,
  last_active_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, slug)
);
create index organizations_created on organizations (instance_id, created_at, id);
create index organizations_creator on organizations (instance_id, created_by);

create table permissions (
  instance_id text not null,
  id text not null,
  key text not null,
  name text not null,
  description text,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, key)
);

create table roles (
  instance_id text not null,
  id text not null,
  key text not null,
  name text not null,
  description text,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, key)
);

create table role_permissions (
  instance_id text not null,
  role_id text not null,
  permission_id text not null,
  primary key (instance_id, role_id, permission_id)
);
create index role_permissions_permission on role_permissions (instance_id, permission_id);

create table role_sets (
  instance_id text not null,
  id text not null,
  key text not null,
  name text not null,
  description text,
  initial boolean not null,
  default_role_id text not null,
  creator_role_id text not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, key)
);

create table role_set_roles (
  instance_id text not null,
  role_set_id text not null,
  role_id text not null,
  primary key (instance_id, role_set_id, role_id)
);
create index role_set_roles_role on role_set_roles (instance_id, role_id);

create table memberships (
  instance_id text not null,
  id text not null,
  organization_id text not null,
  user_id text not null,
  role_id text not null,
  public_metadata text not null,
  private_metadata text not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, organization_id, user_id)
);
create index memberships_organization on memberships (instance_id, organization_id, created_at, id);
create index memberships_user on memberships (instance_id, user_id, created_at, id);
create index memberships_role on memberships (instance_id, role_id, organization_id);
create index memberships_created on memberships (instance_id, created_at, id);
create index sessions_organization on sessions (instance_id, last_active_organization_id, user_id);

alter table users add column memberships bigint not null default 0;
alter table users add column organizations_created bigint not null default 0;

-- foreign keys
alter table organizations add foreign key (instance_id, role_set_id) references role_sets (instance_id, id);
alter table role_permissions add foreign key (instance_id, role_id) references roles (instance_id, id) on delete cascade;
alter table role_sets add foreign key (instance_id, default_role_id) references roles (instance_id, id);
alter table role_sets add foreign key (instance_id, creator_role_id) references roles (instance_id, id);
alter table role_set_roles add foreign key (instance_id, role_set_id) references role_sets (instance_id, id) on delete cascade;
alter table role_set_roles add foreign key (instance_id, role_id) references roles (instance_id, id);
alter table memberships add foreign key (instance_id, organization_id) references organizations (instance_id, id) on delete cascade;
alter table memberships add foreign key (instance_id, user_id) references users (instance_id, id) on delete cascade;
alter table memberships add foreign key (instance_id, role_id) references roles (instance_id, id);
