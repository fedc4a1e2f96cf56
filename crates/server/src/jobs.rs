//! The job runner: wakes when a job was added here, and looks every second for those of other nodes and those that have waited.
//!
//! Jobs of several instances run beside each other, each instance in lanes of its own, so that one whose mail server is slow holds up nobody
//! else. An instance gets a further lane only while there are plenty.

use domain::jobs;
use foundation::{InstanceId, Result};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{Access, Database};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use world::World;

const PAUSE: Duration = Duration::from_secs(1);
const MOST_INSTANCES: i64 = 100;
/// The most lanes in all, and of one instance.
const MOST_LANES: usize = 32;
const MOST_OF_ONE: usize = 4;

/// Who is at work.
#[derive(Default)]
struct Lanes {
    busy: Mutex<HashMap<InstanceId, usize>>,
    ended: Notify,
}

/// A lane; free again when it is dropped.
struct Lane {
    lanes: Arc<Lanes>,
    instance: InstanceId,
}

impl Lanes {
    fn enter(self: &Arc<Lanes>, instance: InstanceId) -> Option<Lane> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = busy.values().sum();
        let own = busy.get(&instance).copied().unwrap_or(0);
        let most = if all < MOST_LANES / 2 { MOST_OF_ONE } else { 1 };
        if all >= MOST_LANES || own >= most {
            return None;
        }
        busy.insert(instance, own + 1);
        Some(Lane { lanes: Arc::clone(self), instance })
    }

    fn instances(&self) -> usize {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut busy = self.lanes.busy.lock().unwrap_or_else(PoisonError::into_inner);
        match busy.get_mut(&self.instance) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                busy.remove(&self.instance);
            }
        }
        drop(busy);
        self.lanes.ended.notify_one();
    }
}

/// Runs jobs until it is told to stop, and those that are under way to their end.
pub async fn run(world: Arc<World>, database: Database, mut stop: watch::Receiver<bool>) {
    let lanes = Arc::new(Lanes::default());
    let mut running = JoinSet::new();
    while !*stop.borrow() {
        while running.try_join_next().is_some() {}
        if let Err(error) = begin_due(&world, &database, &lanes, &mut running).await {
            tracing::warn!(%error, "jobs wait for the database");
        }
        tokio::select! {
            () = database.job_added() => {}
            () = lanes.ended.notified() => {}
            () = tokio::time::sleep(PAUSE) => {}
            _ = stop.changed() => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Gives a lane to each instance with a job that is due.
async fn begin_due(world: &Arc<World>, database: &Database, lanes: &Arc<Lanes>, running: &mut JoinSet<()>) -> Result<()> {
    // Those at work can have more that is due, and must not hide the others.
    let most = MOST_INSTANCES + i64::try_from(lanes.instances()).unwrap_or(0);
    for instance in database.platform(Access::Read, |tx| Box::pin(tx.due_instances(most))).await? {
        let Some(lane) = lanes.enter(instance) else { continue };
        running.spawn(work(Arc::clone(world), database.clone(), lane));
    }
    Ok(())
}

/// Runs the jobs of the lane's instance, which is held until then.
async fn work(world: Arc<World>, database: Database, lane: Lane) {
    if let Err(error) = jobs::run_due(&world, &database, lane.instance).await {
        tracing::warn!(%error, "jobs wait for the database");
    }
    drop(lane);
}

/// Runs what is due now, one after another; how many jobs that were.
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

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::{Id, Timestamp, random::Seeded};

    #[test]
    fn nobody_takes_all_lanes() {
        let lanes = Arc::new(Lanes::default());
        let mut random = Seeded::new(1);
        let instances: Vec<InstanceId> = (0..40).map(|_| InstanceId::new(Timestamp::default(), &mut random)).collect();
        let mut held: Vec<Lane> = std::iter::from_fn(|| lanes.enter(instances[0])).collect();
        assert_eq!(held.len(), MOST_OF_ONE);
        held.extend(instances.iter().filter_map(|instance| lanes.enter(*instance)));
        assert_eq!(held.len(), MOST_LANES, "others get one each");
        assert!(lanes.enter(instances[39]).is_none());
        let freed = held.pop().expect("a lane").instance;
        assert!(lanes.enter(instances[39]).is_some());
        held.clear();
        assert_eq!(lanes.instances(), 0, "{freed}");
    }
}
