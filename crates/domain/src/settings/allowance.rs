//! Numbers that an organization or a user can have of its own, within what the layers hold the instance to.
//!
//! An own number is the narrowest word of all. A lock or a bound of a layer holds it like any other: it cannot be written past it, and one that was
//! there before counts as the nearest number within.

use super::{resolve::Resolved, rules::Bounds, schema};
use foundation::{Problem, Result};
use serde_json::Value;
use std::sync::Arc;

/// How large an own number can be.
pub const LARGEST: i64 = 1_000_000_000;

/// What the settings say of a number that rows can have of their own; 0 is no limit everywhere.
#[derive(Clone, Debug)]
pub struct Allowance {
    key: &'static schema::Key,
    bounds: Bounds,
    /// The number of whoever has none of its own.
    pub usual: i64,
}

/// The allowances of an instance.
#[derive(Clone, Debug)]
pub struct Allowances {
    /// How many members an organization may have.
    pub members: Arc<Allowance>,
    /// How many organizations a user may create.
    pub organizations: Arc<Allowance>,
}

impl Allowances {
    /// What the layers have come to.
    pub(super) fn of(resolved: &Resolved) -> Allowances {
        let organizations = &resolved.settings.organization_settings;
        let allowance = |name: &str, usual: i64| {
            let effective = resolved.key(name).unwrap_or_else(|| unreachable!("the tree has {name}"));
            Arc::new(Allowance { key: effective.key, bounds: effective.bounds.clone(), usual })
        };
        Allowances {
            members: allowance("organization_settings.max_allowed_memberships", organizations.max_allowed_memberships),
            organizations: allowance("organization_settings.create_organizations_limit", organizations.create_organizations_limit),
        }
    }
}

impl Allowance {
    /// Checks that a row may have this number of its own.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`]; [`Problem::SettingHeld`] where a layer stands against it.
    pub fn permit(&self, param: &'static str, own: i64) -> Result<(), Problem> {
        if !(0..=LARGEST).contains(&own) {
            return Err(Problem::invalid(param, format!("must be between 0 (no limit) and {LARGEST}")));
        }
        match self.bounds.against(self.key, &own.into()) {
            Some((holder, bound)) => Err(Problem::SettingHeld(param.to_owned(), holder.as_str(), bound.sentence())),
            None => Ok(()),
        }
    }

    /// The number that counts for a row.
    pub fn number(&self, own: Option<i64>) -> i64 {
        let said = own.unwrap_or(self.usual);
        self.bounds.clamp(self.key, &said.into()).as_ref().and_then(Value::as_i64).unwrap_or(self.usual)
    }

    /// The same for a condition of a statement. Something more fits where what is there is `< $ceiling`, and the row's own number, or `$usual` where it has
    /// none, is 0 or more than that, or that is `< $floor`.
    pub fn parts(&self) -> Parts {
        let nearest = |number: i64| self.bounds.clamp(self.key, &self.key.unmeasure(number)).and_then(|value| self.key.measure(&value));
        Parts { usual: self.usual, floor: nearest(1).filter(|floor| *floor > 1).unwrap_or(0), ceiling: nearest(i64::MAX).unwrap_or(i64::MAX) }
    }
}

/// An allowance in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The number of rows without their own; 0 for no limit.
    pub usual: i64,
    /// What every row has at the least.
    pub floor: i64,
    /// What no row has more of.
    pub ceiling: i64,
}
