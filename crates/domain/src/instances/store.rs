//! The rows of instances and their slugs. Two look-ups instead of a join with a tenant's table: an instance may live elsewhere.

use super::{Environment, Instance};
use ::store::{FromRow, PlatformTx, Row, platform_sql};
use foundation::{ApplicationId, ConversionId, InstanceId, OnConflict, Problem, Result};

/// The columns of an instance, and where they come from.
macro_rules! selected {
    ($rest:literal) => {
        platform_sql!(concat!(
            "select i.id, i.application_id, a.name, i.environment, i.slug, i.pool_id, i.domain, i.proxy_url, i.label, i.conversion_id, i.created_at, coalesce(i.updated_at, i.created_at)
             from instances i join applications a on a.id = i.application_id where i.deleted_at is null and ",
            $rest
        ))
    };
}

impl FromRow for Instance {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Instance {
            id: row.take()?,
            application: row.take()?,
            name: row.take()?,
            environment: row.take::<Environment>()?,
            slug: row.take()?,
            pool: row.take()?,
            domain: row.take()?,
            proxy_url: row.take()?,
            label: row.take()?,
            conversion: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(crate) async fn find_slug(tx: &mut PlatformTx<'_>, slug: &str) -> Result<Option<InstanceId>> {
    tx.find(platform_sql!("select instance_id from slugs where slug = $1"), &[&slug]).await
}

pub(crate) async fn find(tx: &mut PlatformTx<'_>, id: InstanceId) -> Result<Option<Instance>> {
    tx.find(selected!("i.id = $1 and a.deleted_at is null"), &[&id]).await
}

pub(crate) async fn of_application(tx: &mut PlatformTx<'_>, application: ApplicationId) -> Result<Vec<Instance>> {
    tx.list(selected!("i.application_id = $1 order by i.created_at, i.id"), &[&application]).await
}

/// # Errors
/// [`Problem::InstanceExists`] where the application has one like it.
pub(crate) async fn insert(tx: &mut PlatformTx<'_>, instance: &Instance) -> Result<()> {
    tx.change(platform_sql!("insert into slugs (slug, instance_id) values ($1, $2)"), &[&instance.slug, &instance.id]).await?;
    tx.change(
        platform_sql!(
            "insert into instances (id, application_id, environment, slug, pool_id, domain, proxy_url, label, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"
        ),
        &[
            &instance.id,
            &instance.application,
            &instance.environment,
            &instance.slug,
            &instance.pool,
            &instance.domain,
            &instance.proxy_url,
            &instance.label,
            &instance.created_at,
        ],
    )
    .await
    .on_conflict(Problem::InstanceExists(if instance.label.is_some() { "name" } else { "environment_type" }))
    .map(drop)
}

/// Writes the domain and the address of the proxy.
pub(crate) async fn set_domain(tx: &mut PlatformTx<'_>, changed: &Instance) -> Result<()> {
    tx.change(
        platform_sql!("update instances set domain = $2, proxy_url = $3, updated_at = $4 where id = $1"),
        &[&changed.id, &changed.domain, &changed.proxy_url, &changed.updated_at],
    )
    .await
    .map(drop)
}

/// Closes the instance for a conversion; whether no other one has closed it.
pub(crate) async fn close(tx: &mut PlatformTx<'_>, id: InstanceId, conversion: ConversionId) -> Result<bool> {
    let statement = platform_sql!("update instances set conversion_id = $2 where id = $1 and conversion_id is null and deleted_at is null");
    Ok(tx.change(statement, &[&id, &conversion]).await? == 1)
}

/// Opens the instance that the conversion has closed.
pub(crate) async fn open(tx: &mut PlatformTx<'_>, id: InstanceId, conversion: ConversionId) -> Result<()> {
    tx.change(platform_sql!("update instances set conversion_id = null where id = $1 and conversion_id = $2"), &[&id, &conversion]).await.map(drop)
}

/// Holds the row until the transaction ends; whether it is there.
pub(crate) async fn hold(tx: &mut PlatformTx<'_>, id: InstanceId) -> Result<bool> {
    Ok(tx.change(platform_sql!("update instances set deleted_at = null where id = $1 and deleted_at is null"), &[&id]).await? == 1)
}

/// The row stays as a tombstone, and so does the slug: neither is given away again.
pub(crate) async fn bury(tx: &mut PlatformTx<'_>, id: InstanceId) -> Result<()> {
    let now = tx.now();
    tx.change(platform_sql!("update instances set deleted_at = $2 where id = $1 and deleted_at is null"), &[&id, &now]).await.map(drop)
}
