-- The application's tables, made by their owner after sql/organization-rls.sql. Each row belongs to an organization, and every key begins with it.

create table projects (
  organization_id text not null,
  id uuid not null default gen_random_uuid(),
  name text not null,
  primary key (organization_id, id),
  unique (organization_id, name)
);

create table notes (
  organization_id text not null,
  id uuid not null default gen_random_uuid(),
  project_id uuid,
  author_id text not null default insula.user_id(),
  body text not null,
  primary key (organization_id, id),
  -- With the organization in it: a project of somebody else's is as good as none.
  foreign key (organization_id, project_id) references projects (organization_id, id) on delete cascade
);

call insula.protect('projects');
call insula.protect('notes');

-- The role that the application logs in as: it owns nothing, and every policy holds for it.
grant select, insert, update, delete on projects, notes to notes_app;
