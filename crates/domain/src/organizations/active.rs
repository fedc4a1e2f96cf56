//! The organization that a session is in, and what its tokens say of it.

use super::{
    memberships,
    roles::{Kind, Permission, Role},
    store,
};
use crate::{sessions::Session, settings, users::User};
use ::store::Tx;
use foundation::{OrganizationId, Problem, Result, UserId};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// Which organization a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one that the session is in.
    Sessions,
    /// None: the user's personal account.
    Personal,
    /// This one.
    One(OrganizationId),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Sessions => f.write_str("session"),
            Wanted::Personal => f.write_str("personal"),
            Wanted::One(id) => id.fmt(f),
        }
    }
}

/// An organization that a user is in.
#[derive(Clone, Debug)]
pub struct Active {
    /// Which.
    pub id: OrganizationId,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// What they are there.
    pub role: Arc<Role>,
}

/// The id of an organization that the user belongs to, named by id or slug.
///
/// # Errors
/// [`Problem::OrganizationUnknown`] where there is none, or they do not belong to it.
pub async fn choose(tx: &mut Tx<'_>, user: UserId, id_or_slug: &str) -> Result<OrganizationId> {
    let id = store::id_of(tx, id_or_slug).await?.ok_or(Problem::OrganizationUnknown)?;
    if memberships::find(tx, id, user).await?.is_none() {
        return Err(Problem::OrganizationUnknown.into());
    }
    store::seen(tx, id).await?;
    Ok(id)
}

/// What a token of the session says of an organization. A session that is in one to which its user does not belong any more is in none.
///
/// # Errors
/// [`Problem::OrganizationUnknown`] where one is wanted that the user does not belong to.
pub async fn of_session(tx: &mut Tx<'_>, session: &Session, wanted: Wanted) -> Result<Option<Active>> {
    let settings = settings::effective(tx).await?;
    if !settings.organization_settings.enabled {
        return if let Wanted::One(_) = wanted { Err(Problem::OrganizationUnknown.into()) } else { Ok(None) };
    }
    // Where nobody works in a personal account, whoever asks for it stays where they are.
    let wanted = if wanted == Wanted::Personal && settings.holds_to_organizations() { Wanted::Sessions } else { wanted };
    let id = match wanted {
        Wanted::Personal => return Ok(None),
        Wanted::One(id) => id,
        Wanted::Sessions => match session.organization {
            Some(id) => id,
            None => return Ok(None),
        },
    };
    match memberships::find(tx, id, session.user).await? {
        Some(belonging) => Ok(Some(Active { id, slug: belonging.organization.slug, role: belonging.role })),
        None if wanted == Wanted::Sessions => Ok(None),
        None => Err(Problem::OrganizationUnknown.into()),
    }
}

impl Active {
    /// The one that a session is in, by its user's memberships.
    pub fn of(session: &Session, user: &User) -> Option<Active> {
        let id = session.organization?;
        let found = user.memberships.iter().find(|belonging| belonging.organization.id == id)?;
        Some(Active { id, slug: found.organization.slug.clone(), role: Arc::clone(&found.role) })
    }

    /// The claim `o`, and the features that `fpm` counts by, in this order, for the claim `fea`. Only the application's own permissions are in it:
    /// `per` names what may be done, and `fpm` has a number for each feature, whose bit `i` says whether `per[i]` may be done with it.
    pub fn claims(&self) -> (Value, Option<String>) {
        let mut claim = Map::new();
        claim.insert("id".to_owned(), json!(self.id));
        if let Some(slug) = &self.slug {
            claim.insert("slg".to_owned(), json!(slug));
        }
        claim.insert("rol".to_owned(), json!(self.role.key.trim_start_matches("org:")));
        let own: Vec<_> = self.role.permissions.iter().filter(|permission| permission.kind == Kind::User).collect();
        if own.is_empty() {
            return (Value::Object(claim), None);
        }
        let features: BTreeSet<&str> = own.iter().map(|permission| permission.feature()).collect();
        let actions: BTreeSet<&str> = own.iter().map(|permission| permission.action()).collect();
        let bits = |feature: &str| {
            let has = |action: &str| own.iter().any(|permission| permission.feature() == feature && permission.action() == action);
            actions.iter().enumerate().fold(0_u128, |bits, (place, action)| bits | (u128::from(has(action)) << place))
        };
        let list = |words: &BTreeSet<&str>| words.iter().copied().collect::<Vec<_>>().join(",");
        let maps: Vec<String> = features.iter().map(|feature| bits(feature).to_string()).collect();
        claim.insert("per".to_owned(), json!(list(&actions)));
        claim.insert("fpm".to_owned(), json!(maps.join(",")));
        let features: Vec<String> = features.iter().map(|feature| format!("o:{feature}")).collect();
        (Value::Object(claim), Some(features.join(",")))
    }
}

