//! The rotation of signing keys, in four steps that no reader of tokens notices:
//!
//! | when | what |
//! |---|---|
//! | at once | a new key is published beside the old one |
//! | after [`LEAD`] | it signs: whoever keeps the published keys has read it by now |
//! | [`MARGIN`] later | the old private key is destroyed; its public half stays |
//! | after the longest life of its tokens, and [`MARGIN`] | it is published no more |
//!
//! The second step is a matter of time alone (`signing.rs`); the last two are jobs. A key that somebody else may have is revoked instead.

use super::signing::{self, MOST_PUBLISHED};
use crate::audit::{self, Actor};
use ::store::{FromRow, NewJob, Row, Tx, sql};
use foundation::{Error, Id, Problem, Result, SigningKeyId, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

/// For how long a key is published before it signs. The official SDKs keep published keys for five minutes, others for up to an hour.
pub const LEAD: Duration = Duration::from_secs(2 * 3_600);
/// How far the clocks of nodes and readers may be apart.
pub const MARGIN: Duration = Duration::from_secs(300);

/// The job that destroys private keys which sign no more.
pub(crate) const RETIRE: &str = "retire_signing_keys";
/// The job that ends the publication of a key.
pub(crate) const WITHDRAW: &str = "withdraw_signing_key";

/// What a signing key does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is published and will sign.
    Announced,
    /// It signs.
    Signing,
    /// It signs no more; tokens that it signed may still be about.
    Retiring,
}

impl Stage {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Announced => "announced",
            Stage::Signing => "signing",
            Stage::Retiring => "retiring",
        }
    }
}

/// A signing key, as its owner sees it.
#[derive(Clone, Debug)]
pub struct SigningKeyState {
    /// The tokens' `kid`.
    pub id: SigningKeyId,
    /// What it does now.
    pub stage: Stage,
    /// When it was first published.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// When it will be published no more, if that is known.
    pub published_until: Option<Timestamp>,
}

struct KeyRow {
    id: SigningKeyId,
    created_at: Timestamp,
    signs_from: Timestamp,
    longest_life: i64,
    retired_at: Option<Timestamp>,
    published_until: Option<Timestamp>,
}

impl FromRow for KeyRow {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(KeyRow {
            id: row.take()?,
            created_at: row.take()?,
            signs_from: row.take()?,
            longest_life: row.take()?,
            retired_at: row.take()?,
            published_until: row.take()?,
        })
    }
}

/// All keys, the one that signs latest first.
async fn all(tx: &mut Tx<'_>) -> Result<Vec<KeyRow>> {
    tx.list(
        sql!(
            "select id, created_at, signs_from, longest_life, retired_at, published_until from signing_keys
              where instance_id = $1 order by signs_from desc, id desc limit 100"
        ),
        &[],
    )
    .await
}

/// Makes everybody else who wants to change the instance's keys wait.
async fn hold(tx: &mut Tx<'_>) -> Result<()> {
    tx.change(sql!("update signing_keys set signs_from = signs_from where instance_id = $1 and retired_at is null"), &[]).await.map(drop)
}

/// The instance's signing keys, the newest first.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>) -> Result<Vec<SigningKeyState>> {
    let now = tx.now();
    let rows = all(tx).await?;
    let signer = rows.iter().find(|row| row.retired_at.is_none() && row.signs_from <= now).map(|row| row.id);
    let shown = rows.into_iter().filter(|row| row.published_until.is_none_or(|until| until > now));
    Ok(shown
        .map(|row| SigningKeyState {
            id: row.id,
            stage: match row.signs_from > now {
                true => Stage::Announced,
                false if Some(row.id) == signer => Stage::Signing,
                false => Stage::Retiring,
            },
            created_at: row.created_at,
            // Keys from before there were rotations signed from their first moment.
            signs_from: row.signs_from.max(row.created_at),
            published_until: row.published_until,
        })
        .collect())
}

/// Whether a new key can be announced: not while another is. Everybody else waits until this transaction ends.
///
/// # Errors
/// [`Problem::LimitReached`] where as many keys are published as may be.
pub(crate) async fn wants_another(tx: &mut Tx<'_>) -> Result<bool> {
    hold(tx).await?;
    let now = tx.now();
    let keys = list(tx).await?;
    if keys.iter().any(|key| key.signs_from > now) {
        return Ok(false);
    }
    if keys.len() as i64 >= MOST_PUBLISHED {
        return Err(Problem::LimitReached("published signing keys", MOST_PUBLISHED).into());
    }
    Ok(true)
}

