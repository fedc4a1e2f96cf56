//! Redirect URLs: exact addresses that browsers may be sent to besides the instance's own origins.

use crate::{
    audit::{self, Actor},
    redirects,
};
use ::store::{FromRow, Row, Tx, sql};
use foundation::{OnConflict, Page, Problem, RedirectUrlId, Result, Timestamp};
use serde_json::json;

/// An allowed URL.
#[derive(Clone, Debug)]
pub struct RedirectUrl {
    /// Its id.
    pub id: RedirectUrlId,
    /// The URL, compared as it is.
    pub url: String,
    /// When it was added.
    pub created_at: Timestamp,
}

impl FromRow for RedirectUrl {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(RedirectUrl { id: row.take()?, url: row.take()?, created_at: row.take()? })
    }
}

/// The most that an instance can have.
const MOST: i64 = 1_000;

/// Adds a URL. Native applications' schemes are welcome, scripts are not.
///
/// # Errors
/// [`Problem::ParamInvalid`]; [`Problem::UrlExists`]; [`Problem::LimitReached`].
pub async fn create(tx: &mut Tx<'_>, actor: Actor<'_>, url: &str) -> Result<RedirectUrl> {
    redirects::parse(url).ok_or(Problem::invalid("url", "must be a whole URL, like https://app.example.com/after or myapp://after, and no script"))?;
    if count(tx).await? >= MOST {
        return Err(Problem::LimitReached("redirect URLs", MOST).into());
    }
    let added = adopt(tx, url).await.on_conflict(Problem::UrlExists)?;
    audit::record(tx, actor, "redirect_url.create", &added.id.to_string(), &json!({ "url": url })).await?;
    Ok(added)
}

/// Adds a URL that another instance has.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn adopt(tx: &mut Tx<'_>, url: &str) -> Result<RedirectUrl> {
    let added = RedirectUrl { id: tx.new_id(), url: url.to_owned(), created_at: tx.now() };
    let statement = sql!("insert into redirect_urls (instance_id, id, url, created_at) values ($1, $2, $3, $4)");
    tx.change(statement, &[&added.id, &added.url, &added.created_at]).await?;
    Ok(added)
}

/// The URL of this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: RedirectUrlId) -> Result<RedirectUrl> {
    tx.get(sql!("select id, url, created_at from redirect_urls where instance_id = $1 and id = $2"), &[&id]).await
}

/// How many there are.
///
/// # Errors
/// Only the database's own.
pub async fn count(tx: &mut Tx<'_>) -> Result<i64> {
    tx.count(sql!("select count(*) from redirect_urls where instance_id = $1"), &[]).await
}

/// A page of them, newest first.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, page: Page) -> Result<Vec<RedirectUrl>> {
    tx.list(
        sql!("select id, url, created_at from redirect_urls where instance_id = $1 order by created_at desc, id desc limit $2 offset $3"),
        &[&page.limit, &page.offset],
    )
    .await
}

/// All URLs, for judging a redirect.
///
/// # Errors
/// Only the database's own.
pub async fn all(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    tx.list(sql!("select url from redirect_urls where instance_id = $1 limit 1000"), &[]).await
}

/// Takes a URL off the list.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, actor: Actor<'_>, id: RedirectUrlId) -> Result<RedirectUrl> {
    let gone = get(tx, id).await?;
    if tx.change(sql!("delete from redirect_urls where instance_id = $1 and id = $2"), &[&id]).await? == 0 {
        return Err(Problem::NotFound.into());
    }
    audit::record(tx, actor, "redirect_url.delete", &id.to_string(), &json!({ "url": gone.url })).await?;
    Ok(gone)
}
