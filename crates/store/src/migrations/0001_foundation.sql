-- The estate, the people, their sessions, and what is told of them.
-- Text, bigint and boolean only; times in unix milliseconds; JSON as text. `instance_id` comes first in every key of a tenant's table.

-- tables
create table workspaces (
  id text not null primary key,
  name text not null,
  created_at bigint not null
);

create table applications (
  id text not null primary key,
  workspace_id text not null,
  name text not null,
  system boolean not null,
  created_at bigint not null,
  updated_at bigint not null,
  deleted_at bigint
);
create index applications_workspace on applications (workspace_id, id);
create unique index applications_system_key on applications (system) where system;

create table instances (
  id text not null primary key,
  application_id text not null,
  environment text not null,
  slug text not null,
  pool_id text not null,
  domain text,
  proxy_url text,
  created_at bigint not null,
  deleted_at bigint
);
create index instances_application on instances (application_id, id);

create table slugs (
  slug text not null primary key,
  instance_id text not null
);

create table secret_keys (
  hash text not null primary key,
  id text not null,
  instance_id text not null,
  created_at bigint not null,
  expires_at bigint
);
create index secret_keys_instance on secret_keys (instance_id);

create table platform_tokens (
  hash text not null primary key,
  id text not null,
  workspace_id text not null,
  scopes text not null,
  created_at bigint not null,
  expires_at bigint
);

create table spare_keys (
  id text not null primary key,
  sealed text not null,
  created_at bigint not null
);

create table platform_settings (
  layer text not null,
  owner text not null,
  document text not null,
  version bigint not null,
  updated_at bigint not null,
  primary key (layer, owner)
);

create table data_keys (
  instance_id text not null,
  id text not null,
  wrapped text not null,
  created_at bigint not null,
  primary key (instance_id, id)
);

create table signing_keys (
  instance_id text not null,
  id text not null,
  sealed text not null,
  public_key text not null,
  created_at bigint not null,
  retired_at bigint,
  primary key (instance_id, id)
);

create table pools (
  instance_id text not null,
  id text not null,
  organization_id text,
  slug text,
  created_at bigint not null,
  primary key (instance_id, id)
);

create table instance_settings (
  instance_id text not null,
  layer text not null,
  owner text not null,
  document text not null,
  version bigint not null,
  updated_at bigint not null,
  primary key (instance_id, layer, owner)
);

create table redirect_urls (
  instance_id text not null,
  id text not null,
  url text not null,
  created_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, url)
);

create table users (
  instance_id text not null,
  id text not null,
  pool_id text not null,
  external_id text,
  first_name text,
  last_name text,
  locale text,
  primary_email_address_id text,
  password_digest text,
  password_updated_at bigint,
  public_metadata text not null,
  private_metadata text not null,
  unsafe_metadata text not null,
  banned boolean not null,
  failed_attempts bigint not null,
  locked_until bigint,
  delete_self_enabled boolean not null,
  create_organization_enabled boolean not null,
  create_organizations_limit bigint,
  legal_accepted_at bigint,
  last_sign_in_at bigint,
  last_active_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, external_id)
);
create index users_created on users (instance_id, created_at, id);
create index users_active on users (instance_id, last_active_at);
create index users_signed_in on users (instance_id, last_sign_in_at);

create table identifiers (
  instance_id text not null,
  id text not null,
  pool_id text not null,
  user_id text not null,
  kind text not null,
  given text not null,
  norm text not null,
  claimed boolean not null,
  verified_by text,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id)
);
create unique index identifiers_instance_id_pool_id_kind_norm_key on identifiers (instance_id, pool_id, kind, norm) where claimed;
create index identifiers_user on identifiers (instance_id, user_id);
create index identifiers_norm on identifiers (instance_id, norm);

create table clients (
  instance_id text not null,
  id text not null,
  pool_id text not null,
  secret_hash text not null,
  last_active_session_id text,
  sign_in_id text,
  sign_up_id text,
  last_authentication_strategy text,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id)
);

create index clients_created on clients (instance_id, created_at);

create table dev_browsers (
  instance_id text not null,
  id text not null,
  secret_hash text not null,
  client_id text,
  created_at bigint not null,
  primary key (instance_id, id)
);
create index dev_browsers_client on dev_browsers (instance_id, client_id);
create index dev_browsers_created on dev_browsers (instance_id, created_at);

create table sessions (
  instance_id text not null,
  id text not null,
  user_id text not null,
  client_id text not null,
  status text not null,
  first_factor_at bigint,
  second_factor_at bigint,
  last_active_organization_id text,
  user_agent text,
  ip_address text,
  last_active_at bigint not null,
  expire_at bigint not null,
  abandon_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id)
);
create index sessions_user on sessions (instance_id, user_id, created_at);
create index sessions_client on sessions (instance_id, client_id, created_at);
create index sessions_created on sessions (instance_id, created_at, id);

create table sign_ins (
  instance_id text not null,
  id text not null,
  client_id text not null,
  status text not null,
  identifier text,
  user_id text,
  strategy text,
  strategy_identifier_id text,
  prepared_at bigint,
  verified_at bigint,
  created_session_id text,
  abandon_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id)
);
create index sign_ins_client on sign_ins (instance_id, client_id);
create index sign_ins_abandoned on sign_ins (instance_id, abandon_at);

create table sign_ups (
  instance_id text not null,
  id text not null,
  client_id text not null,
  status text not null,
  email_address text,
  username text,
  password_digest text,
  first_name text,
  last_name text,
  unsafe_metadata text not null,
  email_prepared_at bigint,
  email_verified_at bigint,
  legal_accepted_at bigint,
  created_user_id text,
  created_session_id text,
  abandon_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id)
);
create index sign_ups_client on sign_ups (instance_id, client_id);
create index sign_ups_abandoned on sign_ups (instance_id, abandon_at);

create table once (
  instance_id text not null,
  id text not null,
  purpose text not null,
  owner text not null,
  hash text not null,
  payload text,
  issued bigint not null,
  attempts bigint not null,
  most_attempts bigint not null,
  expires_at bigint not null,
  consumed_at bigint,
  created_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, purpose, owner)
);
create index once_expired on once (instance_id, expires_at);

create table counters (
  instance_id text not null,
  name text not null,
  value bigint not null,
  primary key (instance_id, name)
);

create table events (
  instance_id text not null,
  id text not null,
  type text not null,
  subject text not null,
  data text not null,
  created_at bigint not null,
  primary key (instance_id, id)
);
create index events_created on events (instance_id, created_at, id);

create table audit (
  instance_id text not null,
  id text not null,
  action text not null,
  actor text not null,
  subject text not null,
  detail text not null,
  created_at bigint not null,
  primary key (instance_id, id)
);
create index audit_created on audit (instance_id, created_at, id);

create table jobs (
  instance_id text not null,
  id text not null,
  kind text not null,
  payload text not null,
  run_at bigint not null,
  lease_until bigint not null,
  attempts bigint not null,
  state text not null,
  primary key (instance_id, id)
);
create index jobs_due on jobs (state, run_at);

-- foreign keys
alter table identifiers add foreign key (instance_id, user_id) references users (instance_id, id) on delete cascade;
alter table sessions add foreign key (instance_id, user_id) references users (instance_id, id) on delete cascade;
alter table sign_ins add foreign key (instance_id, client_id) references clients (instance_id, id) on delete cascade;
alter table sign_ups add foreign key (instance_id, client_id) references clients (instance_id, id) on delete cascade;
