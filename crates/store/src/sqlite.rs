//! SQLite: one writer, a few readers, all used in place on the calling thread.

pub mod file;

use crate::{
    faults::Faults,
    syncs::Syncs,
    value::{Row, RowSource, Value},
    waits,
};
use foundation::{Error, Result};
use rusqlite::{
    Connection, OpenFlags,
    config::DbConfig,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

const READERS: usize = 8;
/// Thousands of steps of SQLite's machine after which a transaction is given up: some seconds of work.
const MOST_STEPS: u32 = 200_000;
const STEP: i32 = 1_000;

/// How surely a commit has reached the disk when it is acknowledged.
#[derive(Clone, Debug)]
pub(crate) enum Durability {
    /// Every commit waits for the disk, together with those beside it.
    Shared(Arc<Faults>),
    /// No commit waits; for tests on files that nobody misses.
    Off,
}

/// The open database.
pub(crate) struct Sqlite {
    writer: Arc<tokio::sync::Mutex<Bounded>>,
    readers: Arc<Readers>,
    syncs: Option<Arc<Syncs>>,
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Some(syncs) = &self.syncs {
            syncs.close();
        }
    }
}

/// Connections for reading. Each costs memory and reads the whole schema, so it is opened when nobody else is free.
struct Readers {
    free: Mutex<Vec<Bounded>>,
    places: Arc<Semaphore>,
    file: PathBuf,
    durability: Durability,
}

impl Readers {
    fn take(&self) -> Result<Bounded> {
        match self.free.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            Some(reader) => Ok(reader),
            None => self.open(),
        }
    }

    fn open(&self) -> Result<Bounded> {
        let reader = connect(&self.file, &self.durability)?;
        reader.connection.execute_batch("pragma query_only = on; pragma busy_timeout = 50").map_err(fault)?;
        Ok(reader)
    }
}

impl Sqlite {
    pub(crate) fn open(file: &Path, durability: Durability) -> Result<Sqlite> {
        let writer = connect(file, &durability)?;
        writer.connection.execute_batch("pragma busy_timeout = 0").map_err(fault)?;
        let readers = Readers { free: Mutex::default(), places: Arc::new(Semaphore::new(READERS)), file: file.to_owned(), durability: durability.clone() };
        let syncs = match durability {
            Durability::Shared(faults) => Some(Syncs::start(log_of(file), faults)?),
            Durability::Off => None,
        };
        Ok(Sqlite { syncs, writer: Arc::new(tokio::sync::Mutex::new(writer)), readers: Arc::new(readers) })
    }

    /// Opens a file that is there, to look at it only, whoever else uses it.
    pub(crate) fn look(file: &Path) -> Result<Sqlite> {
        let bounded = || Ok::<_, Error>(Bounded { connection: file::read_only(file)?, steps: Arc::default() });
        let readers = Readers { free: Mutex::new(vec![bounded()?]), places: Arc::new(Semaphore::new(1)), file: file.to_owned(), durability: Durability::Off };
        Ok(Sqlite { writer: Arc::new(tokio::sync::Mutex::new(bounded()?)), readers: Arc::new(readers), syncs: None })
    }

    pub(crate) async fn begin_read(&self, most: Duration) -> Result<Held> {
        let place = waits::bounded(most, "waiting for a reader", Arc::clone(&self.readers.places).acquire_owned()).await?;
        let place = place.map_err(|_| Error::Unavailable("the database is closed".to_owned()))?;
        let connection = self.readers.take()?;
        let held = Held { connection: Some(Lent::Reader(connection, Arc::clone(&self.readers), place)), syncs: self.syncs.clone(), seen: AtomicU64::new(0) };
        held.begin("begin")?;
        Ok(held)
    }

    /// Waits for its turn, and for other processes that hold the file's lock. The wait is not left to SQLite, which would hold this thread up.
    pub(crate) async fn begin_write(&self, most: Duration, pragma: Option<&str>) -> Result<Held> {
        waits::bounded(most, "waiting for the writer", async {
            let writer = Arc::clone(&self.writer).lock_owned().await;
            if let Some(pragma) = pragma {
                writer.connection.execute_batch(pragma).map_err(fault)?;
            }
            let held = Held { connection: Some(Lent::Writer(writer)), syncs: self.syncs.clone(), seen: AtomicU64::new(0) };
            let mut pause = Duration::from_millis(1);
            loop {
                match held.begin("begin immediate") {
                    Err(Error::Again(_)) => tokio::time::sleep(pause).await,
                    begun => return begun.map(|()| held),
                }
                pause = (pause * 2).min(Duration::from_millis(25));
            }
        })
        .await?
    }
}

