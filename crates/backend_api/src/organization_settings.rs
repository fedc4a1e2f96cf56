//! How the instance's organizations are, as a whole.

use domain::{
    audit::Actor,
    bodies,
    organizations::roles,
    settings::{self, EnrollmentMode},
};
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

/// Changes them. What is 0 or `null` where a number is asked for is no limit.
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
        let most = input.number("max_allowed_memberships")?.filter(|most| *most != 0);
        if most.is_some_and(|most| !(1..=1_000_000_000).contains(&most)) {
            return Err(Problem::invalid("max_allowed_memberships", "must be between 0 (no limit) and 1000000000").into());
        }
        change.insert("max_allowed_memberships".to_owned(), json!(most));
    }
    if input.has("domains_enrollment_modes") {
        let modes = input.texts("domains_enrollment_modes")?;
        if modes.iter().any(|mode| EnrollmentMode::parse(mode).is_none()) {
            let words = "must be some of manual_invitation, automatic_invitation and automatic_suggestion";
            return Err(Problem::invalid("domains_enrollment_modes", words).into());
        }
        change.insert("domains_enrollment_modes".to_owned(), json!(modes));
    }
    let (creator, newcomer) = (role(&input, "creator_role_id")?, role(&input, "domains_default_role_id")?);
    let change: Map<String, Value> = if change.is_empty() { change } else { Map::from_iter([("organization_settings".to_owned(), Value::Object(change))]) };
    call.write(
        |tx| {
            Box::pin(async {
                settings::update_instance(tx, Actor::Backend, &change).await?;
                roles::set_first_roles(tx, Actor::Backend, creator, newcomer).await?;
                Ok((settings::effective(tx).await?, roles::catalogue(tx).await?))
            })
        },
        |(settings, catalogue)| bodies::organization_settings(&settings.organization_settings, catalogue),
    )
    .await
}

/// The id of a role, if one is named.
fn role(input: &Input, param: &'static str) -> Result<Option<RoleId>, Problem> {
    input.text(param)?.map(|text| RoleId::parse(text).ok_or(Problem::invalid(param, "names no role of this instance"))).transpose()
}
