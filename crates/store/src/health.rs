//! What a database says about itself, for whoever looks after it.

use crate::{
    database::{Database, Engine},
    tx::Access,
};
use foundation::{Result, Timestamp};

/// A database's own words.
#[derive(Clone, Debug)]
pub struct Health {
    /// Engine and version.
    pub version: String,
    /// Its own clock; absent where it is this machine's.
    pub clock: Option<Timestamp>,
}

impl Database {
    /// Asks the engine for its version and its clock.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub async fn health(&self) -> Result<Health> {
        let mut connection = self.connect(Access::Read).await?;
        let (version, clock): (Vec<String>, Vec<i64>) = match self.kind() {
            Engine::Sqlite(_) => (connection.list("select 'SQLite ' || sqlite_version()", &[]).await?, Vec::new()),
            Engine::Postgres(_) => (
                connection.list("select 'PostgreSQL ' || current_setting('server_version')", &[]).await?,
                connection.list("select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)", &[]).await?,
            ),
        };
        connection.rollback().await?;
        Ok(Health { version: version.into_iter().next().unwrap_or_default(), clock: clock.first().copied().map(Timestamp::from_millis) })
    }

    /// How many connections other processes of this program have to the database; always 0 on SQLite, where the data folder's lock tells.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub async fn count_other_nodes(&self) -> Result<i64> {
        let Engine::Postgres(_) = self.kind() else { return Ok(0) };
        let mut connection = self.connect(Access::Read).await?;
        let text = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'insula' and pid <> pg_backend_pid()";
        let found: Vec<i64> = connection.list(text, &[]).await?;
        connection.rollback().await?;
        Ok(found.first().copied().unwrap_or(0))
    }
}