/// Announces a new key.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn announce(tx: &mut Tx<'_>, pkcs8: &[u8]) -> Result<()> {
    let signs_from = tx.now() + LEAD;
    let id = signing::adopt(tx, pkcs8, signs_from).await?;
    tx.enqueue(NewJob { kind: RETIRE, payload: "{}".to_owned(), run_at: signs_from + MARGIN }).await?;
    audit::record(tx, Actor::Platform, "signing_key.rotate", &id.to_string(), &json!({ "signs_from": signs_from })).await
}

/// Destroys the private halves of keys that have signed until a while ago. Their public halves stay for as long as their tokens live.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn retire(tx: &mut Tx<'_>) -> Result<()> {
    hold(tx).await?;
    let now = tx.now();
    let rows = all(tx).await?;
    let Some(signer) = rows.iter().find(|row| row.retired_at.is_none() && row.signs_from <= now - MARGIN) else { return Ok(()) };
    for row in rows.iter().filter(|row| row.retired_at.is_none() && row.id != signer.id && row.signs_from <= signer.signs_from) {
        let until = now + Duration::from_millis(u64::try_from(row.longest_life).unwrap_or(0)) + MARGIN;
        tx.change(
            sql!("update signing_keys set sealed = '', retired_at = $3, published_until = $4 where instance_id = $1 and id = $2 and retired_at is null"),
            &[&row.id, &now, &until],
        )
        .await?;
        tx.enqueue(NewJob { kind: WITHDRAW, payload: json!({ "id": row.id }).to_string(), run_at: until }).await?;
        audit::record(tx, Actor::Server, "signing_key.retire", &row.id.to_string(), &json!({ "published_until": until })).await?;
    }
    Ok(())
}

/// Removes a key whose last token has expired.
///
/// # Errors
/// [`Error::Broken`] where the job's payload is not its own.
pub(crate) async fn withdraw(tx: &mut Tx<'_>, payload: &str) -> Result<()> {
    let payload: Value = serde_json::from_str(payload).map_err(|e| Error::broken("a job's payload", e))?;
    let id = payload["id"].as_str().and_then(SigningKeyId::parse).ok_or_else(|| Error::Broken("a job names no signing key".to_owned()))?;
    let now = tx.now();
    let gone = tx.change(sql!("delete from signing_keys where instance_id = $1 and id = $2 and published_until <= $3"), &[&id, &now]).await?;
    if gone == 1 {
        audit::record(tx, Actor::Server, "signing_key.withdraw", &id.to_string(), &json!({})).await?;
    }
    Ok(())
}

/// Removes a key at once: it signs nothing, it is published no more, and whatever it signed is refused. Where it was the one that signed, the
/// announced one signs from now on; whether there is none, so that a new key pair must be [`put`](replace) in its place.
///
/// # Errors
/// [`Problem::NotFound`] where the instance has no such key.
pub(crate) async fn revoke(tx: &mut Tx<'_>, id: SigningKeyId, reason: Option<&str>) -> Result<bool> {
    hold(tx).await?;
    if tx.change(sql!("delete from signing_keys where instance_id = $1 and id = $2"), &[&id]).await? == 0 {
        return Err(Problem::NotFound.into());
    }
    audit::record(tx, Actor::Platform, "signing_key.revoke", &id.to_string(), &json!({ "reason": reason })).await?;
    let now = tx.now();
    let rows = all(tx).await?;
    let living: Vec<&KeyRow> = rows.iter().filter(|row| row.retired_at.is_none()).collect();
    if living.iter().any(|row| row.signs_from <= now) {
        return Ok(false);
    }
    let Some(next) = living.last() else { return Ok(true) };
    tx.change(sql!("update signing_keys set signs_from = $3 where instance_id = $1 and id = $2"), &[&next.id, &now]).await?;
    Ok(false)
}

/// Puts a new key in the place of a revoked one: it signs at once.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn replace(tx: &mut Tx<'_>, pkcs8: &[u8]) -> Result<()> {
    let now = tx.now();
    signing::adopt(tx, pkcs8, now).await.map(drop)
}
