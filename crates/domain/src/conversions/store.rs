//! The rows of conversions.

use super::{Conversion, Copied, Numbers, Status, Wanted, begin::Whose, plan::Report};
use ::store::{FromRow, Query, Row, Tx, part, sql};
use foundation::{ConversionId, Error, OrganizationId, Page, Result, UserId};
use serde::{Serialize, de::DeserializeOwned};

/// The columns of a conversion, in the order in which they are read.
macro_rules! columns {
    () => {
        "id, wanted, status, fingerprint, report, done, stage, application_id, target_id, started_at, ended_at, created_at, updated_at"
    };
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::broken("a stored conversion", error))
}

fn written<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::broken("a conversion to be stored", error))
}

impl FromRow for Conversion {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let id = row.take()?;
        let wanted: Wanted = read(&row.take::<String>()?)?;
        let (status, fingerprint) = (row.take()?, row.take()?);
        let report: Report = read(&row.take::<String>()?)?;
        let done: Numbers = read(&row.take::<String>()?)?;
        Ok(Conversion {
            id,
            wanted,
            status,
            fingerprint,
            report,
            done,
            stage: row.take()?,
            application: row.take()?,
            target: row.take()?,
            started_at: row.take()?,
            ended_at: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

impl FromRow for Copied {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Copied { user: row.take()?, organization: row.take()?, copy: row.take()? })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: ConversionId) -> Result<Option<Conversion>> {
    tx.find(sql!(concat!("select ", columns!(), " from conversions where instance_id = $1 and id = $2")), &[&id]).await
}

/// Newest first.
pub(super) async fn list(tx: &mut Tx<'_>, page: Page) -> Result<Vec<Conversion>> {
    tx.list(
        sql!(concat!("select ", columns!(), " from conversions where instance_id = $1 order by created_at desc, id desc limit $2 offset $3")),
        &[&page.limit, &page.offset],
    )
    .await
}

pub(super) async fn count(tx: &mut Tx<'_>) -> Result<i64> {
    tx.count(sql!("select count(*) from conversions where instance_id = $1"), &[]).await
}

/// Makes everybody else who wants to change the conversion wait; whether it is there.
pub(super) async fn hold(tx: &mut Tx<'_>, id: ConversionId) -> Result<bool> {
    Ok(tx.change(sql!("update conversions set stage = stage where instance_id = $1 and id = $2"), &[&id]).await? == 1)
}

pub(super) async fn insert(tx: &mut Tx<'_>, c: &Conversion) -> Result<()> {
    tx.change(
        sql!(
            "insert into conversions (instance_id, id, kind, wanted, status, fingerprint, report, done, stage, application_id, target_id, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)"
        ),
        &[
            &c.id,
            &c.wanted.kind,
            &written(&c.wanted)?,
            &c.status,
            &c.fingerprint,
            &written(&c.report)?,
            &written(&c.done)?,
            &c.stage,
            &c.application,
            &c.target,
            &c.created_at,
        ],
    )
    .await
    .map(drop)
}

/// Writes how far it is.
pub(super) async fn update(tx: &mut Tx<'_>, c: &Conversion) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update conversions set status = $3, fingerprint = $4, report = $5, done = $6, stage = $7, started_at = $8, ended_at = $9, updated_at = $10
              where instance_id = $1 and id = $2"
        ),
        &[&c.id, &c.status, &c.fingerprint, &written(&c.report)?, &written(&c.done)?, &c.stage, &c.started_at, &c.ended_at, &now],
    )
    .await
    .map(drop)
}

/// Calls off one that waits; whether it did.
pub(super) async fn cancel(tx: &mut Tx<'_>, id: ConversionId) -> Result<bool> {
    let now = tx.now();
    let statement = sql!("update conversions set status = $3, ended_at = $4, updated_at = $4 where instance_id = $1 and id = $2 and status = 'waiting'");
    Ok(tx.change(statement, &[&id, &Status::Canceled, &now]).await? == 1)
}

/// Keeps who came to be a second time.
pub(super) async fn note_copy(tx: &mut Tx<'_>, id: ConversionId, copied: Copied) -> Result<()> {
    tx.change(
        sql!("insert into conversion_copies (instance_id, conversion_id, user_id, organization_id, copy_id) values ($1, $2, $3, $4, $5)"),
        &[&id, &copied.user, &copied.organization, &copied.copy],
    )
    .await
    .map(drop)
}

/// A page of those who came to be a second time.
pub(super) async fn copies(tx: &mut Tx<'_>, id: ConversionId, whose: &Whose, page: Page) -> Result<Vec<Copied>> {
    let query = Query::new(sql!("select user_id, organization_id, copy_id from conversion_copies where instance_id = $1 and conversion_id = $2"), &[&id]);
    let order = part!("order by user_id, organization_id limit {} offset {}");
    tx.select(narrowed(query, whose).and(order, &[&page.limit, &page.offset])).await
}

pub(super) async fn count_copies(tx: &mut Tx<'_>, id: ConversionId, whose: &Whose) -> Result<i64> {
    let query = Query::new(sql!("select count(*) from conversion_copies where instance_id = $1 and conversion_id = $2"), &[&id]);
    Ok(tx.select::<i64>(narrowed(query, whose)).await?.into_iter().next().unwrap_or(0))
}

fn narrowed<'a>(mut query: Query<'a>, whose: &'a Whose) -> Query<'a> {
    if let Some(user) = &whose.user {
        query = query.and(part!("and user_id = {}"), &[user]);
    }
    if let Some(organization) = &whose.organization {
        query = query.and(part!("and organization_id = {}"), &[organization]);
    }
    query
}

/// The copy of a user in an organization.
pub(super) async fn copy_of(tx: &mut Tx<'_>, id: ConversionId, user: UserId, organization: OrganizationId) -> Result<Option<UserId>> {
    let found: Option<(UserId,)> = tx
        .find(
            sql!("select copy_id from conversion_copies where instance_id = $1 and conversion_id = $2 and user_id = $3 and organization_id = $4"),
            &[&id, &user, &organization],
        )
        .await?;
    Ok(found.map(|(copy,)| copy))
}
