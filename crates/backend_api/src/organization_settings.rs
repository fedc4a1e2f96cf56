//! How the instance's organizations are, as a whole.

use domain::{audit::Actor, bodies, organizations::roles, settings};
use foundation::{Id as _, Problem, RoleId};
use serde_json::{Map, Value, json};
use web::{Answer, BackendCall, Input};

/// The settings of organizations.
pub async fn show(call: BackendCall) -> Answer {
    call.read(
        |tx| Box::pin(async move { Ok((settings::effective(tx).await?, roles::catalogue(tx).await?)) }),
        |(settings, catalogue)| bodies::organization_settings(&settings.organization_settings, catalogue),
    )
    .await
}

/// Changes them. Of the number of members 0 is no limit, and `null` what the instance inherits.
pub async fn update(call: BackendCall, input: Input) -> Answer {
    input.only(&[
        "enabled",
        "max_allowed_memberships",
        "admin_delete_enabled",
        "domains_enabled",
        "slug_disabled",
        "domains_enrollment_modes",
        "creator_role_id",
        "domains_default_role_id",
    ])?;
    let mut change = Map::new();
    for name in ["enabled", "admin_delete_enabled", "domains_enabled", "slug_disabled"] {
        if let Some(flag) = input.flag(name)? {
            change.insert(name.to_owned(), flag.into());
        }
    }
    if input.has("max_allowed_memberships") {
        change.insert("max_allowed_memberships".to_owned(), json!(input.number("max_allowed_memberships")?));
    }
    if input.has("domains_enrollment_modes") {
        change.insert("domains_enrollment_modes".to_owned(), json!(input.texts("domains_enrollment_modes")?));
    }
    let (creator, newcomer) = (role(&input, "creator_role_id")?, role(&input, "domains_default_role_id")?);
    let change: Map<String, Value> = if change.is_empty() { change } else { Map::from_iter([("organization_settings".to_owned(), Value::Object(change))]) };
    call.write(
        |tx| {
            Box::pin(async {
                settings::update_by_parameters(tx, Actor::Backend, &change, parameter).await?;
                roles::set_first_roles(tx, Actor::Backend, creator, newcomer).await?;
                Ok((settings::effective(tx).await?, roles::catalogue(tx).await?))
            })
        },
        |(settings, catalogue)| bodies::organization_settings(&settings.organization_settings, catalogue),
    )
    .await
}

/// What the operation takes, of these keys of the tree.
const PARAMETERS: [&str; 6] = ["enabled", "max_allowed_memberships", "admin_delete_enabled", "domains_enabled", "slug_disabled", "domains_enrollment_modes"];

/// As what a backend says a key of the tree.
fn parameter(key: &str) -> Option<&'static str> {
    let name = key.strip_prefix("organization_settings.")?;
    PARAMETERS.into_iter().find(|param| *param == name)
}

/// The id of a role, if one is named.
fn role(input: &Input, param: &'static str) -> Result<Option<RoleId>, Problem> {
    input.text(param)?.map(|text| RoleId::parse(text).ok_or(Problem::invalid(param, "names no role of this instance"))).transpose()
}
