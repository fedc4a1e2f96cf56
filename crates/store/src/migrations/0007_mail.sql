-- An instance's own mail server.

-- tables
create table mail_servers (
  instance_id text not null,
  host text not null,
  port bigint not null,
  encryption text not null,
  username text,
  password text,
  from_address text not null,
  from_name text,
  fall_back boolean not null,
  trials bigint not null,
  trials_until bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id)
);

-- foreign keys
