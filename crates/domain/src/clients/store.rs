//! The rows of clients.

use super::Client;
use ::store::{FromRow, Row, Tx, sql};
use foundation::{ClientId, Page, Result, Secret, SessionId, SignInId, SignUpId, UserId};
use std::time::Duration;

impl FromRow for Client {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Client {
            id: row.take()?,
            pool: row.take()?,
            last_active_session: row.take()?,
            sign_in: row.take()?,
            sign_up: row.take()?,
            last_authentication_strategy: row.take()?,
            secret_hash: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: ClientId) -> Result<Option<Client>> {
    tx.find(
        sql!(
            "select id, pool_id, last_active_session_id, sign_in_id, sign_up_id, last_authentication_strategy, secret_hash, created_at, updated_at
              from clients where instance_id = $1 and id = $2"
        ),
        &[&id],
    )
    .await
}

pub(super) async fn find_with_secret(tx: &mut Tx<'_>, id: ClientId, secret: &Secret) -> Result<Option<Client>> {
    tx.find(
        sql!(
            "select id, pool_id, last_active_session_id, sign_in_id, sign_up_id, last_authentication_strategy, secret_hash, created_at, updated_at
              from clients where instance_id = $1 and id = $2 and secret_hash = $3"
        ),
        &[&id, &secret.sha256()],
    )
    .await
}

pub(super) async fn list(tx: &mut Tx<'_>, page: Page) -> Result<Vec<Client>> {
    tx.list(
        sql!(
            "select id, pool_id, last_active_session_id, sign_in_id, sign_up_id, last_authentication_strategy, secret_hash, created_at, updated_at
              from clients where instance_id = $1 order by created_at desc, id desc limit $2 offset $3"
        ),
        &[&page.limit, &page.offset],
    )
    .await
}

pub(super) async fn count(tx: &mut Tx<'_>) -> Result<i64> {
    tx.count(sql!("select count(*) from clients where instance_id = $1"), &[]).await
}

/// Removes clients that nobody has signed in on for a week after they were made; at most 100 at a time. Whoever makes one sweeps.
pub(super) async fn sweep(tx: &mut Tx<'_>) -> Result<()> {
    let before = tx.now() - Duration::from_secs(7 * 86_400);
    tx.change(
        sql!(
            "delete from clients where instance_id = $1 and id in
                (select c.id from clients c where c.instance_id = $1 and c.created_at < $2 and c.last_authentication_strategy is null
                   and not exists (select 1 from sessions s where s.instance_id = $1 and s.client_id = c.id) order by c.created_at limit 100)"
        )
        .unheard(),
        &[&before],
    )
    .await
    .map(drop)
}

pub(super) async fn insert(tx: &mut Tx<'_>, client: &Client) -> Result<()> {
    tx.change(
        sql!("insert into clients (instance_id, id, pool_id, secret_hash, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)"),
        &[&client.id, &client.pool, &client.secret_hash, &client.created_at],
    )
    .await
    .map(drop)
}

/// Replaces the secret if it is still the one that was recognised, and holds the row; whether it was.
pub(super) async fn replace_secret(tx: &mut Tx<'_>, id: ClientId, old: &str, new: &str) -> Result<bool> {
    Ok(tx.change(sql!("update clients set secret_hash = $4 where instance_id = $1 and id = $2 and secret_hash = $3"), &[&id, &old, &new]).await? == 1)
}

pub(super) async fn sessions_changed(tx: &mut Tx<'_>, id: ClientId) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update clients set updated_at = $3 where instance_id = $1 and id = $2"), &[&id, &now]).await.map(drop)
}

pub(super) async fn forget_user(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update clients set updated_at = $3
              where instance_id = $1 and id in (select client_id from sessions where instance_id = $1 and user_id = $2 and status in ('active', 'pending'))"
        ),
        &[&user, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn set_attempts(tx: &mut Tx<'_>, id: ClientId, sign_in: Option<SignInId>, sign_up: Option<SignUpId>) -> Result<()> {
    tx.change(sql!("update clients set sign_in_id = $3, sign_up_id = $4 where instance_id = $1 and id = $2"), &[&id, &sign_in, &sign_up]).await.map(drop)
}

pub(super) async fn set_last_session(tx: &mut Tx<'_>, id: ClientId, session: Option<SessionId>) -> Result<()> {
    tx.change(sql!("update clients set last_active_session_id = $3 where instance_id = $1 and id = $2"), &[&id, &session]).await.map(drop)
}

pub(super) async fn set_strategy(tx: &mut Tx<'_>, id: ClientId, strategy: &str) -> Result<()> {
    tx.change(sql!("update clients set last_authentication_strategy = $3 where instance_id = $1 and id = $2"), &[&id, &strategy]).await.map(drop)
}

pub(super) async fn delete(tx: &mut Tx<'_>, id: ClientId) -> Result<()> {
    tx.change(sql!("delete from sign_ins where instance_id = $1 and client_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from sign_ups where instance_id = $1 and client_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from dev_browsers where instance_id = $1 and client_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from clients where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}
