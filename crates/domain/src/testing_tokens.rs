//! Testing tokens: what an application's end-to-end tests show, so that they are not held up as if they were strangers' programs.
//!
//! A token is `<expiry in unix seconds>-<HMAC of it>`, under a key of the instance: nothing is stored, and no other instance accepts it.

use crate::audit::{self, Actor};
use ::store::Tx;
use foundation::{Result, Secret, Timestamp, secret};
use serde_json::json;
use std::time::Duration;

/// How long a token is good.
pub const LIFE: Duration = Duration::from_secs(3_600);
/// The longest text that is looked at.
const LONGEST: usize = 128;

/// A token that was just made.
pub struct TestingToken {
    /// What tests show in `__clerk_testing_token`.
    pub token: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Makes one.
///
/// # Errors
/// Only the database's own.
pub async fn create(tx: &mut Tx<'_>, actor: Actor<'_>) -> Result<TestingToken> {
    let expires_at = tx.now() + LIFE;
    let mac = mac(tx, expires_at.seconds()).await?;
    let instance = tx.instance().to_string();
    audit::record(tx, actor, "testing_token.create", &instance, &json!({ "expires_at": expires_at })).await?;
    Ok(TestingToken { token: Secret::new(format!("{}-{mac}", expires_at.seconds())), expires_at })
}

/// Whether the text is a testing token of this instance that is still good.
///
/// # Errors
/// Only the database's own.
pub async fn accepts(tx: &mut Tx<'_>, shown: &Secret) -> Result<bool> {
    let text = shown.expose();
    let Some((expiry, given)) = text.split_once('-').filter(|_| text.len() <= LONGEST) else { return Ok(false) };
    let Ok(seconds) = expiry.parse::<i64>() else { return Ok(false) };
    let right = mac(tx, seconds).await?;
    Ok(secret::same(right.as_bytes(), given.as_bytes()) && tx.now().seconds() < seconds)
}

async fn mac(tx: &mut Tx<'_>, seconds: i64) -> Result<String> {
    let key = tx.hashing_key("testing_token").await?;
    Ok(Secret::new(seconds.to_string()).keyed_hash(&key))
}
