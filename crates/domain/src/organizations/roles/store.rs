//! The rows of roles, of the application's own permissions, and of role sets.

use super::{Catalogue, Kind, Permission, Replacement, Role, RoleSet, built_in};
use ::store::{FromRow, Json, Query, Row, Tx, part, sql};
use foundation::{Id, PermissionId, Result, RoleId, RoleSetId, RoleSetMigrationId};
use serde_json::{Map, Value, json};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

impl FromRow for Permission {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Permission {
            id: row.take()?,
            key: row.take()?,
            name: row.take()?,
            description: row.take()?,
            kind: Kind::User,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

impl FromRow for Role {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Role {
            id: row.take()?,
            key: row.take()?,
            name: row.take()?,
            description: row.take()?,
            permissions: Vec::new(),
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

impl FromRow for RoleSet {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(RoleSet {
            id: row.take()?,
            key: row.take()?,
            name: row.take()?,
            description: row.take()?,
            initial: row.take()?,
            default_role: row.take()?,
            creator_role: row.take()?,
            roles: Vec::new(),
            replacement: None,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

/// A replacement, and the set that it is of.
struct OfSet(RoleSetId, Replacement);

impl FromRow for OfSet {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let set = row.take()?;
        let id = row.take()?;
        let (dest, trigger, status) = (row.take()?, row.take()?, row.take()?);
        let Json(mappings) = row.take()?;
        let role = |text: &str| RoleId::parse(text);
        let mappings = mappings.iter().filter_map(|(from, to)| Some((role(from)?, role(to.as_str()?)?))).collect();
        let (migrated, started_at, created_at, updated_at) = (row.take()?, row.take()?, row.take()?, row.take()?);
        Ok(OfSet(set, Replacement { id, dest, trigger, status, mappings, migrated, started_at, created_at, updated_at }))
    }
}

/// The stored catalogue; without sets where nothing is stored yet.
pub(super) async fn read(tx: &mut Tx<'_>) -> Result<Catalogue> {
    let mut sets: Vec<RoleSet> = tx
        .list(
            sql!(
                "select id, key, name, description, initial, default_role_id, creator_role_id, created_at, updated_at from role_sets
                  where instance_id = $1 order by created_at, key limit 100"
            ),
            &[],
        )
        .await?;
    if sets.is_empty() {
        return Ok(Catalogue::default());
    }
    let mut permissions = built_in::permissions(tx.instance());
    let own: Vec<Permission> = tx
        .list(
            sql!("select id, key, name, description, created_at, updated_at from permissions where instance_id = $1 order by created_at, key limit 1000"),
            &[],
        )
        .await?;
    permissions.extend(own);
    let mut roles: Vec<Role> = tx
        .list(sql!("select id, key, name, description, created_at, updated_at from roles where instance_id = $1 order by created_at, key limit 200"), &[])
        .await?;
    let granted: Vec<(RoleId, PermissionId)> = tx.list(sql!("select role_id, permission_id from role_permissions where instance_id = $1"), &[]).await?;
    let belonging: Vec<(RoleSetId, RoleId)> = tx.list(sql!("select role_set_id, role_id from role_set_roles where instance_id = $1"), &[]).await?;
    let (granted, belonging): (HashSet<_>, HashSet<_>) = (granted.into_iter().collect(), belonging.into_iter().collect());
    for role in &mut roles {
        role.permissions = permissions.iter().filter(|permission| granted.contains(&(role.id, permission.id))).cloned().collect();
    }
    let under_way: Vec<OfSet> = tx
        .list(
            sql!(
                "select role_set_id, id, dest_role_set_id, trigger_type, status, mappings, migrated_members, started_at, created_at, updated_at
                  from role_set_migrations where instance_id = $1 order by id limit 100"
            ),
            &[],
        )
        .await?;
    let mut under_way: HashMap<RoleSetId, Replacement> = under_way.into_iter().map(|OfSet(set, replacement)| (set, replacement)).collect();
    for set in &mut sets {
        set.replacement = under_way.remove(&set.id);
        set.roles = roles.iter().map(|role| role.id).filter(|role| belonging.contains(&(set.id, *role))).collect();
    }
    Ok(Catalogue { permissions, roles: roles.into_iter().map(Arc::new).collect(), sets, stored: true })
}

/// Writes what every instance begins with. Whoever does so beside us writes the same.
pub(super) async fn write(tx: &mut Tx<'_>, catalogue: &Catalogue) -> Result<()> {
    for role in &catalogue.roles {
        insert_role(tx, role).await?;
        for permission in &role.permissions {
            grant(tx, role.id, permission.id).await?;
        }
    }
    for set in &catalogue.sets {
        insert_set(tx, set).await?;
        for role in &set.roles {
            admit(tx, set.id, *role).await?;
        }
    }
    Ok(())
}

/// Lets a role allow something.
pub(super) async fn grant(tx: &mut Tx<'_>, role: RoleId, permission: PermissionId) -> Result<()> {
    tx.change(
        sql!("insert into role_permissions (instance_id, role_id, permission_id) values ($1, $2, $3) on conflict (instance_id, role_id, permission_id) do nothing"),
        &[&role, &permission],
    )
    .await
    .map(drop)
}

/// Puts a role into a set.
pub(super) async fn admit(tx: &mut Tx<'_>, set: RoleSetId, role: RoleId) -> Result<()> {
    tx.change(
        sql!("insert into role_set_roles (instance_id, role_set_id, role_id) values ($1, $2, $3) on conflict (instance_id, role_set_id, role_id) do nothing"),
        &[&set, &role],
    )
    .await
    .map(drop)
}

/// Says which roles of the set creators and newcomers have.
pub(super) async fn set_first_roles(tx: &mut Tx<'_>, set: RoleSetId, creator: RoleId, newcomer: RoleId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update role_sets set creator_role_id = $3, default_role_id = $4, updated_at = $5 where instance_id = $1 and id = $2"),
        &[&set, &creator, &newcomer, &now],
    )
    .await
    .map(drop)
}

/// Adds a role, without what it allows. One of this id that is there already stays.
pub(super) async fn insert_role(tx: &mut Tx<'_>, role: &Role) -> Result<()> {
    tx.change(
        sql!(
            "insert into roles (instance_id, id, key, name, description, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7)
              on conflict (instance_id, id) do nothing"
        ),
        &[&role.id, &role.key, &role.name, &role.description, &role.created_at, &role.updated_at],
    )
    .await
    .map(drop)
}

/// Changes a role, but not what it allows.
pub(super) async fn update_role(tx: &mut Tx<'_>, role: &Role) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update roles set key = $3, name = $4, description = $5, updated_at = $6 where instance_id = $1 and id = $2"),
        &[&role.id, &role.key, &role.name, &role.description, &now],
    )
    .await
    .map(drop)
}

/// Deletes a role, which is in no set any more.
pub(super) async fn delete_role(tx: &mut Tx<'_>, id: RoleId) -> Result<()> {
    tx.change(sql!("delete from role_set_roles where instance_id = $1 and role_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from roles where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

/// Takes something from a role; whether it had it.
pub(super) async fn withdraw(tx: &mut Tx<'_>, role: RoleId, permission: PermissionId) -> Result<bool> {
    let statement = sql!("delete from role_permissions where instance_id = $1 and role_id = $2 and permission_id = $3");
    Ok(tx.change(statement, &[&role, &permission]).await? == 1)
}

pub(super) async fn insert_permission(tx: &mut Tx<'_>, p: &Permission) -> Result<()> {
    tx.change(
        sql!("insert into permissions (instance_id, id, key, name, description, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7)"),
        &[&p.id, &p.key, &p.name, &p.description, &p.created_at, &p.updated_at],
    )
    .await
    .map(drop)
}

pub(super) async fn update_permission(tx: &mut Tx<'_>, p: &Permission) -> Result<()> {
    tx.change(
        sql!("update permissions set key = $3, name = $4, description = $5, updated_at = $6 where instance_id = $1 and id = $2"),
        &[&p.id, &p.key, &p.name, &p.description, &p.updated_at],
    )
    .await
    .map(drop)
}

/// Deletes a permission, and takes it from all roles.
pub(super) async fn delete_permission(tx: &mut Tx<'_>, id: PermissionId) -> Result<()> {
    tx.change(sql!("delete from role_permissions where instance_id = $1 and permission_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from permissions where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

/// Adds a set, without its roles. One of this id that is there already stays.
pub(super) async fn insert_set(tx: &mut Tx<'_>, set: &RoleSet) -> Result<()> {
    tx.change(
        sql!(
            "insert into role_sets (instance_id, id, key, name, description, initial, default_role_id, creator_role_id, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (instance_id, id) do nothing"
        ),
        &[&set.id, &set.key, &set.name, &set.description, &set.initial, &set.default_role, &set.creator_role, &set.created_at, &set.updated_at],
    )
    .await
    .map(drop)
}

/// Changes a set, but neither its roles nor whether it is the initial one.
pub(super) async fn update_set(tx: &mut Tx<'_>, set: &RoleSet) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update role_sets set key = $3, name = $4, description = $5, default_role_id = $6, creator_role_id = $7, updated_at = $8
              where instance_id = $1 and id = $2"
        ),
        &[&set.id, &set.key, &set.name, &set.description, &set.default_role, &set.creator_role, &now],
    )
    .await
    .map(drop)
}

/// Makes a set the initial one, and no other.
pub(super) async fn set_initial(tx: &mut Tx<'_>, id: RoleSetId) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update role_sets set initial = (id = $2), updated_at = $3 where instance_id = $1 and (initial or id = $2)"), &[&id, &now]).await.map(drop)
}

/// Deletes a set that no organization has any more.
pub(super) async fn delete_set(tx: &mut Tx<'_>, id: RoleSetId) -> Result<()> {
    tx.change(sql!("delete from role_sets where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

/// Takes a role out of a set.
pub(super) async fn dismiss(tx: &mut Tx<'_>, set: RoleSetId, role: RoleId) -> Result<()> {
    tx.change(sql!("delete from role_set_roles where instance_id = $1 and role_set_id = $2 and role_id = $3"), &[&set, &role]).await.map(drop)
}

/// Whether anybody has this role.
pub(super) async fn has_members(tx: &mut Tx<'_>, role: RoleId) -> Result<bool> {
    let found: Option<(String,)> = tx.find(sql!("select id from memberships where instance_id = $1 and role_id = $2 limit 1"), &[&role]).await?;
    Ok(found.is_some())
}

/// Whether anybody has this role in an organization with this set.
pub(super) async fn has_members_of_set(tx: &mut Tx<'_>, set: RoleSetId, role: RoleId) -> Result<bool> {
    let found: Option<(String,)> = tx
        .find(
            sql!(
                "select m.id from memberships m join organizations o on o.instance_id = $1 and o.id = m.organization_id
                  where m.instance_id = $1 and m.role_id = $3 and o.role_set_id = $2 and o.deleted_at is null limit 1"
            ),
            &[&set, &role],
        )
        .await?;
    Ok(found.is_some())
}

/// How many members of organizations with this set have each role.
pub(super) async fn count_members_of_set(tx: &mut Tx<'_>, set: RoleSetId) -> Result<Vec<(RoleId, i64)>> {
    tx.list(
        sql!(
            "select m.role_id, count(*) from memberships m join organizations o on o.instance_id = $1 and o.id = m.organization_id
              where m.instance_id = $1 and o.role_set_id = $2 and o.deleted_at is null group by m.role_id order by m.role_id limit 500"
        ),
        &[&set],
    )
    .await
}

/// Whether an organization with this set has members with one of the roles `lost`, and none with one of the roles `left`.
pub(super) async fn leaves_unmanaged(tx: &mut Tx<'_>, set: RoleSetId, lost: &[RoleId], left: &[RoleId]) -> Result<bool> {
    let start =
        sql!("select m.id from memberships m join organizations o on o.instance_id = m.instance_id and o.id = m.organization_id where m.instance_id = $1");
    let mut query = Query::new(start, &[]).and(part!("and o.deleted_at is null and o.role_set_id = {}"), &[&set]).within(part!("and m.role_id"), lost);
    if !left.is_empty() {
        query = query
            .and(part!("and not exists (select 1 from memberships e where e.instance_id = m.instance_id and e.organization_id = m.organization_id"), &[])
            .within(part!("and e.role_id"), left)
            .and(part!(")"), &[]);
    }
    let found: Vec<(String,)> = tx.select(query.and(part!("limit 1"), &[])).await?;
    Ok(!found.is_empty())
}

pub(super) async fn insert_replacement(tx: &mut Tx<'_>, set: RoleSetId, r: &Replacement) -> Result<()> {
    let mappings: Map<String, Value> = r.mappings.iter().map(|(from, to)| (from.to_string(), json!(to))).collect();
    tx.change(
        sql!(
            "insert into role_set_migrations (instance_id, id, role_set_id, dest_role_set_id, trigger_type, status, mappings, migrated_members, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        ),
        &[&r.id, &set, &r.dest, &r.trigger, &r.status, &Json(mappings), &r.migrated, &r.created_at, &r.updated_at],
    )
    .await
    .map(drop)
}

/// Notes that so many further members have their new role.
pub(super) async fn note_progress(tx: &mut Tx<'_>, id: RoleSetMigrationId, moved: i64) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update role_set_migrations set migrated_members = migrated_members + $3, status = 'in_progress', started_at = coalesce(started_at, $4), updated_at = $4
              where instance_id = $1 and id = $2"
        ),
        &[&id, &moved, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn delete_replacement(tx: &mut Tx<'_>, id: RoleSetMigrationId) -> Result<()> {
    tx.change(sql!("delete from role_set_migrations where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}