/// Where SQLite keeps the log of a file.
fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn connect(file: &Path, durability: &Durability) -> Result<Bounded> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(fault)?;
    let synchronous = match durability {
        Durability::Shared(_) => "normal",
        Durability::Off => "off",
    };
    connection
        .execute_batch(&format!(
            "pragma journal_mode = wal; pragma synchronous = {synchronous}; pragma foreign_keys = on; pragma busy_timeout = 5000;
             pragma temp_store = memory; pragma cache_size = -2000; pragma trusted_schema = off; pragma case_sensitive_like = on"
        ))
        .map_err(fault)?;
    // Without this guarantee a statement beside a partial index is planned anew at each step, since what is bound might make the index fit.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(256);
    let steps = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&steps);
    connection.progress_handler(STEP, Some(move || counted.fetch_add(1, Ordering::Relaxed) > MOST_STEPS)).map_err(fault)?;
    Ok(Bounded { connection, steps })
}

/// A connection, and how many thousand steps its transaction has taken.
struct Bounded {
    connection: Connection,
    steps: Arc<AtomicU32>,
}

enum Lent {
    Writer(OwnedMutexGuard<Bounded>),
    Reader(Bounded, Arc<Readers>, OwnedSemaphorePermit),
}

/// A connection in a transaction.
pub(crate) struct Held {
    connection: Option<Lent>,
    syncs: Option<Arc<Syncs>>,
    /// The newest commit that this transaction can have seen.
    seen: AtomicU64,
}

impl Held {
    fn begin(&self, how: &str) -> Result<()> {
        self.bounded()?.steps.store(0, Ordering::Relaxed);
        self.word(how)
    }

    /// Begins or ends the transaction, by a statement that is prepared once.
    fn word(&self, text: &str) -> Result<()> {
        self.connection()?.prepare_cached(text).and_then(|mut statement| statement.raw_execute()).map(drop).map_err(fault)
    }

    fn bounded(&self) -> Result<&Bounded> {
        match &self.connection {
            Some(Lent::Writer(bounded)) => Ok(bounded),
            Some(Lent::Reader(bounded, ..)) => Ok(bounded),
            None => Err(Error::Broken("the transaction has ended".to_owned())),
        }
    }

    fn connection(&self) -> Result<&Connection> {
        self.bounded().map(|bounded| &bounded.connection)
    }

    pub(crate) fn rows(&self, text: &str, arguments: &[Value<'_>], each: &mut (dyn FnMut(Row<'_>) -> Result<()> + Send)) -> Result<()> {
        let mut statement = self.connection()?.prepare_cached(text).map_err(fault)?;
        bind(&mut statement, text, arguments)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(fault)? {
            self.look();
            each(Row::new(row))?;
        }
        self.look();
        Ok(())
    }

    pub(crate) fn change(&self, text: &str, arguments: &[Value<'_>]) -> Result<u64> {
        let mut statement = self.connection()?.prepare_cached(text).map_err(fault)?;
        bind(&mut statement, text, arguments)?;
        let changed = statement.raw_execute();
        self.look();
        changed.map(|rows| rows as u64).map_err(fault)
    }

    pub(crate) fn batch(&self, text: &str) -> Result<()> {
        self.connection()?.execute_batch(text).map_err(fault)
    }

    /// Notes, once, which commits this transaction can have seen: with its first statement it looks at one state of the database until its end.
    fn look(&self) {
        if let Some(syncs) = &self.syncs
            && self.seen.load(Ordering::Relaxed) == 0
        {
            self.seen.store(syncs.seen(), Ordering::Relaxed);
        }
    }

    /// Commits, and gives the connection back; then there is the disk to be waited for.
    pub(crate) fn commit(mut self) -> (Result<()>, impl Future<Output = Result<()>> + Send + use<>) {
        let syncs = self.syncs.clone();
        let (outcome, number) = match (&self.connection, &syncs) {
            (Some(Lent::Writer(_)), Some(syncs)) => {
                let number = syncs.announce();
                // Now and then a commit carries the log over into the file: let the other tasks of this thread go elsewhere meanwhile.
                let outcome = tokio::task::block_in_place(|| self.word("commit"));
                syncs.commit(number);
                (outcome, number)
            }
            _ => (self.word("commit"), self.seen.load(Ordering::Relaxed)),
        };
        if outcome.is_ok() {
            self.give_back();
        }
        (outcome, settled(syncs, number))
    }

    /// Rolls back. What was seen may be told, as a refusal, only when it is on the disk.
    pub(crate) async fn rollback(mut self) -> Result<()> {
        let outcome = self.word("rollback");
        self.give_back();
        settled(self.syncs.clone(), self.seen.load(Ordering::Relaxed)).await.and(outcome)
    }

    fn give_back(&mut self) {
        if let Some(Lent::Reader(connection, readers, _place)) = self.connection.take() {
            readers.free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

async fn settled(syncs: Option<Arc<Syncs>>, number: u64) -> Result<()> {
    match syncs {
        Some(syncs) => syncs.wait(number).await,
        None => Ok(()),
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.connection.is_some() {
            // Dropped on the way: a request that was cancelled. An error here means that no transaction was open.
            let _ = self.word("rollback");
            self.give_back();
        }
    }
}

impl RowSource for rusqlite::Row<'_> {
    fn value(&self, index: usize) -> Result<Value<'_>> {
        Ok(match self.get_ref(index).map_err(fault)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Int(number),
            ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).map_err(|e| Error::broken("text of a row", e))?.into()),
            ValueRef::Real(_) | ValueRef::Blob(_) => return Err(Error::Broken(format!("column {index} holds a type that no table has"))),
        })
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Null => ToSqlOutput::from(rusqlite::types::Null),
            Value::Text(text) => ToSqlOutput::from(&**text),
            Value::Int(number) => ToSqlOutput::from(*number),
            Value::Bool(flag) => ToSqlOutput::from(*flag),
        })
    }
}

