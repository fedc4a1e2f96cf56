//! Settings: one typed tree, in layers of sparse documents.
//!
//! The layers are system → blueprint → plan → instance → organization. The narrowest that sets a key and may has the last word; a layer can
//! lock a key or bound it for all layers below. A change takes effect at the next request: the effective tree is kept only as long as the
//! versions of all its layers stay the same.
//!
//! | file | holds |
//! |---|---|
//! | `tree` | the keys, their defaults, and what must hold among them |
//! | `schema` | the same described: JSON Schema, kinds, marks |
//! | `document`, `rules` | one layer: what it sets, and what it allows below |
//! | `resolve`, `made` | the layers laid over each other, and the outcome kept once for equal layers |
//! | `instance`, `above` | changing the instance's layer, and the layers above the instances |
//! | `allowance` | the numbers that organizations and users can have of their own |
//! | `config` | the contract's view of the instance's layer |
//! | `affected` | whom a change concerns |

pub mod above;
pub mod affected;
mod allowance;
pub mod config;
pub mod document;
pub mod instance;
mod made;
mod messages;
mod organizations;
mod rates;
pub mod resolve;
pub mod rules;
pub mod schema;
mod store;
#[cfg(test)]
mod tests;
mod tree;

pub use allowance::{Allowance, Allowances, Parts};
pub use document::{Change, Document};
pub(crate) use instance::set_pool_mode;
pub use instance::{update_by_parameters, update_instance};
pub use messages::{Messages, Texts};
pub use organizations::{EnrollmentMode, OrganizationSettings};
pub use rates::{AttackProtection, CodeBudgets, EnumerationProtection, Rates};
pub use tree::{Attribute, PasswordPolicy, PoolMode, PreferredStrategy, SessionPolicy, Settings, SignUpMode};

use crate::{applications, instances::Which};
use ::store::{Kept, PlatformTx, Tx, cache::InstanceCache, inside, text_enum};
use foundation::{ApplicationId, Problem, Result, WorkspaceId};
use resolve::Resolved;
use serde_json::{Map, Value};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use store::Versions;

text_enum! {
    /// A layer, from the widest to the narrowest.
    pub enum Layer {
        /// The whole server.
        System = "system",
        /// All applications of a workspace.
        Blueprint = "blueprint",
        /// All applications that subscribe to a plan.
        Plan = "plan",
        /// One instance.
        Instance = "instance",
        /// One organization.
        Organization = "organization",
    }
}

/// Which version of a layer a change is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whichever there is.
    Any,
    /// One of these.
    OneOf(Vec<i64>),
}

impl Expected {
    /// Refuses where the layer has another version.
    ///
    /// # Errors
    /// [`Problem::VersionMismatch`].
    pub fn ensure(&self, version: i64) -> Result<(), Problem> {
        match self {
            Expected::OneOf(versions) if !versions.contains(&version) => Err(Problem::VersionMismatch(version)),
            _ => Ok(()),
        }
    }
}

/// Whether a document is changed in parts or as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What the change does not name stays.
    Parts,
    /// What the change does not name goes.
    Whole,
}

/// Whether a change is made, or only tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Made.
    Real,
    /// Tried out.
    Dry,
}

/// Checks that a document can stand for itself: every key known, every value of its kind, and the whole makes sense.
///
/// # Errors
/// [`Problem::ParamUnknown`], [`Problem::ParamInvalid`].
pub fn check(values: &Map<String, Value>) -> Result<Document, Problem> {
    let document = Document::read(values, &Map::new())?;
    above::check_system(&document)?;
    Ok(document)
}

/// Parsed trees by instance, those of equal documents in one place. Their versions are compared at every use, so an entry's age does not
/// matter for its truth.
static EFFECTIVE: LazyLock<InstanceCache<Versions, Applied>> = LazyLock::new(|| InstanceCache::new(10_000, Duration::from_secs(3_600)));

/// The settings that apply to the instance now: one statement where no layer has changed.
///
/// # Errors
/// Only the database's own.
pub async fn effective(tx: &mut Tx<'_>) -> Result<Arc<Settings>> {
    Ok(applied(tx).await?.settings)
}

/// What organizations and users may have of their own, now.
///
/// # Errors
/// As [`effective`].
pub async fn allowances(tx: &mut Tx<'_>) -> Result<Allowances> {
    Ok(applied(tx).await?.allowances)
}

/// What the layers have come to.
#[derive(Clone)]
struct Applied {
    settings: Arc<Settings>,
    allowances: Allowances,
}

async fn applied(tx: &mut Tx<'_>) -> Result<Applied> {
    let versions = store::versions(tx).await?;
    if let Some(applied) = EFFECTIVE.get(tx, &versions) {
        return Ok(applied);
    }
    let found = store::layers(tx).await?;
    let applied = made::of(&found.layers, found.environment);
    EFFECTIVE.put(tx, found.versions, applied.clone());
    Ok(applied)
}

/// The settings that apply to the instance now, to be remembered until its application changes (its plan, say).
///
/// # Errors
/// As [`effective`].
pub async fn known(tx: &mut Tx<'_>, application: ApplicationId) -> Result<Kept<Arc<Settings>>> {
    Ok(Kept::new(effective(tx).await?, 100).about(&application))
}

/// The settings that apply to the instance now, with where each comes from; and the version of the instance's own layer.
///
/// # Errors
/// Only the database's own.
pub async fn explained(tx: &mut Tx<'_>) -> Result<(Resolved, i64)> {
    let found = store::layers(tx).await?;
    Ok((resolve::resolve(&found.layers, found.environment), found.versions.3))
}

/// What the instance's own layer says, secrets too.
///
/// # Errors
/// Only the database's own.
pub async fn instance_values(tx: &mut Tx<'_>) -> Result<Map<String, Value>> {
    let found = store::layers(tx).await?;
    let own = found.layers.into_iter().find(|(layer, _)| *layer == Layer::Instance);
    Ok(own.map(|(_, document)| document.tree()).unwrap_or_default())
}

/// The same of an instance of one of the workspace's applications.
///
/// # Errors
/// [`Problem::NotFound`] where there is none.
pub async fn explained_of(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, application: ApplicationId, which: Which) -> Result<(Resolved, i64)> {
    let instance = applications::instance(tx, workspace, application, which).await?;
    inside!(tx, instance.id, inside => explained(inside))
}
