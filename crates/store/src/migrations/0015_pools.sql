-- Pools of organizations: found by their name, by their organization, and with all who are in them.

-- tables
create unique index pools_instance_id_slug_key on pools (instance_id, slug) where slug is not null;
create unique index pools_instance_id_organization_id_key on pools (instance_id, organization_id) where organization_id is not null;
create index users_pool on users (instance_id, pool_id, id);
