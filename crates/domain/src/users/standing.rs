//! A user's standing, as the application's own backend decides it: banned, locked, with a password that others know.

use super::{User, change::changed, get, guard, hold, store};
use crate::{
    audit::Actor,
    messages,
    sessions::{self, Keep},
};
use ::store::Tx;
use foundation::{Problem, Result, UserId};

/// The most users that are banned or welcomed again at once.
pub const MOST_AT_ONCE: usize = 50;

/// Bans the user: their sessions end with this commit, and nobody signs in as them. Banning who is banned changes nothing.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn ban(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId) -> Result<User> {
    let user = hold(tx, id).await?;
    if user.banned {
        return Ok(user);
    }
    store::set_banned(tx, id, true).await?;
    sessions::revoke_of_user(tx, actor, id, Keep::None).await?;
    changed(tx, actor, id, "user.ban").await
}

/// Welcomes the user again; sessions that have ended stay ended.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn unban(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId) -> Result<User> {
    let user = hold(tx, id).await?;
    if !user.banned {
        return Ok(user);
    }
    store::set_banned(tx, id, false).await?;
    changed(tx, actor, id, "user.unban").await
}

/// Bans all of these users, or none of them.
///
/// # Errors
/// [`Problem::NotFound`] where one of them does not exist.
pub async fn ban_all(tx: &mut Tx<'_>, actor: Actor<'_>, ids: &[UserId]) -> Result<Vec<User>> {
    let mut banned = Vec::new();
    for id in in_order(ids) {
        banned.push(ban(tx, actor, id).await?);
    }
    Ok(banned)
}

/// Welcomes all of these users again, or none of them.
///
/// # Errors
/// [`Problem::NotFound`] where one of them does not exist.
pub async fn unban_all(tx: &mut Tx<'_>, actor: Actor<'_>, ids: &[UserId]) -> Result<Vec<User>> {
    let mut welcomed = Vec::new();
    for id in in_order(ids) {
        welcomed.push(unban(tx, actor, id).await?);
    }
    Ok(welcomed)
}

/// Each once, and always in the same order: two lists that hold the same users never wait for each other.
fn in_order(ids: &[UserId]) -> Vec<UserId> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Locks the user for as long as too many wrong tries would. Their sessions go on.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn lock(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId) -> Result<User> {
    hold(tx, id).await?;
    guard::lock(tx, id).await?;
    changed(tx, actor, id, "user.lock").await
}

/// Takes the lock off the user.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn unlock(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId) -> Result<User> {
    hold(tx, id).await?;
    guard::unlock(tx, id).await?;
    changed(tx, actor, id, "user.unlock").await
}

/// Notes that others know the user's password: it signs in no more, and whoever comes in by a code sets a new one first.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::NoPassword`].
pub async fn set_password_compromised(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId, keep: Keep) -> Result<User> {
    let user = hold(tx, id).await?;
    if !user.has_password {
        return Err(Problem::NoPassword.into());
    }
    let now = tx.now();
    store::set_compromised(tx, id, Some(now)).await?;
    sessions::revoke_of_user(tx, actor, id, keep).await?;
    changed(tx, actor, id, "user.password_compromise").await
}

/// Takes that note back.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn unset_password_compromised(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId) -> Result<User> {
    if !hold(tx, id).await?.password_compromised {
        return get(tx, id).await;
    }
    store::set_compromised(tx, id, None).await?;
    changed(tx, actor, id, "user.password_trust").await
}

/// Takes the user's password away, even where they have no other way in. Who has none is left as they are.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn remove_password(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId, keep: Keep) -> Result<User> {
    let had_one = hold(tx, id).await?.has_password;
    sessions::revoke_of_user(tx, actor, id, keep).await?;
    if !had_one {
        return get(tx, id).await;
    }
    store::set_digest(tx, id, None).await?;
    let user = changed(tx, actor, id, "user.password_remove").await?;
    messages::password_removed(tx, &user).await?;
    Ok(user)
}
