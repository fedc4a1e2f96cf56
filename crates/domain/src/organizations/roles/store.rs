//! The rows of roles, of the application's own permissions, and of role sets.

use super::{Catalogue, Kind, Permission, Role, RoleSet, built_in};
use ::store::{FromRow, Row, Tx, sql};
use foundation::{PermissionId, Result, RoleId, RoleSetId};
use std::{collections::HashSet, sync::Arc};

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
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

/// The stored catalogue; without sets where nothing is stored yet.
pub(super) async fn read(tx: &mut Tx<'_>) -> Result<Catalogue> {
    let mut sets: Vec<RoleSet> = tx
        .list(
            sql!(
                "select id, key, name, description, initial, default_role_id, creator_role_id, created_at, updated_at from role_sets
                  where instance_id = $1 order by created_at, id limit 100"
            ),
            &[],
        )
        .await?;
    if sets.is_empty() {
        return Ok(Catalogue::default());
    }
    let mut permissions = built_in::permissions(tx.instance());
    let own: Vec<Permission> = tx
        .list(sql!("select id, key, name, description, created_at, updated_at from permissions where instance_id = $1 order by created_at, id limit 1000"), &[])
        .await?;
    permissions.extend(own);
    let mut roles: Vec<Role> = tx
        .list(sql!("select id, key, name, description, created_at, updated_at from roles where instance_id = $1 order by created_at, id limit 200"), &[])
        .await?;
    let granted: Vec<(RoleId, PermissionId)> = tx.list(sql!("select role_id, permission_id from role_permissions where instance_id = $1"), &[]).await?;
    let belonging: Vec<(RoleSetId, RoleId)> = tx.list(sql!("select role_set_id, role_id from role_set_roles where instance_id = $1"), &[]).await?;
    let (granted, belonging): (HashSet<_>, HashSet<_>) = (granted.into_iter().collect(), belonging.into_iter().collect());
    for role in &mut roles {
        role.permissions = permissions.iter().filter(|permission| granted.contains(&(role.id, permission.id))).cloned().collect();
    }
    for set in &mut sets {
        set.roles = roles.iter().map(|role| role.id).filter(|role| belonging.contains(&(set.id, *role))).collect();
    }
    Ok(Catalogue { permissions, roles: roles.into_iter().map(Arc::new).collect(), sets, stored: true })
}

/// Writes what every instance begins with. Whoever does so beside us writes the same.
pub(super) async fn write(tx: &mut Tx<'_>, catalogue: &Catalogue) -> Result<()> {
    for role in &catalogue.roles {
        tx.change(
            sql!(
                "insert into roles (instance_id, id, key, name, description, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7)
                  on conflict (instance_id, id) do nothing"
            ),
            &[&role.id, &role.key, &role.name, &role.description, &role.created_at, &role.updated_at],
        )
        .await?;
        for permission in &role.permissions {
            grant(tx, role.id, permission.id).await?;
        }
    }
    for set in &catalogue.sets {
        tx.change(
            sql!(
                "insert into role_sets (instance_id, id, key, name, description, initial, default_role_id, creator_role_id, created_at, updated_at)
                  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (instance_id, id) do nothing"
            ),
            &[&set.id, &set.key, &set.name, &set.description, &set.initial, &set.default_role, &set.creator_role, &set.created_at, &set.updated_at],
        )
        .await?;
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
