//! Above the instances: the few tables that have no tenant.

use crate::{
    database::Inner,
    memory::touch::{Touch, Touched},
    meters::Tally,
    tx::{Access, Connection, Ending, Tx},
    value::{FromRow, Param, Value},
};
use foundation::{Id, InstanceId, Problem, Random, Result, Timestamp, random::Shared};
use std::{marker::PhantomData, sync::Arc};

/// SQL over the tables above the instances. Only [`platform_sql!`](crate::platform_sql) makes one.
#[derive(Clone, Copy)]
pub struct PlatformSql(&'static str, Touch);

impl PlatformSql {
    #[doc(hidden)]
    pub const fn new(text: &'static str) -> PlatformSql {
        PlatformSql(text, Touch::of(text))
    }
}

/// A statement over the tables above the instances; arguments begin at `$1`. The word is rare, so that a review finds it.
#[macro_export]
macro_rules! platform_sql {
    ($text:expr) => {{
        const PLATFORM: $crate::PlatformSql = $crate::PlatformSql::new($text);
        PLATFORM
    }};
}

/// A transaction above the instances.
pub struct PlatformTx<'e> {
    connection: Option<Connection>,
    database: Arc<Inner>,
    now: Timestamp,
    random: Shared,
    access: Access,
    enqueued: bool,
    touched: Touched,
    tallies: Vec<Tally>,
    borrows: PhantomData<fn(&'e ()) -> &'e ()>,
}

impl PlatformTx<'_> {
    pub(crate) fn new(connection: Connection, database: Arc<Inner>, access: Access) -> Self {
        let now = database.clock.now();
        let random = database.random.clone();
        let (touched, tallies) = (Touched::default(), Vec::new());
        PlatformTx { connection: Some(connection), database, now, random, access, enqueued: false, touched, tallies, borrows: PhantomData }
    }

    /// The time at which the transaction began.
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

    fn connection(&mut self) -> Result<&mut Connection> {
        self.connection.as_mut().ok_or_else(|| foundation::Error::Broken("the transaction is lent to an instance".to_owned()))
    }

    /// Runs a change; how many rows it touched.
    ///
    /// # Errors
    /// [`foundation::Error::Conflict`] where a unique constraint stands against it.
    pub async fn change(&mut self, statement: PlatformSql, arguments: &[&dyn Param]) -> Result<u64> {
        let arguments: Vec<Value<'_>> = arguments.iter().map(|a| (**a).value()).collect();
        let changed = self.connection()?.change(statement.0, &arguments).await?;
        if changed > 0 {
            self.touched.add(statement.1, &arguments, None);
        }
        Ok(changed)
    }

    /// All rows.
    pub async fn list<T: FromRow + Send>(&mut self, statement: PlatformSql, arguments: &[&dyn Param]) -> Result<Vec<T>> {
        let arguments: Vec<Value<'_>> = arguments.iter().map(|a| (**a).value()).collect();
        self.touched.add(statement.1, &arguments, None);
        self.connection()?.list(statement.0, &arguments).await
    }

    /// The first row, if there is one.
    pub async fn find<T: FromRow + Send>(&mut self, statement: PlatformSql, arguments: &[&dyn Param]) -> Result<Option<T>> {
        Ok(self.list(statement, arguments).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Problem::NotFound`] where there is none.
    pub async fn get<T: FromRow + Send>(&mut self, statement: PlatformSql, arguments: &[&dyn Param]) -> Result<T> {
        self.find(statement, arguments).await?.ok_or_else(|| Problem::NotFound.into())
    }

    /// Continues inside one instance, on the same connection and in the same transaction.
    ///
    /// # Errors
    /// Only if an earlier visit was never ended with [`PlatformTx::leave`].
    pub fn enter<'e>(&mut self, instance: InstanceId) -> Result<Tx<'e>> {
        let connection = self.connection.take().ok_or_else(|| foundation::Error::Broken("the transaction is lent to another instance".to_owned()))?;
        Ok(Tx::new(connection, Arc::clone(&self.database), instance, self.access))
    }

    /// Comes back from an instance; nothing is committed yet.
    pub fn leave(&mut self, tx: Tx<'_>) {
        self.enqueued |= tx.enqueued;
        self.touched.join(tx.touched);
        self.tallies.extend(tx.tallies);
        self.connection = Some(tx.connection);
    }

    /// Ends the transaction: commits if the outcome is good, rolls back if not.
    ///
    /// # Errors
    /// The outcome's own, or what the commit failed with.
    pub async fn finish<T>(mut self, outcome: Result<T>) -> Result<T> {
        let Some(connection) = self.connection.take() else {
            // An instance's part was dropped on the way, and everything with it.
            return outcome.and(Err(foundation::Error::Broken("the transaction never came back from an instance".to_owned())));
        };
        let PlatformTx { database, access, touched, tallies, enqueued, .. } = self;
        Ending { connection, database, access, touched, tallies, enqueued }.finish(outcome).await
    }
}

/// Works inside one instance within a [`PlatformTx`]: `inside!(tx, instance, inside => work(inside))`. It enters, awaits the work, comes back also
/// where the work has failed, and gives what came of it.
#[macro_export]
macro_rules! inside {
    ($tx:ident, $instance:expr, $inside:ident => $work:expr) => {{
        let mut entered = $tx.enter($instance)?;
        let $inside = &mut entered;
        let outcome = $work.await;
        $tx.leave(entered);
        outcome
    }};
}
