//! What an organization could be called whose creator has not said yet.

use super::{create::free_slug, domains, suggestions::names_of};
use crate::{
    clients::Visit,
    settings::{self, PoolMode},
    users::User,
};
use ::store::Tx;
use foundation::Result;

/// What could stand in the form of a new organization.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// What it could be called, and a slug of that name that nobody has; absent where nothing is suggested.
    pub form: Option<(String, Option<String>)>,
    /// An organization that whoever has such an address can find already.
    pub existing: Option<Existing>,
}

/// An organization of other people at the user's domain.
#[derive(Clone, Debug)]
pub struct Existing {
    /// The name of the domain.
    pub domain: String,
    /// What it is called.
    pub organization: String,
}

/// What the visitor's organization could be called: like the domain of their address, like themselves, or like anybody's. Nothing where the settings
/// say so, or where they can create none.
///
/// # Errors
/// As [`Visit::signed_in`].
pub async fn of_visitor(tx: &mut Tx<'_>, visit: &Visit) -> Result<Defaults> {
    let (_, user) = visit.signed_in(tx).await?;
    let settings = settings::effective(tx).await?;
    let policy = &settings.organization_settings;
    let may = policy.enabled && settings.user_pool.mode == PoolMode::Shared && settings.user_actions.create_organization && user.create_organization_enabled;
    if !may || !policy.creation_defaults_enabled {
        return Ok(Defaults::default());
    }
    let name = of_address(&user).or_else(|| of_name(&user)).unwrap_or_else(|| "My Organization".to_owned());
    let slug = free_slug(tx, policy, &name).await?;
    let existing = if policy.domains_enabled { domains::offering(tx, user.id, &names_of(&user)).await? } else { None };
    Ok(Defaults { form: Some((name, slug)), existing: existing.map(|(domain, organization)| Existing { domain, organization }) })
}

/// The name of the domain of the user's verified address, if it is nobody's whose mail anybody can have.
fn of_address(user: &User) -> Option<String> {
    let address = user.primary_email().filter(|email| email.verified_by.is_some())?;
    let (_, domain) = address.norm.rsplit_once('@')?;
    // What begins with xn-- is the writing of another script, which is nobody's name.
    if domains::is_common(domain) || domain.starts_with("xn--") {
        return None;
    }
    let label = registered(domain)?;
    let mut letters = label.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect())
}

/// The part of a domain that somebody has registered, as far as its form tells: `acme` of `mail.acme.example` and of `acme.co.uk`.
fn registered(domain: &str) -> Option<&str> {
    let labels: Vec<&str> = domain.split('.').collect();
    match labels.as_slice() {
        [.., name, second, country] if country.len() == 2 && matches!(*second, "ac" | "co" | "com" | "edu" | "gov" | "net" | "org") => Some(*name),
        [.., name, _] => Some(*name),
        _ => None,
    }
}

fn of_name(user: &User) -> Option<String> {
    let name = user.first_name.as_deref().map(str::trim).filter(|name| !name.is_empty())?;
    Some(format!("{name}'s Organization"))
}

#[cfg(test)]
mod tests {
    use super::registered;

    #[test]
    fn the_registered_part_of_a_domain_is_its_name() {
        for (domain, name) in
            [("acme.com", "acme"), ("mail.acme.example", "acme"), ("acme.co.uk", "acme"), ("eu.acme.com.au", "acme"), ("co.uk", "co"), ("a.uk", "a")]
        {
            assert_eq!(registered(domain), Some(name), "{domain}");
        }
        assert_eq!(registered("localhost"), None);
    }
}
