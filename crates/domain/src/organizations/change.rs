//! An organization changes: its profile, its metadata, its logo, and its end.

use super::{
    Organization,
    create::{check_name, check_slug},
    get, hold, invitations, memberships, roles, store,
};
use crate::{
    audit::{self, Actor},
    events::{self, Event},
    images, settings, users,
};
use ::store::Tx;
use foundation::{ImageId, OnConflict, OrganizationId, Problem, Result, Timestamp};
use serde_json::{Map, Value, json};
use world::images::Square;

pub use crate::users::{MetadataChange, merge};

/// What is to change; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What it is called.
    pub name: Option<String>,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// The most members; 0 for no limit, `Some(None)` for the instance's number.
    pub max_allowed_memberships: Option<Option<i64>>,
    /// Whether members who may delete it can.
    pub admin_delete_enabled: Option<bool>,
    /// Whether its members can belong to no other.
    pub exclusive_membership: Option<bool>,
    /// The key of its role set.
    pub role_set_key: Option<String>,
    /// When it came to be.
    pub created_at: Option<Timestamp>,
}

/// Changes the organization.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::ParamInvalid`]; [`Problem::SettingHeld`]; [`Problem::IdentifierExists`] for a taken slug; [`Problem::ExclusiveMember`] where a member belongs to
/// others too.
pub async fn update(tx: &mut Tx<'_>, actor: Actor<'_>, id: OrganizationId, change: &Change) -> Result<Organization> {
    let mut organization = hold(tx, id).await?;
    if let Some(name) = &change.name {
        check_name(name)?;
        name.trim().clone_into(&mut organization.name);
    }
    if let Some(slug) = &change.slug {
        check_slug(&settings::effective(tx).await?.organization_settings, slug)?;
        organization.slug = Some(slug.clone());
    }
    if let Some(key) = &change.role_set_key {
        organization.role_set = role_set(tx, &organization, key).await?;
    }
    if change.exclusive_membership == Some(true) && !organization.exclusive_membership && store::shares_members(tx, id).await? {
        return Err(Problem::ExclusiveMember.into());
    }
    organization.admin_delete_enabled = change.admin_delete_enabled.unwrap_or(organization.admin_delete_enabled);
    organization.exclusive_membership = change.exclusive_membership.unwrap_or(organization.exclusive_membership);
    organization.created_at = change.created_at.unwrap_or(organization.created_at);
    store::update(tx, &organization).await.on_conflict(Problem::IdentifierExists("slug"))?;
    if let Some(most) = change.max_allowed_memberships {
        if let Some(most) = most {
            settings::allowances(tx).await?.members.permit("max_allowed_memberships", most)?;
        }
        store::set_most_members(tx, id, most).await?;
    }
    changed(tx, actor, id, "organization.update").await
}

/// The set of this key, if all members have one of its roles.
async fn role_set(tx: &mut Tx<'_>, organization: &Organization, key: &str) -> Result<foundation::RoleSetId> {
    let catalogue = roles::stored(tx).await?;
    let set = catalogue.set_of_key(key).ok_or_else(|| Problem::invalid("role_set_key", "names no role set of this instance"))?;
    if invitations::has_others(tx, organization.id, &set.roles).await? {
        return Err(Problem::invalid("role_set_key", "names a role set in which some pending invitations have no role: revoke them first").into());
    }
    if memberships::has_others(tx, organization.id, &set.roles).await? {
        return Err(Problem::invalid("role_set_key", "names a role set in which some members have no role: change their roles first").into());
    }
    Ok(set.id)
}

/// Reads the organization again, and tells and records that it changed.
async fn changed(tx: &mut Tx<'_>, actor: Actor<'_>, id: OrganizationId, action: &str) -> Result<Organization> {
    let organization = get(tx, id).await?;
    audit::record(tx, actor, action, &id.to_string(), &json!({})).await?;
    events::emit(tx, Event::OrganizationUpdated(&organization)).await?;
    Ok(organization)
}

/// Changes metadata; `how` says what becomes of the old document and the new one.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::MetadataTooLarge`].
pub async fn change_metadata(
    tx: &mut Tx<'_>,
    actor: Actor<'_>,
    id: OrganizationId,
    change: &MetadataChange,
    how: fn(&mut Map<String, Value>, &Map<String, Value>),
) -> Result<Organization> {
    let mut organization = hold(tx, id).await?;
    let parts =
        [("public_metadata", &mut organization.public_metadata, &change.public), ("private_metadata", &mut organization.private_metadata, &change.private)];
    for (param, old, new) in parts {
        if let Some(new) = new {
            how(&mut old.0, new);
            users::check_metadata(param, old)?;
        }
    }
    store::update(tx, &organization).await?;
    changed(tx, actor, id, "organization.update").await
}

/// Takes one upload out of the organization's budget, before anything that is sent is looked at.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::TooManyRequests`].
pub async fn spend_logo(tx: &mut Tx<'_>, id: OrganizationId) -> Result<()> {
    hold(tx, id).await?;
    images::spend_upload(tx, &id.to_string()).await
}

/// Gives the organization a logo in place of the one it has.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn set_logo(tx: &mut Tx<'_>, actor: Actor<'_>, id: OrganizationId, squares: &[Square]) -> Result<Organization> {
    hold(tx, id).await?;
    let image = images::put(tx, &id.to_string(), squares).await?;
    store::set_image(tx, id, Some(image)).await?;
    changed(tx, actor, id, "organization.logo_set").await
}

/// Takes the organization's logo away; what it has instead, and what was taken.
///
/// # Errors
/// [`Problem::NotFound`] where there is no such organization, or no logo.
pub async fn remove_logo(tx: &mut Tx<'_>, actor: Actor<'_>, id: OrganizationId) -> Result<(Organization, ImageId)> {
    let image = hold(tx, id).await?.image.ok_or(Problem::NotFound)?;
    images::remove(tx, &id.to_string()).await?;
    store::set_image(tx, id, None).await?;
    Ok((changed(tx, actor, id, "organization.logo_remove").await?, image))
}
