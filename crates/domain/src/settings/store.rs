//! The documents of the layers.

use super::Layer;
use ::store::{FromRow, Json, PlatformTx, Row, Tx, platform_sql, shared_sql, sql};
use foundation::{Error, Problem, Result};

struct Document(Json);

impl FromRow for Document {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        row.take().map(Document)
    }
}

pub(super) async fn system_version(tx: &mut Tx<'_>) -> Result<i64> {
    Ok(tx.look_up::<i64>(shared_sql!("select version from platform_settings where layer = $1 and owner = ''"), &[&Layer::System]).await?.unwrap_or(0))
}

pub(super) async fn system(tx: &mut Tx<'_>) -> Result<Json> {
    let found: Option<Document> = tx.look_up(shared_sql!("select document from platform_settings where layer = $1 and owner = ''"), &[&Layer::System]).await?;
    Ok(found.map(|d| d.0).unwrap_or_default())
}

pub(super) async fn instance_version(tx: &mut Tx<'_>) -> Result<i64> {
    tx.count(sql!("select version from instance_settings where instance_id = $1 and layer = $2 and owner = ''"), &[&Layer::Instance]).await
}

pub(super) async fn instance(tx: &mut Tx<'_>) -> Result<Json> {
    let found: Option<Document> =
        tx.find(sql!("select document from instance_settings where instance_id = $1 and layer = $2 and owner = ''"), &[&Layer::Instance]).await?;
    Ok(found.map(|d| d.0).unwrap_or_default())
}

/// The instance's layer and its version, read together.
pub(super) async fn versioned_instance(tx: &mut Tx<'_>) -> Result<(Json, i64)> {
    let found: Option<(Json, i64)> =
        tx.find(sql!("select document, version from instance_settings where instance_id = $1 and layer = $2 and owner = ''"), &[&Layer::Instance]).await?;
    Ok(found.unwrap_or_default())
}

/// Writes the instance's layer if it still has this version; a change beside ours is run again after it.
pub(super) async fn put_instance(tx: &mut Tx<'_>, document: &Json, version: i64) -> Result<()> {
    let now = tx.now();
    let changed = tx
        .change(
            sql!("insert into instance_settings (instance_id, layer, owner, document, version, updated_at) values ($1, $2, '', $3, $4, $5)
                  on conflict (instance_id, layer, owner) do update set document = excluded.document, version = excluded.version, updated_at = excluded.updated_at
                  where instance_settings.version = $6"),
            &[&Layer::Instance, document, &(version + 1), &now, &version],
        )
        .await?;
    if changed == 1 { Ok(()) } else { Err(Error::Again("settings changed meanwhile".to_owned())) }
}

/// Replaces the system layer.
///
/// # Errors
/// [`Problem::ParamInvalid`] where the document does not fit the tree.
pub async fn put_system(tx: &mut PlatformTx<'_>, document: &Json) -> Result<()> {
    super::check(&document.0).map_err(|problem: Problem| Error::from(problem))?;
    let now = tx.now();
    tx.change(
        platform_sql!("insert into platform_settings (layer, owner, document, version, updated_at) values ($1, '', $2, 1, $3)
                       on conflict (layer, owner) do update set document = excluded.document, version = platform_settings.version + 1, updated_at = excluded.updated_at"),
        &[&Layer::System, document, &now],
    )
    .await
    .map(drop)
}

/// The system layer's document.
///
/// # Errors
/// Only the database's own.
pub async fn system_document(tx: &mut PlatformTx<'_>) -> Result<Json> {
    let found: Option<Document> = tx.find(platform_sql!("select document from platform_settings where layer = $1 and owner = ''"), &[&Layer::System]).await?;
    Ok(found.map(|d| d.0).unwrap_or_default())
}
