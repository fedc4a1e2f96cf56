//! The job runner: wakes when a job was added here, and looks every second for those of other nodes and those that have waited.

use domain::jobs;
use foundation::Result;
use std::{sync::Arc, time::Duration};
use store::{Access, Database};
use tokio::sync::watch;
use world::World;

const PAUSE: Duration = Duration::from_secs(1);
const MOST_INSTANCES: i64 = 100;

/// Runs jobs until it is told to stop.
pub async fn run(world: Arc<World>, database: Database, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = run_due(&world, &database).await {
            tracing::warn!(%error, "jobs wait for the database");
        }
        tokio::select! {
            () = database.job_added() => {}
            () = tokio::time::sleep(PAUSE) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Runs what is due now; how many jobs that were.
///
/// # Errors
/// Only the database's own.
pub async fn run_due(world: &Arc<World>, database: &Database) -> Result<u32> {
    let due = database.platform(Access::Read, |tx| Box::pin(tx.due_instances(MOST_INSTANCES))).await?;
    let mut done = 0;
    for instance in due {
        done += jobs::run_due(world, database, instance).await?;
    }
    Ok(done)
}
