//! Refreshing: a rendering backend trades an expired session token for a new one without sending the browser on a handshake.
//!
//! What it shows beside the expired token is a refresh token, which a handshake has handed out behind a nonce: `<expiry in unix seconds>-<HMAC>`,
//! bound to the session, to its client and to the client's secret. It ends with the session, and with every change of that secret.

use crate::{
    clients,
    clients::Client,
    instances::Tenant,
    keys,
    organizations::active::{self, Wanted},
    pools,
    sessions::{self, Session},
    tokens, users,
};
use ::store::Tx;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use foundation::{Error, Problem, Result, Secret, SessionId, Timestamp, secret};
use protocols::jose::{self, Category};
use serde_json::{Map, Value};

/// The longest token that is looked at.
const LONGEST: usize = 16 * 1_024;

/// Makes the refresh token of a session, good for as long as the session.
///
/// # Errors
/// Only the database's own.
pub async fn issue(tx: &mut Tx<'_>, session: &Session, client: &Client) -> Result<Secret> {
    let expiry = session.expire_at.seconds();
    let mac = mac(tx, session, client, expiry).await?;
    Ok(Secret::new(format!("{expiry}-{mac}")))
}

async fn mac(tx: &mut Tx<'_>, session: &Session, client: &Client, expiry: i64) -> Result<String> {
    let key = tx.hashing_key("refresh_token").await?;
    Ok(Secret::new(format!("{}|{}|{}|{expiry}", session.id, client.id, client.generation())).keyed_hash(&key))
}

/// What a backend shows to have a session token refreshed.
pub struct Expired<'a> {
    /// The session.
    pub session: SessionId,
    /// The token that has expired.
    pub token: &'a Secret,
    /// The refresh token.
    pub refresh: &'a Secret,
    /// The origin of the application.
    pub origin: &'a str,
}

/// A token that was signed anew.
pub struct Refreshed {
    /// The token.
    pub jwt: String,
    /// What stands behind the names of the cookies at the door that the user knows: a pool's, where each organization has its own.
    pub cookie_suffix: String,
}

/// Signs a new token for the same page.
///
/// # Errors
/// [`Problem::Unauthenticated`] for whatever does not fit, so that the SDK goes on with a handshake.
pub async fn refresh(tx: &mut Tx<'_>, tenant: &Tenant, expired: &Expired<'_>) -> Result<Refreshed> {
    let session = check(tx, tenant, expired).await.map_err(|error| match error {
        Error::Refused(_) => Problem::Unauthenticated.into(),
        other => other,
    })?;
    let tenant = &*pools::tenant_of_user(tx, tenant, session.user).await?;
    let organization = active::of_session(tx, &session, Wanted::Sessions).await?;
    let jwt = tokens::mint(tx, tenant, (&session, organization.as_ref()), Some(expired.origin), tokens::LIFE).await?;
    Ok(Refreshed { jwt, cookie_suffix: tenant.cookie_suffix.clone() })
}

async fn check(tx: &mut Tx<'_>, tenant: &Tenant, expired: &Expired<'_>) -> Result<Session> {
    let claims = once_good(tx, expired.token).await?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str);
    let session = sessions::live(tx, expired.session).await?;
    let tenant = pools::tenant_of_user(tx, tenant, session.user).await?;
    let fits = claim("iss") == Some(tenant.issuer.as_str())
        && claim("sid") == Some(session.id.to_string().as_str())
        && claim("sub") == Some(session.user.to_string().as_str())
        && claim("azp").is_none_or(|azp| azp == expired.origin);
    if !fits {
        return Err(Problem::Unauthenticated.into());
    }
    users::ensure_welcome(tx, session.user).await?;
    let client = clients::get(tx, session.client).await?;
    let (expiry, given) = expired.refresh.expose().split_once('-').ok_or(Problem::Unauthenticated)?;
    let expiry: i64 = expiry.parse().map_err(|_| Problem::Unauthenticated)?;
    let right = mac(tx, &session, &client, expiry).await?;
    if !secret::same(right.as_bytes(), given.as_bytes()) || tx.now().seconds() >= expiry {
        return Err(Problem::Unauthenticated.into());
    }
    Ok(session)
}

/// The claims of a session token that this instance signed and that was good when it was made. When that was is among what is signed.
async fn once_good(tx: &mut Tx<'_>, token: &Secret) -> Result<Map<String, Value>> {
    let text = token.expose();
    let payload = text.split('.').nth(1).filter(|_| text.len() <= LONGEST).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let unread: Value = payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(Problem::Unauthenticated)?;
    let made = unread.get("iat").and_then(Value::as_i64).filter(|at| *at <= tx.now().seconds()).ok_or(Problem::Unauthenticated)?;
    let known = keys::published(tx).await?;
    let find = |kid| known.iter().find(|(id, _)| *id == kid).map(|(_, key)| key.clone());
    let claims = jose::verify(text, Category::Session, Timestamp::from_millis(made.saturating_mul(1_000)), find);
    claims.map_err(|_| Problem::Unauthenticated.into())
}
