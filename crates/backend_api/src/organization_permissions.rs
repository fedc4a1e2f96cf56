//! What roles can allow.

use crate::{
    Listing,
    organization_roles::{kept, search},
};
use domain::{
    bodies,
    organizations::roles::{self, PermissionChange},
};
use foundation::{PermissionId, Problem};
use web::{Answer, BackendCall, Id, Input, NoBody, Query};

fn change(input: &Input) -> Result<PermissionChange, Problem> {
    input.only(&["name", "key", "description"])?;
    Ok(PermissionChange { name: kept(input, "name")?, key: kept(input, "key")?, description: input.change("description")? })
}

/// A page of permissions, newest first; the system's too.
pub async fn list(call: BackendCall, Query(query): Query) -> Answer {
    let search = search(&query)?;
    call.read(
        |tx| Box::pin(async { Ok(search.of(&roles::catalogue(tx).await?.permissions)) }),
        |(found, total)| Listing::WithTotal.body(found.iter().map(bodies::permission).collect(), *total),
    )
    .await
}

/// Makes a permission.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    let new = change(&input)?;
    for needed in [input.required("key"), input.required("name")] {
        needed?;
    }
    call.write(|tx| Box::pin(roles::create_permission(tx, call.actor, &new)), bodies::permission).await
}

/// A permission.
pub async fn show(call: BackendCall, Id(id): Id<PermissionId>) -> Answer {
    call.read(|tx| Box::pin(roles::get_permission(tx, id)), bodies::permission).await
}

/// Changes a permission.
pub async fn update(call: BackendCall, Id(id): Id<PermissionId>, input: Input) -> Answer {
    let change = change(&input)?;
    call.write(|tx| Box::pin(roles::update_permission(tx, call.actor, id, &change)), bodies::permission).await
}

/// Deletes a permission, and takes it from all roles.
pub async fn delete(call: BackendCall, Id(id): Id<PermissionId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(roles::delete_permission(tx, call.actor, id)), |gone| bodies::deleted("permission", gone.id)).await
}
