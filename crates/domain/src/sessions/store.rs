//! The rows of sessions.

use super::{Session, Status};
use ::store::{FromRow, Row, Tx, sql};
use foundation::{ClientId, Result, SessionId, UserId};
use std::time::Duration;

/// The columns of a session, in the order in which they are read.
macro_rules! columns {
    () => {
        "id, user_id, client_id, status, first_factor_at, second_factor_at, user_agent, ip_address, last_active_at, expire_at, abandon_at, created_at, updated_at"
    };
}
pub(super) use columns;

impl FromRow for Session {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Session {
            id: row.take()?,
            user: row.take()?,
            client: row.take()?,
            stored_status: row.take()?,
            first_factor_at: row.take()?,
            second_factor_at: row.take()?,
            user_agent: row.take()?,
            address: row.take()?,
            last_active_at: row.take()?,
            expire_at: row.take()?,
            abandon_at: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: SessionId) -> Result<Option<Session>> {
    tx.find(sql!(concat!("select ", columns!(), " from sessions where instance_id = $1 and id = $2")), &[&id]).await
}

pub(super) async fn live_of_client(tx: &mut Tx<'_>, client: ClientId) -> Result<Vec<Session>> {
    let now = tx.now();
    tx.list(
        sql!(concat!(
            "select ",
            columns!(),
            " from sessions where instance_id = $1 and client_id = $2 and status in ('active', 'pending') and expire_at > $3 order by created_at, id limit 100"
        )),
        &[&client, &now],
    )
    .await
}

pub(super) async fn live_of_user(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Session>> {
    let now = tx.now();
    tx.list(
        sql!(concat!(
            "select ",
            columns!(),
            " from sessions where instance_id = $1 and user_id = $2 and status in ('active', 'pending') and expire_at > $3 order by created_at, id limit 500"
        )),
        &[&user, &now],
    )
    .await
}

pub(super) async fn insert(tx: &mut Tx<'_>, s: &Session) -> Result<()> {
    tx.change(
        sql!(
            "insert into sessions (instance_id, id, user_id, client_id, status, first_factor_at, second_factor_at, user_agent, ip_address, last_active_at,
                expire_at, abandon_at, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
        ),
        &[
            &s.id,
            &s.user,
            &s.client,
            &s.stored_status,
            &s.first_factor_at,
            &s.second_factor_at,
            &s.user_agent,
            &s.address,
            &s.last_active_at,
            &s.expire_at,
            &s.abandon_at,
            &s.created_at,
            &s.updated_at,
        ],
    )
    .await
    .map(drop)
}

/// Closes a session that is open; whether it was. A closed one never opens again.
pub(super) async fn close(tx: &mut Tx<'_>, id: SessionId, status: Status) -> Result<bool> {
    let now = tx.now();
    let changed = tx
        .change(
            sql!("update sessions set status = $3, updated_at = $4 where instance_id = $1 and id = $2 and status in ('active', 'pending')"),
            &[&id, &status, &now],
        )
        .await?;
    Ok(changed == 1)
}

pub(super) async fn seen(tx: &mut Tx<'_>, id: SessionId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update sessions set last_active_at = $3, updated_at = $3 where instance_id = $1 and id = $2 and last_active_at <= $4 and status in ('active', 'pending')"),
        &[&id, &now, &(now - Duration::from_secs(60))],
    )
    .await
    .map(drop)
}
