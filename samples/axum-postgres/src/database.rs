//! The database, seen from inside one organization at a time.

use crate::failure::Failure;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Transaction};
use insula_verify::Session;
use std::error::Error;
use tokio_postgres::{Config, NoTls};

/// A pool of connections of a role that owns no table and has no `BYPASSRLS`.
#[derive(Clone)]
pub struct Database(Pool);

/// A connection, in nobody's name until somebody enters.
pub struct Connection(Object);

impl Database {
    /// Connects, and asks whether rows are kept apart for this role.
    ///
    /// # Errors
    /// What is wrong, where they are not.
    pub async fn open(url: &str, connections: usize) -> Result<Database, Box<dyn Error + Send + Sync>> {
        Database::of(url.parse()?, connections).await
    }

    /// The same, with a configuration.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn of(config: Config, connections: usize) -> Result<Database, Box<dyn Error + Send + Sync>> {
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager).max_size(connections).build()?;
        let faults = pool.get().await?.query("select subject || ': ' || fault from insula.faults()", &[]).await?;
        if !faults.is_empty() {
            let told: Vec<String> = faults.iter().map(|row| row.get(0)).collect();
            return Err(format!("rows are not kept apart:\n{}", told.join("\n")).into());
        }
        Ok(Database(pool))
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// Where the database cannot be reached.
    pub async fn connection(&self) -> Result<Connection, Failure> {
        Ok(Connection(self.0.get().await?))
    }
}

impl Connection {
    /// Begins a transaction of whoever is signed in, in the organization of their verified token. It ends with the transaction, which is rolled back
    /// where it is not committed.
    ///
    /// # Errors
    /// [`Failure::NO_ORGANIZATION`] in a personal account.
    pub async fn enter(&mut self, session: &Session) -> Result<Transaction<'_>, Failure> {
        let organization = session.organization_id().ok_or(Failure::NO_ORGANIZATION)?;
        let transaction = self.0.transaction().await?;
        transaction.execute("select insula.enter($1, $2)", &[&organization, &session.user_id]).await?;
        Ok(transaction)
    }
}
