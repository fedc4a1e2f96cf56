//! The rows of identifiers.

use super::{Identifier, Kind, VerifiedBy};
use ::store::{FromRow, Query, Row, Tx, part, sql};
use foundation::{IdentifierId, PoolId, Result, UserId};

impl FromRow for Identifier {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Identifier {
            id: row.take()?,
            user: row.take()?,
            kind: row.take()?,
            given: row.take()?,
            norm: row.take()?,
            claimed: row.take()?,
            verified_by: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(super) async fn owner(tx: &mut Tx<'_>, pool: PoolId, kind: Kind, norm: &str) -> Result<Option<UserId>> {
    tx.find(sql!("select user_id from identifiers where instance_id = $1 and pool_id = $2 and kind = $3 and norm = $4 and claimed"), &[&pool, &kind, &norm])
        .await
}

pub(crate) async fn of_users(tx: &mut Tx<'_>, users: &[UserId]) -> Result<Vec<Identifier>> {
    let query =
        Query::new(sql!("select id, user_id, kind, given, norm, claimed, verified_by, created_at, updated_at from identifiers where instance_id = $1"), &[])
            .within(part!("and user_id"), users)
            .and(part!("order by created_at, id"), &[]);
    tx.select(query).await
}

pub(super) async fn insert(tx: &mut Tx<'_>, pool: PoolId, i: &Identifier) -> Result<()> {
    tx.change(
        sql!(
            "insert into identifiers (instance_id, id, pool_id, user_id, kind, given, norm, claimed, verified_by, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)"
        ),
        &[&i.id, &pool, &i.user, &i.kind, &i.given, &i.norm, &i.claimed, &i.verified_by, &i.created_at],
    )
    .await
    .map(drop)
}

pub(super) async fn verify(tx: &mut Tx<'_>, id: IdentifierId, by: VerifiedBy) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update identifiers set claimed = true, verified_by = $3, updated_at = $4 where instance_id = $1 and id = $2"), &[&id, &by, &now])
        .await
        .map(drop)
}

pub(super) async fn doubt(tx: &mut Tx<'_>, id: IdentifierId) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update identifiers set claimed = false, verified_by = null, updated_at = $3 where instance_id = $1 and id = $2"), &[&id, &now])
        .await
        .map(drop)
}

pub(super) async fn user_of(tx: &mut Tx<'_>, id: IdentifierId) -> Result<UserId> {
    tx.get(sql!("select user_id from identifiers where instance_id = $1 and id = $2"), &[&id]).await
}

pub(super) async fn delete(tx: &mut Tx<'_>, id: IdentifierId) -> Result<()> {
    tx.change(sql!("delete from identifiers where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

pub(super) async fn delete_kind(tx: &mut Tx<'_>, user: UserId, kind: Kind) -> Result<()> {
    tx.change(sql!("delete from identifiers where instance_id = $1 and user_id = $2 and kind = $3"), &[&user, &kind]).await.map(drop)
}
