//! Keys that are fetched: kept, looked at again in the background, and asked for at most now and then.

use crate::{
    keys::{Key, Keys},
    refusal::Refusal,
};
use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// What a source comes to: the bytes of a JWK set.
pub type Fetched = Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

/// Where JWK sets come from. Functions that return a future are sources.
pub trait Source: Send + Sync + 'static {
    /// Fetches the set as it is now. It is never called twice at once, and has as long as [`Freshness::patience`].
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>>;
}

impl<F, R> Source for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Fetched> + Send + 'static,
{
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>> {
        Box::pin(self())
    }
}

/// For how long keys are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// From then on they are looked at again, in the background: a minute. A key that is revoked counts for that long.
    pub fresh: Duration,
    /// For so long they are kept while they cannot be looked at again: a day.
    pub kept: Duration,
    /// Unknown keys are asked for at most this often: every 10 seconds. A made-up `kid` costs nobody more.
    pub pause: Duration,
    /// How long a fetch may take: 5 seconds.
    pub patience: Duration,
}

impl Default for Freshness {
    fn default() -> Freshness {
        Freshness { fresh: Duration::from_secs(60), kept: Duration::from_secs(86_400), pause: Duration::from_secs(10), patience: Duration::from_secs(5) }
    }
}

/// While there are no keys at all, somebody who needs some asks this often.
const FIRST: Duration = Duration::from_secs(1);

pub(crate) struct Cache {
    source: Box<dyn Source>,
    freshness: Freshness,
    state: RwLock<State>,
    /// Held by whoever fetches.
    fetching: Arc<Mutex<()>>,
}

#[derive(Clone, Default)]
struct State {
    keys: Option<Arc<Keys>>,
    fetched: Duration,
    tried: Option<Duration>,
}

impl Cache {
    pub(crate) fn new(source: Box<dyn Source>, freshness: Freshness) -> Arc<Cache> {
        Arc::new(Cache { source, freshness, state: RwLock::default(), fetching: Arc::default() })
    }

    /// The key of this id, fetched where nobody knows it.
    pub(crate) async fn get(self: &Arc<Cache>, kid: &str, now: Duration) -> Result<Arc<Key>, Refusal> {
        if let Some(key) = self.known(kid, now) {
            self.look_again(now);
            return Ok(key);
        }
        let turn = Arc::clone(&self.fetching).lock_owned().await;
        // Somebody else may have fetched it while this one waited.
        if let Some(key) = self.known(kid, now) {
            return Ok(key);
        }
        if self.may_try(now) {
            // In a task of its own: a caller who goes away does not take the keys along.
            tokio::spawn(Arc::clone(self).load(turn, now)).await.ok();
        }
        self.known(kid, now).ok_or_else(|| if self.usable(now).is_some() { Refusal::UnknownKey } else { Refusal::KeysUnavailable })
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn usable(&self, now: Duration) -> Option<Arc<Keys>> {
        let state = self.state();
        state.keys.filter(|_| now.saturating_sub(state.fetched) < self.freshness.kept)
    }

    fn known(&self, kid: &str, now: Duration) -> Option<Arc<Key>> {
        self.usable(now)?.get(kid)
    }

    /// A clock that was set back counts as if the time had passed.
    fn may_try(&self, now: Duration) -> bool {
        let state = self.state();
        let pause = if state.keys.is_some() { self.freshness.pause } else { FIRST.min(self.freshness.pause) };
        state.tried.is_none_or(|tried| now < tried || now - tried >= pause)
    }

    /// Starts a fetch where the keys are no longer fresh and nobody is at it; whoever asks does not wait for it.
    fn look_again(self: &Arc<Cache>, now: Duration) {
        let fetched = self.state().fetched;
        if (now >= fetched && now - fetched < self.freshness.fresh) || !self.may_try(now) {
            return;
        }
        if let Ok(turn) = Arc::clone(&self.fetching).try_lock_owned() {
            tokio::spawn(Arc::clone(self).load(turn, now));
        }
    }

    /// Fetches. What cannot be fetched or read leaves the keys as they are.
    async fn load(self: Arc<Cache>, _turn: OwnedMutexGuard<()>, now: Duration) {
        let fetched = tokio::time::timeout(self.freshness.patience, self.source.fetch()).await;
        let keys = fetched.ok().and_then(Result::ok).and_then(|bytes| Keys::from_jwks(&bytes).ok());
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.tried = Some(now);
        if let Some(keys) = keys {
            (state.keys, state.fetched) = (Some(Arc::new(keys)), now);
        }
    }
}
