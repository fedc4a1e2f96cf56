//! The documents of the layers.

use super::{Document, Layer, resolve::Layers};
use crate::instances::Environment;
use ::store::{FromRow, Json, PlatformTx, Row, Tx, platform_sql, sql};
use foundation::{Error, PlanId, Result, Timestamp, WorkspaceId};

/// The versions of system, blueprint, plan and instance, and which plan it is. A layer without a document has version 0.
pub(super) type Versions = (i64, i64, i64, i64, String);

/// The layers of an instance, found by its application: nothing of another instance can be among them.
macro_rules! of_the_instance {
    ($columns:literal) => {
        concat!(
            "select ",
            $columns,
            " from instances i
             join applications a on a.id = i.application_id
             left join platform_settings wide on wide.layer = 'system' and wide.owner = ''
             left join platform_settings blueprint on blueprint.layer = 'blueprint' and blueprint.owner = a.workspace_id
             left join platform_settings subscribed on subscribed.layer = 'plan' and subscribed.owner = a.plan_id
             left join instance_settings own on own.instance_id = $1 and own.layer = 'instance' and own.owner = ''
             where i.id = $1"
        )
    };
}

/// The versions alone.
pub(super) async fn versions(tx: &mut Tx<'_>) -> Result<Versions> {
    let found: Option<Versions> = tx
        .find(
            sql!(of_the_instance!(
                "coalesce(wide.version, 0), coalesce(blueprint.version, 0), coalesce(subscribed.version, 0), coalesce(own.version, 0), coalesce(a.plan_id, '')"
            )),
            &[],
        )
        .await?;
    Ok(found.unwrap_or_default())
}

/// What kind of instance it is; the documents of system, blueprint, plan and instance, in this order, and their versions.
pub(super) struct Found {
    pub(super) environment: Environment,
    pub(super) versions: Versions,
    pub(super) layers: Layers,
}

impl FromRow for Found {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let environment = row.take()?;
        let versions = (row.take()?, row.take()?, row.take()?, row.take()?, row.take()?);
        let mut layers = Layers::new();
        for layer in [Layer::System, Layer::Blueprint, Layer::Plan, Layer::Instance] {
            let (values, rules): (Option<Json>, Option<Json>) = (row.take()?, row.take()?);
            layers.push((layer, Document::recall(&values.unwrap_or_default().0, &rules.unwrap_or_default().0)));
        }
        Ok(Found { environment, versions, layers })
    }
}

/// The documents and their versions, in one statement, so that they belong together.
pub(super) async fn layers(tx: &mut Tx<'_>) -> Result<Found> {
    let found: Option<Found> = tx
        .find(
            sql!(of_the_instance!(
                "i.environment, coalesce(wide.version, 0), coalesce(blueprint.version, 0), coalesce(subscribed.version, 0), coalesce(own.version, 0),
                 coalesce(a.plan_id, ''),
                 wide.document, wide.rules, blueprint.document, blueprint.rules, subscribed.document, subscribed.rules, own.document, own.rules"
            )),
            &[],
        )
        .await?;
    Ok(found.unwrap_or(Found { environment: Environment::Production, versions: Versions::default(), layers: Layers::new() }))
}

/// Writes the instance's layer if it still has this version; a change beside ours is run again after it.
pub(super) async fn put_instance(tx: &mut Tx<'_>, document: &Document, version: i64) -> Result<()> {
    let now = tx.now();
    let changed = tx
        .change(
            sql!("insert into instance_settings (instance_id, layer, owner, document, rules, version, updated_at) values ($1, $2, '', $3, $4, $5, $6)
                  on conflict (instance_id, layer, owner) do update set document = excluded.document, rules = excluded.rules, version = excluded.version, updated_at = excluded.updated_at
                  where instance_settings.version = $7"),
            &[&Layer::Instance, &Json(document.tree()), &Json(document.rule_map()), &(version + 1), &now, &version],
        )
        .await?;
    written(changed)
}

fn written(changed: u64) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(Error::Again("settings changed meanwhile".to_owned())) }
}

/// A layer above the instances as it is stored.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// What it says.
    pub document: Document,
    /// Its version; 0 where it was never written.
    pub version: i64,
    /// When it was changed last.
    pub updated_at: Option<Timestamp>,
}

impl FromRow for Stored {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let (values, rules): (Json, Json) = (row.take()?, row.take()?);
        Ok(Stored { document: Document::recall(&values.0, &rules.0), version: row.take()?, updated_at: row.take()? })
    }
}

pub(super) async fn above(tx: &mut PlatformTx<'_>, layer: Layer, owner: &str) -> Result<Stored> {
    let found: Option<Stored> =
        tx.find(platform_sql!("select document, rules, version, updated_at from platform_settings where layer = $1 and owner = $2"), &[&layer, &owner]).await?;
    Ok(found.unwrap_or_default())
}

/// Writes a layer above the instances if it still has this version; a change beside ours is run again after it.
pub(super) async fn put_above(tx: &mut PlatformTx<'_>, layer: Layer, owner: &str, document: &Document, version: i64) -> Result<()> {
    let now = tx.now();
    let changed = tx
        .change(
            platform_sql!("insert into platform_settings (layer, owner, document, rules, version, updated_at) values ($1, $2, $3, $4, $5, $6)
                           on conflict (layer, owner) do update set document = excluded.document, rules = excluded.rules, version = excluded.version, updated_at = excluded.updated_at
                           where platform_settings.version = $7"),
            &[&layer, &owner, &Json(document.tree()), &Json(document.rule_map()), &(version + 1), &now, &version],
        )
        .await?;
    written(changed)
}

pub(super) async fn remove_above(tx: &mut PlatformTx<'_>, layer: Layer, owner: &str) -> Result<()> {
    tx.change(platform_sql!("delete from platform_settings where layer = $1 and owner = $2"), &[&layer, &owner]).await.map(drop)
}

struct Below(Environment, Layers);

impl FromRow for Below {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let environment = row.take()?;
        let mut layers = Layers::new();
        for layer in [Layer::Plan, Layer::Instance] {
            let (values, rules): (Option<Json>, Option<Json>) = (row.take()?, row.take()?);
            layers.push((layer, Document::recall(&values.unwrap_or_default().0, &rules.unwrap_or_default().0)));
        }
        Ok(Below(environment, layers))
    }
}

/// What kind of instance it is, and what the plan and the instance say, of each living instance of a workspace, or of those that subscribe to a plan.
pub(super) async fn below(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, plan: Option<PlanId>, most: usize) -> Result<Vec<(Environment, Layers)>> {
    let (plan, most) = (plan.map(|id| id.to_string()).unwrap_or_default(), i64::try_from(most).unwrap_or(i64::MAX));
    let found: Vec<Below> = tx
        .list(
            platform_sql!(
                "select i.environment, subscribed.document, subscribed.rules, own.document, own.rules
                 from applications a
                 join instances i on i.application_id = a.id
                 left join platform_settings subscribed on subscribed.layer = 'plan' and subscribed.owner = a.plan_id
                 left join instance_settings own on own.instance_id = i.id and own.layer = 'instance' and own.owner = ''
                 where a.workspace_id = $1 and ($2 = '' or a.plan_id = $2) and a.deleted_at is null and not a.system and i.deleted_at is null
                 order by i.id limit $3"
            ),
            &[&workspace, &plan, &most],
        )
        .await?;
    Ok(found.into_iter().map(|Below(environment, layers)| (environment, layers)).collect())
}
