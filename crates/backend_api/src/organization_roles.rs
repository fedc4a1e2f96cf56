//! Roles of members of organizations.

use crate::Listing;
use domain::{
    bodies,
    organizations::roles::{self, Place, RoleChange, Search},
};
use foundation::{PermissionId, Problem, RoleId};
use web::{Answer, BackendCall, Id, Input, NoBody, Query, Within};

/// What is searched for in a list of roles, permissions or role sets.
pub(crate) fn search(query: &Input) -> Result<Search, Problem> {
    let order = query.order()?;
    Ok(Search { query: query.first("query")?.map(str::to_owned), order, page: query.page()? })
}

/// Text that is to be changed, and cannot be taken away.
pub(crate) fn kept(input: &Input, param: &'static str) -> Result<Option<String>, Problem> {
    match input.text(param)? {
        Some("") => Err(Problem::ParamMissing(param)),
        text => Ok(text.map(str::to_owned)),
    }
}

fn change(input: &Input) -> Result<RoleChange, Problem> {
    Ok(RoleChange { name: kept(input, "name")?, key: kept(input, "key")?, description: input.change("description")?, permissions: input.list("permissions")? })
}

/// A page of roles, newest first.
pub async fn list(call: BackendCall, Query(query): Query) -> Answer {
    let search = search(&query)?;
    call.read(
        |tx| Box::pin(async { Ok(search.of(&roles::catalogue(tx).await?.roles)) }),
        |(found, total)| Listing::WithTotal.body(found.iter().map(bodies::role).collect(), *total),
    )
    .await
}

/// Makes a role.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    input.only(&["name", "key", "description", "permissions", "include_in_initial_role_set"])?;
    let new = change(&input)?;
    for needed in [input.required("key"), input.required("name")] {
        needed?;
    }
    let place = if input.flag("include_in_initial_role_set")? == Some(true) { Place::InitialSet } else { Place::Nowhere };
    call.write(|tx| Box::pin(roles::create_role(tx, call.actor, &new, place)), bodies::role).await
}

/// A role.
pub async fn show(call: BackendCall, Id(id): Id<RoleId>) -> Answer {
    call.read(|tx| Box::pin(roles::get_role(tx, id)), bodies::role).await
}

/// Changes a role.
pub async fn update(call: BackendCall, Id(id): Id<RoleId>, input: Input) -> Answer {
    input.only(&["name", "key", "description", "permissions"])?;
    let change = change(&input)?;
    call.write(|tx| Box::pin(roles::update_role(tx, call.actor, id, &change)), bodies::role).await
}

/// Deletes a role that nobody has.
pub async fn delete(call: BackendCall, Id(id): Id<RoleId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(roles::delete_role(tx, call.actor, id)), |gone| bodies::deleted("role", gone.id)).await
}

/// Lets a role allow something more.
pub async fn assign_permission(call: BackendCall, Within(id, permission): Within<RoleId, PermissionId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(roles::assign_permission(tx, call.actor, id, permission)), bodies::role).await
}

/// Lets a role allow something no more.
pub async fn remove_permission(call: BackendCall, Within(id, permission): Within<RoleId, PermissionId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(roles::remove_permission(tx, call.actor, id, permission)), bodies::role).await
}
