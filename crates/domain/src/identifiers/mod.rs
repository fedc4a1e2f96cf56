//! Identifiers: what users are known by. A claimed one is unique in its pool; an unverified address claims nothing.

pub(crate) mod store;

use ::store::text_enum;
use foundation::{EmailAddress, IdentifierId, OnConflict, PoolId, Problem, Result, Timestamp, UserId, Username};

text_enum! {
    /// What kind of identifier it is.
    pub enum Kind {
        /// An e-mail address.
        EmailAddress = "email_address",
        /// A username.
        Username = "username",
    }
}

text_enum! {
    /// How it was proven to be the user's.
    pub enum VerifiedBy {
        /// By a code sent to it.
        EmailCode = "email_code",
        /// By an invitation that was sent to it.
        Ticket = "ticket",
        /// By the backend's word.
        Admin = "admin",
    }
}

/// An identifier of a user.
#[derive(Clone, Debug)]
pub struct Identifier {
    /// Its id.
    pub id: IdentifierId,
    /// Whose it is.
    pub user: UserId,
    /// What kind it is.
    pub kind: Kind,
    /// As it was given.
    pub given: String,
    /// As it is compared.
    pub norm: String,
    /// Whether nobody else in the pool can have it.
    pub claimed: bool,
    /// How it was verified; absent if it was not.
    pub verified_by: Option<VerifiedBy>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What stands for a user at sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handle {
    /// An address.
    Email(EmailAddress),
    /// A username.
    Username(Username),
}

impl Handle {
    /// Reads what somebody typed as their identifier. With an `@` it is an address or nothing.
    pub fn parse(text: &str) -> Option<Handle> {
        if text.contains('@') { EmailAddress::parse(text).map(Handle::Email) } else { Username::parse(text).ok().map(Handle::Username) }
    }

    /// As it was given.
    pub fn given(&self) -> &str {
        match self {
            Handle::Email(address) => address.given(),
            Handle::Username(name) => name.given(),
        }
    }

    fn parts(&self) -> (Kind, &str) {
        match self {
            Handle::Email(address) => (Kind::EmailAddress, address.norm()),
            Handle::Username(name) => (Kind::Username, name.norm()),
        }
    }
}

/// The user of the pool who claims the handle.
///
/// # Errors
/// Only the database's own.
pub async fn owner(tx: &mut ::store::Tx<'_>, pool: PoolId, handle: &Handle) -> Result<Option<UserId>> {
    let (kind, norm) = handle.parts();
    store::owner(tx, pool, kind, norm).await
}

/// Refuses a handle that somebody in the pool claims already.
///
/// # Errors
/// [`Problem::IdentifierExists`].
pub async fn ensure_free(tx: &mut ::store::Tx<'_>, pool: PoolId, handle: &Handle) -> Result<()> {
    match owner(tx, pool, handle).await? {
        Some(_) => Err(Problem::IdentifierExists(handle.parts().0.as_str()).into()),
        None => Ok(()),
    }
}

/// Adds an address to a user; it claims its place in the pool only if it is verified.
///
/// # Errors
/// [`Problem::IdentifierExists`] where another user claims it.
pub async fn add_email(tx: &mut ::store::Tx<'_>, pool: PoolId, user: UserId, address: &EmailAddress, verified_by: Option<VerifiedBy>) -> Result<Identifier> {
    add(tx, pool, user, Kind::EmailAddress, (address.given(), address.norm()), verified_by).await
}

/// Gives a user a username, in place of an earlier one.
///
/// # Errors
/// [`Problem::IdentifierExists`] where another user claims it.
pub async fn set_username(tx: &mut ::store::Tx<'_>, pool: PoolId, user: UserId, username: Option<&Username>) -> Result<()> {
    store::delete_kind(tx, user, Kind::Username).await?;
    if let Some(username) = username {
        add(tx, pool, user, Kind::Username, (username.given(), username.norm()), None).await?;
    }
    Ok(())
}

async fn add(
    tx: &mut ::store::Tx<'_>,
    pool: PoolId,
    user: UserId,
    kind: Kind,
    (given, norm): (&str, &str),
    verified_by: Option<VerifiedBy>,
) -> Result<Identifier> {
    let now = tx.now();
    let identifier = Identifier {
        id: tx.new_id(),
        user,
        kind,
        given: given.to_owned(),
        norm: norm.to_owned(),
        // A username belongs to whoever chose it first; an address must be proven.
        claimed: kind == Kind::Username || verified_by.is_some(),
        verified_by,
        created_at: now,
        updated_at: now,
    };
    store::insert(tx, pool, &identifier).await.on_conflict(Problem::IdentifierExists(kind.as_str()))?;
    Ok(identifier)
}

/// Marks an address as proven: from now on it claims its place in the pool.
///
/// # Errors
/// [`Problem::IdentifierExists`] where another user has proven it meanwhile.
pub async fn verify(tx: &mut ::store::Tx<'_>, id: IdentifierId, by: VerifiedBy) -> Result<()> {
    store::verify(tx, id, by).await.on_conflict(Problem::IdentifierExists("email_address"))
}

/// Marks an address as not proven any more: it claims nothing, and its user stays.
///
/// # Errors
/// Only the database's own.
pub async fn doubt(tx: &mut ::store::Tx<'_>, id: IdentifierId) -> Result<()> {
    store::doubt(tx, id).await
}

/// Whose identifier it is.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn user_of(tx: &mut ::store::Tx<'_>, id: IdentifierId) -> Result<UserId> {
    store::user_of(tx, id).await
}

/// Takes an identifier away.
///
/// # Errors
/// Only the database's own.
pub async fn remove(tx: &mut ::store::Tx<'_>, id: IdentifierId) -> Result<()> {
    store::delete(tx, id).await
}
