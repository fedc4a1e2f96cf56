//! Plans, and which application subscribes to which.

use domain::{
    applications, bodies,
    keys::Scope,
    plans::{self, NewPlan, Plan, PlanChange},
    settings::{Expected, Extent, Run},
};
use foundation::{ApplicationId, PlanId};
use serde_json::{Value, json};
use web::{Answer, Id, IfMatch, Input, NoBody, PlatformCall, Query, forms};

/// The workspace's plans.
pub async fn list(call: PlatformCall) -> Answer {
    let workspace = call.workspace();
    call.read(
        Scope::ApplicationsRead,
        |tx| Box::pin(plans::list(tx, workspace)),
        |found| json!({ "data": found.iter().map(bodies::plan).collect::<Vec<_>>(), "total_count": found.len() }),
    )
    .await
}

/// Makes a plan.
pub async fn create(call: PlatformCall, input: Input) -> Answer {
    input.only(&["name", "slug", "settings", "rules"])?;
    let new = NewPlan {
        name: applications::check_name(input.required("name")?)?,
        slug: input.text("slug")?.map(plans::check_slug).transpose()?,
        settings: forms::layer_change(&input, Extent::Whole, Expected::Any, Run::Real)?,
    };
    let workspace = call.workspace();
    call.write(Scope::ApplicationsManage, |tx| Box::pin(plans::create(tx, workspace, &new)), bodies::plan).await
}

/// A plan.
pub async fn show(call: PlatformCall, Id(id): Id<PlanId>) -> Answer {
    let workspace = call.workspace();
    call.read(Scope::ApplicationsRead, |tx| Box::pin(plans::get(tx, workspace, id)), bodies::plan).await
}

/// Changes a plan; its applications follow at their next request.
pub async fn update(call: PlatformCall, Id(id): Id<PlanId>, Query(query): Query, IfMatch(expected): IfMatch, input: Input) -> Answer {
    input.only(&["name", "slug", "settings", "rules"])?;
    let change = PlanChange {
        name: input.text("name")?.map(applications::check_name).transpose()?,
        slug: input.text("slug")?.map(plans::check_slug).transpose()?,
        settings: forms::layer_change(&input, Extent::Parts, expected, forms::run(&query)?)?,
    };
    let (workspace, run) = (call.workspace(), change.settings.run);
    call.write_or_try(Scope::ApplicationsManage, run, |tx| Box::pin(plans::update(tx, workspace, id, &change)), bodies::changed_plan).await
}

/// Deletes a plan that nobody subscribes to.
pub async fn delete(call: PlatformCall, Id(id): Id<PlanId>, _: NoBody) -> Answer {
    let workspace = call.workspace();
    call.write(Scope::ApplicationsManage, |tx| Box::pin(plans::delete(tx, workspace, id)), |id| bodies::deleted("plan", id)).await
}

fn subscription(application: ApplicationId, plan: Option<&Plan>) -> Value {
    json!({ "object": "application_plan", "application_id": application, "plan_id": plan.map(|p| p.id), "plan": plan.map(bodies::plan) })
}

/// The plan of an application.
pub async fn of_application(call: PlatformCall, Id(id): Id<ApplicationId>) -> Answer {
    let workspace = call.workspace();
    call.read(Scope::ApplicationsRead, |tx| Box::pin(plans::of_application(tx, workspace, id)), |plan| subscription(id, plan.as_ref())).await
}

/// Subscribes an application to a plan, or with `null` to none.
pub async fn subscribe(call: PlatformCall, Id(id): Id<ApplicationId>, input: Input) -> Answer {
    input.only(&["plan_id"])?;
    let plan = input.nullable_id::<PlanId>("plan_id")?;
    let workspace = call.workspace();
    call.write(Scope::ApplicationsManage, |tx| Box::pin(plans::subscribe(tx, workspace, id, plan)), |plan| subscription(id, plan.as_ref())).await
}
