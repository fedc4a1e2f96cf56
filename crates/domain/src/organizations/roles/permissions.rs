//! The application's own permissions come, change and go. System permissions stay as they are.

use super::{
    Catalogue, Kind, Permission,
    change::{self, begin, settle},
    store,
};
use crate::{
    audit::{self, Actor},
    events::{self, Event},
    settings,
};
use ::store::Tx;
use foundation::{OnConflict, PermissionId, Problem, Result};
use serde_json::json;

/// What a permission is to be; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct PermissionChange {
    /// What it is called.
    pub name: Option<String>,
    /// Its key.
    pub key: Option<String>,
    /// What it is for.
    pub description: Option<Option<String>>,
}

/// The permission of this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get_permission(tx: &mut Tx<'_>, id: PermissionId) -> Result<Permission> {
    Ok(found(&*super::catalogue(tx).await?, id)?.clone())
}

fn found(catalogue: &Catalogue, id: PermissionId) -> Result<&Permission, Problem> {
    catalogue.permission(id).ok_or(Problem::NotFound)
}

/// The permission, if it is the application's own.
fn own(catalogue: &Catalogue, id: PermissionId) -> Result<&Permission, Problem> {
    match found(catalogue, id)? {
        permission if permission.kind == Kind::User => Ok(permission),
        _ => Err(Problem::SystemPermission),
    }
}

/// Makes a permission. No role has it yet.
///
/// # Errors
/// [`Problem::ParamMissing`]; [`Problem::ParamInvalid`]; [`Problem::IdentifierExists`] for a taken key; [`Problem::LimitReached`].
pub async fn create_permission(tx: &mut Tx<'_>, actor: Actor<'_>, new: &PermissionChange) -> Result<Permission> {
    let before = begin(tx).await?;
    let there_are = before.permissions.iter().filter(|permission| permission.kind == Kind::User).count();
    change::ensure_room("permissions", there_are, settings::effective(tx).await?.organization_settings.max_allowed_permissions)?;
    let now = tx.now();
    let mut permission = Permission {
        id: tx.new_id(),
        key: new.key.clone().ok_or(Problem::ParamMissing("key"))?,
        name: new.name.clone().ok_or(Problem::ParamMissing("name"))?,
        description: None,
        kind: Kind::User,
        created_at: now,
        updated_at: now,
    };
    apply(&mut permission, new)?;
    store::insert_permission(tx, &permission).await.on_conflict(Problem::IdentifierExists("key"))?;
    record(tx, actor, &permission, "create").await?;
    events::emit(tx, Event::PermissionCreated(&permission)).await?;
    Ok(permission)
}

fn apply(permission: &mut Permission, change: &PermissionChange) -> Result<(), Problem> {
    if let Some(name) = &change.name {
        permission.name = change::name(name)?;
    }
    if let Some(key) = &change.key {
        if !change::check_key(key, "org:", 2) {
            return Err(Problem::invalid("key", "must be org:<feature>:<permission>, each of 1 to 64 lower-case letters, digits and underscores"));
        }
        if key.starts_with("org:sys_") {
            return Err(Problem::invalid("key", "must not begin with org:sys_: these are the system's permissions"));
        }
        permission.key.clone_from(key);
    }
    if let Some(description) = &change.description {
        permission.description = change::description(description.as_deref())?;
    }
    Ok(())
}

async fn record(tx: &mut Tx<'_>, actor: Actor<'_>, permission: &Permission, what: &str) -> Result<()> {
    let detail = json!({ "key": permission.key, "name": permission.name });
    audit::record(tx, actor, &format!("permission.{what}"), &permission.id.to_string(), &detail).await
}

/// Changes a permission, in all roles that have it.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::SystemPermission`]; [`Problem::ParamInvalid`]; [`Problem::IdentifierExists`] for a taken key.
pub async fn update_permission(tx: &mut Tx<'_>, actor: Actor<'_>, id: PermissionId, change: &PermissionChange) -> Result<Permission> {
    let before = begin(tx).await?;
    let mut permission = own(&before, id)?.clone();
    apply(&mut permission, change)?;
    permission.updated_at = tx.now();
    store::update_permission(tx, &permission).await.on_conflict(Problem::IdentifierExists("key"))?;
    settle(tx, &before, "key").await?;
    record(tx, actor, &permission, "update").await?;
    events::emit(tx, Event::PermissionUpdated(&permission)).await?;
    Ok(permission)
}

/// Deletes a permission, and takes it from all roles.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::SystemPermission`].
pub async fn delete_permission(tx: &mut Tx<'_>, actor: Actor<'_>, id: PermissionId) -> Result<Permission> {
    let before = begin(tx).await?;
    let permission = own(&before, id)?.clone();
    store::delete_permission(tx, id).await?;
    let after = settle(tx, &before, "permission_id").await?;
    record(tx, actor, &permission, "delete").await?;
    events::emit(tx, Event::PermissionDeleted(id)).await?;
    for role in before.roles.iter().filter(|role| role.permissions.iter().any(|granted| granted.id == id)) {
        if let Some(role) = after.role(role.id) {
            events::emit(tx, Event::RoleUpdated(role)).await?;
        }
    }
    Ok(permission)
}
