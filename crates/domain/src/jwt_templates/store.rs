//! The rows of templates.

use super::JwtTemplate;
use ::store::{FromRow, Row, Tx, sql};
use foundation::{Error, JwtTemplateId, Page, Result};
use protocols::jose::Algorithm;

/// The columns of a template, in the order in which they are read.
macro_rules! columns {
    () => {
        "id, name, claims, lifetime, allowed_clock_skew, algorithm, sealed_key, created_at, updated_at"
    };
}

impl FromRow for JwtTemplate {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(JwtTemplate {
            id: row.take()?,
            name: row.take()?,
            claims: row.take()?,
            lifetime: row.take()?,
            allowed_clock_skew: row.take()?,
            algorithm: Algorithm::parse(&row.take::<String>()?).ok_or_else(|| Error::Broken("a template's algorithm".to_owned()))?,
            sealed_key: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: JwtTemplateId) -> Result<Option<JwtTemplate>> {
    tx.find(sql!(concat!("select ", columns!(), " from jwt_templates where instance_id = $1 and id = $2")), &[&id]).await
}

pub(super) async fn find_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<JwtTemplate>> {
    tx.find(sql!(concat!("select ", columns!(), " from jwt_templates where instance_id = $1 and name = $2")), &[&name]).await
}

pub(super) async fn list(tx: &mut Tx<'_>, page: Page) -> Result<Vec<JwtTemplate>> {
    tx.list(
        sql!(concat!("select ", columns!(), " from jwt_templates where instance_id = $1 order by created_at desc, id desc limit $2 offset $3")),
        &[&page.limit, &page.offset],
    )
    .await
}

pub(super) async fn all(tx: &mut Tx<'_>) -> Result<Vec<JwtTemplate>> {
    tx.list(sql!(concat!("select ", columns!(), " from jwt_templates where instance_id = $1 order by created_at, id limit 1000")), &[]).await
}

pub(super) async fn count(tx: &mut Tx<'_>) -> Result<i64> {
    tx.count(sql!("select count(*) from jwt_templates where instance_id = $1"), &[]).await
}

/// Holds the template's row until the transaction ends, so that changes come one after the other.
pub(super) async fn hold(tx: &mut Tx<'_>, id: JwtTemplateId) -> Result<()> {
    tx.change(sql!("update jwt_templates set updated_at = updated_at where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

pub(super) async fn insert(tx: &mut Tx<'_>, t: &JwtTemplate) -> Result<()> {
    tx.change(
        sql!(
            "insert into jwt_templates (instance_id, id, name, claims, lifetime, allowed_clock_skew, algorithm, sealed_key, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        ),
        &[&t.id, &t.name, &t.claims, &t.lifetime, &t.allowed_clock_skew, &t.algorithm.as_str(), &t.sealed_key, &t.created_at, &t.updated_at],
    )
    .await
    .map(drop)
}

pub(super) async fn update(tx: &mut Tx<'_>, t: &JwtTemplate) -> Result<()> {
    tx.change(
        sql!(
            "update jwt_templates set name = $3, claims = $4, lifetime = $5, allowed_clock_skew = $6, algorithm = $7, sealed_key = $8, updated_at = $9
              where instance_id = $1 and id = $2"
        ),
        &[&t.id, &t.name, &t.claims, &t.lifetime, &t.allowed_clock_skew, &t.algorithm.as_str(), &t.sealed_key, &t.updated_at],
    )
    .await
    .map(drop)
}

pub(super) async fn delete(tx: &mut Tx<'_>, id: JwtTemplateId) -> Result<bool> {
    Ok(tx.change(sql!("delete from jwt_templates where instance_id = $1 and id = $2"), &[&id]).await? == 1)
}
