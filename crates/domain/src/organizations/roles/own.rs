//! Roles of an instance come, change and go.

use super::{
    Catalogue, PermissionId, Role,
    change::{self, begin, settle},
    store,
};
use crate::{
    audit::{self, Actor},
    events::{self, Event},
    organizations::invitations,
    settings,
};
use ::store::Tx;
use foundation::{OnConflict, Problem, Result, RoleId};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};

/// What a role is to be; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// What it is called.
    pub name: Option<String>,
    /// Its key.
    pub key: Option<String>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// What it allows.
    pub permissions: Option<Vec<String>>,
}

/// The role of this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get_role(tx: &mut Tx<'_>, id: RoleId) -> Result<Arc<Role>> {
    Ok(Arc::clone(found(&*super::catalogue(tx).await?, id)?))
}

fn found(catalogue: &Catalogue, id: RoleId) -> Result<&Arc<Role>, Problem> {
    catalogue.role(id).ok_or(Problem::NotFound)
}

/// Whether a role that was made is in the set of new organizations too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is in no set yet.
    Nowhere,
    /// It is in the initial set.
    InitialSet,
}

/// Makes a role.
///
/// # Errors
/// [`Problem::ParamMissing`]; [`Problem::ParamInvalid`]; [`Problem::NamesNothing`] for an unknown permission; [`Problem::IdentifierExists`] for a
/// taken key; [`Problem::LimitReached`].
pub async fn create_role(tx: &mut Tx<'_>, actor: Actor<'_>, new: &RoleChange, place: Place) -> Result<Arc<Role>> {
    let before = begin(tx).await?;
    change::ensure_room("roles", before.roles.len(), settings::effective(tx).await?.organization_settings.max_allowed_roles)?;
    let now = tx.now();
    let mut role = Role {
        id: tx.new_id(),
        key: new.key.clone().ok_or(Problem::ParamMissing("key"))?,
        name: new.name.clone().ok_or(Problem::ParamMissing("name"))?,
        description: None,
        permissions: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    apply(&before, &mut role, new)?;
    store::insert_role(tx, &role).await.on_conflict(Problem::IdentifierExists("key"))?;
    for permission in &role.permissions {
        store::grant(tx, role.id, permission.id).await?;
    }
    if place == Place::InitialSet {
        let initial = before.initial()?;
        super::replace::ensure_calm(&before, initial)?;
        store::admit(tx, initial.id, role.id).await?;
    }
    let role = settled(tx, actor, &before, (role.id, "create"), "permissions").await?;
    events::emit(tx, Event::RoleCreated(&role)).await?;
    Ok(role)
}

fn apply(catalogue: &Catalogue, role: &mut Role, change: &RoleChange) -> Result<(), Problem> {
    if let Some(name) = &change.name {
        role.name = change::name(name)?;
    }
    if let Some(key) = &change.key {
        if !change::check_key(key, "org:", 1) {
            return Err(Problem::invalid("key", "must be org: and 1 to 64 lower-case letters, digits and underscores"));
        }
        role.key.clone_from(key);
    }
    if let Some(description) = &change.description {
        role.description = change::description(description.as_deref())?;
    }
    if let Some(wanted) = &change.permissions {
        let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
        role.permissions = catalogue.permissions.iter().filter(|permission| wanted.contains(permission.id.to_string().as_str())).cloned().collect();
        if role.permissions.len() < wanted.len() {
            return Err(Problem::NamesNothing("permissions"));
        }
    }
    Ok(())
}

/// Ends the change of a role, and records it.
async fn settled(tx: &mut Tx<'_>, actor: Actor<'_>, before: &Catalogue, (id, what): (RoleId, &str), param: &'static str) -> Result<Arc<Role>> {
    let after = settle(tx, before, param).await?;
    let role = Arc::clone(found(&after, id)?);
    let keys: Vec<&str> = role.permissions.iter().map(|permission| permission.key.as_str()).collect();
    let detail = json!({ "key": role.key, "name": role.name, "permissions": keys });
    audit::record(tx, actor, &format!("role.{what}"), &id.to_string(), &detail).await?;
    Ok(role)
}

/// Changes a role: its members have what it allows then from their next token on.
///
/// # Errors
/// [`Problem::NotFound`]; as [`create_role`]; [`Problem::CreatorRole`] where creators of organizations have it and could not go on with it;
/// [`Problem::MinimumPermissions`] where an organization would have nobody to manage its members.
pub async fn update_role(tx: &mut Tx<'_>, actor: Actor<'_>, id: RoleId, change: &RoleChange) -> Result<Arc<Role>> {
    let before = begin(tx).await?;
    let old = found(&before, id)?;
    let mut role = Role::clone(old);
    apply(&before, &mut role, change)?;
    store::update_role(tx, &role).await.on_conflict(Problem::IdentifierExists("key"))?;
    for permission in old.permissions.iter().filter(|permission| !role.permissions.contains(permission)) {
        store::withdraw(tx, id, permission.id).await?;
    }
    for permission in role.permissions.iter().filter(|permission| !old.permissions.contains(permission)) {
        store::grant(tx, id, permission.id).await?;
    }
    let role = settled(tx, actor, &before, (id, "update"), if change.permissions.is_some() { "permissions" } else { "key" }).await?;
    events::emit(tx, Event::RoleUpdated(&role)).await?;
    Ok(role)
}

/// Lets a role allow something more.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::PermissionGranted`]; [`Problem::ParamInvalid`] where tokens have no room for it.
pub async fn assign_permission(tx: &mut Tx<'_>, actor: Actor<'_>, id: RoleId, permission: PermissionId) -> Result<Arc<Role>> {
    let before = begin(tx).await?;
    let role = found(&before, id)?;
    before.permission(permission).ok_or(Problem::NotFound)?;
    if role.permissions.iter().any(|granted| granted.id == permission) {
        return Err(Problem::PermissionGranted.into());
    }
    store::grant(tx, id, permission).await?;
    store::update_role(tx, role).await?;
    let role = settled(tx, actor, &before, (id, "update"), "permission_id").await?;
    events::emit(tx, Event::RoleUpdated(&role)).await?;
    Ok(role)
}

/// Lets a role allow something no more.
///
/// # Errors
/// [`Problem::NotFound`], also where it did not allow it; [`Problem::CreatorRole`]; [`Problem::MinimumPermissions`].
pub async fn remove_permission(tx: &mut Tx<'_>, actor: Actor<'_>, id: RoleId, permission: PermissionId) -> Result<Arc<Role>> {
    let before = begin(tx).await?;
    let role = found(&before, id)?;
    if !store::withdraw(tx, id, permission).await? {
        return Err(Problem::NotFound.into());
    }
    store::update_role(tx, role).await?;
    let role = settled(tx, actor, &before, (id, "update"), "permission_id").await?;
    events::emit(tx, Event::RoleUpdated(&role)).await?;
    Ok(role)
}

/// Deletes a role that nobody has and nobody is to have.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::RoleInUse`].
pub async fn delete_role(tx: &mut Tx<'_>, actor: Actor<'_>, id: RoleId) -> Result<Arc<Role>> {
    let before = begin(tx).await?;
    let role = found(&before, id)?;
    for set in &before.sets {
        let by = match &set.replacement {
            _ if set.creator_role == id => "the creators of organizations",
            _ if set.default_role == id => "the newcomers of organizations",
            Some(replacement) if replacement.names(id) => "a replacement of roles that is under way",
            _ => continue,
        };
        return Err(Problem::RoleInUse(by).into());
    }
    if store::has_members(tx, id).await? {
        return Err(Problem::RoleInUse("members").into());
    }
    if invitations::uses_role(tx, id).await? > 0 {
        return Err(Problem::RoleInUse("pending invitations").into());
    }
    store::delete_role(tx, id).await?;
    settle(tx, &before, "organization_role_id").await?;
    audit::record(tx, actor, "role.delete", &id.to_string(), &json!({ "key": role.key, "name": role.name })).await?;
    events::emit(tx, Event::RoleDeleted(id)).await?;
    Ok(Arc::clone(role))
}
