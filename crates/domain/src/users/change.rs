//! A user changes: fields, metadata, and the end.

use super::{
    User, addresses,
    create::{check_metadata, check_name},
    get, hold, store,
};
use crate::{
    audit::{self, Actor},
    clients,
    counters::{self, Counter},
    events::{self, Event},
    identifiers, images,
    organizations::{invitations, memberships},
    settings, tickets,
};
use ::store::Tx;
use foundation::{IdentifierId, OnConflict, Problem, Result, Timestamp, UserId, Username};
use serde_json::{Map, Value, json};

/// What is to change; what is absent stays, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// First name.
    pub first_name: Option<Option<String>>,
    /// Last name.
    pub last_name: Option<Option<String>>,
    /// Language.
    pub locale: Option<Option<String>>,
    /// The application's own id.
    pub external_id: Option<Option<String>>,
    /// Username.
    pub username: Option<Option<Username>>,
    /// The primary address: one of the user's verified ones.
    pub primary_email_address: Option<IdentifierId>,
    /// Whether whoever reads the primary address of before is told.
    pub notify_primary_email_address: bool,
    /// Whether they may delete their account.
    pub delete_self_enabled: Option<bool>,
    /// Whether they may create organizations.
    pub create_organization_enabled: Option<bool>,
    /// How many organizations they may create; 0 for no limit, `Some(None)` for the instance's number.
    pub create_organizations_limit: Option<Option<i64>>,
    /// When they accepted the terms.
    pub legal_accepted_at: Option<Timestamp>,
    /// When they came to be.
    pub created_at: Option<Timestamp>,
}

/// Changes the user's fields.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::IdentifierExists`] for a taken username or external id; [`Problem::NotVerified`] for a primary
/// address that is not proven; [`Problem::SettingHeld`] for a number of organizations past what a layer of the settings allows.
pub async fn update(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId, change: &Change) -> Result<User> {
    let before = hold(tx, id).await?;
    let mut user = before.clone();
    if let Some(name) = &change.first_name {
        check_name("first_name", name.as_deref())?;
        user.first_name.clone_from(name);
    }
    if let Some(name) = &change.last_name {
        check_name("last_name", name.as_deref())?;
        user.last_name.clone_from(name);
    }
    if let Some(locale) = &change.locale {
        check_name("locale", locale.as_deref())?;
        user.locale.clone_from(locale);
    }
    if let Some(external) = &change.external_id {
        check_name("external_id", external.as_deref())?;
        user.external_id.clone_from(external);
    }
    if let Some(primary) = change.primary_email_address {
        let email =
            user.emails().find(|e| e.id == primary).ok_or_else(|| Problem::invalid("primary_email_address_id", "must be one of the user's addresses"))?;
        if email.verified_by.is_none() {
            return Err(Problem::NotVerified("primary_email_address_id").into());
        }
        user.primary_email_address = Some(primary);
    }
    user.delete_self_enabled = change.delete_self_enabled.unwrap_or(user.delete_self_enabled);
    user.create_organization_enabled = change.create_organization_enabled.unwrap_or(user.create_organization_enabled);
    user.legal_accepted_at = change.legal_accepted_at.or(user.legal_accepted_at);
    user.created_at = change.created_at.unwrap_or(user.created_at);
    store::update(tx, &user).await.on_conflict(Problem::IdentifierExists("external_id"))?;
    if let Some(most) = change.create_organizations_limit {
        if let Some(most) = most {
            settings::allowances(tx).await?.organizations.permit("create_organizations_limit", most)?;
        }
        store::set_most_organizations(tx, id, most).await?;
    }
    if let Some(username) = &change.username {
        identifiers::set_username(tx, user.pool, id, username.as_ref()).await?;
    }
    let after = changed(tx, actor, id, "user.update").await?;
    addresses::tell(tx, &before, &after, change.notify_primary_email_address).await?;
    Ok(after)
}

/// Reads the user again, and tells and records that they changed.
pub(super) async fn changed(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId, action: &str) -> Result<User> {
    let user = get(tx, id).await?;
    audit::record(tx, actor, action, &id.to_string(), &json!({})).await?;
    events::emit(tx, Event::UserUpdated(&user)).await?;
    Ok(user)
}

/// New metadata; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataChange {
    /// What everybody may read.
    pub public: Option<Map<String, Value>>,
    /// What only the backend may read.
    pub private: Option<Map<String, Value>>,
    /// What the user may write.
    pub own: Option<Map<String, Value>>,
}

/// Merges metadata: objects key by key, `null` takes a key away. The size is checked after the merge.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::MetadataTooLarge`].
pub async fn merge_metadata(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId, change: &MetadataChange) -> Result<User> {
    change_metadata(tx, actor, id, change, merge).await
}

/// Changes metadata; `how` says what becomes of the old document and the new one.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::MetadataTooLarge`].
pub async fn change_metadata(
    tx: &mut Tx<'_>,
    actor: Actor<'_>,
    id: UserId,
    change: &MetadataChange,
    how: fn(&mut Map<String, Value>, &Map<String, Value>),
) -> Result<User> {
    let mut user = hold(tx, id).await?;
    let parts = [
        ("public_metadata", &mut user.public_metadata, &change.public),
        ("private_metadata", &mut user.private_metadata, &change.private),
        ("unsafe_metadata", &mut user.unsafe_metadata, &change.own),
    ];
    for (param, old, new) in parts {
        if let Some(new) = new {
            how(&mut old.0, new);
            check_metadata(param, old)?;
        }
    }
    store::update(tx, &user).await?;
    changed(tx, actor, id, "user.update").await
}

/// Merges a document into another: objects key by key, `null` takes a key away.
pub fn merge(old: &mut Map<String, Value>, new: &Map<String, Value>) {
    for (key, value) in new {
        match (old.get_mut(key), value) {
            (_, Value::Null) => {
                old.remove(key);
            }
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            (_, Value::Object(above)) => {
                let mut fresh = Map::new();
                merge(&mut fresh, above);
                old.insert(key.clone(), Value::Object(fresh));
            }
            _ => {
                old.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Deletes the user with everything that is theirs. Their sessions end with this commit.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId) -> Result<User> {
    let user = hold(tx, id).await?;
    memberships::forget_user(tx, actor, &user).await?;
    invitations::forget_user(tx, id).await?;
    clients::forget_user(tx, id).await?;
    tickets::forget_user(tx, id).await?;
    images::forget(tx, &id.to_string()).await?;
    if !store::delete(tx, id).await? {
        return Err(Problem::NotFound.into());
    }
    counters::add(tx, Counter::Users, -1).await?;
    audit::record(tx, actor, "user.delete", &id.to_string(), &json!({})).await?;
    events::emit(tx, Event::UserDeleted(id)).await?;
    Ok(user)
}
