//! The rows of tickets.

use super::{Status, Ticket};
use ::store::{FromRow, Row, Tx, sql};
use foundation::{Result, TicketId, UserId};
use std::time::Duration;

impl FromRow for Ticket {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Ticket {
            id: row.take()?,
            kind: row.take()?,
            pool: row.take()?,
            user: row.take()?,
            status: row.take()?,
            actor: row.take()?,
            session_seconds: row.take()?,
            organization: row.take()?,
            expires_at: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: TicketId) -> Result<Option<Ticket>> {
    tx.find(
        sql!(
            "select id, kind, pool_id, user_id, status, actor, session_seconds, organization_id, expires_at, created_at, updated_at
              from tickets where instance_id = $1 and id = $2"
        ),
        &[&id],
    )
    .await
}

/// Removes tickets that expired a day ago; at most 100 at a time. Whoever makes one sweeps.
pub(super) async fn sweep(tx: &mut Tx<'_>) -> Result<()> {
    let before = tx.now() - Duration::from_secs(86_400);
    tx.change(
        sql!("delete from tickets where instance_id = $1 and id in (select id from tickets where instance_id = $1 and expires_at < $2 order by expires_at limit 100)"),
        &[&before],
    )
    .await
    .map(drop)
}

pub(super) async fn insert(tx: &mut Tx<'_>, t: &Ticket) -> Result<()> {
    tx.change(
        sql!(
            "insert into tickets (instance_id, id, kind, pool_id, user_id, status, actor, session_seconds, organization_id, expires_at, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"
        ),
        &[&t.id, &t.kind, &t.pool, &t.user, &t.status, &t.actor, &t.session_seconds, &t.organization, &t.expires_at, &t.created_at],
    )
    .await
    .map(drop)
}

/// Settles a ticket that is pending; whether it was.
pub(super) async fn settle(tx: &mut Tx<'_>, id: TicketId, status: Status) -> Result<bool> {
    let now = tx.now();
    let changed = tx
        .change(sql!("update tickets set status = $3, updated_at = $4 where instance_id = $1 and id = $2 and status = 'pending'"), &[&id, &status, &now])
        .await?;
    Ok(changed == 1)
}

pub(super) async fn delete_of_user(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    tx.change(sql!("delete from tickets where instance_id = $1 and user_id = $2"), &[&user]).await.map(drop)
}
