-- Rows that belong to organizations, kept apart by PostgreSQL itself: whatever a query forgets to ask, it finds the rows of one organization.
-- The recipe is in docs/resources.md. PostgreSQL 13 or newer; 15 for views (security_invoker).
--
-- Run this as the owner of the tables, not as the role that the application logs in as. It can be run again.

create schema if not exists insula;
grant usage on schema insula to public;

-- The organization of this transaction, from the verified claim `o.id`; null where none was entered, and then no row is found.
-- (A setting that was local to an earlier transaction of the connection is left behind as an empty text.)
create or replace function insula.organization_id() returns text
  language sql stable parallel safe
  as $$ select nullif(pg_catalog.current_setting('insula.organization_id', true), '') $$;

-- The user of this transaction, from the verified claim `sub`; null where none was entered.
create or replace function insula.user_id() returns text
  language sql stable parallel safe
  as $$ select nullif(pg_catalog.current_setting('insula.user_id', true), '') $$;

-- Enters an organization (null: a personal account, in which no row is found) as a user, until the transaction ends. Outside of a transaction it
-- enters nothing. A transaction that is in one organization enters no other; nor does a connection on which somebody has said SET in place of this.
create or replace function insula.enter(organization_id text, user_id text) returns void
  language plpgsql set search_path = pg_catalog
  as $$
begin
  if enter.user_id is null or enter.user_id = '' then
    raise exception 'nobody enters: there is no user' using errcode = 'invalid_authorization_specification';
  end if;
  if (insula.user_id() is not null or insula.organization_id() is not null)
     and (insula.user_id(), insula.organization_id()) is distinct from (enter.user_id, nullif(enter.organization_id, '')) then
    raise exception 'this transaction is somebody else''s' using errcode = 'invalid_authorization_specification';
  end if;
  perform set_config('insula.organization_id', coalesce(enter.organization_id, ''), true), set_config('insula.user_id', enter.user_id, true);
end
$$;

-- Protects a table: each of its rows belongs to the organization in this column, which must be text and not null. Whoever asks finds, changes and
-- makes rows of the organization that was entered, and of no other, the table's owner too. Policies of your own can narrow that further, and none
-- can widen it: the first one below restricts, whatever else permits.
create or replace procedure insula.protect(protected regclass, organization_column name default 'organization_id')
  language plpgsql
  as $$
declare
  held text := format('%I = insula.organization_id()', organization_column);
begin
  if not exists (
    select from pg_catalog.pg_attribute
     where attrelid = protected and attname = organization_column and attnotnull and atttypid = 'text'::regtype and not attisdropped
  ) then
    raise exception '% has no column % that is text and not null', protected, organization_column using errcode = 'undefined_column';
  end if;
  execute format('alter table %s enable row level security', protected);
  execute format('alter table %s force row level security', protected);
  execute format('alter table %s alter column %I set default insula.organization_id()', protected, organization_column);
  execute format('drop policy if exists insula_bounds on %s', protected);
  execute format('drop policy if exists insula_members on %s', protected);
  execute format('create policy insula_bounds on %s as restrictive for all to public using (%s) with check (%s)', protected, held, held);
  execute format('create policy insula_members on %s as permissive for all to public using (%s) with check (%s)', protected, held, held);
end
$$;

-- What would let rows of one organization be found by another, as far as PostgreSQL knows of it: for the role that asks, so let the application
-- ask at its start and refuse to go on unless this is empty. `tables` are those of the schemas that are named.
create or replace function insula.faults(schemas name[] default '{public}', organization_column name default 'organization_id')
  returns table (subject text, fault text)
  language sql stable
  as $$
  with
    owned as (
      select c.oid, c.relowner, c.relrowsecurity and c.relforcerowsecurity as forced, a.attnum, c.oid::regclass::text as name,
             exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'insula_bounds' and not p.polpermissive and p.polcmd = '*') as bounded
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = organization_column and not a.attisdropped
       where c.relkind in ('r', 'p') and c.relnamespace in (select n.oid from pg_namespace n where n.nspname = any (schemas))
    ),
    roles as (select r.oid, r.rolsuper or r.rolbypassrls as bypasses, r.rolname from pg_roles r),
    -- Views that read protected tables, also through other views.
    views as (
      with recursive readers (oid) as (
        select r.ev_class from pg_depend d join pg_rewrite r on r.oid = d.objid
         where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid in (select o.oid from owned o)
        union
        select r.ev_class from readers v
          join pg_depend d on d.refobjid = v.oid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_rewrite'::regclass
          join pg_rewrite r on r.oid = d.objid and r.ev_class <> v.oid
      )
      select c.oid, c.relkind, c.relname, c.oid::regclass::text as name, coalesce(c.reloptions, '{}') as options
        from readers join pg_class c using (oid)
    )
  select current_user::text, 'the role is a superuser or has BYPASSRLS: no policy holds for it' from roles where rolname = current_user and bypasses
  union all
  select name, 'is not protected: call insula.protect' from owned where not (forced and bounded)
  union all
  select name, 'its owner is the role that asks, which could take the protection away' from owned where pg_has_role(current_user, relowner, 'usage')
  union all
  select name, 'the role may truncate it, and truncate asks no policy' from owned where has_table_privilege(oid, 'truncate')
  union all
  select c.oid::regclass::text, 'is a partition or a child of a protected table, and is not protected itself'
    from owned join pg_inherits i on i.inhparent = owned.oid join pg_class c on c.oid = i.inhrelid
   where not (c.relrowsecurity and c.relforcerowsecurity) and has_table_privilege(c.oid, 'select, insert, update, delete')
  union all
  select name, 'is a materialized view of protected tables: its rows belong to nobody'
    from views where relkind = 'm' and has_table_privilege(oid, 'select')
  union all
  select name, 'is a view that asks as its owner: make it with (security_invoker = true)'
    from views
   where relkind = 'v' and not options && '{security_invoker=true,security_invoker=on,security_invoker=1,security_invoker=yes}'::text[]
     and has_table_privilege(oid, 'select, insert, update, delete')
  union all
  select p.oid::regprocedure::text, 'is a security definer function of a role for which no policy holds'
    from pg_proc p join roles on roles.oid = p.proowner
   where p.prosecdef and roles.bypasses and has_function_privilege(p.oid, 'execute') and p.pronamespace <> 'pg_catalog'::regnamespace
  union all
  -- A key that leads to rows of others tells that they are there, and ties rows of two organizations together.
  select owned.name || ' ' || k.conname, 'is a foreign key to a protected table without the organization in it'
    from owned join pg_constraint k on k.conrelid = owned.oid and k.contype = 'f' join owned there on there.oid = k.confrelid
   where not exists (select from unnest(k.conkey, k.confkey) as pair (here, over_there) where (pair.here, pair.over_there) = (owned.attnum, there.attnum))
  union all
  -- So does a unique key across organizations, unless it was drawn by chance.
  select owned.name || ' ' || i.indexrelid::regclass::text, 'is a unique key across organizations: put the organization in it'
    from owned join pg_index i on i.indrelid = owned.oid and i.indisunique
   where not owned.attnum = any (i.indkey::smallint[])
  union all
  select rolname::text, 'the role may become this one, for which no policy holds'
    from roles where bypasses and rolname <> current_user and pg_has_role(current_user, oid, 'member')
  order by 1, 2
$$;
