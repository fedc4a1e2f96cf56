//! A transaction of one instance.

use crate::{
    database::Inner,
    memory::touch::Touched,
    meters::Tally,
    postgres,
    scope::{Query, Scoped},
    sqlite,
    value::{FromRow, Param, Row, Value},
    waits,
};
use foundation::{Error, Id, InstanceId, Problem, Random, Result, Timestamp, random::Shared};
use std::{marker::PhantomData, sync::Arc, time::Duration};

/// Whether a transaction may change anything. The database itself refuses writes of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads one consistent state.
    Read,
    /// Reads and writes; on SQLite one at a time.
    Write,
}

/// A connection inside a transaction. Dropped unfinished, it rolls back.
pub(crate) enum Connection {
    Sqlite(sqlite::Held),
    Postgres(Box<postgres::Held>),
}

impl Connection {
    pub(crate) async fn rows(&mut self, text: &str, arguments: &[Value<'_>], each: &mut (dyn FnMut(Row<'_>) -> Result<()> + Send)) -> Result<()> {
        tracing::trace!(target: "sql", text);
        match self {
            Connection::Sqlite(held) => held.rows(text, arguments, each),
            Connection::Postgres(held) => held.rows(text, arguments, each).await,
        }
    }

    pub(crate) async fn change(&mut self, text: &str, arguments: &[Value<'_>]) -> Result<u64> {
        tracing::trace!(target: "sql", text);
        match self {
            Connection::Sqlite(held) => held.change(text, arguments),
            Connection::Postgres(held) => held.change(text, arguments).await,
        }
    }

    pub(crate) async fn batch(&mut self, text: &str) -> Result<()> {
        match self {
            Connection::Sqlite(held) => held.batch(text),
            Connection::Postgres(held) => held.batch(text).await,
        }
    }

    /// Commits, and makes the node forget what was changed, whatever becomes of the caller meanwhile and whether or not the commit succeeds.
    pub(crate) async fn commit(self, database: &Arc<Inner>, touched: Touched) -> Result<()> {
        match self {
            Connection::Sqlite(held) => {
                let (outcome, synced) = held.commit();
                database.memory.forget(&touched);
                synced.await?;
                outcome
            }
            // A caller who hangs up drops its future, but the commit is already on its way.
            Connection::Postgres(held) => {
                let database = Arc::clone(database);
                let committing = tokio::spawn(async move {
                    let outcome = held.commit().await;
                    database.memory.forget(&touched);
                    outcome
                });
                waits::bounded(waits::LONGEST, "the commit", committing).await?.map_err(|e| Error::broken("committing", e))?
            }
        }
    }

    pub(crate) async fn rollback(self) -> Result<()> {
        match self {
            Connection::Sqlite(held) => held.rollback().await,
            Connection::Postgres(held) => held.rollback().await,
        }
    }

    pub(crate) async fn list<T: FromRow + Send>(&mut self, text: &str, arguments: &[Value<'_>]) -> Result<Vec<T>> {
        let mut list = Vec::new();
        self.rows(text, arguments, &mut |mut row| {
            list.push(T::from_row(&mut row)?);
            Ok(())
        })
        .await?;
        Ok(list)
    }
}

/// A transaction of one instance. Everything in it happens, or nothing does.
///
/// `'e` is the lifetime of what a `write` closure borrows; verbs spell it `&mut Tx<'_>`.
pub struct Tx<'e> {
    pub(crate) connection: Connection,
    pub(crate) database: Arc<Inner>,
    pub(crate) instance: InstanceId,
    pub(crate) instance_text: String,
    now: Timestamp,
    random: Shared,
    pub(crate) access: Access,
    pub(crate) enqueued: bool,
    pub(crate) touched: Touched,
    pub(crate) tallies: Vec<Tally>,
    borrows: PhantomData<fn(&'e ()) -> &'e ()>,
}

impl Tx<'_> {
    pub(crate) fn new(connection: Connection, database: Arc<Inner>, instance: InstanceId, access: Access) -> Self {
        let now = database.clock.now();
        let random = database.random.clone();
        Tx {
            connection,
            database,
            instance,
            instance_text: instance.to_string(),
            now,
            random,
            access,
            enqueued: false,
            touched: Touched::default(),
            tallies: Vec::new(),
            borrows: PhantomData,
        }
    }

    /// The instance that everything here belongs to.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Goes on only where the transaction may write.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] where it may not: it runs again as one that may.
    pub fn must_write(&self) -> Result<()> {
        if self.access == Access::Write { Ok(()) } else { Err(Error::ReadOnly) }
    }

    /// Where the instance of this slug is reached, without a slash at its end; its path alone where nobody has told.
    pub fn address_of(&self, slug: &str) -> String {
        self.database.addresses.get().map_or_else(|| format!("/t/{slug}"), |address| address(slug))
    }

    /// After how long everybody who has seen what this transaction changes as it was before has come to an end: what other nodes remember of it,
    /// and the transactions that were begun on it.
    pub fn settled_after(&self) -> Duration {
        let bounds = self.database.memory.bounds();
        bounds.fresh + bounds.wait + waits::LONGEST
    }

    /// The time at which the transaction began; the same throughout.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Chance.
    pub fn random(&mut self) -> &mut dyn Random {
        &mut self.random
    }

    /// A new id.
    pub fn new_id<T: Id>(&mut self) -> T {
        T::new(self.now, &mut self.random)
    }

    /// Runs a change; how many rows it touched.
    ///
    /// # Errors
    /// [`Error::Conflict`] where a unique constraint stands against it.
    pub async fn change(&mut self, statement: Scoped, arguments: &[&dyn Param]) -> Result<u64> {
        let arguments = bind(&self.instance_text, arguments);
        let changed = self.connection.change(statement.text(), &arguments).await?;
        if changed > 0 {
            self.touched.add(statement.touch(), &arguments[1..], Some(self.instance));
        }
        Ok(changed)
    }

    /// The first row, if there is one.
    pub async fn find<T: FromRow + Send>(&mut self, statement: Scoped, arguments: &[&dyn Param]) -> Result<Option<T>> {
        Ok(self.list(statement, arguments).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Problem::NotFound`] where there is none.
    pub async fn get<T: FromRow + Send>(&mut self, statement: Scoped, arguments: &[&dyn Param]) -> Result<T> {
        self.find(statement, arguments).await?.ok_or_else(|| Problem::NotFound.into())
    }

    /// All rows. The statement bounds their number by `limit`, or by what one owner can have.
    pub async fn list<T: FromRow + Send>(&mut self, statement: Scoped, arguments: &[&dyn Param]) -> Result<Vec<T>> {
        let arguments = bind(&self.instance_text, arguments);
        self.touched.add(statement.touch(), &arguments[1..], Some(self.instance));
        self.connection.list(statement.text(), &arguments).await
    }

    /// The number that a `select count(…)` gives.
    pub async fn count(&mut self, statement: Scoped, arguments: &[&dyn Param]) -> Result<i64> {
        Ok(self.find::<i64>(statement, arguments).await?.unwrap_or(0))
    }

    /// The first row of the settings above the instances.
    pub async fn look_up<T: FromRow + Send>(&mut self, statement: crate::Shared, arguments: &[&dyn Param]) -> Result<Option<T>> {
        let arguments: Vec<Value<'_>> = arguments.iter().map(|a| (**a).value()).collect();
        Ok(self.connection.list(statement.text(), &arguments).await?.into_iter().next())
    }

    /// All rows of a built query.
    pub async fn select<T: FromRow + Send>(&mut self, query: Query<'_>) -> Result<Vec<T>> {
        let Query { text, arguments, touch } = query;
        self.touched.add(touch, &arguments, Some(self.instance));
        let arguments: Vec<Value<'_>> = std::iter::once(Value::Text(self.instance_text.as_str().into())).chain(arguments).collect();
        self.connection.list(&text, &arguments).await
    }

    /// Ends the transaction: commits if the outcome is good, rolls back if not.
    ///
    /// # Errors
    /// The outcome's own, or what the commit failed with. [`Error::Again`] asks to run everything again.
    pub async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        let Tx { connection, database, access, touched, tallies, enqueued, .. } = self;
        Ending { connection, database, access, touched, tallies, enqueued }.finish(outcome).await
    }
}

/// The end of a transaction, the same inside and above the instances.
pub(crate) struct Ending {
    pub(crate) connection: Connection,
    pub(crate) database: Arc<Inner>,
    pub(crate) access: Access,
    pub(crate) touched: Touched,
    pub(crate) tallies: Vec<Tally>,
    pub(crate) enqueued: bool,
}

impl Ending {
    /// Commits if the outcome is good, rolls back if not.
    pub(crate) async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        let Ending { connection, database, access, touched, tallies, enqueued } = self;
        match outcome {
            Ok(value) => {
                if access == Access::Write && database.faults.strikes() {
                    connection.rollback().await?;
                    return Err(Error::Again("an injected serialization failure".to_owned()));
                }
                connection.commit(&database, touched).await?;
                database.meters.take(&tallies);
                if enqueued {
                    database.work.notify_one();
                }
                Ok(value)
            }
            Err(error) => {
                // The connection is given up either way; the first error is the one that counts.
                if let Err(second) = connection.rollback().await {
                    tracing::debug!(%second, "rollback failed");
                }
                Err(error)
            }
        }
    }
}

fn bind<'a>(instance: &'a str, arguments: &[&'a dyn Param]) -> Vec<Value<'a>> {
    std::iter::once(Value::Text(instance.into())).chain(arguments.iter().map(|a| (**a).value())).collect()
}
