//! The open database: where transactions begin, and where they are repeated.

use crate::{
    faults::Faults,
    master::MasterKey,
    memory::{Bounds, Memory, touch::Touched},
    meters::Meters,
    migrate,
    platform::PlatformTx,
    postgres::Postgres,
    sqlite::{Durability, Sqlite},
    tx::{Access, Connection, Tx},
    vault::Vault,
    waits,
};
use foundation::{Clock, Error, InstanceId, Random, Result, random::Shared};
use futures_util::future::BoxFuture;
use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Location {
    /// A SQLite file; it is made if it is not there.
    File(PathBuf),
    /// A SQLite file that nobody misses after a crash: commits do not wait for the disk.
    Scratch(PathBuf),
    /// A PostgreSQL database, `postgres://user@host/name`.
    Url(String),
}

/// What a database needs besides its place.
pub struct Options {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub random: Shared,
    /// Wraps the keys that seal secrets.
    pub master: MasterKey,
    /// Faults to inject; none outside of tests.
    pub faults: Faults,
    /// How many PostgreSQL connections at most.
    pub connections: usize,
    /// How long things may take, and how long they are remembered.
    pub bounds: Bounds,
}

pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// How many databases this process has opened.
static OPENED: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Inner {
    engine: Engine,
    /// Tells this database's entries in the process's caches from another's.
    pub(crate) number: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Shared,
    pub(crate) vault: Vault,
    pub(crate) memory: Memory,
    pub(crate) meters: Meters,
    pub(crate) faults: Arc<Faults>,
    pub(crate) work: tokio::sync::Notify,
    pub(crate) addresses: OnceLock<Addresses>,
}

/// Where the instance of a slug is reached.
pub type Addresses = Box<dyn Fn(&str) -> String + Send + Sync>;

/// The open database. Cheap to clone.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

impl Database {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with a sentence for the operator where it cannot be reached or used.
    pub async fn open(location: &Location, options: Options) -> Result<Database> {
        let faults = Arc::new(options.faults);
        let options = Options { faults: Faults::default(), ..options };
        let engine = match location {
            Location::File(file) => Engine::Sqlite(Sqlite::open(file, Durability::Shared(Arc::clone(&faults)))?),
            Location::Scratch(file) => Engine::Sqlite(Sqlite::open(file, Durability::Off)?),
            Location::Url(url) => Engine::Postgres(Postgres::open(url, options.connections).await?),
        };
        let database = Database::with(engine, options, faults);
        migrate::run(&database).await?;
        Ok(database)
    }

    /// Opens a database that is there, to look at it: its schema stays as it is, and on SQLite nothing can be written.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with a sentence for the operator where it cannot be reached or used.
    pub async fn look(location: &Location, options: Options) -> Result<Database> {
        let engine = match location {
            Location::File(file) | Location::Scratch(file) => Engine::Sqlite(Sqlite::look(file)?),
            Location::Url(url) => Engine::Postgres(Postgres::open(url, options.connections).await?),
        };
        Ok(Database::with(engine, options, Arc::default()))
    }

    fn with(engine: Engine, options: Options, faults: Arc<Faults>) -> Database {
        let Options { clock, random, master, bounds, .. } = options;
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        Database(Arc::new(Inner {
            engine,
            number,
            clock,
            random,
            vault: Vault::new(master),
            memory: Memory::new(bounds),
            meters: Meters::default(),
            faults,
            work: tokio::sync::Notify::new(),
            addresses: OnceLock::new(),
        }))
    }

    /// Tells transactions where instances are reached, for the addresses that stand in what they write and show. The first word counts.
    pub fn tell_addresses(&self, addresses: Addresses) {
        let _ = self.0.addresses.set(addresses);
    }

