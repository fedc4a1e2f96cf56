//! What signed-in users do to themselves.

use super::{
    Change, MetadataChange, User, addresses,
    change::{change_metadata, changed},
    delete, guard, hold, merge_metadata, store, update,
};
use crate::{
    Verdict,
    clients::Visit,
    identifiers::{self, Identifier, VerifiedBy},
    messages::{self, CodeMail},
    once::{self, Owner, Purpose},
    organizations::memberships,
    sessions::{self, Session},
    settings::{self, Settings},
};
use ::store::Tx;
use foundation::{EmailAddress, IdentifierId, Problem, Result, Secret, SessionId, UserId};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Changes the fields that are the user's own to change; `own` is put in the place of the metadata that is theirs to write.
///
/// # Errors
/// As [`update`]; [`Problem::MetadataTooLarge`]; [`Problem::SignedOut`].
pub async fn update_self(tx: &mut Tx<'_>, visit: &mut Visit, change: &Change, own: Option<&Map<String, Value>>) -> Result<User> {
    let (session, user) = visit.themselves(tx).await?;
    let settings = settings::effective(tx).await?;
    if change.username.is_some() && !settings.auth_username.is_on() {
        return Err(Problem::ParamUnknown("username".to_owned()).into());
    }
    let changed = update(tx, session.by(), user.id, change).await?;
    let Some(own) = own else { return Ok(changed) };
    let own = MetadataChange { own: Some(own.clone()), ..MetadataChange::default() };
    change_metadata(tx, session.by(), user.id, &own, |old, new| new.clone_into(old)).await
}

/// Refuses where nobody is signed in; the settings that apply.
///
/// # Errors
/// [`Problem::Unauthenticated`]; [`Problem::SignedOut`]; [`Problem::UserBanned`].
pub async fn ensure_signed_in(tx: &mut Tx<'_>, visit: &mut Visit) -> Result<Arc<Settings>> {
    visit.signed_in(tx).await?;
    settings::effective(tx).await
}

/// Merges metadata that is the user's own to write.
///
/// # Errors
/// [`Problem::MetadataTooLarge`]; [`Problem::SignedOut`].
pub async fn update_own_metadata(tx: &mut Tx<'_>, visit: &mut Visit, own: &Map<String, Value>) -> Result<User> {
    let (session, user) = visit.themselves(tx).await?;
    let change = MetadataChange { own: Some(own.clone()), ..MetadataChange::default() };
    merge_metadata(tx, session.by(), user.id, &change).await
}

/// Deletes the account of the user who is signed in.
///
/// # Errors
/// [`Problem::DeletionNotAllowed`]; [`Problem::SignedOut`].
pub async fn delete_self(tx: &mut Tx<'_>, visit: &mut Visit) -> Result<UserId> {
    let (session, user) = visit.themselves(tx).await?;
    let settings = settings::effective(tx).await?;
    if !user.delete_self_enabled || !settings.user_actions.delete_self {
        return Err(Problem::DeletionNotAllowed.into());
    }
    memberships::ensure_can_go(tx, user.id).await?;
    delete(tx, session.by(), user.id).await?;
    visit.refresh(tx).await?;
    Ok(user.id)
}

/// Adds an address, not proven yet. Refused where a user of the pool has proven it.
///
/// # Errors
/// [`Problem::IdentifierExists`]; [`Problem::LimitReached`]; [`Problem::SignedOut`].
pub async fn add_email(tx: &mut Tx<'_>, visit: &mut Visit, address: &EmailAddress) -> Result<Identifier> {
    let (session, user) = visit.themselves(tx).await?;
    let user = hold(tx, user.id).await?;
    let added = addresses::add(tx, &user, address, None).await?;
    changed(tx, session.by(), user.id, "user.email_add").await?;
    Ok(added)
}

/// One of the signed-in user's own addresses.
async fn mine(tx: &mut Tx<'_>, visit: &mut Visit, id: IdentifierId) -> Result<(Session, User, Identifier)> {
    let (session, user) = visit.signed_in(tx).await?;
    let email = user.emails().find(|e| e.id == id).cloned().ok_or(Problem::NotFound)?;
    Ok((session, user, email))
}

