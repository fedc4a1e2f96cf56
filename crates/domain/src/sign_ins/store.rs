//! The rows of sign-ins.

use super::{SignIn, Status, factors::Strategy};
use ::store::{FromRow, Row, Tx, sql};
use foundation::{IdentifierId, Result, SessionId, SignInId};
use std::time::Duration;

impl FromRow for SignIn {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(SignIn {
            id: row.take()?,
            client: row.take()?,
            stored_status: row.take()?,
            identifier: row.take()?,
            user: row.take()?,
            strategy: row.take()?,
            strategy_identifier: row.take()?,
            verified_at: row.take()?,
            created_session: row.take()?,
            abandon_at: row.take()?,
            created_at: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: SignInId) -> Result<Option<SignIn>> {
    tx.find(
        sql!(
            "select id, client_id, status, identifier, user_id, strategy, strategy_identifier_id, verified_at, created_session_id, abandon_at, created_at
              from sign_ins where instance_id = $1 and id = $2"
        ),
        &[&id],
    )
    .await
}

/// Removes attempts that were given up an hour ago; at most 100 at a time. Whoever begins one sweeps.
pub(super) async fn sweep(tx: &mut Tx<'_>) -> Result<()> {
    let before = tx.now() - Duration::from_secs(3_600);
    tx.change(
        sql!("delete from sign_ins where instance_id = $1 and id in (select id from sign_ins where instance_id = $1 and abandon_at < $2 order by abandon_at limit 100)"),
        &[&before],
    )
    .await
    .map(drop)
}

/// Holds the attempt's row until the transaction ends, so that its steps come one after the other.
pub(super) async fn hold(tx: &mut Tx<'_>, id: SignInId) -> Result<()> {
    tx.change(sql!("update sign_ins set updated_at = updated_at where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

pub(super) async fn insert(tx: &mut Tx<'_>, s: &SignIn) -> Result<()> {
    tx.change(
        sql!(
            "insert into sign_ins (instance_id, id, client_id, status, identifier, user_id, abandon_at, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $8)"
        ),
        &[&s.id, &s.client, &s.stored_status, &s.identifier, &s.user, &s.abandon_at, &s.created_at],
    )
    .await
    .map(drop)
}

pub(super) async fn prepared(tx: &mut Tx<'_>, id: SignInId, strategy: Strategy, email: IdentifierId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update sign_ins set strategy = $3, strategy_identifier_id = $4, prepared_at = $5, updated_at = $5 where instance_id = $1 and id = $2"),
        &[&id, &strategy, &email, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn advance(tx: &mut Tx<'_>, id: SignInId, status: Status, strategy: Strategy) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update sign_ins set status = $3, strategy = $4, verified_at = $5, updated_at = $5 where instance_id = $1 and id = $2"),
        &[&id, &status, &strategy, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn complete(tx: &mut Tx<'_>, id: SignInId, strategy: Strategy, session: SessionId) -> Result<()> {
    advance(tx, id, Status::Complete, strategy).await?;
    tx.change(sql!("update sign_ins set created_session_id = $3 where instance_id = $1 and id = $2"), &[&id, &session]).await.map(drop)
}
