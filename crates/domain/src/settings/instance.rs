//! The instance's own layer.

use super::{
    Change, Document, Layer, PoolMode, Run, affected,
    affected::Affected,
    document, resolve,
    resolve::{Layers, Resolved},
    store,
};
use crate::{
    audit::{self, Actor},
    instances::Environment,
    pools,
};
use ::store::Tx;
use foundation::{Error, Problem, Result};
use serde_json::{Map, Value, json};

/// What a change of the instance's layer has come to.
pub struct Changed {
    /// The layer's version now.
    pub version: i64,
    /// What applied before.
    pub before: Resolved,
    /// What applies now.
    pub after: Resolved,
    /// Whom it concerns.
    pub affected: Affected,
}

/// The instance's layer, and those above it.
pub(super) struct Own {
    pub(super) environment: Environment,
    pub(super) wider: Layers,
    pub(super) document: Document,
    pub(super) version: i64,
}

impl Own {
    pub(super) async fn read(tx: &mut Tx<'_>) -> Result<Own> {
        let store::Found { environment, versions, layers: mut wider } = store::layers(tx).await?;
        let document = wider.pop().map(|(_, document)| document).unwrap_or_default();
        Ok(Own { environment, wider, document, version: versions.3 })
    }

    fn resolved(&self, document: &Document) -> Resolved {
        let mut layers = self.wider.clone();
        layers.push((Layer::Instance, document.clone()));
        resolve::resolve(&layers, self.environment)
    }

    /// Makes a change, or tries it out.
    pub(super) async fn change(self, tx: &mut Tx<'_>, actor: Actor<'_>, change: &Change, run: Run) -> Result<Changed> {
        let mut document = self.document.clone();
        document.apply(change)?;
        let (before, after) = (self.resolved(&self.document), self.resolved(&document));
        if document == self.document {
            return Ok(Changed { version: self.version, before, after, affected: Affected::default() });
        }
        let changed: Vec<_> = change.keys().collect();
        resolve::permit(&[self.environment], &self.wider, Layer::Instance, [&self.document, &document], &changed)?;
        let affected = affected::count(tx, &before.settings, &after.settings).await?;
        if affected.locks_everybody_out() {
            let first = change.values.keys().next().cloned().unwrap_or_default();
            return Err(Problem::NobodyCouldSignIn(first, affected.unable_to_sign_in).into());
        }
        let switches = before.settings.user_pool.mode != after.settings.user_pool.mode;
        if switches {
            pools::ensure_switchable(tx).await?;
        }
        let mut version = self.version;
        if run == Run::Real {
            store::put_instance(tx, &document, version).await?;
            version += 1;
            if switches {
                pools::switch(tx, actor, after.settings.user_pool.mode).await?;
            }
            let instance = tx.instance().to_string();
            audit::record(tx, actor, "settings.update", &instance, &document::difference(&self.document, &document)).await?;
        }
        Ok(Changed { version, before, after, affected })
    }
}

/// Notes that the instance has gone over to another kind of pools: the end of a conversion, which has moved everybody.
pub(crate) async fn set_pool_mode(tx: &mut Tx<'_>, actor: Actor<'_>, mode: PoolMode) -> Result<()> {
    let own = Own::read(tx).await?;
    let mut document = own.document.clone();
    document.values.insert("user_pool.mode".to_owned(), json!(mode));
    store::put_instance(tx, &document, own.version).await?;
    let instance = tx.instance().to_string();
    audit::record(tx, actor, "settings.update", &instance, &document::difference(&own.document, &document)).await
}

/// Merges a change into the instance's own layer, for an operation whose parameters have other names than the keys: `param` says which.
///
/// # Errors
/// As [`update_instance`], about the parameters.
pub async fn update_by_parameters(tx: &mut Tx<'_>, actor: Actor<'_>, change: &Map<String, Value>, param: fn(&str) -> Option<&'static str>) -> Result<()> {
    update_instance(tx, actor, change).await.map_err(|error| match error {
        Error::Refused(problem) => problem.renamed(param).into(),
        other => other,
    })
}

/// Merges a change into the instance's own layer.
///
/// # Errors
/// [`Problem::ParamUnknown`], [`Problem::ParamInvalid`] where it does not fit; [`Problem::SettingHeld`] where a wider layer stands against
/// it; [`Problem::NobodyCouldSignIn`].
pub async fn update_instance(tx: &mut Tx<'_>, actor: Actor<'_>, change: &Map<String, Value>) -> Result<()> {
    let change = Change::read(change, &Map::new())?;
    Own::read(tx).await?.change(tx, actor, &change, Run::Real).await.map(drop)
}