/// As [`mine`], with the user held for a change.
async fn mine_held(tx: &mut Tx<'_>, visit: &mut Visit, id: IdentifierId) -> Result<(Session, User, Identifier)> {
    let (_, user) = visit.themselves(tx).await?;
    hold(tx, user.id).await?;
    mine(tx, visit, id).await
}

/// The user's address, and the state of the code that was sent to it.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::SignedOut`].
pub async fn own_email(tx: &mut Tx<'_>, visit: &mut Visit, id: IdentifierId) -> Result<(Identifier, Option<once::State>)> {
    let (_, user, email) = mine(tx, visit, id).await?;
    let code = once::state(tx, Purpose::ProfileEmail, &attempt(&user, &email)).await?;
    Ok((email, code))
}

/// What the codes of an address are counted by: the user and the address, so that removing and adding it again gives no new tries.
fn attempt(user: &User, email: &Identifier) -> String {
    format!("{}|{}", user.id, email.norm)
}

/// Sends a code to one of the user's addresses.
///
/// # Errors
/// [`Problem::AlreadyVerified`]; [`Problem::NotFound`]; [`Problem::SignedOut`].
pub async fn prepare_email(tx: &mut Tx<'_>, visit: &mut Visit, id: IdentifierId) -> Result<(Identifier, Option<once::State>)> {
    let (_, user, email) = mine_held(tx, visit, id).await?;
    if email.verified_by.is_some() {
        return Err(Problem::AlreadyVerified.into());
    }
    let address = EmailAddress::parse(&email.given).ok_or(Problem::NotFound)?;
    once::charge(tx, visit, Some(user.id), address.norm()).await?;
    messages::send_code(tx, &visit.tenant, Purpose::ProfileEmail, &attempt(&user, &email), &address, CodeMail::Verification).await?;
    own_email(tx, visit, id).await
}

/// Proves an address by its code.
///
/// # Errors
/// [`Problem::IdentifierExists`] where somebody else has proven it meanwhile; [`Problem::NotFound`]; [`Problem::SignedOut`].
pub async fn attempt_email(tx: &mut Tx<'_>, visit: &mut Visit, id: IdentifierId, code: &Secret) -> Result<Verdict<(Identifier, Option<once::State>)>> {
    let (session, user, email) = mine_held(tx, visit, id).await?;
    if email.verified_by.is_some() {
        return Err(Problem::AlreadyVerified.into());
    }
    let settings = settings::effective(tx).await?;
    let owner = Owner { attempt: &attempt(&user, &email), proves: &email.norm };
    let spent = once::spend_code(tx, Purpose::ProfileEmail, owner, code).await?;
    if let Verdict::Refused(problem) = guard::settle_code(tx, &settings, user.id, visit.device(), spent).await? {
        return Ok(Verdict::Refused(problem));
    }
    identifiers::verify(tx, id, VerifiedBy::EmailCode).await?;
    if user.primary_email_address.is_none() {
        store::set_primary_email(tx, user.id, Some(id)).await?;
    }
    addresses::proven(tx, session.by(), user.id, "user.email_verify").await?;
    own_email(tx, visit, id).await.map(Verdict::Granted)
}

/// Takes one of the user's addresses away; never the last identifier, and never the primary one while another could take its place.
///
/// # Errors
/// [`Problem::LastIdentifier`]; [`Problem::NotFound`]; [`Problem::SignedOut`].
pub async fn remove_email(tx: &mut Tx<'_>, visit: &mut Visit, id: IdentifierId) -> Result<Identifier> {
    let (session, user, email) = mine_held(tx, visit, id).await?;
    addresses::take(tx, &user, &email).await?;
    changed(tx, session.by(), user.id, "user.email_remove").await?;
    Ok(email)
}

/// Ends one of the user's sessions, on whatever device.
///
/// # Errors
/// [`Problem::NotFound`] where it is not theirs; [`Problem::SignedOut`].
pub async fn revoke_own_session(tx: &mut Tx<'_>, visit: &mut Visit, id: SessionId) -> Result<Session> {
    let (session, user) = visit.themselves(tx).await?;
    if sessions::get(tx, id).await?.user != user.id {
        return Err(Problem::NotFound.into());
    }
    let revoked = sessions::revoke(tx, session.by(), id).await?;
    visit.refresh(tx).await?;
    Ok(revoked)
}
