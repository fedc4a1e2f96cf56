//! What an open database counts, for whoever looks after it.

use crate::{
    database::Database,
    memory::Held,
    platform::PlatformTx,
    platform_sql,
    tx::{Access, Tx},
};
use foundation::{
    Result, Timestamp,
    meter::{Counter, Histogram},
};

/// What is counted when the transaction that did it is committed, and never twice because a transaction ran twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// Somebody has signed in.
    SignIn,
    /// A proof for a sign-in was refused.
    SignInRefused,
    /// Somebody has signed up.
    SignUp,
    /// A job was done.
    JobDone,
    /// A job has failed and runs again.
    JobAgain,
    /// A job was laid aside.
    JobLaidAside,
}

impl Tally {
    /// All of them.
    pub const ALL: [Tally; 6] = [Tally::SignIn, Tally::SignInRefused, Tally::SignUp, Tally::JobDone, Tally::JobAgain, Tally::JobLaidAside];
}

/// The counts of an open database.
#[derive(Debug, Default)]
pub struct Meters {
    /// How long transactions waited for their connection, or in vain.
    pub waited: Histogram,
    /// Transactions that the database asked to run again, and that did.
    pub again: Counter,
    /// Transactions for which the database could not be reached, or took too long.
    pub unavailable: Counter,
    /// What was remembered.
    pub hits: Counter,
    /// What was read, because it was not remembered, or for too long.
    pub misses: Counter,
    /// What was answered from memory although it was old, because the database could not be reached.
    pub stale: Counter,
    tallies: [Counter; Tally::ALL.len()],
}

impl Meters {
    /// How often it has happened.
    pub fn tally(&self, of: Tally) -> u64 {
        self.tallies[of as usize].get()
    }

    pub(crate) fn take(&self, tallies: &[Tally]) {
        tallies.iter().for_each(|tally| self.tallies[*tally as usize].one());
    }
}

/// The queue, of all instances together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Jobs that are due.
    pub due: i64,
    /// Jobs whose time comes later.
    pub later: i64,
    /// Jobs that were laid aside.
    pub laid_aside: i64,
    /// Since when the one has been due that waits the longest.
    pub oldest: Option<Timestamp>,
}

/// The most jobs of one state that are counted.
pub const MOST_COUNTED: i64 = 100_000;

impl PlatformTx<'_> {
    /// How the queue stands; at most [`MOST_COUNTED`] of each state.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn queue(&mut self) -> Result<Queue> {
        let now = self.now();
        let due = platform_sql!("select count(*) from (select 1 from jobs where state = 'waiting' and run_at <= $1 limit $2) counted");
        let later = platform_sql!("select count(*) from (select 1 from jobs where state = 'waiting' and run_at > $1 limit $2) counted");
        let laid_aside = platform_sql!("select count(*) from (select 1 from jobs where state = 'dead' and run_at <= $1 limit $2) counted");
        let mut counts = [0; 3];
        for (count, statement) in counts.iter_mut().zip([due, later, laid_aside]) {
            *count = self.find::<i64>(statement, &[&now, &MOST_COUNTED]).await?.unwrap_or(0);
        }
        let [due, later, laid_aside] = counts;
        let oldest = self.find(platform_sql!("select run_at from jobs where state = 'waiting' and run_at <= $1 order by run_at limit 1"), &[&now]).await?;
        Ok(Queue { due, later, laid_aside, oldest })
    }
}

impl Tx<'_> {
    /// Counts something, once this transaction is committed.
    pub fn tally(&mut self, what: Tally) {
        self.tallies.push(what);
    }
}

impl Database {
    /// What it counts.
    pub fn meters(&self) -> &Meters {
        &self.inner().meters
    }

    /// How much is remembered.
    pub fn held(&self) -> Held {
        self.memory().held()
    }

    /// Whether what is remembered is answered without asking, because the database could not be reached.
    pub fn is_in_trouble(&self) -> bool {
        self.memory().is_in_trouble()
    }

    /// How the queue stands.
    ///
    /// # Errors
    /// Where the database cannot be reached.
    pub async fn queue(&self) -> Result<Queue> {
        self.platform(Access::Read, |tx| Box::pin(tx.queue())).await
    }
}
