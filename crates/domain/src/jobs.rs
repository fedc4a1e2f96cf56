//! All jobs: work that was decided in a transaction and is done after it, at least once.

use crate::{
    conversions,
    keys::{rotation, spares},
    messages::{self, Failure},
    organizations::{self, invitations, roles::replace},
};
use ::store::{Access, BoxFuture, ClaimedJob, Database, NewJob, Tx};
use foundation::{Error, InstanceId, Result};
use std::{sync::Arc, time::Duration};
use world::World;

/// For how long a job belongs to the runner who claimed it.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often a job is tried before it is laid aside.
const MOST_ATTEMPTS: i64 = 12;
const FILL_SPARES: &str = "fill_spare_keys";

/// Claims and runs the instance's jobs that are due, one after another; how many there were.
///
/// # Errors
/// Only the database's own: a job that fails is put back.
#[allow(clippy::disallowed_methods, reason = "the jobs are the instance's own")]
pub async fn run_due(world: &Arc<World>, database: &Database, instance: InstanceId) -> Result<u32> {
    let mut done = 0;
    while let Some(job) = database.within(instance, Access::Write, |tx| Box::pin(tx.claim_job(LEASE))).await? {
        done += 1;
        let outcome = run(world, database, instance, &job).await;
        if let Err(Failure { permanent, error }) = &outcome {
            tracing::warn!(job = %job.id, kind = job.kind, attempts = job.attempts, permanent, %error, "job failed");
        }
        database.within(instance, Access::Write, |tx| Box::pin(settle(tx, &job, &outcome))).await?;
    }
    Ok(done)
}

async fn settle(tx: &mut Tx<'_>, job: &ClaimedJob, outcome: &Result<(), Failure>) -> Result<()> {
    let Err(failure) = outcome else { return tx.complete_job(job).await };
    let again = (job.attempts < MOST_ATTEMPTS && !failure.permanent).then(|| tx.now() + pause(job.attempts));
    tx.postpone_job(job, again).await
}

/// 5 s, 10 s, 20 s … at most an hour.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 10) - 1).unwrap_or(9);
    Duration::from_secs((5 << doublings).min(3_600))
}

async fn run(world: &Arc<World>, database: &Database, instance: InstanceId, job: &ClaimedJob) -> Result<(), Failure> {
    match job.kind.as_str() {
        messages::SEND => messages::send(world, database, instance, &job.payload, job.attempts >= MOST_ATTEMPTS).await,
        rotation::RETIRE => within(database, instance, |tx| Box::pin(rotation::retire(tx))).await.map_err(Failure::from),
        rotation::WITHDRAW => within(database, instance, |tx| Box::pin(rotation::withdraw(tx, &job.payload))).await.map_err(Failure::from),
        conversions::GO_ON => conversions::go_on(database, instance, &job.payload).await.map_err(Failure::from),
        replace::GO_ON => within(database, instance, |tx| Box::pin(replace::go_on(tx, &job.payload))).await.map_err(Failure::from),
        invitations::GO_ON => within(database, instance, |tx| Box::pin(invitations::go_on(tx, &job.payload))).await.map_err(Failure::from),
        organizations::DELETE => within(database, instance, |tx| Box::pin(organizations::go_on_deleting(tx, &job.payload))).await.map_err(Failure::from),
        FILL_SPARES => spares::fill(world, database, spares::WANTED).await.map_err(Failure::from),
        other => Err(Error::Broken(format!("no job is called {other}")).into()),
    }
}

/// A job whose work is all in the database.
#[allow(clippy::disallowed_methods, reason = "the job is the instance's own")]
async fn within<'e, F>(database: &Database, instance: InstanceId, work: F) -> Result<()>
where
    F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<()>> + Send + Sync,
{
    database.within(instance, Access::Write, work).await
}

/// Adds the job that makes spare key pairs, to the system's instance.
///
/// # Errors
/// Only the database's own.
pub async fn fill_spares(tx: &mut Tx<'_>) -> Result<()> {
    let run_at = tx.now();
    tx.enqueue(NewJob { kind: FILL_SPARES, payload: "{}".to_owned(), run_at }).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        assert_eq!([1, 2, 3, 10, 50].map(|n| pause(n).as_secs()), [5, 10, 20, 2_560, 2_560]);
    }
}
