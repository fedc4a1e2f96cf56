//! The layers above the instances: system, blueprint and plan.

use super::{Change, Document, Expected, Extent, Layer, document, resolve, resolve::Layers, schema, store};
use crate::audit::{self, Actor};
use ::store::PlatformTx;
use foundation::{PlanId, Problem, Result, WorkspaceId};

pub use store::Stored;

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
    resolve::permit(&Layers::new(), Layer::System, &Document::default(), document, schema::keys().iter())
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

/// Changes the workspace's blueprint.
///
/// # Errors
/// [`Problem::VersionMismatch`]; [`Problem::SettingHeld`] where the system layer stands against it; [`Problem::ParamInvalid`].
pub async fn change_blueprint(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, change: &Change, extent: Extent, expected: &Expected) -> Result<Stored> {
    let wider = vec![(Layer::System, system(tx).await?)];
    apply(tx, Layer::Blueprint, &workspace.to_string(), &wider, (change, extent, expected)).await
}

/// A plan's document.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn plan(tx: &mut PlatformTx<'_>, id: PlanId) -> Result<Stored> {
    store::above(tx, Layer::Plan, &id.to_string()).await
}

/// Changes a plan's document. The plan was found in the workspace.
///
/// # Errors
/// As [`change_blueprint`].
pub(crate) async fn change_plan(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: PlanId, change: &Change, expected: &Expected) -> Result<Stored> {
    let wider = vec![(Layer::System, system(tx).await?), (Layer::Blueprint, blueprint(tx, workspace).await?.document)];
    apply(tx, Layer::Plan, &id.to_string(), &wider, (change, Extent::Parts, expected)).await
}

/// Removes a plan's document.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn remove_plan(tx: &mut PlatformTx<'_>, id: PlanId) -> Result<()> {
    store::remove_above(tx, Layer::Plan, &id.to_string()).await
}

async fn apply(tx: &mut PlatformTx<'_>, layer: Layer, owner: &str, wider: &Layers, (change, extent, expected): (&Change, Extent, &Expected)) -> Result<Stored> {
    let stored = store::above(tx, layer, owner).await?;
    expected.ensure(stored.version)?;
    let mut document = if extent == Extent::Whole { Document::default() } else { stored.document.clone() };
    document.apply(change)?;
    let touched = schema::keys().iter().filter(|key| extent == Extent::Whole || change.touches(key));
    resolve::permit(wider, layer, &stored.document, &document, touched)?;
    write(tx, Actor::Platform, layer, owner, &stored, &document).await
}

async fn write(tx: &mut PlatformTx<'_>, actor: Actor, layer: Layer, owner: &str, stored: &Stored, document: &Document) -> Result<Stored> {
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
