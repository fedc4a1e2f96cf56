//! The roles that people have in a new organization.

use super::{catalogue, changed, store, stored};
use crate::audit::{self, Actor};
use ::store::Tx;
use foundation::{Problem, Result, RoleId};
use serde_json::json;

/// Says which roles creators and newcomers of organizations with the initial set have; what is absent stays.
///
/// # Errors
/// [`Problem::ParamInvalid`] where the initial set has no such role, or creators cannot have it; [`Problem::AttemptState`] while its roles are being
/// replaced.
pub async fn set_first_roles(tx: &mut Tx<'_>, actor: Actor<'_>, creator: Option<RoleId>, newcomer: Option<RoleId>) -> Result<()> {
    if creator.is_none() && newcomer.is_none() {
        return Ok(());
    }
    stored(tx).await?;
    changed(tx).await?;
    let known = catalogue(tx).await?;
    let set = known.initial()?;
    super::replace::ensure_calm(&known, set)?;
    for (param, role) in [("creator_role_id", creator), ("domains_default_role_id", newcomer)] {
        if role.is_some_and(|role| !set.roles.contains(&role)) {
            return Err(Problem::invalid(param, "names no role of the initial role set").into());
        }
    }
    if creator.and_then(|id| known.role(id)).is_some_and(|role| !role.is_creator_eligible()) {
        let why = "must name a role that can read and manage members, and delete the organization";
        return Err(Problem::invalid("creator_role_id", why).into());
    }
    let (creator, newcomer) = (creator.unwrap_or(set.creator_role), newcomer.unwrap_or(set.default_role));
    store::set_first_roles(tx, set.id, creator, newcomer).await?;
    audit::record(tx, actor, "role_set.update", &set.id.to_string(), &json!({ "creator_role_id": creator, "default_role_id": newcomer })).await
}
