//! The guard: counters of failed tries, on every path on which something secret of a user's can be guessed.
//!
//! | who tries | is counted | waits |
//! |---|---|---|
//! | a device that the user has signed in on | by itself | when its own tries are spent |
//! | everybody else, and the backend for them | together | when all their tries are spent |
//!
//! So strangers who fail on purpose lock strangers out, and not the user. Each lock without a success in between lasts twice as long as the
//! one before, up to a day; after a day of peace they are short again. The backend's own lock holds for everybody.
//!
//! A verdict is revealed only after its statement has found its counter unlocked, so that a burst of parallel tries learns no more
//! than as many tries one after another.

use super::{User, known_devices, store};
use crate::{
    Verdict,
    once::Spent,
    settings::{self, Settings},
};
use ::store::Tx;
use foundation::{ClientId, Problem, Result, Secret, Timestamp, UserId};
use std::time::Duration;

/// Whether what was tried was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was.
    Right,
    /// It was not.
    Wrong,
}

/// A try.
#[derive(Clone, Copy)]
pub struct Try<'a> {
    /// Whose secret was guessed at.
    pub user: UserId,
    /// The client that was recognised, if one was; only one that the user has signed in on makes a difference.
    pub device: Option<ClientId>,
    /// Whether it was right.
    pub outcome: Outcome,
    /// What a password was compared with; one that was changed meanwhile is a wrong one.
    pub digest: Option<&'a Secret>,
}

/// The longest lock, unless the first one is longer already.
const LONGEST: Duration = Duration::from_secs(86_400);
/// How long after a lock the next one is short again.
const PEACE: Duration = Duration::from_secs(86_400);

/// How a counter locks, as its statements need it.
pub(super) struct Locking {
    /// How many failed tries lock.
    pub(super) most: i64,
    /// Until when, by how often it has locked before; the last one for all further.
    pub(super) until: [Timestamp; 6],
    /// A lock that ended before was the last of its row.
    pub(super) peace: Timestamp,
}

impl Locking {
    fn new(now: Timestamp, settings: &Settings) -> Locking {
        let policy = &settings.attack_protection;
        let first = Duration::from_secs(policy.lockout_seconds);
        let until = [1, 2, 4, 8, 16, 32].map(|times| now + first.saturating_mul(times).min(LONGEST.max(first)));
        Locking { most: policy.max_attempts, until, peace: now - PEACE }
    }
}

/// Settles a try: counts it, or clears the counter. Granted is only what was right, where nobody is locked; everything else is
/// refused with the lock, or with `wrong`.
///
/// # Errors
/// Only the database's own: being locked is an answer.
pub async fn settle(tx: &mut Tx<'_>, settings: &Settings, tried: Try<'_>, wrong: Problem) -> Result<Verdict<()>> {
    let Try { user, outcome, digest, .. } = tried;
    let device = known(tx, user, tried.device).await?;
    let locking = Locking::new(tx.now(), settings);
    let settled = match (device, outcome) {
        (None, Outcome::Right) => store::pass(tx, user, digest).await?,
        (None, Outcome::Wrong) => store::fail(tx, user, &locking).await?,
        // The user's row first: its digest and the backend's lock hold until the device's row is settled.
        (Some(device), Outcome::Right) => store::is_open(tx, user, digest).await? && known_devices::pass(tx, user, device).await?,
        (Some(device), Outcome::Wrong) => store::is_open(tx, user, None).await? && known_devices::fail(tx, user, device, &locking).await?,
    };
    if settled && outcome == Outcome::Right {
        return Ok(Verdict::Granted(()));
    }
    let lock = if settled { None } else { locked(tx, user, device).await? };
    Ok(Verdict::Refused(lock.unwrap_or(wrong)))
}

/// Settles a code that was tried. Only a right and a wrong one count; the others were refused before anybody looked at them.
///
/// # Errors
/// As [`settle`].
pub async fn settle_code(tx: &mut Tx<'_>, settings: &Settings, user: UserId, device: Option<ClientId>, spent: Spent) -> Result<Verdict<()>> {
    let tried = |outcome| Try { user, device, outcome, digest: None };
    match (spent, spent.problem()) {
        (Spent::Wrong, _) => settle(tx, settings, tried(Outcome::Wrong), Problem::CodeIncorrect).await,
        (_, None) => settle(tx, settings, tried(Outcome::Right), Problem::CodeIncorrect).await,
        (_, Some(problem)) => Ok(Verdict::Refused(locked(tx, user, device).await?.unwrap_or(problem))),
    }
}

/// The device, if the user has signed in on it lately.
///
/// # Errors
/// Only the database's own.
pub async fn known(tx: &mut Tx<'_>, user: UserId, device: Option<ClientId>) -> Result<Option<ClientId>> {
    match device {
        Some(device) if known_devices::is_known(tx, user, device).await? => Ok(Some(device)),
        _ => Ok(None),
    }
}

/// Remembers that the user has signed in on the device.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn remember(tx: &mut Tx<'_>, user: UserId, device: ClientId) -> Result<()> {
    known_devices::remember(tx, user, device).await
}

/// Locks the user on all devices, by the backend's word, for as long as the first lock of too many wrong tries.
///
/// # Errors
/// Only the database's own.
pub async fn lock(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    let settings = settings::effective(tx).await?;
    let until = tx.now() + Duration::from_secs(settings.attack_protection.lockout_seconds);
    store::lock(tx, user, until).await
}

/// Takes every lock off the user, and clears all counters.
///
/// # Errors
/// Only the database's own.
pub async fn unlock(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    store::unlock(tx, user).await?;
    known_devices::unlock(tx, user).await
}

/// Says on the users how many more tries of strangers may fail.
pub(super) async fn count_left(tx: &mut Tx<'_>, users: &mut [User]) -> Result<()> {
    let most = settings::effective(tx).await?.attack_protection.max_attempts;
    let now = tx.now();
    for user in users {
        user.attempts_left = match most - user.failed_attempts {
            left if left > 0 => left,
            _ if user.is_locked(now) => 0,
            // The lock is over: the next failure is the first.
            _ => most,
        };
    }
    Ok(())
}

/// The lock that keeps the device out, if there is one.
///
/// # Errors
/// Only the database's own.
pub async fn locked(tx: &mut Tx<'_>, user: UserId, device: Option<ClientId>) -> Result<Option<Problem>> {
    let now = tx.now();
    let (strangers, backends) = store::locks(tx, user).await?;
    let own = match known(tx, user, device).await? {
        Some(device) => known_devices::locked_until(tx, user, device).await?,
        None => strangers,
    };
    Ok(own.max(backends).filter(|until| *until > now).map(|until| Problem::UserLocked(until.since(now).as_millis().div_ceil(1_000).try_into().unwrap_or(1))))
}
