//! The verifier: an issuer, keys, and what else must hold.

use crate::{
    cache::{Cache, Freshness, Source},
    jwt::{Parts, decode},
    keys::{Key, Keys},
    refusal::{Fault, Refusal},
    request::Carried,
    session::{Session, Status, optional},
};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What time it is, since 1970.
pub(crate) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Verifies tokens of one instance, or of one pool of it. Cloned, it shares its keys.
#[derive(Clone)]
pub struct Verifier {
    issuer: String,
    suffix: Option<String>,
    found: Found,
    parties: BTreeSet<String>,
    skew: Duration,
    pending: bool,
    clock: Clock,
}

/// Where keys are found.
#[derive(Clone)]
enum Found {
    Given(Keys),
    Fetched(Arc<Cache>),
}

impl Verifier {
    /// Verifies with keys that are given. The publishable key names the instance, or the pool, and with it the issuer and the cookies.
    ///
    /// # Errors
    /// Where it is no publishable key.
    pub fn of(publishable_key: &str, keys: Keys) -> Result<Verifier, Fault> {
        Verifier::new(publishable_key, Found::Given(keys))
    }

    /// Verifies with keys that are fetched when they are needed first, and looked at again as [`Freshness`] says.
    ///
    /// # Errors
    /// Where it is no publishable key.
    pub fn fetching(publishable_key: &str, source: impl Source, freshness: Freshness) -> Result<Verifier, Fault> {
        Verifier::new(publishable_key, Found::Fetched(Cache::new(Box::new(source), freshness)))
    }

    fn new(publishable_key: &str, found: Found) -> Result<Verifier, Fault> {
        let issuer = format!("https://{}", host(publishable_key)?);
        let suffix = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, publishable_key.as_bytes()));
        #[allow(clippy::disallowed_methods, reason = "this is the verifier's only clock")]
        let clock: Clock = Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let suffix = suffix.get(..8).map(str::to_owned);
        Ok(Verifier { issuer, suffix, found, parties: BTreeSet::new(), skew: Duration::from_secs(5), pending: false, clock })
    }

    /// Accepts only tokens that were made for pages of these origins (`azp`). A token that names none is refused then. Without this, a page of a
    /// sibling domain that gets hold of the cookie is as good as yours.
    #[must_use]
    pub fn authorized_parties<P: Into<String>>(mut self, origins: impl IntoIterator<Item = P>) -> Verifier {
        self.parties = origins.into_iter().map(Into::into).collect();
        self
    }

    /// How far this machine's clock and the server's may differ: 5 seconds, if nothing is said.
    #[must_use]
    pub fn clock_skew(mut self, skew: Duration) -> Verifier {
        self.skew = skew;
        self
    }

    /// Accepts sessions that wait for something. Look at [`Session::status`] then: its bearer has not chosen an organization, for example.
    #[must_use]
    pub fn accepting_pending(mut self) -> Verifier {
        self.pending = true;
        self
    }

    /// Takes the time, since 1970, from somewhere else than the machine.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Verifier {
        self.clock = Arc::new(clock);
        self
    }

    /// Who must have signed: `https://` and the host that the publishable key names.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies a token.
    ///
    /// # Errors
    /// The first [`Refusal`] found. Claims are read after the signature, so that a forger learns nothing.
    pub async fn verify(&self, token: &str) -> Result<Session, Refusal> {
        let parts = Parts::of(token)?;
        let now = (self.clock)();
        let key = self.key(&parts.kid, now).await?;
        if !key.has_signed(parts.signed, &parts.signature) {
            return Err(Refusal::Signature);
        }
        let session = Session::of(parts.claims()?)?;
        self.check(&session, now)?;
        Ok(session)
    }

    /// Verifies what a request carries: its `authorization` header, or else its `cookie` headers.
    ///
    /// # Errors
    /// As [`Verifier::verify`]; [`Refusal::Missing`], [`Refusal::SignedOut`], [`Refusal::Outdated`].
    pub async fn verify_request(&self, headers: &http::HeaderMap) -> Result<Session, Refusal> {
        let carried = Carried::by(headers, &self.issuer, self.suffix.as_deref().unwrap_or_default())?;
        let session = self.verify(&carried.token).await?;
        if carried.since.is_some_and(|since| session.issued_at < since) { Err(Refusal::Outdated) } else { Ok(session) }
    }

    async fn key(&self, kid: &str, now: Duration) -> Result<Arc<Key>, Refusal> {
        match &self.found {
            Found::Given(keys) => keys.get(kid).ok_or(Refusal::UnknownKey),
            Found::Fetched(cache) => cache.get(kid, now).await,
        }
    }

    fn check(&self, session: &Session, now: Duration) -> Result<(), Refusal> {
        if session.issuer != self.issuer {
            return Err(Refusal::Issuer);
        }
        if !self.parties.is_empty() && !session.authorized_party.as_ref().is_some_and(|party| self.parties.contains(party)) {
            return Err(Refusal::Party);
        }
        let (now, skew) = (millis(now), millis(self.skew));
        let at = |seconds: i64| i128::from(seconds) * 1000;
        if at(session.expires_at) <= now - skew {
            return Err(Refusal::Expired);
        }
        if optional(&session.claims, "nbf", Value::as_i64)?.is_some_and(|start| at(start) > now + skew) {
            return Err(Refusal::NotYet);
        }
        if at(session.issued_at) > now + skew {
            return Err(Refusal::IssuedInFuture);
        }
        if session.status == Status::Pending && !self.pending { Err(Refusal::Pending) } else { Ok(()) }
    }
}

fn millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX / 2)
}

/// The host in a publishable key: `pk_test_` or `pk_live_`, and base64 of the host with a dollar behind it.
fn host(publishable_key: &str) -> Result<String, Fault> {
    let fault = Fault("this is no publishable key");
    let packed = publishable_key.strip_prefix("pk_test_").or_else(|| publishable_key.strip_prefix("pk_live_")).ok_or(fault.clone())?;
    let bare = packed.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(bare).ok().or_else(|| decode(bare)).ok_or(fault.clone())?;
    let text = String::from_utf8(bytes).map_err(|_| fault.clone())?;
    match text.strip_suffix('$') {
        Some(host) if !host.is_empty() && !host.contains(['/', '@', '$', ' ', '?', '#']) => Ok(host.to_owned()),
        _ => Err(fault),
    }
}
