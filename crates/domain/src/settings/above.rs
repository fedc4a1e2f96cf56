//! The layers above the instances: system, blueprint and plan.

use super::{Change, Document, Expected, Extent, Layer, Run, document, resolve, resolve::Layers, schema, store};
use crate::{
    audit::{self, Actor},
    instances::Environment,
};
use ::store::PlatformTx;
use foundation::{PlanId, Problem, Result, WorkspaceId};

pub use store::Stored;

/// The most instances that a trial looks at.
const MOST_LOOKED_AT: usize = 5_000;

/// Both kinds of instances are below these layers.
const BELOW: [Environment; 2] = [Environment::Production, Environment::Development];

/// The system layer.
///
/// # Errors
/// Only the database's own.
pub async fn system(tx: &mut PlatformTx<'_>) -> Result<Document> {
    Ok(store::above(tx, Layer::System, "").await?.document)
}

/// Checks that a document can be the system layer.
///
/// # Errors
/// [`Problem::ParamInvalid`].
pub fn check_system(document: &Document) -> Result<(), Problem> {
    let all: Vec<_> = schema::keys().iter().collect();
    resolve::permit(&BELOW, &Layers::new(), Layer::System, [&Document::default(), document], &all)
}

/// Replaces the system layer.
///
/// # Errors
/// As [`check_system`].
pub async fn put_system(tx: &mut PlatformTx<'_>, document: &Document) -> Result<()> {
    check_system(document)?;
    let stored = store::above(tx, Layer::System, "").await?;
    write(tx, Actor::Server, Layer::System, "", &stored, document).await.map(drop)
}

/// The workspace's blueprint.
///
/// # Errors
/// Only the database's own.
pub async fn blueprint(tx: &mut PlatformTx<'_>, workspace: WorkspaceId) -> Result<Stored> {
    store::above(tx, Layer::Blueprint, &workspace.to_string()).await
}

/// A change of a layer above the instances.
pub struct Wanted {
    /// What changes.
    pub change: Change,
    /// Whether what is not named stays.
    pub extent: Extent,
    /// The version that the layer must have.
    pub expected: Expected,
    /// Whether it is only tried out.
    pub run: Run,
}

/// What a change has come to.
pub struct Applied {
    /// The layer now, or of a trial as it would be, with the version that it has.
    pub stored: Stored,
    /// Of a trial: how far it would reach.
    pub reach: Option<Reach>,
}

/// How far a change reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many instances would have other settings than now.
    pub changed: usize,
    /// How many stand below the layer and were looked at.
    pub looked_at: usize,
    /// Whether these are all.
    pub complete: bool,
}

/// Changes the workspace's blueprint, or tries it out.
///
/// # Errors
/// [`Problem::VersionMismatch`]; [`Problem::SettingHeld`] where the system layer stands against it; [`Problem::ParamInvalid`].
pub async fn change_blueprint(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, wanted: &Wanted) -> Result<Applied> {
    let wider = vec![(Layer::System, system(tx).await?)];
    let place = Place { layer: Layer::Blueprint, owner: workspace.to_string(), workspace, plan: None, wider };
    place.apply(tx, wanted).await
}

/// A plan's document.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn plan(tx: &mut PlatformTx<'_>, id: PlanId) -> Result<Stored> {
    store::above(tx, Layer::Plan, &id.to_string()).await
}

/// Changes a plan's document, or tries it out. The plan was found in the workspace.
///
/// # Errors
/// As [`change_blueprint`].
pub(crate) async fn change_plan(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: PlanId, wanted: &Wanted) -> Result<Applied> {
    let wider = vec![(Layer::System, system(tx).await?), (Layer::Blueprint, blueprint(tx, workspace).await?.document)];
    let place = Place { layer: Layer::Plan, owner: id.to_string(), workspace, plan: Some(id), wider };
    place.apply(tx, wanted).await
}

/// Removes a plan's document.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn remove_plan(tx: &mut PlatformTx<'_>, id: PlanId) -> Result<()> {
    store::remove_above(tx, Layer::Plan, &id.to_string()).await
}

/// Where a layer above the instances stands.
struct Place {
    layer: Layer,
    owner: String,
    workspace: WorkspaceId,
    plan: Option<PlanId>,
    wider: Layers,
}

impl Place {
    async fn apply(&self, tx: &mut PlatformTx<'_>, wanted: &Wanted) -> Result<Applied> {
        let stored = store::above(tx, self.layer, &self.owner).await?;
        wanted.expected.ensure(stored.version)?;
        let whole = wanted.extent == Extent::Whole;
        let mut document = if whole { Document::default() } else { stored.document.clone() };
        document.apply(&wanted.change)?;
        let touched = schema::keys().iter().filter(|key| whole || wanted.change.touches(key)).collect::<Vec<_>>();
        resolve::permit(&BELOW, &self.wider, self.layer, [&stored.document, &document], &touched)?;
        if wanted.run == Run::Dry {
            let reach = self.reach(tx, &stored.document, &document).await?;
            return Ok(Applied { stored: Stored { document, ..stored }, reach: Some(reach) });
        }
        let stored = write(tx, Actor::Platform, self.layer, &self.owner, &stored, &document).await?;
        Ok(Applied { stored, reach: None })
    }

    /// Which instances would have other settings.
    async fn reach(&self, tx: &mut PlatformTx<'_>, before: &Document, after: &Document) -> Result<Reach> {
        let below = store::below(tx, self.workspace, self.plan, MOST_LOOKED_AT + 1).await?;
        let mut reach = Reach { changed: 0, looked_at: below.len().min(MOST_LOOKED_AT), complete: below.len() <= MOST_LOOKED_AT };
        for (environment, mut narrower) in below.into_iter().take(MOST_LOOKED_AT) {
            narrower.retain(|(layer, _)| *layer != self.layer);
            let with = |document: &Document| {
                let here = std::iter::once((self.layer, document.clone()));
                resolve::resolve(&self.wider.iter().cloned().chain(here).chain(narrower.iter().cloned()).collect(), environment).settings
            };
            reach.changed += usize::from(with(before) != with(after));
        }
        Ok(reach)
    }
}

async fn write(tx: &mut PlatformTx<'_>, actor: Actor<'_>, layer: Layer, owner: &str, stored: &Stored, document: &Document) -> Result<Stored> {
    if stored.document == *document && stored.version > 0 {
        return Ok(stored.clone());
    }
    store::put_above(tx, layer, owner, document, stored.version).await?;
    let (action, subject) = match layer {
        Layer::Blueprint => ("blueprint.update", owner),
        Layer::Plan => ("plan.settings.update", owner),
        _ => ("settings.update", layer.as_str()),
    };
    audit::record_above(tx, actor, action, subject, &document::difference(&stored.document, document)).await?;
    Ok(Stored { document: document.clone(), version: stored.version + 1, updated_at: Some(tx.now()) })
}
