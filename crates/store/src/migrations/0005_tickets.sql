-- Templates of tokens, tickets, and what backends say about users and sign-ups.

-- tables
create table jwt_templates (
  instance_id text not null,
  id text not null,
  name text not null,
  claims text not null,
  lifetime bigint not null,
  allowed_clock_skew bigint not null,
  algorithm text not null,
  sealed_key text,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id),
  unique (instance_id, name)
);

create table tickets (
  instance_id text not null,
  id text not null,
  kind text not null,
  pool_id text not null,
  user_id text not null,
  status text not null,
  actor text,
  session_seconds bigint,
  expires_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id)
);
create index tickets_user on tickets (instance_id, user_id);
create index tickets_expired on tickets (instance_id, expires_at);

alter table users add column password_compromised_at bigint;
alter table sessions add column actor text;
alter table sign_ups add column external_id text;
alter table sign_ups add column custom_action boolean not null default false;
