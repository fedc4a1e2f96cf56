//! A user's e-mail addresses: added, proven, taken away; by the user (`profile`) and by the application's own backend.

use super::{MOST_EMAILS, User, change::changed, get, guard, hold, store};
use crate::{
    Verdict,
    audit::Actor,
    identifiers::{self, Handle, Identifier, Kind, VerifiedBy},
    instances::Tenant,
    messages::{self, CodeMail},
    once::{self, Owner, Purpose, Spent},
    organizations::suggestions,
    settings,
};
use ::store::Tx;
use foundation::{EmailAddress, IdentifierId, OnceId, Problem, Result, Secret, UserId};

/// What becomes of an address; what is absent stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmailChange {
    /// Whether it counts as proven, by the backend's word.
    pub verified: Option<bool>,
    /// Whether it is the user's primary address.
    pub primary: Option<bool>,
    /// Whether whoever reads the primary address of before is told where another becomes primary.
    pub notify: bool,
}

/// Tells whoever reads the primary address of before, if that was wanted and another is primary now.
pub(super) async fn tell(tx: &mut Tx<'_>, before: &User, after: &User, notify: bool) -> Result<()> {
    if notify && before.primary_email_address != after.primary_email_address { messages::primary_address_changed(tx, before).await } else { Ok(()) }
}

/// Adds an address to a user who is held. One that is not proven claims nothing, and is refused where somebody has proven it.
pub(super) async fn add(tx: &mut Tx<'_>, user: &User, address: &EmailAddress, by: Option<VerifiedBy>) -> Result<Identifier> {
    identifiers::ensure_free(tx, user.pool, &Handle::Email(address.clone())).await?;
    if user.emails().any(|e| e.norm == address.norm()) {
        return Err(Problem::IdentifierExists("email_address").into());
    }
    if i64::try_from(user.emails().count()).unwrap_or(i64::MAX) >= MOST_EMAILS {
        return Err(Problem::LimitReached("e-mail addresses", MOST_EMAILS).into());
    }
    identifiers::add_email(tx, user.pool, user.id, address, by).await
}

/// Takes an address from a user who is held; never the last identifier. The primary one's place goes to another that is proven.
pub(super) async fn take(tx: &mut Tx<'_>, user: &User, email: &Identifier) -> Result<()> {
    let settings = settings::effective(tx).await?;
    let others = user.identifiers.iter().filter(|i| i.id != email.id && i.claimed);
    let mut left = others.clone().filter(|i| !settings.auth_email.required || i.kind == Kind::EmailAddress);
    if email.verified_by.is_some() && left.next().is_none() {
        return Err(Problem::LastIdentifier.into());
    }
    identifiers::remove(tx, email.id).await?;
    if user.primary_email_address == Some(email.id) {
        let next = others.filter(|i| i.kind == Kind::EmailAddress).map(|i| i.id).next();
        store::set_primary_email(tx, user.id, next).await?;
    }
    Ok(())
}

/// Tells that an address of the user's counts as proven now, and offers them what its domain offers.
pub(super) async fn proven(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId, action: &str) -> Result<User> {
    let user = changed(tx, actor, id, action).await?;
    suggestions::evaluate(tx, &user).await?;
    Ok(user)
}

/// The address of this id, whoever's it is, and its user.
async fn owned(tx: &mut Tx<'_>, id: IdentifierId) -> Result<(User, Identifier)> {
    let user = identifiers::user_of(tx, id).await?;
    with(get(tx, user).await?, id)
}

/// As [`owned`], with the user held for a change.
async fn owned_held(tx: &mut Tx<'_>, id: IdentifierId) -> Result<(User, Identifier)> {
    let user = identifiers::user_of(tx, id).await?;
    with(hold(tx, user).await?, id)
}

fn with(user: User, id: IdentifierId) -> Result<(User, Identifier)> {
    let email = user.emails().find(|e| e.id == id).cloned().ok_or(Problem::NotFound)?;
    Ok((user, email))
}

/// An address.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn email(tx: &mut Tx<'_>, id: IdentifierId) -> Result<Identifier> {
    owned(tx, id).await.map(|(_, email)| email)
}

/// Adds an address by the backend's word. The first one that is proven is the primary one.
///
/// # Errors
/// [`Problem::NotFound`] where there is no such user; [`Problem::IdentifierExists`]; [`Problem::LimitReached`]; [`Problem::NotVerified`] where one
/// that is not proven is to be primary.
pub async fn create_email(tx: &mut Tx<'_>, actor: Actor<'_>, user: UserId, address: &EmailAddress, change: EmailChange) -> Result<Identifier> {
    let user = hold(tx, user).await?;
    let by = change.verified.unwrap_or(false).then_some(VerifiedBy::Admin);
    let wants_primary = change.primary.unwrap_or(false);
    if wants_primary && by.is_none() {
        return Err(Problem::NotVerified("primary").into());
    }
    let added = add(tx, &user, address, by).await?;
    if by.is_some() && (wants_primary || user.primary_email_address.is_none()) {
        store::set_primary_email(tx, user.id, Some(added.id)).await?;
    }
    let after = proven(tx, actor, user.id, "user.email_add").await?;
    tell(tx, &user, &after, change.notify).await?;
    Ok(added)
}

