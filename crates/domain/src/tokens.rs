//! Session tokens: short-lived proof for backends that somebody is signed in (version 2 claims).

use crate::{
    instances::Tenant,
    keys,
    organizations::active::Active,
    pools,
    sessions::{self, Session, Status},
};
use ::store::Tx;
use foundation::{Id, Problem, Random, Result, Secret, SessionId, Timestamp, secret::hex};
use protocols::jose::{self, Category, SigningKey};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a token is good.
pub const LIFE: Duration = Duration::from_secs(60);
/// How long a backend may ask a token to be good.
pub const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Signs a token of a living session for the page at `origin`, and for an organization of its user's. No token outlives its session.
///
/// # Errors
/// As [`keys::signer`].
pub async fn mint(
    tx: &mut Tx<'_>,
    tenant: &Tenant,
    (session, organization): (&Session, Option<&Active>),
    origin: Option<&str>,
    life: Duration,
) -> Result<String> {
    let now = tx.now();
    let life = life.min(session.end().since(now));
    let key = keys::signer(tx, life).await?;
    sign(&key, &Claimed { tenant, session, organization, origin, life, now }, tx.random())
}

/// What a token claims.
pub(crate) struct Claimed<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) session: &'a Session,
    pub(crate) organization: Option<&'a Active>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) life: Duration,
    pub(crate) now: Timestamp,
}

/// Signs the claims. Whoever calls has made sure that the session lives.
pub(crate) fn sign(key: &SigningKey, claimed: &Claimed<'_>, random: &mut dyn Random) -> Result<String> {
    let Claimed { tenant, session, organization, origin, life, now } = *claimed;
    let seconds = now.seconds();
    let expires = (now + life).min(session.end()).seconds();
    let mut claims = json!({
        "iss": tenant.issuer,
        "sub": session.user,
        "sid": session.id,
        "iat": seconds,
        "nbf": seconds - 10,
        "exp": expires,
        "jti": hex(&random.bytes::<10>()),
        "v": 2,
        "sts": if session.status(now) == Status::Pending { "pending" } else { "active" },
        "fva": factor_ages(session, now),
    });
    if let (Some(origin), Some(fields)) = (origin, claims.as_object_mut()) {
        fields.insert("azp".to_owned(), origin.into());
    }
    if let (Some(organization), Some(fields)) = (organization, claims.as_object_mut()) {
        let (claim, features) = organization.claims();
        fields.insert("o".to_owned(), claim);
        fields.extend(features.map(|features| ("fea".to_owned(), features.into())));
    }
    if let (Some(actor), Some(fields)) = (&session.actor, claims.as_object_mut()) {
        fields.insert("act".to_owned(), Value::Object(actor.0.clone()));
    }
    key.sign(Category::Session, &claims)
}

/// The living session of a token that this instance signed.
///
/// # Errors
/// [`Problem::Unauthenticated`] where the token is not good; [`Problem::NotFound`] where its session lives no more.
pub async fn verify(tx: &mut Tx<'_>, tenant: &Tenant, token: &Secret) -> Result<Session> {
    let known = keys::published(tx).await?;
    let find = |kid| known.iter().find(|(id, _)| *id == kid).map(|(_, key)| key.clone());
    let claims = jose::verify(token.expose(), Category::Session, tx.now(), find).map_err(|_| Problem::Unauthenticated)?;
    let id = claims.get("sid").and_then(Value::as_str).and_then(SessionId::parse).ok_or(Problem::Unauthenticated)?;
    let session = sessions::get(tx, id).await?;
    let issuer = &pools::tenant_of_user(tx, tenant, session.user).await?.issuer;
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(Problem::Unauthenticated.into());
    }
    if session.is_live(tx.now()) { Ok(session) } else { Err(Problem::NotFound.into()) }
}

/// Minutes since the first and since the second factor; -1 where there was none.
pub fn factor_ages(session: &Session, now: Timestamp) -> [i64; 2] {
    [session.first_factor_at, session.second_factor_at].map(|at| at.map_or(-1, |at| i64::try_from(now.since(at).as_secs() / 60).unwrap_or(i64::MAX)))
}
