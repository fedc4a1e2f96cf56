//! Conversions are tried out, confirmed, looked at and called off.

use super::{Conversion, Copied, Kind, Numbers, Report, Status, Wanted, depart, plan, run, store};
use crate::{
    applications::{self, AddedInstance},
    audit::{self, Actor},
    bodies::conversion_plan,
    instances::{self, Instance, Which},
};
use ::store::{PlatformTx, Tx, inside};
use foundation::{ApplicationId, ConversionId, OrganizationId, Page, Problem, Result, UserId, WorkspaceId};
use serde_json::{Value, json};
use std::time::Duration;

/// Where a conversion is: an instance of an application of a workspace.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The application.
    pub application: ApplicationId,
    /// Which of its instances.
    pub which: Which,
}

/// A conversion that was just confirmed.
pub struct Begun {
    /// The conversion.
    pub conversion: Conversion,
    /// The instance of the new application, and its secret key that is shown only now.
    pub added: Option<AddedInstance>,
}

/// Which of those who came to be a second time; absent is no condition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whose {
    /// Who they were.
    pub user: Option<UserId>,
    /// Where they are somebody else now.
    pub organization: Option<OrganizationId>,
}

async fn instance(tx: &mut PlatformTx<'_>, at: At) -> Result<Instance> {
    applications::instance(tx, at.workspace, at.application, at.which).await
}

/// What a conversion would do. Nothing is changed.
///
/// # Errors
/// [`Problem::NotFound`] where the workspace has no such instance; [`Problem::ParamInvalid`], [`Problem::NamesNothing`] where it makes no sense;
/// [`Problem::ConversionUnderWay`], since what is on its way cannot be counted, nor confirmed.
pub async fn dry_run(tx: &mut PlatformTx<'_>, at: At, wanted: &Wanted) -> Result<Report> {
    let instance = instance(tx, at).await?;
    instance.ensure_settled()?;
    inside!(tx, instance.id, inside => plan::make(inside, &instance, wanted))
}

/// Closes the instance and lets the conversion begin, if it would still do what the plan of this fingerprint says.
///
/// # Errors
/// As [`dry_run`]; [`Problem::ConversionStale`]; [`Problem::ConversionConflicts`]; [`Problem::Busy`] where the new
/// application's key pair is not made yet.
pub async fn confirm(tx: &mut PlatformTx<'_>, at: At, wanted: &Wanted, fingerprint: &str) -> Result<Begun> {
    let instance = instance(tx, at).await?;
    let id: ConversionId = tx.new_id();
    if !instances::store::close(tx, instance.id, id).await? {
        return Err(Problem::ConversionUnderWay.into());
    }
    let report = inside!(tx, instance.id, inside => plan::make(inside, &instance, wanted))?;
    if report.fingerprint(wanted) != fingerprint {
        return Err(Problem::ConversionStale(conversion_plan(&report, wanted)).into());
    }
    if report.is_blocked() {
        return Err(Problem::ConversionConflicts(conversion_plan(&report, wanted)).into());
    }
    let added = match wanted.kind {
        Kind::OrganizationToApplication => Some(depart::raise(tx, &instance, at, id, wanted).await?),
        Kind::ToIsolated | Kind::ToShared => None,
    };
    let now = tx.now();
    let conversion = Conversion {
        id,
        wanted: wanted.clone(),
        status: Status::Waiting,
        fingerprint: fingerprint.to_owned(),
        report,
        done: Numbers::default(),
        stage: 0,
        application: added.as_ref().map(|added| added.application.id),
        target: added.as_ref().map(|added| added.instance.id),
        started_at: None,
        ended_at: None,
        created_at: now,
        updated_at: now,
    };
    inside!(tx, instance.id, inside => note(inside, &conversion))?;
    Ok(Begun { conversion, added })
}

/// Keeps the conversion, and sees to its beginning: when all are gone who came in before the instance was closed.
async fn note(tx: &mut Tx<'_>, conversion: &Conversion) -> Result<()> {
    store::insert(tx, conversion).await?;
    audit::record(tx, Actor::Platform, "conversion.confirm", &conversion.id.to_string(), &recorded(conversion)).await?;
    run::enqueue(tx, conversion.id, tx.settled_after()).await
}

/// What the audit log keeps of a conversion: what was wanted, and how much of what. Nobody's address.
pub(super) fn recorded(conversion: &Conversion) -> Value {
    json!({
        "kind": conversion.wanted.kind.as_str(),
        "organization_id": conversion.wanted.organization,
        "application_id": conversion.application,
        "fingerprint": conversion.fingerprint,
        "numbers": conversion.report.counts.numbers,
    })
}

/// Lets a conversion that is under way go on at once, where its job has failed and waits, or was laid aside.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::ConversionState`] where it is not under way.
pub async fn resume(tx: &mut PlatformTx<'_>, at: At, id: ConversionId) -> Result<Conversion> {
    let instance = instance(tx, at).await?;
    inside!(tx, instance.id, inside => async {
        store::hold(inside, id).await?;
        let conversion = found(inside, id).await?;
        if conversion.status != Status::Running {
            return Err(Problem::ConversionState(conversion.status.as_str()).into());
        }
        audit::record(inside, Actor::Platform, "conversion.resume", &id.to_string(), &json!({})).await?;
        run::enqueue(inside, id, Duration::ZERO).await?;
        Ok(conversion)
    })
}

/// Calls off a conversion that waits. The instance is open again, and an application that was made for it is deleted.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::ConversionState`] where it has begun.
pub async fn cancel(tx: &mut PlatformTx<'_>, at: At, id: ConversionId) -> Result<Conversion> {
    let instance = instance(tx, at).await?;
    let canceled = inside!(tx, instance.id, inside => call_off(inside, id))?;
    depart::abandon(tx, &instance, &canceled).await?;
    instances::store::open(tx, instance.id, id).await?;
    Ok(canceled)
}

async fn call_off(tx: &mut Tx<'_>, id: ConversionId) -> Result<Conversion> {
    let called_off = store::cancel(tx, id).await?;
    let mut conversion = found(tx, id).await?;
    if !called_off {
        return Err(Problem::ConversionState(conversion.status.as_str()).into());
    }
    conversion.report.name_nobody();
    store::update(tx, &conversion).await?;
    audit::record(tx, Actor::Platform, "conversion.cancel", &id.to_string(), &json!({})).await?;
    Ok(conversion)
}

async fn found(tx: &mut Tx<'_>, id: ConversionId) -> Result<Conversion> {
    store::find(tx, id).await?.ok_or_else(|| Problem::NotFound.into())
}

/// The conversion of this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut PlatformTx<'_>, at: At, id: ConversionId) -> Result<Conversion> {
    let instance = instance(tx, at).await?;
    inside!(tx, instance.id, inside => found(inside, id))
}

/// A page of the instance's conversions, newest first, and how many there are in all.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn list(tx: &mut PlatformTx<'_>, at: At, page: Page) -> Result<(Vec<Conversion>, i64)> {
    let instance = instance(tx, at).await?;
    inside!(tx, instance.id, inside => async { Ok((store::list(inside, page).await?, store::count(inside).await?)) })
}

/// A page of those who came to be a second time by a conversion, and how many there are in all.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn list_copies(tx: &mut PlatformTx<'_>, at: At, id: ConversionId, (whose, page): (Whose, Page)) -> Result<(Vec<Copied>, i64)> {
    let instance = instance(tx, at).await?;
    inside!(tx, instance.id, inside => async {
        found(inside, id).await?;
        Ok((store::copies(inside, id, &whose, page).await?, store::count_copies(inside, id, &whose).await?))
    })
}
