//! The queue: jobs are rows of their instance, added in the transaction whose effect they carry out.

use crate::{
    meters::Tally,
    platform::PlatformTx,
    platform_sql, sql,
    tx::Tx,
    value::{FromRow, Row},
};
use foundation::{InstanceId, JobId, Result, Timestamp};
use std::time::Duration;

/// A job to be added.
pub struct NewJob<'a> {
    /// Which job it is.
    pub kind: &'a str,
    /// What it needs to know, as JSON.
    pub payload: String,
    /// When it is due.
    pub run_at: Timestamp,
}

/// A job that this runner holds until its lease ends.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// The job's id.
    pub id: JobId,
    /// Which job it is.
    pub kind: String,
    /// What it needs to know, as JSON.
    pub payload: String,
    /// How often it was claimed, this time included. Fences everything that the runner writes about it.
    pub attempts: i64,
}

impl FromRow for ClaimedJob {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(ClaimedJob { id: row.take()?, kind: row.take()?, payload: row.take()?, attempts: row.take()? })
    }
}

impl Tx<'_> {
    /// Adds a job; it runs after this transaction is committed, or never if it is not.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn enqueue(&mut self, job: NewJob<'_>) -> Result<JobId> {
        let id: JobId = self.new_id();
        self.change(
            sql!("insert into jobs (instance_id, id, kind, payload, run_at, lease_until, attempts, state) values ($1, $2, $3, $4, $5, 0, 0, 'waiting')"),
            &[&id, &job.kind, &job.payload, &job.run_at],
        )
        .await?;
        self.enqueued = true;
        Ok(id)
    }

    /// Takes the job that has been due the longest, so that nobody else does before the lease ends.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn claim_job(&mut self, lease: Duration) -> Result<Option<ClaimedJob>> {
        let now = self.now();
        self.find(
            sql!(
                "update jobs set lease_until = $3, attempts = attempts + 1
                  where instance_id = $1 and state = 'waiting' and lease_until <= $2 and id in
                    (select id from jobs where instance_id = $1 and state = 'waiting' and run_at <= $2 and lease_until <= $2 order by run_at, id limit 1)
                  returning id, kind, payload, attempts"
            ),
            &[&now, &(now + lease)],
        )
        .await
    }

    /// Removes a job that is done, unless somebody else has claimed it since.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn complete_job(&mut self, job: &ClaimedJob) -> Result<()> {
        let done = self.change(sql!("delete from jobs where instance_id = $1 and id = $2 and attempts = $3"), &[&job.id, &job.attempts]).await?;
        if done == 1 {
            self.tally(Tally::JobDone);
        }
        Ok(())
    }

    /// Puts a job back until the given time, or lays it aside for good where there is none.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn postpone_job(&mut self, job: &ClaimedJob, again: Option<Timestamp>) -> Result<()> {
        let (state, tally) = if again.is_some() { ("waiting", Tally::JobAgain) } else { ("dead", Tally::JobLaidAside) };
        if again.is_none() {
            self.sweep_dead_jobs().await?;
        }
        let run_at = again.unwrap_or(self.now());
        let statement = sql!("update jobs set run_at = $4, lease_until = 0, state = $5 where instance_id = $1 and id = $2 and attempts = $3");
        if self.change(statement, &[&job.id, &job.attempts, &run_at, &state]).await? == 1 {
            self.tally(tally);
        }
        Ok(())
    }
}

impl Tx<'_> {
    /// Removes jobs that were laid aside a month ago; at most 100 at a time.
    async fn sweep_dead_jobs(&mut self) -> Result<()> {
        let before = self.now() - Duration::from_secs(30 * 86_400);
        self.change(
            sql!(
                "delete from jobs where instance_id = $1 and state = 'dead' and id in
                   (select id from jobs where instance_id = $1 and state = 'dead' and run_at < $2 order by run_at limit 100)"
            ),
            &[&before],
        )
        .await
        .map(drop)
    }
}

impl PlatformTx<'_> {
    /// Instances with a job that is due, without locks: a hint, since each instance's jobs are claimed in its own transaction.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn due_instances(&mut self, most: i64) -> Result<Vec<InstanceId>> {
        let now = self.now();
        self.list(
            platform_sql!("select distinct instance_id from jobs where state = 'waiting' and run_at <= $1 and lease_until <= $1 limit $2"),
            &[&now, &most],
        )
        .await
    }
}
