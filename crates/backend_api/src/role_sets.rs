//! Roles that belong together.

use crate::{
    Listing,
    organization_roles::{kept, search},
};
use domain::{
    bodies,
    organizations::roles::{self, SetChange},
};
use foundation::Problem;
use std::collections::BTreeMap;
use web::{Answer, BackendCall, Input, Named, Query};

/// A page of role sets, newest first.
pub async fn list(call: BackendCall, Query(query): Query) -> Answer {
    let search = search(&query)?;
    call.read(|tx| Box::pin(roles::list_sets(tx, &search)), |(found, total)| Listing::WithTotal.body(found.iter().map(bodies::role_set).collect(), *total))
        .await
}

fn change(input: &Input) -> Result<SetChange, Problem> {
    Ok(SetChange {
        name: kept(input, "name")?,
        key: kept(input, "key")?,
        description: input.change("description")?,
        initial: input.text("type")? == Some("initial"),
        default_role_key: kept(input, "default_role_key")?,
        creator_role_key: kept(input, "creator_role_key")?,
        role_keys: Vec::new(),
    })
}

/// Makes a role set.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    input.only(&["name", "key", "description", "default_role_key", "creator_role_key", "type", "roles"])?;
    if !matches!(input.text("type")?, None | Some("initial" | "custom")) {
        return Err(Problem::invalid("type", "must be initial or custom").into());
    }
    let new = SetChange { role_keys: input.texts("roles")?, ..change(&input)? };
    call.write(|tx| Box::pin(roles::create_set(tx, call.actor, &new)), bodies::role_set).await
}

/// A role set, by its key or its id.
pub async fn show(call: BackendCall, Named(name): Named) -> Answer {
    let name = name.as_str();
    call.read(|tx| Box::pin(roles::get_set(tx, name)), bodies::role_set).await
}

/// Changes a role set.
pub async fn update(call: BackendCall, Named(name): Named, input: Input) -> Answer {
    input.only(&["name", "key", "description", "type", "default_role_key", "creator_role_key"])?;
    if !matches!(input.text("type")?, None | Some("initial")) {
        return Err(Problem::invalid("type", "must be initial: another set takes its place by becoming the initial one").into());
    }
    let (name, change) = (name.as_str(), change(&input)?);
    call.write(|tx| Box::pin(roles::update_set(tx, call.actor, name, &change)), bodies::role_set).await
}

/// Puts another role set in the place of one, which is gone then.
pub async fn replace(call: BackendCall, Named(name): Named, input: Input) -> Answer {
    input.only(&["dest_role_set_key", "reassignment_mappings"])?;
    let (name, dest) = (name.as_str(), input.required("dest_role_set_key")?);
    let fault = Problem::ParamFormat("reassignment_mappings", "an object of role keys");
    let said = input.object("reassignment_mappings")?.unwrap_or_default();
    let mappings: BTreeMap<String, String> =
        said.into_iter().map(|(from, to)| to.as_str().map(|to| (from, to.to_owned())).ok_or(fault.clone())).collect::<Result<_, _>>()?;
    call.write(|tx| Box::pin(roles::replace_set(tx, call.actor, name, dest, &mappings)), |gone| bodies::deleted("role_set", gone)).await
}

/// Puts further roles into a role set.
pub async fn add_roles(call: BackendCall, Named(name): Named, input: Input) -> Answer {
    input.only(&["role_keys", "default_role_key", "creator_role_key"])?;
    let (name, change) = (name.as_str(), SetChange { role_keys: input.texts("role_keys")?, ..change(&input)? });
    call.write(|tx| Box::pin(roles::add_roles(tx, call.actor, name, &change)), bodies::role_set).await
}

/// Takes a role out of a role set: whoever has it gets another one.
pub async fn replace_role(call: BackendCall, Named(name): Named, input: Input) -> Answer {
    input.only(&["role_key", "to_role_key"])?;
    let (name, key, to_key) = (name.as_str(), input.required("role_key")?, input.required("to_role_key")?);
    call.write(|tx| Box::pin(roles::replace_role(tx, call.actor, name, key, to_key)), bodies::role_set).await
}
