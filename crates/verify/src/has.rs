//! `has()`: what a session may. The answers are those of the SDKs, held to them by the table in `tests/has.json`.

use crate::session::Session;
use serde::{Deserialize, Deserializer};

/// What is asked of a session. All that is asked must hold; where nothing is asked, nothing holds.
///
/// ```
/// # use insula_verify::{Check, Reverification};
/// let check = Check::permission("org:invoices:create").and_reverification(Reverification::Strict);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    #[serde(default, deserialize_with = "given")]
    role: Option<String>,
    #[serde(default, deserialize_with = "given")]
    permission: Option<String>,
    #[serde(default, deserialize_with = "given")]
    feature: Option<String>,
    #[serde(default, deserialize_with = "given")]
    plan: Option<String>,
    #[serde(default, deserialize_with = "given")]
    reverification: Option<Reverification>,
}

/// A field that is there has a value: `null` is no way of not asking.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

/// How recently somebody must have proven who they are. Where they have no second factor, the first one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reverification {
    /// Both factors within 10 minutes.
    StrictMfa,
    /// The second factor within 10 minutes.
    Strict,
    /// The second factor within an hour.
    Moderate,
    /// The second factor within a day.
    Lax,
    /// What the application wants.
    Within {
        /// Which factors.
        level: Level,
        /// Fewer minutes ago than this.
        minutes: u32,
    },
}

/// Which factors a reverification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The first.
    FirstFactor,
    /// The second, or the first of whoever has no second.
    SecondFactor,
    /// Both, or the first of whoever has no second.
    MultiFactor,
}

impl Check {
    /// Asks for a role in the organization; `org:` may be left out.
    pub fn role(role: impl Into<String>) -> Check {
        Check::default().and_role(role)
    }

    /// Asks for a permission in the organization, `org:<feature>:<permission>`.
    pub fn permission(permission: impl Into<String>) -> Check {
        Check::default().and_permission(permission)
    }

    /// Asks for a feature: of the organization (`org:…`), of the user (`user:…`), or of either.
    pub fn feature(feature: impl Into<String>) -> Check {
        Check::default().and_feature(feature)
    }

    /// Asks for a plan, with scopes as features have them.
    pub fn plan(plan: impl Into<String>) -> Check {
        Check::default().and_plan(plan)
    }

    /// Asks for a recent proof.
    pub fn reverification(reverification: Reverification) -> Check {
        Check::default().and_reverification(reverification)
    }

    /// Asks for a role, too.
    #[must_use]
    pub fn and_role(self, role: impl Into<String>) -> Check {
        Check { role: Some(role.into()), ..self }
    }

    /// Asks for a permission, too.
    #[must_use]
    pub fn and_permission(self, permission: impl Into<String>) -> Check {
        Check { permission: Some(permission.into()), ..self }
    }

    /// Asks for a feature, too.
    #[must_use]
    pub fn and_feature(self, feature: impl Into<String>) -> Check {
        Check { feature: Some(feature.into()), ..self }
    }

    /// Asks for a plan, too.
    #[must_use]
    pub fn and_plan(self, plan: impl Into<String>) -> Check {
        Check { plan: Some(plan.into()), ..self }
    }

    /// Asks for a recent proof, too.
    #[must_use]
    pub fn and_reverification(self, reverification: Reverification) -> Check {
        Check { reverification: Some(reverification), ..self }
    }
}

impl Session {
    /// Whether all of this holds for the session.
    pub fn has(&self, check: &Check) -> bool {
        let Check { role, permission, feature, plan, reverification } = check;
        let asked = [
            role.as_ref().map(|role| self.has_role(role)),
            permission.as_ref().map(|permission| self.has_permission(permission)),
            feature.as_ref().map(|feature| includes(self.features.as_deref(), feature)),
            plan.as_ref().map(|plan| includes(self.plans.as_deref(), plan)),
            reverification.as_ref().map(|reverification| self.has_proven(*reverification)),
        ];
        asked.iter().any(Option::is_some) && asked.iter().flatten().all(|holds| *holds)
    }

    fn has_role(&self, role: &str) -> bool {
        let own = self.organization.as_ref().and_then(|organization| organization.role.as_deref());
        own.is_some_and(|own| prefixed(own) == prefixed(role))
    }

    fn has_permission(&self, permission: &str) -> bool {
        self.organization.as_ref().is_some_and(|organization| organization.permissions.contains(&prefixed(permission)))
    }

    fn has_proven(&self, reverification: Reverification) -> bool {
        let Some(ages) = self.factor_ages else { return false };
        let (level, minutes) = match reverification {
            Reverification::StrictMfa => (Level::MultiFactor, 10),
            Reverification::Strict => (Level::SecondFactor, 10),
            Reverification::Moderate => (Level::SecondFactor, 60),
            Reverification::Lax => (Level::SecondFactor, 1_440),
            Reverification::Within { level, minutes } => (level, minutes),
        };
        let fresh = |age: Option<u64>| age.is_some_and(|age| age < u64::from(minutes));
        match (level, ages.second) {
            (Level::FirstFactor, _) | (_, None) => fresh(ages.first),
            (Level::SecondFactor, second) => fresh(second),
            (Level::MultiFactor, second) => fresh(ages.first) && fresh(second),
        }
    }
}

/// The key with one `org:` in front, however many there are.
fn prefixed(key: &str) -> String {
    let mut rest = key;
    while let Some(shorter) = rest.strip_prefix("org:") {
        rest = shorter;
    }
    format!("org:{rest}")
}

/// Names of the organization and of the user, from a claim like `o:dashboard,u:export,uo:both`; `None` where it has no such form.
pub(crate) fn by_scope(claim: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    let (mut organization, mut user) = (Vec::new(), Vec::new());
    for element in claim.split(',') {
        let (scope, name) = element.trim().split_once(':')?;
        if matches!(scope, "o" | "ou" | "uo") {
            organization.push(name);
        }
        if matches!(scope, "u" | "ou" | "uo") {
            user.push(name);
        }
    }
    Some((organization, user))
}

/// Whether a claim of features or plans includes the one that is asked for.
fn includes(claim: Option<&str>, asked: &str) -> bool {
    let Some((organization, user)) = claim.filter(|claim| !claim.is_empty()).and_then(by_scope) else { return false };
    let mut words = asked.split(':');
    let first = words.next().unwrap_or_default();
    let Some(second) = words.next() else { return organization.contains(&first) || user.contains(&first) };
    let name = if second.is_empty() { first } else { second };
    match first {
        "o" | "org" | "organization" => organization.contains(&name),
        "u" | "user" => user.contains(&name),
        _ => false,
    }
}

impl<'de> Deserialize<'de> for Reverification {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Reverification, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Name {
            StrictMfa,
            Strict,
            Moderate,
            Lax,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Name(Name),
            Within {
                level: Level,
                #[serde(rename = "afterMinutes")]
                minutes: u32,
            },
        }
        Ok(match Either::deserialize(reader)? {
            Either::Name(Name::StrictMfa) => Reverification::StrictMfa,
            Either::Name(Name::Strict) => Reverification::Strict,
            Either::Name(Name::Moderate) => Reverification::Moderate,
            Either::Name(Name::Lax) => Reverification::Lax,
            Either::Within { level, minutes } => Reverification::Within { level, minutes },
        })
    }
}
