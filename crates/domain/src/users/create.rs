//! A user comes to be: by a completed sign-up, or by the backend's word.

use super::{MOST_EMAILS, User, get, guard, store};
use crate::{
    audit::{self, Actor},
    counters::{self, Counter},
    events::{self, Event},
    identifiers::{self, VerifiedBy},
    pools, settings,
};
use ::store::{Json, Tx};
use foundation::{EmailAddress, OnConflict, PoolId, Problem, Result, Secret, Timestamp, Username, text};
use serde_json::json;

/// What a new user is to be.
#[derive(Clone, Default)]
pub struct NewUser {
    /// Addresses; the first is the primary one.
    pub emails: Vec<EmailAddress>,
    /// Username.
    pub username: Option<Username>,
    /// The password's digest.
    pub digest: Option<Secret>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Their language.
    pub locale: Option<String>,
    /// The application's own id for them.
    pub external_id: Option<String>,
    /// Metadata that everybody may read.
    pub public_metadata: Json,
    /// Metadata that only the backend may read.
    pub private_metadata: Json,
    /// Metadata that the user may write.
    pub unsafe_metadata: Json,
    /// Whether they may delete their account.
    pub delete_self_enabled: Option<bool>,
    /// Whether they may create organizations.
    pub create_organization_enabled: Option<bool>,
    /// How many organizations they may create.
    pub create_organizations_limit: Option<i64>,
    /// When they accepted the terms.
    pub legal_accepted_at: Option<Timestamp>,
    /// When they came to be, if not now.
    pub created_at: Option<Timestamp>,
    /// Whether they are banned from the start.
    pub banned: bool,
    /// Whether they are locked from the start.
    pub locked: bool,
    /// Whether there must be a password where the instance requires one.
    pub needs_password: bool,
}

/// Creates the user with all identifiers verified.
///
/// # Errors
/// [`Problem::IdentifierExists`] where an identifier or the external id is taken; [`Problem::MetadataTooLarge`]; [`Problem::ParamMissing`] for a
/// password that the instance requires.
pub async fn create(tx: &mut Tx<'_>, pool: PoolId, actor: Actor<'_>, new: &NewUser, by: VerifiedBy) -> Result<User> {
    check(new)?;
    if let Some(most) = new.create_organizations_limit {
        settings::allowances(tx).await?.organizations.permit("create_organizations_limit", most)?;
    }
    let policy = &settings::effective(tx).await?.auth_password;
    if new.needs_password && new.digest.is_none() && policy.enabled && policy.required {
        return Err(Problem::ParamMissing("password").into());
    }
    let now = tx.now();
    let user = User {
        id: tx.new_id(),
        pool,
        external_id: new.external_id.clone(),
        first_name: new.first_name.clone(),
        last_name: new.last_name.clone(),
        locale: new.locale.clone(),
        primary_email_address: None,
        has_password: new.digest.is_some(),
        password_updated_at: new.digest.as_ref().map(|_| now),
        password_compromised: false,
        public_metadata: new.public_metadata.clone(),
        private_metadata: new.private_metadata.clone(),
        unsafe_metadata: new.unsafe_metadata.clone(),
        banned: new.banned,
        failed_attempts: 0,
        locked_until: None,
        attempts_left: 0,
        delete_self_enabled: new.delete_self_enabled.unwrap_or(true),
        create_organization_enabled: new.create_organization_enabled.unwrap_or(true),
        organizations: 0,
        memberships: Vec::new(),
        create_organizations_limit: new.create_organizations_limit,
        legal_accepted_at: new.legal_accepted_at,
        last_sign_in_at: None,
        last_active_at: None,
        created_at: new.created_at.unwrap_or(now),
        updated_at: now,
        image: None,
        image_url: String::new(),
        identifiers: Vec::new(),
    };
    store::insert(tx, &user, new.digest.as_ref()).await.on_conflict(Problem::IdentifierExists("external_id"))?;
    let mut primary = None;
    for address in &new.emails {
        let identifier = identifiers::add_email(tx, pool, user.id, address, Some(by)).await?;
        primary = primary.or(Some(identifier.id));
    }
    if primary.is_some() {
        store::set_primary_email(tx, user.id, primary).await?;
    }
    if let Some(username) = &new.username {
        identifiers::set_username(tx, pool, user.id, Some(username)).await?;
    }
    if new.locked {
        guard::lock(tx, user.id).await?;
    }
    counters::add(tx, Counter::Users, 1).await?;
    let user = get(tx, user.id).await?;
    audit::record(tx, actor, "user.create", &user.id.to_string(), &json!({})).await?;
    events::emit(tx, Event::UserCreated(&user)).await?;
    pools::welcome(tx, actor, &user).await?;
    get(tx, user.id).await
}

fn check(new: &NewUser) -> Result<(), Problem> {
    if i64::try_from(new.emails.len()).unwrap_or(i64::MAX) > MOST_EMAILS {
        return Err(Problem::LimitReached("e-mail addresses", MOST_EMAILS));
    }
    for (param, document) in [("public_metadata", &new.public_metadata), ("private_metadata", &new.private_metadata), ("unsafe_metadata", &new.unsafe_metadata)]
    {
        check_metadata(param, document)?;
    }
    check_name("first_name", new.first_name.as_deref())?;
    check_name("last_name", new.last_name.as_deref())?;
    check_name("external_id", new.external_id.as_deref())?;
    check_name("locale", new.locale.as_deref())
}

/// Checks that a document of metadata is not too large: 8 KiB as JSON text.
pub(crate) fn check_metadata(param: &'static str, document: &Json) -> Result<(), Problem> {
    let fits = serde_json::to_string(&document.0).is_ok_and(|text| text.len() <= 8_192);
    if fits { Ok(()) } else { Err(Problem::MetadataTooLarge(param)) }
}

/// Checks a short text of a user: at most 256 characters, no controls, and not only what nobody sees.
pub(crate) fn check_name(param: &'static str, value: Option<&str>) -> Result<(), Problem> {
    match value {
        Some(text) if text.chars().count() > 256 || text::has_control(text) => {
            Err(Problem::invalid(param, "must have at most 256 characters and no control characters"))
        }
        Some(text) if text::is_blank(text) && !text.trim().is_empty() => Err(Problem::invalid(param, "must have characters that can be seen")),
        _ => Ok(()),
    }
}
