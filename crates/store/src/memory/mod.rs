//! What this node remembers of the database: a bounded memory that answers for some seconds without asking, for some minutes while the
//! database cannot be reached, and forgets at once what a transaction of this node has changed.
//!
//! Nobody forgets by hand. Every statement that writes says by its text which table it changes and by its arguments whose rows
//! ([`touch`]); the transaction collects that, and its commit makes the memory forget everything that was made from these rows.

mod shelf;
pub(crate) mod touch;

use crate::{
    database::Database,
    platform::PlatformTx,
    tx::{Access, Tx},
};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use foundation::{Error, Id, InstanceId, Result, Timestamp};
use futures_util::future::BoxFuture;
use shelf::Shelf;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use touch::Touched;

/// How long things may take, and how long and how much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a request may wait for the database.
    pub wait: Duration,
    /// How long what was read is used without asking again: what another node has changed is noticed after this time.
    pub fresh: Duration,
    /// How long what was read is used while the database cannot be reached.
    pub outage: Duration,
    /// How many bytes are remembered, about.
    pub memory: usize,
}

impl Bounds {
    /// What a server has that says nothing else.
    pub const DEFAULT: Bounds = Bounds { wait: Duration::from_millis(600), fresh: Duration::from_secs(10), outage: Duration::from_secs(300), memory: 32 << 20 };
}

/// What is asked for. Whose it is, the memory adds itself.
#[derive(Clone, Copy)]
pub struct Memo {
    kind: &'static str,
    digest: [u8; 32],
}

impl Memo {
    /// A kind of thing, and what tells one of this kind from the others. The parts may be secrets: only their hash is kept.
    pub fn new(kind: &'static str, parts: &[&str]) -> Memo {
        if let Some(digest) = Memo::named(kind).filter(|_| parts.is_empty()) {
            return Memo { kind, digest };
        }
        let mut context = Context::new(&SHA256);
        for part in [kind].iter().chain(parts) {
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Memo { kind, digest }
    }

    /// What there is one of needs no hash: a short name stands for itself, with its length, as no hash ever does by chance.
    fn named(kind: &str) -> Option<[u8; 32]> {
        let mut digest = [0; 32];
        digest[31] = u8::try_from(kind.len()).ok()?;
        digest.get_mut(..kind.len()).filter(|place| place.len() < 24)?.copy_from_slice(kind.as_bytes());
        Some(digest)
    }
}

/// What was read, to be remembered.
pub struct Kept<V> {
    value: V,
    subjects: Vec<String>,
    weight: Option<usize>,
    until: Option<Timestamp>,
}

impl Kept<Bytes> {
    /// An answer's text, without the room that it was written in.
    pub fn text(text: String) -> Kept<Bytes> {
        let weight = text.len();
        Kept::new(Bytes::from(text.into_bytes().into_boxed_slice()), weight)
    }
}

impl<V> Kept<V> {
    /// A value of about so many bytes that was made from the rows of its instance alone.
    pub fn new(value: V, weight: usize) -> Kept<V> {
        Kept { value, subjects: Vec::new(), weight: Some(weight), until: None }
    }

    /// A value that is not to be remembered.
    pub fn never(value: V) -> Kept<V> {
        Kept { value, subjects: Vec::new(), weight: None, until: None }
    }

    /// Says when it is true no longer, whatever anybody changes; the earliest of several counts.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Kept<V> {
        self.until = Some(self.until.map_or(end, |until| until.min(end)));
        self
    }

    /// Names somebody from whose rows it was made too: a user, a session, a client, a development browser, an instance, an application.
    /// Whoever leaves one out serves what is no longer true.
    #[must_use]
    pub fn about(mut self, id: &impl Id) -> Kept<V> {
        self.subjects.push(id.to_string());
        self
    }
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Values.
    pub values: usize,
    /// Their bytes, about.
    pub bytes: usize,
    /// Values that were given up so far to make room for others.
    pub evicted: u64,
}

/// The memory of an open database.
pub(crate) struct Memory {
    shelf: Mutex<Shelf>,
    trouble: AtomicBool,
    recovered: tokio::sync::Notify,
    bounds: Bounds,
}

/// How often it is tried whether the database is back.
const PROBE: Duration = Duration::from_millis(250);

