//! Users: the people of a pool.

mod addresses;
mod change;
mod create;
mod credentials;
pub mod guard;
mod known_devices;
mod list;
mod organizations;
mod pictures;
mod profile;
mod standing;
mod store;

pub use addresses::{EmailChange, Verification, attempt_backend_email, create_email, delete_email, email, prepare_backend_email, replace_email, update_email};
pub use change::{Change, MetadataChange, change_metadata, delete, merge, merge_metadata, update};
pub use create::{NewUser, create};
pub(crate) use create::{check_metadata, check_name};
pub use credentials::{change_password, digest, question, removal_question, remove_own_password, set_password, verify_password};
pub use list::{Filter, Order, OrderBy, count, list};
pub(crate) use list::{Patterns, narrowed as narrow, of_ids};
pub use organizations::CreationLimit;
pub(crate) use organizations::{count_creation, count_membership, discount_creation, discount_members, discount_membership};
pub use pictures::{remove_image, remove_own_image, set_image, set_own_image, spend_own_upload, spend_upload};
pub use profile::{
    add_email, attempt_email, delete_self, ensure_signed_in, own_email, prepare_email, remove_email, revoke_own_session, update_own_metadata, update_self,
};
pub use standing::{MOST_AT_ONCE, ban, ban_all, lock, remove_password, set_password_compromised, unban, unban_all, unlock, unset_password_compromised};

use crate::{
    identifiers::{self, Identifier, Kind},
    images,
    organizations::memberships::{self, Belonging},
    settings,
};
use ::store::{Json, Tx};
use foundation::{IdentifierId, ImageId, PoolId, Problem, Result, Timestamp, UserId};

/// A user with everything that identifies them.
#[derive(Clone, Debug)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// The pool they belong to.
    pub pool: PoolId,
    /// The id that the application's own database has for them.
    pub external_id: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Their language, as a BCP 47 tag.
    pub locale: Option<String>,
    /// The address that mails go to.
    pub primary_email_address: Option<IdentifierId>,
    /// Whether they have a password.
    pub has_password: bool,
    /// When it was last set.
    pub password_updated_at: Option<Timestamp>,
    /// Whether somebody else is said to know it: it signs in no more, and a new one is due.
    pub password_compromised: bool,
    /// What everybody may read and the backend may write.
    pub public_metadata: Json,
    /// What only the backend may read and write.
    pub private_metadata: Json,
    /// What the user may write too.
    pub unsafe_metadata: Json,
    /// Whether they may not sign in any more.
    pub banned: bool,
    /// How many tries of strangers have failed since the last success.
    pub failed_attempts: i64,
    /// Until when strangers cannot sign in as them, or nobody can by the backend's word.
    pub locked_until: Option<Timestamp>,
    /// How many more tries of strangers may fail before they are locked.
    pub attempts_left: i64,
    /// Whether they may delete their account.
    pub delete_self_enabled: bool,
    /// Whether they may create organizations.
    pub create_organization_enabled: bool,
    /// How many organizations they belong to.
    pub organizations: i64,
    /// Their memberships, oldest first; not read for lists of users.
    pub memberships: Vec<Belonging>,
    /// How many organizations they may create by their own number, within what the settings allow; absent for the instance's number.
    pub create_organizations_limit: Option<i64>,
    /// When they accepted the terms.
    pub legal_accepted_at: Option<Timestamp>,
    /// When they last signed in.
    pub last_sign_in_at: Option<Timestamp>,
    /// When they were last seen, to the minute.
    pub last_active_at: Option<Timestamp>,
    /// When they came to be.
    pub created_at: Timestamp,
    /// When anything above last changed.
    pub updated_at: Timestamp,
    /// Their picture.
    pub image: Option<ImageId>,
    /// Where it is, or the avatar that stands in for it.
    pub image_url: String,
    /// What they are known by, oldest first.
    pub identifiers: Vec<Identifier>,
}

/// The most addresses a user can have.
pub const MOST_EMAILS: i64 = 10;

impl User {
    /// Their addresses, oldest first.
    pub fn emails(&self) -> impl Iterator<Item = &Identifier> {
        self.identifiers.iter().filter(|i| i.kind == Kind::EmailAddress)
    }

    /// Their username.
    pub fn username(&self) -> Option<&str> {
        self.identifiers.iter().find(|i| i.kind == Kind::Username).map(|i| i.given.as_str())
    }

    /// The address that mails go to.
    pub fn primary_email(&self) -> Option<&Identifier> {
        self.primary_email_address.and_then(|id| self.emails().find(|i| i.id == id))
    }

    /// What identifies them to others: the primary address, else the username, else nothing.
    pub fn identifier(&self) -> &str {
        self.primary_email().map(|i| i.given.as_str()).or_else(|| self.username()).unwrap_or_default()
    }

    /// Whether they cannot sign in for now.
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| until > now)
    }
}

/// The user of this id.
///
/// # Errors
/// [`Problem::NotFound`] where there is none.
pub async fn get(tx: &mut Tx<'_>, id: UserId) -> Result<User> {
    find(tx, id).await?.ok_or_else(|| Problem::NotFound.into())
}

/// The user of this id, if there is one.
///
/// # Errors
/// Only the database's own.
pub async fn find(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>> {
    let Some(mut user) = store::find(tx, id).await? else { return Ok(None) };
    user.identifiers = identifiers::store::of_users(tx, &[id]).await?;
    guard::count_left(tx, std::slice::from_mut(&mut user)).await?;
    organizations::hold_limits(tx, std::slice::from_mut(&mut user)).await?;
    images::illustrate(tx, std::slice::from_mut(&mut user)).await?;
    // Where organizations are off nobody is told of any: not in the user, and not in a session's token.
    if user.organizations > 0 && settings::effective(tx).await?.organization_settings.enabled {
        user.memberships = memberships::of_user(tx, id).await?;
    }
    Ok(Some(user))
}

/// The user of this id, for a change that depends on what is read: nobody else changes them before the transaction ends.
///
/// # Errors
/// [`Problem::NotFound`] where there is none.
pub(crate) async fn hold(tx: &mut Tx<'_>, id: UserId) -> Result<User> {
    if store::hold(tx, id).await? { get(tx, id).await } else { Err(Problem::NotFound.into()) }
}

/// Gives users their identifiers, by one statement.
pub(crate) async fn with_identifiers(tx: &mut Tx<'_>, mut users: Vec<User>) -> Result<Vec<User>> {
    let ids: Vec<UserId> = users.iter().map(|u| u.id).collect();
    if ids.is_empty() {
        return Ok(users);
    }
    for identifier in identifiers::store::of_users(tx, &ids).await? {
        if let Some(user) = users.iter_mut().find(|u| u.id == identifier.user) {
            user.identifiers.push(identifier);
        }
    }
    guard::count_left(tx, &mut users).await?;
    organizations::hold_limits(tx, &mut users).await?;
    images::illustrate(tx, &mut users).await?;
    Ok(users)
}

/// Refuses a user who is gone, or banned.
///
/// # Errors
/// [`Problem::SignedOut`]; [`Problem::UserBanned`].
pub async fn ensure_welcome(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    match store::is_banned(tx, id).await? {
        None => Err(Problem::SignedOut.into()),
        Some(true) => Err(Problem::UserBanned.into()),
        Some(false) => Ok(()),
    }
}

/// Notes that the user was seen; at most once a minute.
///
/// # Errors
/// Only the database's own.
pub async fn seen(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    store::seen(tx, id).await
}

/// Notes that the user has signed in.
///
/// # Errors
/// Only the database's own.
pub async fn signed_in(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    store::signed_in(tx, id).await
}
