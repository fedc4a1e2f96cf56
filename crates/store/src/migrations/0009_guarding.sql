-- Guarding: known devices with a counter of failed tries of their own, locks that grow, the backend's lock, and budgets of codes.

-- tables
alter table users add column lockouts bigint not null default 0;
alter table users add column locked_by_backend_until bigint;

create table known_devices (
  instance_id text not null,
  user_id text not null,
  client_id text not null,
  failed_attempts bigint not null,
  lockouts bigint not null,
  locked_until bigint,
  seen_at bigint not null,
  primary key (instance_id, user_id, client_id)
);
create index known_devices_client on known_devices (instance_id, client_id);

create table code_budgets (
  instance_id text not null,
  kind text not null,
  subject text not null,
  spent bigint not null,
  ends_at bigint not null,
  primary key (instance_id, kind, subject)
);
create index code_budgets_ends on code_budgets (instance_id, ends_at);

-- foreign keys
alter table known_devices add foreign key (instance_id, user_id) references users (instance_id, id) on delete cascade;
alter table known_devices add foreign key (instance_id, client_id) references clients (instance_id, id) on delete cascade;
