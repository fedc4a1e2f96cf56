-- The organization that whoever comes in by a sign-in token is in.

-- tables
alter table tickets add column organization_id text;
