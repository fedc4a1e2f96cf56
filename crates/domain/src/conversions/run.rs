//! The job: a conversion goes on step by step, each of them one commit that also decides about the next one. So whoever is killed on the way has
//! done a step or has not, and the queue gives it to somebody else.

use super::{Conversion, Kind, Status, begin::recorded, depart, isolate, plan, share, store};
use crate::{
    audit::{self, Actor},
    instances::{self, Instance},
    settings::{self, PoolMode},
};
use ::store::{Access, Database, NewJob, PlatformTx, Tx, inside};
use foundation::{ConversionId, Error, InstanceId, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The job that goes on with a conversion.
pub(crate) const GO_ON: &str = "convert";
/// How many users one step moves.
pub(super) const STEP: i64 = 50;
/// How many rows of another kind one step makes or removes.
pub(super) const MANY: i64 = 100;

/// What the job needs to know.
#[derive(Deserialize, Serialize)]
struct Work {
    conversion: ConversionId,
}

/// What is left after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Something.
    More,
    /// Nothing.
    Nothing,
}

/// Sees to it that the conversion goes on.
pub(super) async fn enqueue(tx: &mut Tx<'_>, conversion: ConversionId, after: Duration) -> Result<()> {
    let payload = serde_json::to_string(&Work { conversion }).map_err(|error| Error::broken("a job's payload", error))?;
    let run_at = tx.now() + after;
    tx.enqueue(NewJob { kind: GO_ON, payload, run_at }).await.map(drop)
}

/// Goes on with a conversion; the work of a job.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn go_on(database: &Database, instance: InstanceId, payload: &str) -> Result<()> {
    let work: Work = serde_json::from_str(payload).map_err(|error| Error::broken("a job's payload", error))?;
    database.platform(Access::Write, |tx| Box::pin(step(tx, instance, work.conversion))).await
}

async fn step(tx: &mut PlatformTx<'_>, instance: InstanceId, id: ConversionId) -> Result<()> {
    // An application that was deleted meanwhile needs no more of it.
    let Some(home) = instances::store::find(tx, instance).await? else { return Ok(()) };
    let Some(conversion) = inside!(tx, instance, inside => held(inside, id))? else { return Ok(()) };
    match conversion.status {
        Status::Waiting => begin(tx, &home, conversion).await,
        Status::Running => go(tx, &home, conversion).await,
        Status::Completed | Status::Refused | Status::Canceled => Ok(()),
    }
}

async fn held(tx: &mut Tx<'_>, id: ConversionId) -> Result<Option<Conversion>> {
    if store::hold(tx, id).await? { store::find(tx, id).await } else { Ok(None) }
}

/// Begins, if the plan is still what was confirmed. Nobody changes anything beside us from now on.
async fn begin(tx: &mut PlatformTx<'_>, home: &Instance, mut conversion: Conversion) -> Result<()> {
    let now = tx.now();
    let fresh = match inside!(tx, home.id, inside => plan::make(inside, home, &conversion.wanted)) {
        Ok(report) => Some(report),
        Err(Error::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    match fresh {
        Some(report) if report.fingerprint(&conversion.wanted) == conversion.fingerprint => {
            conversion.status = Status::Running;
            conversion.started_at = Some(now);
            conversion.done = report.counts.zeroed();
            conversion.report = report;
            inside!(tx, home.id, inside => next(inside, &conversion))
        }
        fresh => {
            conversion.status = Status::Refused;
            conversion.ended_at = Some(now);
            if let Some(report) = fresh {
                conversion.fingerprint = report.fingerprint(&conversion.wanted);
                conversion.report = report;
            }
            conversion.report.name_nobody();
            depart::abandon(tx, home, &conversion).await?;
            end(tx, home, &conversion, "conversion.refuse").await
        }
    }
}

/// Writes how far it is, and sees to the next step.
async fn next(tx: &mut Tx<'_>, conversion: &Conversion) -> Result<()> {
    store::update(tx, conversion).await?;
    enqueue(tx, conversion.id, Duration::ZERO).await
}

async fn go(tx: &mut PlatformTx<'_>, home: &Instance, mut conversion: Conversion) -> Result<()> {
    let left = match conversion.wanted.kind {
        Kind::ToIsolated => inside!(tx, home.id, inside => isolate::step(inside, home, &mut conversion))?,
        Kind::ToShared => inside!(tx, home.id, inside => share::step(inside, home, &mut conversion))?,
        Kind::OrganizationToApplication => depart::step(tx, home, &mut conversion).await?,
    };
    if left == Left::More {
        return inside!(tx, home.id, inside => next(inside, &conversion));
    }
    match conversion.wanted.kind {
        Kind::ToIsolated => inside!(tx, home.id, inside => settings::set_pool_mode(inside, Actor::Server, PoolMode::Isolated))?,
        Kind::ToShared => inside!(tx, home.id, inside => settings::set_pool_mode(inside, Actor::Server, PoolMode::Shared))?,
        Kind::OrganizationToApplication => depart::open(tx, &conversion).await?,
    }
    // Who was named stands in the events; a report that is kept keeps nobody's address.
    conversion.report.name_nobody();
    conversion.status = Status::Completed;
    conversion.ended_at = Some(tx.now());
    end(tx, home, &conversion, "conversion.complete").await
}

/// Writes how it ended, and opens the instance.
async fn end(tx: &mut PlatformTx<'_>, home: &Instance, conversion: &Conversion, action: &str) -> Result<()> {
    inside!(tx, home.id, inside => async {
        store::update(inside, conversion).await?;
        audit::record(inside, Actor::Server, action, &conversion.id.to_string(), &recorded(conversion)).await
    })?;
    instances::store::open(tx, home.id, conversion.id).await
}