    /// Which engine it is, for people: `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        match self.0.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
        }
    }

    /// The time now, by the same clock that transactions read.
    pub fn now(&self) -> foundation::Timestamp {
        self.0.clock.now()
    }

    /// Waits until a transaction of this node has added a job. Only a hint: other nodes add jobs too.
    pub async fn job_added(&self) {
        self.0.work.notified().await;
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Commits what no transaction object stands for: a migration.
    pub(crate) async fn commit(&self, connection: Connection) -> Result<()> {
        connection.commit(&self.0, Touched { everything: true, ..Touched::default() }).await
    }

    pub(crate) fn kind(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) async fn connect(&self, access: Access) -> Result<Connection> {
        let began = Instant::now();
        let connected = self.wait_for_connection(access).await;
        self.0.meters.waited.note(began.elapsed());
        connected
    }

    async fn wait_for_connection(&self, access: Access) -> Result<Connection> {
        let most = self.0.memory.bounds().wait;
        Ok(match (&self.0.engine, access) {
            (Engine::Sqlite(sqlite), Access::Read) => Connection::Sqlite(sqlite.begin_read(most).await?),
            (Engine::Sqlite(sqlite), Access::Write) => Connection::Sqlite(sqlite.begin_write(most, self.0.faults.pragma().as_deref()).await?),
            (Engine::Postgres(postgres), Access::Read) => Connection::Postgres(Box::new(postgres.begin_read(most).await?)),
            (Engine::Postgres(postgres), Access::Write) => Connection::Postgres(Box::new(postgres.begin_write(most).await?)),
        })
    }

    /// Works on a request that may wait for the database for [`Bounds::wait`] in all.
    pub async fn hurried<T>(&self, work: impl Future<Output = T>) -> T {
        waits::with_budget(self.0.memory.bounds().wait, work).await
    }

    /// Works on something that is not worth waiting for: it may wait for a sixth of [`Bounds::wait`] in all.
    pub async fn briefly<T>(&self, work: impl Future<Output = T>) -> T {
        waits::with_budget(self.0.memory.bounds().wait / 6, work).await
    }

    /// What is broken in the file itself and in its foreign keys; nothing, in one that is whole. PostgreSQL looks after both by itself.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the database cannot be read.
    pub async fn integrity(&self) -> Result<Vec<String>> {
        let mut connection = self.connect(Access::Read).await?;
        let mut broken = Vec::new();
        if matches!(connection, Connection::Sqlite(_)) {
            let said: Vec<String> = connection.list("pragma integrity_check(20)", &[]).await?;
            broken.extend(said.into_iter().filter(|line| line != "ok"));
            let dangling: Vec<String> = connection.list("pragma foreign_key_check", &[]).await?;
            broken.extend(dangling.into_iter().map(|table| format!("a row of {table} refers to one that is not there")));
        }
        connection.rollback().await?;
        Ok(broken)
    }

    /// The faults that tests ask for.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Begins a transaction of one instance. A lint allows the call only where the instance was just recognised: where calls
    /// are made, and where jobs run.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the database cannot be reached.
    pub async fn begin<'e>(&self, instance: InstanceId, access: Access) -> Result<Tx<'e>> {
        Ok(Tx::new(self.connect(access).await?, Arc::clone(&self.0), instance, access))
    }

    /// Begins a transaction above the instances.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the database cannot be reached.
    pub async fn begin_platform<'e>(&self, access: Access) -> Result<PlatformTx<'e>> {
        Ok(PlatformTx::new(self.connect(access).await?, Arc::clone(&self.0), access))
    }

    /// Runs the work in a transaction above the instances, again where the database asks for it.
    ///
    /// # Errors
    /// What the work or the commit failed with.
    pub async fn platform<'e, T, F>(&self, access: Access, work: F) -> Result<T>
    where
        T: Send,
        F: for<'a> Fn(&'a mut PlatformTx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        let mut attempts = Attempts::new(self);
        loop {
            #[allow(clippy::disallowed_methods, reason = "this is the door that the lint leads to")]
            let outcome = match self.begin_platform(access).await {
                Ok(mut tx) => {
                    let outcome = work(&mut tx).await;
                    tx.finish(outcome).await
                }
                Err(error) => Err(error),
            };
            if !attempts.again(&outcome).await {
                return outcome;
            }
        }
    }

    /// Runs the work in a transaction of one instance, again where the database asks for it.
    ///
    /// # Errors
    /// What the work or the commit failed with.
    pub async fn within<'e, T, F>(&self, instance: InstanceId, access: Access, work: F) -> Result<T>
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        let mut attempts = Attempts::new(self);
        let mut access = access;
        loop {
            #[allow(clippy::disallowed_methods, reason = "this is the door that the lint leads to")]
            let outcome = match self.begin(instance, access).await {
                Ok(mut tx) => {
                    let outcome = work(&mut tx).await;
                    tx.finish(outcome).await
                }
                Err(error) => Err(error),
            };
            if matches!(outcome, Err(Error::ReadOnly)) && access == Access::Read {
                access = Access::Write;
            } else if !attempts.again(&outcome).await {
                return outcome;
            }
        }
    }
}

/// Counts how often a transaction was tried: at most eight times, with a growing, random pause between.
pub struct Attempts {
    made: u32,
    database: Arc<Inner>,
}

impl Attempts {
    const MOST: u32 = 8;

    /// None made yet.
    pub fn new(database: &Database) -> Attempts {
        Attempts { made: 0, database: Arc::clone(&database.0) }
    }

    /// Whether to run everything again; if so, the pause is over.
    pub async fn again<T>(&mut self, outcome: &Result<T>) -> bool {
        if let Err(Error::Unavailable(_)) = outcome {
            self.database.meters.unavailable.one();
        }
        let Err(Error::Again(why)) = outcome else { return false };
        self.made += 1;
        if self.made >= Self::MOST {
            self.database.meters.unavailable.one();
            return false;
        }
        self.database.meters.again.one();
        let random: &mut dyn Random = &mut self.database.random.clone();
        let [jitter] = random.bytes::<1>();
        let pause = (1_u64 << self.made) * (128 + u64::from(jitter)) / 256;
        tracing::debug!(why, pause, "transaction runs again");
        tokio::time::sleep(Duration::from_millis(pause)).await;
        true
    }
}
