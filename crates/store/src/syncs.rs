//! Syncs that commits share: SQLite writes its log without waiting for the disk, and a thread of its own brings the log to the disk, for all commits
//! since the last time at once. Nobody learns of a commit before that: neither whoever made it, nor whoever reads what it wrote.
//!
//! The log stays one descriptor's for the process's life. Only the log is opened beside SQLite: closing any descriptor of the database file itself
//! would drop SQLite's locks.

use crate::{faults::Faults, waits};
use foundation::{Error, Result};
use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use tokio::sync::watch;

/// The numbers of commits: announced before, made, and on the disk.
pub(crate) struct Syncs {
    /// The number of the commit that is being made or was made last. What a reader sees is never newer.
    announced: AtomicU64,
    made: Mutex<Made>,
    wake: Condvar,
    durable: watch::Sender<u64>,
}

#[derive(Default)]
struct Made {
    last: u64,
    closed: bool,
}

impl Syncs {
    /// Begins to look after a log.
    pub(crate) fn start(log: PathBuf, faults: Arc<Faults>) -> Result<Arc<Syncs>> {
        let (durable, _) = watch::channel(0);
        let syncs = Arc::new(Syncs { announced: AtomicU64::new(0), made: Mutex::default(), wake: Condvar::new(), durable });
        let worker = Arc::clone(&syncs);
        thread::Builder::new()
            .name("sync".to_owned())
            .spawn(move || {
                // With the database's last connection SQLite removes the log: then nobody waits any more.
                if let Err(error) = worker.run(&log, &faults)
                    && !worker.made().closed
                {
                    faults.stop(&format!("{} cannot be brought to the disk: {error}: what was not acknowledged may be lost", log.display()));
                }
            })
            .map_err(|e| Error::Unavailable(format!("the thread that syncs could not start: {e}")))?;
        Ok(syncs)
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer is about to commit; the number of the commit.
    pub(crate) fn announce(&self) -> u64 {
        self.announced.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The commit of this number is made, or has failed.
    pub(crate) fn commit(&self, number: u64) {
        self.made().last = number;
        self.wake.notify_one();
    }

    /// The newest commit that can be seen now.
    pub(crate) fn seen(&self) -> u64 {
        self.announced.load(Ordering::Acquire)
    }

    /// Waits until everything up to this number is on the disk.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the disk takes too long. What was written may be there nevertheless.
    pub(crate) async fn wait(&self, number: u64) -> Result<()> {
        if *self.durable.borrow() >= number {
            return Ok(());
        }
        let mut durable = self.durable.subscribe();
        let waited = waits::bounded(waits::LONGEST, "the disk", durable.wait_for(|durable| *durable >= number)).await?;
        waited.map(drop).map_err(|_| Error::Unavailable("the database is closed".to_owned()))
    }

    /// Ends the thread when the database is closed.
    pub(crate) fn close(&self) {
        self.made().closed = true;
        self.wake.notify_one();
    }

    fn run(&self, log: &Path, faults: &Faults) -> io::Result<()> {
        let mut open: Option<(File, u64)> = None;
        let mut done = 0;
        loop {
            let target = {
                let mut made = self.made();
                while made.last == done && !made.closed {
                    made = self.wake.wait(made).unwrap_or_else(PoisonError::into_inner);
                }
                if made.closed {
                    return Ok(());
                }
                made.last
            };
            let (file, inode) = match &open {
                Some(open) => open,
                // The first commit is made, so the log is there.
                None => {
                    let file = File::open(log)?;
                    let inode = file.metadata()?.ino();
                    open.insert((file, inode))
                }
            };
            if std::fs::metadata(log)?.ino() != *inode {
                return Err(io::Error::other("another file has taken its place"));
            }
            faults.before_sync()?;
            file.sync_data()?;
            done = target;
            self.durable.send_replace(done);
        }
    }
}
