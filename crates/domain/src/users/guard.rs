//! The guard: one counter of failed tries for each user, on every path on which something secret of theirs can be guessed.
//!
//! A verdict is revealed only after its statement has found the user unlocked, so that a burst of parallel tries learns no more
//! than as many tries one after another.

use super::store;
use crate::{
    Verdict,
    once::Spent,
    settings::{self, Settings},
};
use ::store::Tx;
use foundation::{Problem, Result, Secret, UserId};
use std::time::Duration;

/// Whether what was tried was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was.
    Right,
    /// It was not.
    Wrong,
}

/// Settles a try: counts it, or clears the counter. `digest` is what a password was compared with; a password that was changed meanwhile
/// is a wrong one. Granted is only what was right, of a user who is not locked; everything else is refused with the lock, or with `wrong`.
///
/// # Errors
/// Only the database's own: being locked is an answer.
pub async fn settle(tx: &mut Tx<'_>, user: UserId, settings: &Settings, outcome: Outcome, digest: Option<&Secret>, wrong: Problem) -> Result<Verdict<()>> {
    let policy = &settings.attack_protection;
    let settled = match outcome {
        Outcome::Right => store::pass(tx, user, digest).await?,
        Outcome::Wrong => store::fail(tx, user, policy.max_attempts, Duration::from_secs(policy.lockout_seconds)).await?,
    };
    if settled && outcome == Outcome::Right {
        return Ok(Verdict::Granted(()));
    }
    let lock = if settled { None } else { locked(tx, user).await? };
    Ok(Verdict::Refused(lock.unwrap_or(wrong)))
}

/// Settles a code that was tried. Only a right and a wrong one count; the others were refused before anybody looked at them.
///
/// # Errors
/// As [`settle`].
pub async fn settle_code(tx: &mut Tx<'_>, user: UserId, settings: &Settings, spent: Spent) -> Result<Verdict<()>> {
    match (spent, spent.problem()) {
        (Spent::Wrong, _) => settle(tx, user, settings, Outcome::Wrong, None, Problem::CodeIncorrect).await,
        (_, None) => settle(tx, user, settings, Outcome::Right, None, Problem::CodeIncorrect).await,
        (_, Some(problem)) => Ok(Verdict::Refused(locked(tx, user).await?.unwrap_or(problem))),
    }
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

/// Takes the lock off the user, and forgets their failed tries.
///
/// # Errors
/// Only the database's own.
pub async fn unlock(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    store::unlock(tx, user).await
}

/// The lock on the user, if there is one.
///
/// # Errors
/// Only the database's own.
pub async fn locked(tx: &mut Tx<'_>, user: UserId) -> Result<Option<Problem>> {
    let now = tx.now();
    Ok(store::locked_until(tx, user).await?.filter(|until| *until > now).map(|until| Problem::UserLocked(until.since(now).as_secs().max(1))))
}
