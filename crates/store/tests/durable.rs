//! What is acknowledged is on the disk: nobody learns of a commit before its sync has returned, commits share syncs, and none is acknowledged after
//! one has failed.

use foundation::{
    Clock, Error, Result, Timestamp,
    random::{Seeded, Shared},
};
use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};
use store::{Access, Bounds, Database, Faults, Location, MasterKey, Options, platform_sql};

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000)
    }
}

/// A gate that every sync has to pass.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    broken: bool,
    /// How many syncs have come to the gate.
    came: u64,
}

impl Gate {
    fn pass(&self) -> io::Result<()> {
        let mut state = self.state.lock().expect("the gate");
        state.came += 1;
        self.changed.notify_all();
        while state.closed {
            state = self.changed.wait(state).expect("the gate");
        }
        if state.broken { Err(io::Error::other("the disk says no")) } else { Ok(()) }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("the gate"));
        self.changed.notify_all();
    }

    fn came(&self) -> u64 {
        self.state.lock().expect("the gate").came
    }

    /// Waits until so many syncs have come.
    fn await_sync(&self, number: u64) {
        let mut state = self.state.lock().expect("the gate");
        while state.came < number {
            state = self.changed.wait(state).expect("the gate");
        }
    }
}

async fn open(location: Location, faults: Faults) -> Database {
    let options = Options {
        clock: Arc::new(Still),
        random: Shared::new(Seeded::new(1)),
        master: MasterKey::new([7; 32]),
        faults,
        connections: 2,
        bounds: Bounds { wait: Duration::from_millis(300), ..Bounds::DEFAULT },
    };
    Database::open(&location, options).await.expect("the database opens")
}

async fn gated(file: &Path) -> (Database, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let passing = Arc::clone(&gate);
    (open(Location::File(file.to_owned()), Faults::syncing(move || passing.pass())).await, gate)
}

async fn add(database: &Database, id: &str) -> Result<()> {
    database
        .platform(Access::Write, |tx| {
            Box::pin(async move { tx.change(platform_sql!("insert into workspaces (id, name, created_at) values ($1, $1, 1)"), &[&id]).await.map(drop) })
        })
        .await
}

async fn count(database: &Database) -> Result<i64> {
    let found = database.platform(Access::Read, |tx| Box::pin(tx.find::<i64>(platform_sql!("select count(*) from workspaces"), &[])));
    Ok(found.await?.unwrap_or(0))
}

/// Long enough for everything that does not wait for the disk.
const MOMENT: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_learns_of_a_commit_that_is_not_on_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, gate) = gated(&folder.path().join("insula.db")).await;
    // Looks without waiting, as nobody but this test may.
    let bold = open(Location::Scratch(folder.path().join("insula.db")), Faults::default()).await;
    let before = gate.came();
    gate.set(|state| state.closed = true);

    let (writer, reader, refused) = (database.clone(), database.clone(), database.clone());
    let writing = tokio::spawn(async move { add(&writer, "a").await });
    gate.await_sync(before + 1);
    assert_eq!(count(&bold).await.expect("a count"), 1, "it is committed");
    let reading = tokio::spawn(async move { count(&reader).await });
    let refusing = tokio::spawn(async move { add(&refused, "a").await });
    tokio::time::sleep(MOMENT).await;
    assert!(!writing.is_finished(), "it is not acknowledged");
    assert!(!reading.is_finished(), "nobody is told what it wrote");
    assert!(!refusing.is_finished(), "nor refused for it");

    gate.set(|state| state.closed = false);
    writing.await.expect("no panic").expect("it is written");
    assert_eq!(reading.await.expect("no panic").expect("a count"), 1);
    assert!(matches!(refusing.await.expect("no panic"), Err(Error::Conflict(_))));
    let syncs = gate.came();
    assert_eq!(count(&database).await.expect("a count"), 1);
    assert_eq!(gate.came(), syncs, "a reader syncs nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_beside_each_other_share_a_sync() {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, gate) = gated(&folder.path().join("insula.db")).await;
    let bold = open(Location::Scratch(folder.path().join("insula.db")), Faults::default()).await;
    let before = gate.came();
    gate.set(|state| state.closed = true);
    let writers: Vec<_> = (0..64)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move { add(&database, &format!("w{number}")).await })
        })
        .collect();
    while count(&bold).await.expect("a count") < 64 {
        tokio::task::yield_now().await;
    }
    assert!(writers.iter().all(|writer| !writer.is_finished()), "all are committed, none is acknowledged");
    gate.set(|state| state.closed = false);
    for writer in writers {
        writer.await.expect("no panic").expect("it is written");
    }
    assert!(gate.came() - before <= 2, "{} syncs for 64 commits", gate.came() - before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_sync_has_failed_nothing_is_acknowledged_and_the_server_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, gate) = gated(&folder.path().join("insula.db")).await;
    add(&database, "a").await.expect("it is written");
    gate.set(|state| state.broken = true);
    let outcome = database.hurried(add(&database, "b")).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    assert!(database.faults().stopped());
    gate.set(|state| state.broken = false);
    assert!(database.hurried(add(&database, "c")).await.is_err(), "a disk that says yes again is not believed");
    assert!(database.hurried(count(&database)).await.is_err(), "nor is what may be lost shown");
}

/// A disk that is slow is no reason to hang: the caller is told that nobody knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_disk_is_not_waited_for_without_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (database, gate) = gated(&folder.path().join("insula.db")).await;
    gate.set(|state| state.closed = true);
    assert!(matches!(database.hurried(add(&database, "a")).await, Err(Error::Unavailable(_))));
    gate.set(|state| state.closed = false);
    assert_eq!(count(&database).await.expect("a count"), 1, "this time it has happened");
    assert!(!database.faults().stopped());
}