/// The most bytes that a role and its permissions have in session tokens. With all else that a token says it stays within the 4 KB of a cookie.
pub(super) const MOST_BYTES: usize = 1_536;
/// The most different words at the end of a role's permissions: each is a bit of numbers that all languages must read exactly.
pub(super) const MOST_ACTIONS: usize = 53;

/// How many bytes tokens say of a role, and in how many different words its permissions end.
pub(super) fn extent(role: &Role) -> (usize, usize) {
    let own = || role.permissions.iter().filter(|permission| permission.kind == Kind::User);
    let features: BTreeSet<&str> = own().map(Permission::feature).collect();
    let actions: BTreeSet<&str> = own().map(Permission::action).collect();
    // A feature is named with its prefix, and has a number of as many digits as the actions have bits, about.
    let digits = actions.len() * 302 / 1_000 + 2;
    let bytes: usize = features.iter().map(|feature| feature.len() + "o:,".len() + digits).sum();
    (role.key.len() + bytes + actions.iter().map(|action| action.len() + 1).sum::<usize>(), actions.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::{Id, Ksuid, PermissionId, RoleId, Timestamp};

    fn role(keys: &[(&str, Kind)]) -> Arc<Role> {
        let at = Timestamp::from_millis(0);
        let permission = |(key, kind): &(&str, Kind)| Permission {
            id: PermissionId::from_ksuid(Ksuid::from_bytes([1; 20])),
            key: (*key).to_owned(),
            name: String::new(),
            description: None,
            kind: *kind,
            created_at: at,
            updated_at: at,
        };
        Arc::new(Role {
            id: RoleId::from_ksuid(Ksuid::from_bytes([2; 20])),
            key: "org:accountant".to_owned(),
            name: String::new(),
            description: None,
            permissions: keys.iter().map(permission).collect(),
            created_at: at,
            updated_at: at,
        })
    }

    fn claims(keys: &[(&str, Kind)]) -> (Value, Option<String>) {
        let id = OrganizationId::from_ksuid(Ksuid::from_bytes([3; 20]));
        Active { id, slug: Some("acme".to_owned()), role: role(keys) }.claims()
    }

    #[test]
    fn a_role_without_permissions_of_the_application_says_only_its_name() {
        let (claim, features) = claims(&[("org:sys_profile:manage", Kind::System)]);
        assert_eq!(claim["rol"], "accountant");
        assert_eq!(claim["slg"], "acme");
        assert_eq!((claim.get("per"), claim.get("fpm"), features), (None, None, None));
    }

    #[test]
    fn the_extent_of_a_role_is_no_less_than_what_its_claims_take() {
        for (features, actions) in [(1, 1), (40, 1), (1, 40), (12, 8), (6, 53)] {
            let keys: Vec<String> = (0..features).flat_map(|f| (0..actions).map(move |a| format!("org:feature{f}:action{a}"))).collect();
            let keys: Vec<(&str, Kind)> = keys.iter().map(|key| (key.as_str(), Kind::User)).collect();
            let (claim, fea) = claims(&keys);
            let said = ["rol", "per", "fpm"].iter().map(|name| claim[name].as_str().map_or(0, str::len)).sum::<usize>() + fea.map_or(0, |fea| fea.len());
            let (bytes, words) = extent(&role(&keys));
            assert!((said..said + 50 + 3 * features).contains(&bytes), "{features} {actions}: {said} of {bytes}");
            assert_eq!(words, actions);
        }
    }

    #[test]
    fn bits_count_from_the_first_action_for_each_feature() {
        let own = ["org:invoices:read", "org:invoices:create", "org:reports:read", "org:teams:delete"].map(|key| (key, Kind::User));
        let (claim, features) = claims(&own);
        assert_eq!(features.as_deref(), Some("o:invoices,o:reports,o:teams"));
        assert_eq!(claim["per"], "create,delete,read");
        assert_eq!(claim["fpm"], "5,4,2");
    }
}
