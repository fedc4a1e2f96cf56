//! How the catalogue changes: one change of an instance's roles after another, and each leaves behind what organizations can go on with.

use super::{Catalogue, Role, catalogue, changed, store, stored};
use crate::{counters, organizations::active};
use ::store::Tx;
use foundation::{Problem, Result, text};
use std::sync::Arc;

/// The most characters of each part of a key.
const LONGEST: usize = 64;

/// Begins a change: whoever else changes the catalogue comes after. The catalogue as it is until then.
pub(super) async fn begin(tx: &mut Tx<'_>) -> Result<Arc<Catalogue>> {
    changed(tx).await?;
    stored(tx).await
}

/// Holds the catalogue as it is until the transaction ends: nobody takes anything from a role meanwhile.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn hold(tx: &mut Tx<'_>) -> Result<()> {
    counters::hold(tx, counters::Counter::RolesVersion).await
}

/// Ends a change that was begun: refuses, naming the parameter, what no organization, no creator or no token could live with. The catalogue
/// as it is from here on.
pub(super) async fn settle(tx: &mut Tx<'_>, before: &Catalogue, param: &'static str) -> Result<Arc<Catalogue>> {
    let after = catalogue(tx).await?;
    for role in &after.roles {
        if before.role(role.id) != Some(role) {
            ensure_fits_tokens(role, param)?;
        }
    }
    if after.sets.iter().filter_map(|set| after.role(set.creator_role)).any(|role| !role.is_creator_eligible()) {
        return Err(Problem::CreatorRole(param).into());
    }
    for set in &after.sets {
        let (had, has) = (before.elevated_of(set.id), after.elevated_of(set.id));
        let lost: Vec<_> = had.into_iter().filter(|role| !has.contains(role)).collect();
        if !lost.is_empty() && store::leaves_unmanaged(tx, set.id, &lost, &has).await? {
            return Err(Problem::MinimumPermissions.into());
        }
    }
    Ok(after)
}

/// Refuses a role that would say more in session tokens than there is room for in the cookie that they travel in.
fn ensure_fits_tokens(role: &Role, param: &'static str) -> Result<(), Problem> {
    let (bytes, actions) = active::extent(role);
    if bytes > active::MOST_BYTES {
        let why = format!("would make the role {} say {bytes} bytes in every session token: there is room for {}", role.key, active::MOST_BYTES);
        return Err(Problem::invalid(param, why));
    }
    if actions > active::MOST_ACTIONS {
        let why = format!(
            "would give the role {} permissions that end in {actions} different words: session tokens have room for {}",
            role.key,
            active::MOST_ACTIONS
        );
        return Err(Problem::invalid(param, why));
    }
    Ok(())
}

/// Checks a key: what it begins with, and how many parts of lower-case letters, digits and underscores follow.
pub(super) fn check_key(key: &str, prefix: &str, parts: usize) -> bool {
    let plain = |part: &str| (1..=LONGEST).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    key.strip_prefix(prefix).is_some_and(|rest| rest.split(':').count() == parts && rest.split(':').all(plain))
}

/// Checks what something is to be called; without the blanks around it.
pub(super) fn name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Problem::ParamMissing("name"));
    }
    if name.chars().count() > 256 || text::has_control(name) {
        return Err(Problem::invalid("name", "must have at most 256 characters and no control characters"));
    }
    if text::is_blank(name) {
        return Err(Problem::invalid("name", "must have characters that can be seen"));
    }
    Ok(name.to_owned())
}

/// Checks what something is said to be for; none where nothing is said.
pub(super) fn description(text: Option<&str>) -> Result<Option<String>, Problem> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > 1_024 || text::has_control(text) => {
            Err(Problem::invalid("description", "must have at most 1024 characters and no control characters"))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// Refuses where there are as many as there may be. The catalogue is held.
pub(super) fn ensure_room(what: &'static str, there_are: usize, most: i64) -> Result<(), Problem> {
    if i64::try_from(there_are).is_ok_and(|count| count < most) { Ok(()) } else { Err(Problem::LimitReached(what, most)) }
}

#[cfg(test)]
mod tests {
    use super::check_key;

    #[test]
    fn keys_have_a_prefix_and_plain_parts() {
        for key in ["org:admin", "org:a", "org:team_lead_2", "org:1"] {
            assert!(check_key(key, "org:", 1), "{key}");
        }
        for key in ["", "org:", "admin", "Org:admin", "org:Admin", "org:ad min", "org:a:b", "org:é", "org:a-b", " org:a", "org:a\n", "xorg:a"] {
            assert!(!check_key(key, "org:", 1), "{key}");
        }
        assert!(check_key("org:invoices:create", "org:", 2));
        for key in ["org:invoices", "org:invoices:", "org::create", "org:a:b:c", "org:a,b:c"] {
            assert!(!check_key(key, "org:", 2), "{key}");
        }
        assert!(!check_key(&format!("org:{}", "a".repeat(65)), "org:", 1));
    }
}
