//! How long sessions live: until they expire, or until nobody has used them for long enough.
//!
//! A setting that became stricter holds for every session at once; one that became looser holds for new sessions, and what concerns
//! inactivity from the next use on. So no session comes back to life.

use super::{Session, Status, Task};
use crate::{
    audit::Actor,
    settings::{SessionPolicy, Settings},
};
use foundation::Timestamp;
use std::time::Duration;

/// How long after its end a session is kept to be shown.
pub(super) const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// The use of a session is noted this often at most.
pub(super) const GRAIN: Duration = Duration::from_secs(60);
/// Where nothing depends on it, a page that only fetches tokens is noted this often.
const COARSE: Duration = Duration::from_secs(900);

impl SessionPolicy {
    /// When a session that was last used at `last` is given up.
    pub(super) fn abandoned_at(&self, last: Timestamp, expires: Timestamp) -> Timestamp {
        self.patience().map_or(expires + KEPT, |patience| last + patience)
    }

    pub(super) fn life_millis(&self) -> i64 {
        millis(self.life())
    }

    /// Where nobody loses patience, a number that no time reaches.
    pub(super) fn patience_millis(&self) -> i64 {
        self.patience().map_or(i64::MAX / 4, millis)
    }

    /// Whether a token that is fetched should be noted as a use. That happens every minute or so on every open page, so it is noted no
    /// more often than it matters.
    pub fn notes(&self, session: &Session, now: Timestamp) -> bool {
        let grain = self.patience().map_or(COARSE, |patience| (patience / 5).clamp(GRAIN, COARSE));
        now.since(session.last_active_at) >= grain
    }
}

impl Session {
    /// The session as the policy of today bounds it.
    pub(super) fn within(mut self, settings: &Settings) -> Session {
        let policy = &settings.session;
        let organizations = &settings.organization_settings;
        if !organizations.enabled {
            self.organization = None;
        }
        let homeless = settings.holds_to_organizations() && self.organization.is_none();
        self.task = homeless.then_some(Task::ChooseOrganization);
        self.expire_at = self.expire_at.min(self.created_at + policy.life());
        self.abandon_at = self.abandon_at.min(policy.abandoned_at(self.last_active_at, self.expire_at));
        self
    }

    /// Who acts in it: its user, or whoever impersonates them.
    pub fn by(&self) -> Actor<'_> {
        self.actor.as_ref().map_or(Actor::User(self.user), |actor| Actor::Impersonator(self.user, &actor.0))
    }

    /// When its life ends if nobody uses it any more.
    pub fn end(&self) -> Timestamp {
        self.expire_at.min(self.abandon_at)
    }

    /// What became of it by now. Whichever came first, the end of its time or of all patience, stays what became of it.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.stored_status {
            Status::Active | Status::Pending if now < self.end() => {
                if self.task.is_some() {
                    Status::Pending
                } else {
                    self.stored_status
                }
            }
            Status::Active | Status::Pending if self.expire_at <= self.abandon_at => Status::Expired,
            Status::Active | Status::Pending => Status::Abandoned,
            closed => closed,
        }
    }

    /// Whether it lives.
    pub fn is_live(&self, now: Timestamp) -> bool {
        matches!(self.status(now), Status::Active | Status::Pending)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// The policy as numbers that a statement compares columns with.
pub(super) struct Thresholds {
    /// Sessions that began at this time or before have expired.
    pub(super) born: Timestamp,
    /// Sessions last used at this time or before are abandoned.
    pub(super) used: Timestamp,
}

impl Thresholds {
    pub(super) fn new(policy: &SessionPolicy, now: Timestamp) -> Thresholds {
        let used = policy.patience().map_or(Timestamp::from_millis(i64::MIN), |patience| now - patience);
        Thresholds { born: now - policy.life(), used }
    }
}
