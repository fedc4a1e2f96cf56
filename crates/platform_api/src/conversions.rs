//! Conversions of an instance's users.

use domain::{
    applications, bodies,
    conversions::{self, At, Begun, Kind, Same, Several, Wanted, Whose, Without},
    keys::Scope,
};
use foundation::{ConversionId, Id as _, OrganizationId, Problem};
use serde_json::{Value, json};
use web::{Answer, Id, Input, NoBody, Place, PlatformCall, Query, created};

fn at(call: &PlatformCall, place: &Place) -> At {
    At { workspace: call.workspace(), application: place.application, which: place.which }
}

/// A policy, which has a meaning for some kinds of conversions alone.
fn policy<T: Default>(input: &Input, name: &'static str, means: bool, parse: fn(&str) -> Option<T>, words: &'static str) -> Result<T, Problem> {
    match input.text(name)? {
        None => Ok(T::default()),
        Some(_) if !means => Err(Problem::invalid(name, "has no meaning for this kind of conversion")),
        Some(word) => parse(word).ok_or_else(|| Problem::invalid(name, words)),
    }
}

fn wanted(input: &Input) -> Result<Wanted, Problem> {
    let fault = Problem::invalid("kind", "must be to_isolated, to_shared or organization_to_application");
    let kind = Kind::parse(input.required("kind")?).ok_or(fault)?;
    let departs = kind == Kind::OrganizationToApplication;
    // One that cannot be an id names as little as one that is nobody's.
    let organization = input.text("organization_id")?.map(|text| OrganizationId::parse(text).ok_or(Problem::NamesNothing("organization_id"))).transpose()?;
    let name = input.text("name")?.map(applications::check_name).transpose()?;
    if departs && organization.is_none() {
        return Err(Problem::ParamMissing("organization_id"));
    }
    for (param, given) in [("organization_id", organization.is_some()), ("name", name.is_some())] {
        if given && !departs {
            return Err(Problem::invalid(param, "has no meaning for this kind of conversion"));
        }
    }
    let (isolates, shares) = (kind == Kind::ToIsolated, kind == Kind::ToShared);
    Ok(Wanted {
        kind,
        organization,
        name,
        several: policy(input, "users_in_several_organizations", isolates || departs, Several::parse, "must be refuse or copy")?,
        without: policy(input, "users_in_no_organization", isolates, Without::parse, "must be refuse or delete")?,
        same: policy(input, "same_identifiers", shares, Same::parse, "must be refuse or unclaim")?,
    })
}

fn body(call: &PlatformCall, begun: &Begun) -> Value {
    let mut body = bodies::conversion(&begun.conversion);
    if let Some(added) = &begun.added {
        let tenant = call.tenant(added.instance.clone());
        body["publishable_key"] = json!(tenant.publishable_key);
        body["frontend_api_url"] = json!(tenant.frontend_url);
        body["secret_key"] = json!(added.secret_key.expose());
    }
    body
}

/// Plans a conversion, or confirms a plan.
///
/// With `dry_run` nothing is changed, and the answer is a plan with its fingerprint. With the `fingerprint` of a plan that is still true the
/// instance is closed to everybody else, and the conversion begins. The answer holds the secret key of an application that is made, for the only time.
pub async fn create(call: PlatformCall, place: Place, input: Input) -> Answer {
    input.only(&[
        "kind",
        "organization_id",
        "name",
        "users_in_several_organizations",
        "users_in_no_organization",
        "same_identifiers",
        "dry_run",
        "fingerprint",
    ])?;
    let (at, wanted) = (at(&call, &place), wanted(&input)?);
    if input.switch("dry_run")? == Some(true) {
        if input.has("fingerprint") {
            return Err(Problem::invalid("fingerprint", "confirms a plan: it does not go with dry_run").into());
        }
        return plan(&call, at, &wanted).await;
    }
    let fingerprint = input.required("fingerprint")?;
    let spares = usize::from(wanted.kind == Kind::OrganizationToApplication);
    call.write_with_spares(Scope::ApplicationsManage, spares, |tx| Box::pin(conversions::confirm(tx, at, &wanted, fingerprint)), |begun| body(&call, begun))
        .await
        .map(created)
}

async fn plan(call: &PlatformCall, at: At, wanted: &Wanted) -> Answer {
    call.read(Scope::ApplicationsManage, |tx| Box::pin(conversions::dry_run(tx, at, wanted)), |report| bodies::conversion_plan(report, wanted)).await
}

/// A page of the instance's conversions, newest first, and how many there are in all.
pub async fn list(call: PlatformCall, place: Place, Query(query): Query) -> Answer {
    let (at, page) = (at(&call, &place), query.page()?);
    call.read(
        Scope::ApplicationsRead,
        |tx| Box::pin(conversions::list(tx, at, page)),
        |(found, total)| json!({ "data": found.iter().map(bodies::conversion).collect::<Vec<Value>>(), "total_count": total }),
    )
    .await
}

/// A conversion: its plan, and what was done of it so far.
pub async fn show(call: PlatformCall, place: Place, Id(id): Id<ConversionId>) -> Answer {
    let at = at(&call, &place);
    call.read(Scope::ApplicationsRead, |tx| Box::pin(conversions::get(tx, at, id)), bodies::conversion).await
}

/// Calls off a conversion that has not begun. The instance is open again.
pub async fn cancel(call: PlatformCall, place: Place, Id(id): Id<ConversionId>, _: NoBody) -> Answer {
    let at = at(&call, &place);
    call.write(Scope::ApplicationsManage, |tx| Box::pin(conversions::cancel(tx, at, id)), bodies::conversion).await
}

/// Lets a conversion that is under way go on at once, where its job has failed and waits.
pub async fn resume(call: PlatformCall, place: Place, Id(id): Id<ConversionId>, _: NoBody) -> Answer {
    let at = at(&call, &place);
    call.write(Scope::ApplicationsManage, |tx| Box::pin(conversions::resume(tx, at, id)), bodies::conversion).await
}

/// A page of the users who came to be a second time by a conversion: who they were, in which organization, and who they are there.
pub async fn copies(call: PlatformCall, place: Place, Id(id): Id<ConversionId>, Query(query): Query) -> Answer {
    let (at, page) = (at(&call, &place), query.page()?);
    let whose = Whose { user: query.id("user_id")?, organization: query.id("organization_id")? };
    call.read(
        Scope::ApplicationsRead,
        |tx| Box::pin(conversions::list_copies(tx, at, id, (whose, page))),
        |(found, total)| json!({ "data": found.iter().map(bodies::conversion_copy).collect::<Vec<Value>>(), "total_count": total }),
    )
    .await
}
