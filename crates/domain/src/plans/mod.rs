//! Plans: named bundles of settings of a workspace. An application subscribes to one, or to none.

mod store;

use crate::{
    applications,
    audit::{self, Actor},
    settings::{
        Run,
        above::{self, Applied, Stored, Wanted},
    },
};
use ::store::PlatformTx;
use foundation::{ApplicationId, OnConflict, PlanId, Problem, Result, Timestamp, WorkspaceId, text};
use serde_json::json;

/// The most plans of a workspace.
const MOST: i64 = 200;

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// The workspace's own short name for it.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its names were changed last.
    pub updated_at: Timestamp,
    /// Its layer of the settings.
    pub settings: Stored,
}

/// What a new plan is to be.
pub struct NewPlan {
    /// Its name, checked.
    pub name: String,
    /// Its slug; from the name, if there is none.
    pub slug: Option<String>,
    /// Its layer of the settings.
    pub settings: Wanted,
}

/// A change of a plan; what is absent stays.
pub struct PlanChange {
    /// Another name, checked.
    pub name: Option<String>,
    /// Another slug, checked.
    pub slug: Option<String>,
    /// A change of its layer.
    pub settings: Wanted,
}

/// Checks a slug: lower-case letters and digits, with hyphens in between.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `slug`.
pub fn check_slug(slug: &str) -> Result<String, Problem> {
    if slug.len() <= 64 && text::kebab(slug, 64) == slug {
        Ok(slug.to_owned())
    } else {
        Err(Problem::invalid("slug", "must be lower-case letters, digits and single hyphens, at most 64"))
    }
}

/// The workspace's plans, oldest first.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut PlatformTx<'_>, workspace: WorkspaceId) -> Result<Vec<Plan>> {
    let mut plans = store::list(tx, workspace, MOST).await?;
    for plan in &mut plans {
        plan.settings = above::plan(tx, plan.id).await?;
    }
    Ok(plans)
}

/// The plan of this id in the workspace.
///
/// # Errors
/// [`Problem::NotFound`] where there is none, or it is another workspace's.
pub async fn get(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: PlanId) -> Result<Plan> {
    let mut plan = store::find(tx, workspace, id).await?.ok_or(Problem::NotFound)?;
    plan.settings = above::plan(tx, id).await?;
    Ok(plan)
}

/// Makes a plan.
///
/// # Errors
/// [`Problem::IdentifierExists`] on `slug`; [`Problem::LimitReached`]; [`Problem::SettingHeld`] where a wider layer stands against its
/// settings; [`Problem::ParamInvalid`].
pub async fn create(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, new: &NewPlan) -> Result<Plan> {
    if store::count(tx, workspace).await? >= MOST {
        return Err(Problem::LimitReached("plans", MOST).into());
    }
    let now = tx.now();
    let slug = new.slug.clone().unwrap_or_else(|| text::kebab(&new.name, 64));
    let mut plan = Plan { id: tx.new_id(), slug, name: new.name.clone(), created_at: now, updated_at: now, settings: Stored::default() };
    store::insert(tx, workspace, &plan).await.on_conflict(Problem::IdentifierExists("slug"))?;
    audit::record_above(tx, Actor::Platform, "plan.create", &plan.id.to_string(), &json!({ "name": plan.name, "slug": plan.slug })).await?;
    plan.settings = above::change_plan(tx, workspace, plan.id, &new.settings).await?.stored;
    Ok(plan)
}

/// Changes a plan, or tries it out. What it says holds for its applications from their next request on.
///
/// # Errors
/// As [`create`]; [`Problem::NotFound`]; [`Problem::VersionMismatch`].
pub async fn update(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: PlanId, change: &PlanChange) -> Result<(Plan, Applied)> {
    if change.settings.run == Run::Real {
        store::hold(tx, workspace, id).await?;
    }
    let old = get(tx, workspace, id).await?;
    let applied = above::change_plan(tx, workspace, id, &change.settings).await?;
    let mut plan = Plan { settings: applied.stored.clone(), ..old.clone() };
    plan.name = change.name.clone().unwrap_or(plan.name);
    plan.slug = change.slug.clone().unwrap_or(plan.slug);
    if change.settings.run == Run::Real && (plan.name != old.name || plan.slug != old.slug) {
        store::rename(tx, id, &plan.name, &plan.slug).await.on_conflict(Problem::IdentifierExists("slug"))?;
        let detail = json!({ "before": { "name": old.name, "slug": old.slug }, "after": { "name": plan.name, "slug": plan.slug } });
        audit::record_above(tx, Actor::Platform, "plan.update", &id.to_string(), &detail).await?;
        plan.updated_at = tx.now();
    }
    Ok((plan, applied))
}

/// Deletes a plan that no application subscribes to.
///
/// # Errors
/// [`Problem::PlanInUse`]; [`Problem::NotFound`].
pub async fn delete(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: PlanId) -> Result<PlanId> {
    // Whoever subscribes holds the plan too, so nobody can do so between the count and the end.
    store::hold(tx, workspace, id).await?;
    let used = applications::store::subscribers(tx, id).await?;
    if used > 0 {
        return Err(Problem::PlanInUse(used).into());
    }
    store::delete(tx, id).await?;
    above::remove_plan(tx, id).await?;
    audit::record_above(tx, Actor::Platform, "plan.delete", &id.to_string(), &json!({})).await?;
    Ok(id)
}

/// The plan that an application subscribes to.
///
/// # Errors
/// [`Problem::NotFound`] where the application is not the workspace's.
pub async fn of_application(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, application: ApplicationId) -> Result<Option<Plan>> {
    applications::get(tx, workspace, application).await?;
    match applications::store::plan(tx, application).await? {
        Some(id) => get(tx, workspace, id).await.map(Some),
        None => Ok(None),
    }
}

/// Subscribes an application to a plan, or to none. Its settings follow from its next request on.
///
/// # Errors
/// [`Problem::NotFound`] where the application is not the workspace's; [`Problem::ParamInvalid`] on `plan_id` where the plan is not;
/// [`Problem::ConversionUnderWay`].
pub async fn subscribe(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, application: ApplicationId, plan: Option<PlanId>) -> Result<Option<Plan>> {
    applications::get(tx, workspace, application).await?.ensure_settled()?;
    let before = of_application(tx, workspace, application).await?.map(|plan| plan.id);
    if let Some(id) = plan
        && store::find(tx, workspace, id).await?.is_none()
    {
        return Err(Problem::invalid("plan_id", "names nothing that exists").into());
    }
    if let Some(id) = plan {
        store::hold(tx, workspace, id).await?;
    }
    applications::store::set_plan(tx, application, plan).await?;
    let detail = json!({ "before": before, "after": plan });
    audit::record_above(tx, Actor::Platform, "application.subscribe", &application.to_string(), &detail).await?;
    of_application(tx, workspace, application).await
}
