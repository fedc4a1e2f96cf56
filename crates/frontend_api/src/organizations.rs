//! Organizations of the user who is signed in.

use domain::{
    bodies,
    organizations::{
        defaults::{self, Existing},
        own,
        roles::Role,
    },
};
use foundation::{OrganizationId, Page, Problem};
use serde_json::{Value, json};
use std::sync::Arc;
use web::{Answer, FrontendCall, Id, Input, Query, Upload};

/// Creates an organization whose first member the user is.
pub async fn create(call: FrontendCall, input: Input) -> Answer {
    let name = input.required("name")?;
    let slug = input.text("slug")?;
    call.write(|tx, visit| Box::pin(own::create(tx, visit, name, slug)), bodies::organization).await
}

/// An organization of the user's.
pub async fn show(call: FrontendCall, Id(id): Id<OrganizationId>) -> Answer {
    call.read(|tx, visit| Box::pin(own::get(tx, visit, id)), bodies::organization).await
}

/// Changes name and slug.
pub async fn update(call: FrontendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let change = domain::organizations::Change {
        name: input.text("name")?.map(str::to_owned),
        slug: input.text("slug")?.map(str::to_owned),
        ..domain::organizations::Change::default()
    };
    call.write(|tx, visit| Box::pin(own::update(tx, visit, id, &change)), bodies::organization).await
}

/// Deletes the organization.
pub async fn delete(call: FrontendCall, Id(id): Id<OrganizationId>) -> Answer {
    call.write(|tx, visit| Box::pin(own::delete(tx, visit, id)), |id| bodies::deleted("organization", id)).await
}

/// Gives the organization a new logo.
pub async fn set_logo(call: FrontendCall, Id(id): Id<OrganizationId>, upload: Upload) -> Answer {
    call.first(|tx, visit| Box::pin(own::spend_logo(tx, visit, id))).await?;
    let squares = upload.squares(call.tenant.id(), id).await?;
    call.write(|tx, visit| Box::pin(own::set_logo(tx, visit, id, &squares)), bodies::organization).await
}

/// Takes the organization's logo away.
pub async fn delete_logo(call: FrontendCall, Id(id): Id<OrganizationId>) -> Answer {
    call.write(|tx, visit| Box::pin(own::remove_logo(tx, visit, id)), bodies::removed_logo).await
}

/// The roles that the organization's members can have.
pub async fn list_roles(call: FrontendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let page = page(&query)?;
    call.read(|tx, visit| Box::pin(own::roles(tx, visit, id)), |(roles, replaced)| shown_roles(roles, *replaced, page)).await
}

fn shown_roles(all: &[Arc<Role>], replaced: bool, page: Page) -> Value {
    let (skip, take) = (usize::try_from(page.offset).unwrap_or(usize::MAX), usize::try_from(page.limit).unwrap_or(0));
    let data: Vec<Value> = all.iter().skip(skip).take(take).map(bodies::role).collect();
    json!({ "data": data, "total_count": all.len(), "has_role_set_migration": replaced })
}

/// The user's own memberships, newest first: with their total where `paginated=true` asks for it.
pub async fn list_own(call: FrontendCall, Query(query): Query) -> Answer {
    let page = page(&query)?;
    let paginated = query.flag("paginated")? == Some(true);
    call.read(
        |tx, visit| Box::pin(own::list(tx, visit, page)),
        |(found, total)| {
            let data: Vec<Value> = found.iter().map(bodies::membership).collect();
            if paginated { json!({ "data": data, "total_count": total }) } else { Value::Array(data) }
        },
    )
    .await
}

/// What a new organization of the user's could be called.
pub async fn creation_defaults(call: FrontendCall) -> Answer {
    call.read(
        |tx, visit| Box::pin(defaults::of_visitor(tx, visit)),
        |found| {
            let form =
                found.form.as_ref().map(|(name, slug)| json!({ "name": name, "slug": slug.as_deref().unwrap_or_default(), "logo": null, "blur_hash": null }));
            json!({ "form": form, "advisory": found.existing.as_ref().map(advisory) })
        },
    )
    .await
}

/// Says that there is an organization already. The contract and the SDKs read different names of the same.
fn advisory(existing: &Existing) -> Value {
    json!({
        "type": "warning",
        "message": format!("The organization {} has the domain {} already.", existing.organization, existing.domain),
        "code": "organization_already_exists",
        "severity": "warning",
        "meta": { "organization_domain": existing.domain, "organization_name": existing.organization },
    })
}

/// Leaves an organization.
pub async fn leave(call: FrontendCall, Id(id): Id<OrganizationId>) -> Answer {
    call.write(
        |tx, visit| Box::pin(async move { own::leave(tx, visit, id).await.map(|member| member.id()) }),
        |id| bodies::deleted("organization_membership", id),
    )
    .await
}

/// A page as the SDKs ask for it: they count from 0, and say nothing where ten are enough.
pub(crate) fn page(query: &Input) -> Result<Page, Problem> {
    query.page()
}
