//! Development browsers: what stands for the client where a development application cannot have its cookie.

use ::store::{FromRow, Row, Tx, sql};
use foundation::{ClientId, DevBrowserId, Id, Ksuid, Result, Secret};
use std::time::Duration;

/// A development browser that was recognised or just made.
#[derive(Clone, Copy, Debug)]
pub(super) struct DevBrowser {
    pub(super) id: DevBrowserId,
    pub(super) client: Option<ClientId>,
}

impl FromRow for DevBrowser {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(DevBrowser { id: row.take()?, client: row.take()? })
    }
}

/// Makes one; its secret is `dvb_<KSUID>.<256 random bits>`.
pub(super) async fn create(tx: &mut Tx<'_>, client: Option<ClientId>) -> Result<(DevBrowser, Secret)> {
    sweep(tx).await?;
    let id: DevBrowserId = tx.new_id();
    let secret = Secret::new(format!("{id}.{}", foundation::secret::hex(&tx.random().bytes::<32>())));
    let now = tx.now();
    tx.change(
        sql!("insert into dev_browsers (instance_id, id, secret_hash, client_id, created_at) values ($1, $2, $3, $4, $5)"),
        &[&id, &secret.sha256(), &client, &now],
    )
    .await?;
    Ok((DevBrowser { id, client }, secret))
}

/// Removes those that belong to no client a day after they were made; at most 100 at a time.
async fn sweep(tx: &mut Tx<'_>) -> Result<()> {
    let before = tx.now() - Duration::from_secs(86_400);
    tx.change(
        sql!(
            "delete from dev_browsers where instance_id = $1 and id in
                (select id from dev_browsers where instance_id = $1 and client_id is null and created_at < $2 order by created_at limit 100)"
        )
        .unheard(),
        &[&before],
    )
    .await
    .map(drop)
}

pub(super) async fn find(tx: &mut Tx<'_>, secret: &Secret) -> Result<Option<DevBrowser>> {
    let id = secret.expose().split_once('.').and_then(|(id, _)| id.strip_prefix(DevBrowserId::PREFIX)).and_then(Ksuid::parse);
    match id {
        Some(id) => {
            let id = DevBrowserId::from_ksuid(id);
            tx.find(sql!("select id, client_id from dev_browsers where instance_id = $1 and id = $2 and secret_hash = $3"), &[&id, &secret.sha256()]).await
        }
        None => Ok(None),
    }
}

pub(super) async fn bind(tx: &mut Tx<'_>, id: DevBrowserId, client: ClientId) -> Result<()> {
    tx.change(sql!("update dev_browsers set client_id = $3 where instance_id = $1 and id = $2"), &[&id, &client]).await.map(drop)
}

/// Ends every development browser of a client.
pub(super) async fn forget(tx: &mut Tx<'_>, client: ClientId) -> Result<()> {
    tx.change(sql!("delete from dev_browsers where instance_id = $1 and client_id = $2"), &[&client]).await.map(drop)
}