/// Changes what counts of an address. The primary one stays proven, and stays primary until another is made so.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::IdentifierExists`] where somebody else has proven it; [`Problem::NotVerified`]; [`Problem::ParamInvalid`].
pub async fn update_email(tx: &mut Tx<'_>, actor: Actor<'_>, id: IdentifierId, change: EmailChange) -> Result<Identifier> {
    let (user, email) = owned_held(tx, id).await?;
    let is_primary = user.primary_email_address == Some(id);
    if is_primary && change.primary == Some(false) {
        return Err(Problem::invalid("primary", "cannot be taken from the primary address: make another one primary").into());
    }
    let verified = change.verified.unwrap_or(email.verified_by.is_some());
    if !verified && (is_primary || change.primary == Some(true)) {
        let to_blame = if change.primary == Some(true) { "primary" } else { "verified" };
        return Err(Problem::NotVerified(to_blame).into());
    }
    match (email.verified_by, verified) {
        (None, true) => identifiers::verify(tx, id, VerifiedBy::Admin).await?,
        (Some(_), false) => identifiers::doubt(tx, id).await?,
        _ => {}
    }
    if verified && (change.primary == Some(true) || user.primary_email_address.is_none()) {
        store::set_primary_email(tx, user.id, Some(id)).await?;
    }
    let after = proven(tx, actor, user.id, "user.email_update").await?;
    tell(tx, &user, &after, change.notify).await?;
    owned(tx, id).await.map(|(_, email)| email)
}

/// Takes an address away; never the last identifier.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::LastIdentifier`].
pub async fn delete_email(tx: &mut Tx<'_>, actor: Actor<'_>, id: IdentifierId) -> Result<Identifier> {
    let (user, email) = owned_held(tx, id).await?;
    take(tx, &user, &email).await?;
    changed(tx, actor, user.id, "user.email_remove").await?;
    Ok(email)
}

/// Gives the user this one address in place of all others. It counts as proven unless the change says no, and is primary if it does.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::IdentifierExists`] where somebody else has proven it.
pub async fn replace_email(tx: &mut Tx<'_>, actor: Actor<'_>, user: UserId, address: &EmailAddress, change: EmailChange) -> Result<Identifier> {
    let user = hold(tx, user).await?;
    let by = change.verified.unwrap_or(true).then_some(VerifiedBy::Admin);
    store::set_primary_email(tx, user.id, None).await?;
    for email in user.emails() {
        identifiers::remove(tx, email.id).await?;
    }
    identifiers::ensure_free(tx, user.pool, &Handle::Email(address.clone())).await?;
    let added = identifiers::add_email(tx, user.pool, user.id, address, by).await?;
    if by.is_some() {
        store::set_primary_email(tx, user.id, Some(added.id)).await?;
    }
    let after = proven(tx, actor, user.id, "user.email_replace").await?;
    tell(tx, &user, &after, change.notify).await?;
    Ok(added)
}

/// Whether a backend's code was right, and the state of the code.
pub struct Verification {
    /// Its code, without the code.
    pub code: once::State,
    /// Whether this try was right.
    pub right: bool,
}

/// Sends a code to an address, proven or not, for the backend to ask for. An earlier one works no more.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::TooManyRequests`] where the address or its user has had too many.
pub async fn prepare_backend_email(tx: &mut Tx<'_>, tenant: &Tenant, id: IdentifierId) -> Result<Verification> {
    let (user, email) = owned_held(tx, id).await?;
    let address = EmailAddress::parse(&email.given).ok_or(Problem::NotFound)?;
    let attempt = id.to_string();
    once::charge_backend(tx, user.id, address.norm()).await?;
    // Every code is a verification of its own, so it does not count for the one before.
    once::revoke(tx, Purpose::BackendEmail, &attempt).await?;
    messages::send_code(tx, tenant, Purpose::BackendEmail, &attempt, &address, CodeMail::Verification).await?;
    let code = once::state(tx, Purpose::BackendEmail, &attempt).await?.ok_or(Problem::NotFound)?;
    Ok(Verification { code, right: false })
}

/// Tries a backend's code. A right one proves the address, if it was not proven. A wrong one is an answer, and counts towards the user's lock.
///
/// # Errors
/// [`Problem::NotFound`] where the verification is not the address's newest; [`Problem::AlreadyVerified`] where its code was right before;
/// [`Problem::IdentifierExists`] where somebody else has proven the address meanwhile.
pub async fn attempt_backend_email(tx: &mut Tx<'_>, actor: Actor<'_>, id: IdentifierId, verification: OnceId, code: &Secret) -> Result<Verdict<Verification>> {
    let (user, email) = owned_held(tx, id).await?;
    let attempt = id.to_string();
    let newest = |state: &once::State| state.id == verification;
    once::state(tx, Purpose::BackendEmail, &attempt).await?.filter(newest).ok_or(Problem::NotFound)?;
    let settings = settings::effective(tx).await?;
    let spent = once::spend_code(tx, Purpose::BackendEmail, Owner { attempt: &attempt, proves: &email.norm }, code).await?;
    if spent == Spent::Used {
        return Err(Problem::AlreadyVerified.into());
    }
    let verdict = guard::settle_code(tx, &settings, user.id, None, spent).await?;
    if let Verdict::Refused(problem @ Problem::UserLocked(_)) = verdict {
        return Ok(Verdict::Refused(problem));
    }
    let right = matches!(verdict, Verdict::Granted(()));
    if right && email.verified_by.is_none() {
        identifiers::verify(tx, id, VerifiedBy::EmailCode).await?;
        if user.primary_email_address.is_none() {
            store::set_primary_email(tx, user.id, Some(id)).await?;
        }
        proven(tx, actor, user.id, "user.email_verify").await?;
    }
    let code = once::state(tx, Purpose::BackendEmail, &attempt).await?.ok_or(Problem::NotFound)?;
    Ok(Verdict::Granted(Verification { code, right }))
}
