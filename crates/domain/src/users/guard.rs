//! The guard: one counter of failed tries for each user, on every path on which something secret of theirs can be guessed.
//!
//! A verdict is revealed only after its statement has found the user unlocked, so that a burst of parallel tries learns no more
//! than as many tries one after another.

use super::store;
use crate::settings::{self, Settings};
use ::store::Tx;
use foundation::{Problem, Result, Secret, UserId};
use std::time::Duration;

/// Whether what was tried was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was.
    Right,
    /// It was not; this is what to say about it.
    Wrong,
}

/// Settles a try: counts it, or clears the counter. `digest` is what a password was compared with; a password that was changed meanwhile
/// is a wrong one. `None` means that the outcome may be revealed.
///
/// # Errors
/// Only the database's own: being locked is an answer.
pub async fn settle(tx: &mut Tx<'_>, user: UserId, settings: &Settings, outcome: Outcome, digest: Option<&Secret>) -> Result<Option<Problem>> {
    let policy = &settings.attack_protection;
    let passed = match outcome {
        Outcome::Right => store::pass(tx, user, digest).await?,
        Outcome::Wrong => store::fail(tx, user, policy.max_attempts, Duration::from_secs(policy.lockout_seconds)).await?,
    };
    if passed { Ok(None) } else { locked(tx, user).await.map(|lock| Some(lock.unwrap_or(Problem::PasswordIncorrect("password")))) }
}

/// Locks the user, for as long as too many wrong tries would.
///
/// # Errors
/// Only the database's own.
pub async fn lock(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    let settings = settings::effective(tx).await?;
    let until = tx.now() + Duration::from_secs(settings.attack_protection.lockout_seconds);
    store::lock(tx, user, until).await
}

/// The lock on the user, if there is one.
///
/// # Errors
/// Only the database's own.
pub async fn locked(tx: &mut Tx<'_>, user: UserId) -> Result<Option<Problem>> {
    let now = tx.now();
    Ok(store::locked_until(tx, user).await?.filter(|until| *until > now).map(|until| Problem::UserLocked(until.since(now).as_secs().max(1))))
}