/// Binds by the number in the placeholder's name, since SQLite numbers `$3` by its first appearance.
fn bind(statement: &mut rusqlite::Statement<'_>, text: &str, arguments: &[Value<'_>]) -> Result<()> {
    let mut used = 0;
    for place in 1..=statement.parameter_count() {
        let number = statement.parameter_name(place).and_then(|name| name[1..].parse::<usize>().ok());
        let value = number.and_then(|n| arguments.get(n - 1).map(|v| (n, v)));
        let Some((number, value)) = value else {
            return Err(Error::Broken(format!("a placeholder has no argument: {text}")));
        };
        used = used.max(number);
        statement.raw_bind_parameter(place, value).map_err(fault)?;
    }
    if used == arguments.len() { Ok(()) } else { Err(Error::Broken(format!("{} arguments for {used} placeholders: {text}", arguments.len()))) }
}

fn fault(error: rusqlite::Error) -> Error {
    use rusqlite::ffi;
    match &error {
        rusqlite::Error::SqliteFailure(code, message) => match (code.extended_code, code.extended_code & 0xff) {
            (ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY, _) => Error::Conflict(constraint(message.as_deref().unwrap_or_default())),
            (_, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED) => Error::Again(error.to_string()),
            (_, ffi::SQLITE_INTERRUPT | ffi::SQLITE_FULL | ffi::SQLITE_IOERR | ffi::SQLITE_READONLY | ffi::SQLITE_CANTOPEN) => {
                Error::Unavailable(error.to_string())
            }
            _ => Error::broken("sqlite", error),
        },
        _ => Error::broken("sqlite", error),
    }
}

/// The name that PostgreSQL gives the same constraint: `users.instance_id, users.email` is `users_instance_id_email_key`.
fn constraint(message: &str) -> String {
    let Some((_, columns)) = message.split_once("failed: ") else { return message.to_owned() };
    if let Some(index) = columns.strip_prefix("index '") {
        return index.trim_end_matches('\'').to_owned();
    }
    let mut name = String::new();
    for (index, column) in columns.split(", ").enumerate() {
        let (table, column) = column.split_once('.').unwrap_or(("", column));
        if index == 0 {
            name.push_str(table);
        }
        name.push('_');
        name.push_str(column);
    }
    name + "_key"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_planned_once_also_beside_a_partial_index() {
        let folder = tempfile::tempdir().expect("folder");
        let bounded = connect(&folder.path().join("a.db"), &Durability::Off).expect("opened");
        bounded.connection.execute_batch("create table t (a text, b text); create index i on t (a) where b = 'x'").expect("made");
        let mut statement = bounded.connection.prepare("select a from t where a = ?1 and b = ?2").expect("prepared");
        for value in ["x", "y", "x"] {
            statement.query([value, value]).expect("asked").next().expect("looked");
        }
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }

    #[test]
    fn constraints_have_postgresqls_names() {
        assert_eq!(constraint("UNIQUE constraint failed: users.instance_id, users.email"), "users_instance_id_email_key");
        assert_eq!(constraint("UNIQUE constraint failed: index 'users_open'"), "users_open");
    }
}
