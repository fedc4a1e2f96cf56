//! Faults that tests ask for, and the end of the process where there is no going on.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

/// What happens before each sync.
type BeforeSync = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Faults that tests ask for; none outside of tests.
#[derive(Default)]
pub struct Faults {
    /// Every so many commits of a writer fail once with a serialization failure; 0 for never.
    conflict_every: AtomicU32,
    commits: AtomicU32,
    pragma: Mutex<Option<String>>,
    before_sync: Mutex<Option<BeforeSync>>,
    stopped: AtomicBool,
}

impl Faults {
    /// Every `n`th commit fails once; 0 for never.
    pub fn conflict_every(n: u32) -> Faults {
        Faults { conflict_every: n.into(), ..Faults::default() }
    }

    /// From now on no commit fails: for tests that count the work of each request.
    pub fn no_more_conflicts(&self) {
        self.conflict_every.store(0, Ordering::Relaxed);
    }

    /// Before each sync of SQLite's log this runs, and may fail in the disk's place.
    pub fn syncing(before: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Faults {
        Faults { before_sync: Mutex::new(Some(Arc::new(before))), ..Faults::default() }
    }

    /// On SQLite, the writer says this before each of its transactions from now on: `pragma max_page_count = 1` fills the disk, `pragma query_only =
    /// on` makes the file read-only.
    pub fn before_writing(&self, pragma: &str) {
        *self.pragma.lock().unwrap_or_else(PoisonError::into_inner) = Some(pragma.to_owned());
    }

    /// Whether the process would have been stopped.
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn strikes(&self) -> bool {
        let every = self.conflict_every.load(Ordering::Relaxed);
        every > 0 && (self.commits.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(every)
    }

    pub(crate) fn pragma(&self) -> Option<String> {
        self.pragma.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hook(&self) -> Option<BeforeSync> {
        self.before_sync.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn before_sync(&self) -> io::Result<()> {
        self.hook().map_or(Ok(()), |hook| hook())
    }

    /// Stops the process: a disk that has refused to keep something may say yes the next time, without having kept it. A test whose own hook has
    /// failed only learns that it would have been so.
    pub(crate) fn stop(&self, why: &str) {
        tracing::error!(why, "the server stops");
        self.stopped.store(true, Ordering::Release);
        if self.hook().is_none() {
            std::process::exit(1);
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("conflict_every", &self.conflict_every).finish_non_exhaustive()
    }
}