impl Memory {
    pub(crate) fn new(bounds: Bounds) -> Memory {
        let shelf = Shelf::new(bounds.memory, bounds.outage.max(bounds.fresh));
        Memory { shelf: Mutex::new(shelf), trouble: AtomicBool::new(false), recovered: tokio::sync::Notify::new(), bounds }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(crate) fn held(&self) -> Held {
        self.shelf().held()
    }

    pub(crate) fn is_in_trouble(&self) -> bool {
        self.trouble.load(Ordering::Acquire)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was made from the rows that a transaction has changed.
    pub(crate) fn forget(&self, touched: &Touched) {
        if !touched.is_empty() {
            self.shelf().forget(touched);
        }
    }
}

impl Database {
    /// What is known of an instance, or is read now. What was read less than [`Bounds::fresh`] ago is answered without the database; what
    /// was read less than [`Bounds::outage`] ago, if the database cannot be reached. A lint allows the call only where the instance was
    /// just recognised.
    ///
    /// # Errors
    /// What the reading refuses; [`Error::Unavailable`] where the database cannot be reached and nothing is known.
    pub async fn recall<'e, V, F>(&self, instance: InstanceId, memo: Memo, read: F) -> Result<Arc<V>>
    where
        V: Send + Sync + 'static,
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<Kept<V>>> + Send + Sync,
    {
        #[allow(clippy::disallowed_methods, reason = "this is the door that the lint leads to")]
        let reading = self.within(instance, Access::Read, read);
        self.remembered(Some(instance), memo, reading).await
    }

    /// What is known above the instances, or is read now; as [`Database::recall`].
    ///
    /// # Errors
    /// As [`Database::recall`].
    pub async fn recall_platform<'e, V, F>(&self, memo: Memo, read: F) -> Result<Arc<V>>
    where
        V: Send + Sync + 'static,
        F: for<'a> Fn(&'a mut PlatformTx<'e>) -> BoxFuture<'a, Result<Kept<V>>> + Send + Sync,
    {
        self.remembered(None, memo, self.platform(Access::Read, read)).await
    }

    /// As [`Database::recall`], with a reading that begins and ends its own transaction of the same instance.
    ///
    /// # Errors
    /// As [`Database::recall`].
    pub async fn recall_from<V: Send + Sync + 'static>(
        &self,
        instance: InstanceId,
        memo: Memo,
        reading: impl Future<Output = Result<Kept<V>>>,
    ) -> Result<Arc<V>> {
        self.remembered(Some(instance), memo, reading).await
    }

    async fn remembered<V: Send + Sync + 'static>(
        &self,
        instance: Option<InstanceId>,
        memo: Memo,
        reading: impl Future<Output = Result<Kept<V>>>,
    ) -> Result<Arc<V>> {
        let memory = self.memory();
        let (key, now) = ((instance, memo.digest), self.now());
        let known = memory.shelf().get(&key, now).and_then(|(since, value)| Some((since, value.downcast::<V>().ok()?)));
        let known = known.filter(|(since, _)| now.since(*since) < memory.bounds.outage.max(memory.bounds.fresh));
        if let Some((since, value)) = &known
            && (now.since(*since) < memory.bounds.fresh || memory.trouble.load(Ordering::Acquire))
        {
            self.meters().hits.one();
            return Ok(Arc::clone(value));
        }
        self.meters().misses.one();
        let loading = Loading::begin(memory);
        match (Box::pin(reading).await, known) {
            (Ok(Kept { value, mut subjects, weight, until }), _) => {
                let value = Arc::new(value);
                subjects.extend(instance.map(|id| id.to_string()));
                if let Some(weight) = weight {
                    loading.keep(key, shelf::Found { since: now, until, value: Arc::<V>::clone(&value), subjects: &subjects, weight });
                }
                Ok(value)
            }
            (Err(Error::Unavailable(why) | Error::Again(why)), Some((since, value))) => {
                tracing::warn!(why, kind = memo.kind, age = now.since(since).as_secs(), "answered from memory: the database is unavailable");
                self.meters().stale.one();
                self.in_trouble();
                Ok(value)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// From now on whatever is remembered is answered at once, until a look every quarter of a second finds the database back.
    fn in_trouble(&self) {
        if self.memory().trouble.swap(true, Ordering::AcqRel) {
            return;
        }
        let database = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(PROBE).await;
                let Ok(mut connection) = database.connect(Access::Read).await else { continue };
                if connection.list::<i64>("select count(*) from schema_migrations", &[]).await.is_ok() {
                    // Whether this ends well or not, the connection was good.
                    let _ = connection.rollback().await;
                    break;
                }
            }
            database.memory().trouble.store(false, Ordering::Release);
            database.memory().recovered.notify_waiters();
            tracing::info!("the database is back");
        });
    }

    /// Waits until the database can be reached again; not at all where it can.
    pub async fn recovered(&self) {
        loop {
            let told = self.memory().recovered.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if !self.memory().trouble.load(Ordering::Acquire) {
                return;
            }
            told.await;
        }
    }
}

/// A reading under way. What is changed before its end is noticed, so that nothing old is put on the shelf after it was forgotten.
struct Loading<'m> {
    memory: &'m Memory,
    began: u64,
}

impl Loading<'_> {
    fn begin(memory: &Memory) -> Loading<'_> {
        let began = memory.shelf().begin();
        Loading { memory, began }
    }

    fn keep(&self, key: shelf::Key, found: shelf::Found<'_>) {
        self.memory.shelf().put(key, found, self.began);
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.memory.shelf().end(self.began);
    }
}
