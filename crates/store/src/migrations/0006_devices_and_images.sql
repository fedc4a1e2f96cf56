-- Where sessions are used from; pictures, and how many somebody may upload.

-- tables
alter table sessions add column city text;
alter table sessions add column country text;
create index sessions_expired on sessions (instance_id, expire_at);

alter table users add column image_id text;

create table images (
  instance_id text not null,
  id text not null,
  width bigint not null,
  owner text not null,
  kind text not null,
  content text not null,
  created_at bigint not null,
  primary key (instance_id, id, width)
);
create index images_owner on images (instance_id, owner);

create table upload_budgets (
  instance_id text not null,
  owner text not null,
  uploads bigint not null,
  since bigint not null,
  primary key (instance_id, owner)
);
