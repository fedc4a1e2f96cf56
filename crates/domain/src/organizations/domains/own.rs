//! What members do with their organization's domains. They are found to be members first, and to be allowed second.

use super::{Change, Domain, Filter, Order, Pending, Shown, Start, get as get_domain, policy, shown, verify};
use crate::{
    Verdict,
    clients::Visit,
    organizations::{
        hold,
        own::{self, Entered},
        roles,
    },
    settings,
};
use ::store::Tx;
use foundation::{EmailAddress, Error, OrganizationDomainId, OrganizationId, Page, Problem, Result, Secret};

/// The organization and one of its domains.
type Which = (OrganizationId, OrganizationDomainId);

/// Finds the visitor to be a member who may manage the domains.
async fn manager(tx: &mut Tx<'_>, visit: &Visit, organization: OrganizationId) -> Result<Entered> {
    let entered = own::enter(tx, visit, organization).await?.ensure(roles::MANAGE_DOMAINS)?;
    policy(tx).await?;
    Ok(entered)
}

/// As [`manager`]; with a domain, whose organization is held.
async fn managed(tx: &mut Tx<'_>, visit: &Visit, (organization, id): Which) -> Result<(Entered, Domain)> {
    let entered = manager(tx, visit, organization).await?;
    hold(tx, organization).await?;
    Ok((entered, get_domain(tx, organization, id).await?))
}

/// What whoever may only look is not told: the text that has to be published.
fn hushed(mut shown: Shown, entered: &Entered) -> Shown {
    if !entered.belonging.role.allows(roles::MANAGE_DOMAINS) {
        shown.domain.ownership.value = None;
    }
    shown
}

/// A page of the organization's domains, and how many there are. None where domains are off: the SDKs' profile of an organization asks all the same.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`].
pub async fn list(tx: &mut Tx<'_>, visit: &Visit, filter: &Filter, page: Page) -> Result<(Vec<Shown>, i64)> {
    let organization = filter.organization.ok_or(Problem::NotFound)?;
    let entered = own::enter(tx, visit, organization).await?.ensure(roles::READ_DOMAINS)?;
    if !settings::effective(tx).await?.organization_settings.domains_enabled {
        return Ok((Vec::new(), 0));
    }
    let found = super::list(tx, filter, Order::default(), page).await?;
    Ok((found.into_iter().map(|shown| hushed(shown, &entered)).collect(), super::count(tx, filter).await?))
}

/// A domain.
///
/// # Errors
/// As [`list`]; [`Problem::DomainsOff`]; [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, visit: &Visit, (organization, id): Which) -> Result<Shown> {
    let entered = own::enter(tx, visit, organization).await?.ensure(roles::READ_DOMAINS)?;
    policy(tx).await?;
    let domain = get_domain(tx, organization, id).await?;
    Ok(hushed(shown(tx, domain).await?, &entered))
}

/// Adds a domain, not verified yet.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; as [`super::create`].
pub async fn create(tx: &mut Tx<'_>, visit: &Visit, organization: OrganizationId, new: (&str, Option<&str>)) -> Result<Shown> {
    let entered = manager(tx, visit, organization).await?;
    super::create(tx, entered.actor(), organization, new, Start::Unverified).await
}

/// What came of several: what went well, and what was refused and why.
pub type Several<T> = (Vec<Shown>, Vec<(T, Problem)>);

/// Sorts an outcome into what went well and what was refused; what the database says ends it all.
fn sort<T>(several: &mut Several<T>, what: T, outcome: Result<Shown>) -> Result<()> {
    match outcome {
        Ok(shown) => several.0.push(shown),
        Err(Error::Refused(problem)) => several.1.push((what, *problem)),
        Err(other) => return Err(other),
    }
    Ok(())
}

/// Adds several domains, not verified yet. A name that stands there twice is added once.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]. What is refused of a single name is told beside the others.
pub async fn create_all(tx: &mut Tx<'_>, visit: &Visit, organization: OrganizationId, (names, mode): (&[String], Option<&str>)) -> Result<Several<String>> {
    let entered = manager(tx, visit, organization).await?;
    let mut several = Several::default();
    for (index, name) in names.iter().enumerate() {
        if !names.iter().take(index).any(|earlier| earlier == name) {
            let outcome = super::create(tx, entered.actor(), organization, (name, mode), Start::Unverified).await;
            sort(&mut several, name.clone(), outcome)?;
        }
    }
    Ok(several)
}

/// Takes a domain away.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; [`Problem::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, visit: &Visit, (organization, id): Which) -> Result<OrganizationDomainId> {
    let entered = own::enter(tx, visit, organization).await?.ensure(roles::MANAGE_DOMAINS)?;
    super::delete(tx, entered.actor(), organization, id).await
}

/// Says how people with an address at the domain come to the organization.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; as [`super::update`].
pub async fn set_mode(tx: &mut Tx<'_>, visit: &Visit, (organization, id): Which, mode: &str, pending: Pending) -> Result<Shown> {
    let entered = manager(tx, visit, organization).await?;
    super::update(tx, entered.actor(), organization, id, Change { mode: Some(mode), verified: None, pending }).await
}

/// Mails a code to an address at the domain.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; [`Problem::NotFound`]; [`Problem::AlreadyVerified`]; [`Problem::ParamInvalid`] for an address that is
/// elsewhere; [`Problem::TooManyRequests`]; [`Problem::LimitReached`].
pub async fn prepare_affiliation(tx: &mut Tx<'_>, visit: &Visit, which: Which, to: &EmailAddress) -> Result<Shown> {
    let (entered, domain) = managed(tx, visit, which).await?;
    verify::prepare_affiliation(tx, visit, (entered.actor(), entered.user.id), domain, to).await
}

/// Tries the code that was mailed. A wrong one is an answer, whose count is kept.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; [`Problem::NotFound`]; [`Problem::AlreadyVerified`]; [`Problem::VerificationMissing`];
/// [`Problem::IdentifierExists`] where another organization has verified the domain.
pub async fn attempt_affiliation(tx: &mut Tx<'_>, visit: &Visit, which: Which, code: &Secret) -> Result<Verdict<Shown>> {
    let (entered, domain) = managed(tx, visit, which).await?;
    verify::attempt_affiliation(tx, visit, (entered.actor(), entered.user.id), domain, code).await
}

/// Draws a text that has to be published in the domain's zone.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; [`Problem::NotFound`]; [`Problem::AlreadyVerified`].
pub async fn prepare_ownership(tx: &mut Tx<'_>, visit: &Visit, which: Which) -> Result<Shown> {
    let (entered, domain) = managed(tx, visit, which).await?;
    verify::prepare_ownership(tx, entered.actor(), domain).await
}

/// As [`prepare_ownership`], for several.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]. What is refused of a single domain is told beside the others.
pub async fn prepare_ownership_of_all(
    tx: &mut Tx<'_>,
    visit: &Visit,
    organization: OrganizationId,
    ids: &[OrganizationDomainId],
) -> Result<Several<OrganizationDomainId>> {
    manager(tx, visit, organization).await?;
    let mut several = Several::default();
    for id in ids {
        let outcome = prepare_ownership(tx, visit, (organization, *id)).await;
        sort(&mut several, *id, outcome)?;
    }
    Ok(several)
}

/// What is to be looked for in a domain's zone, and where.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The name of the record.
    pub record: String,
    /// Its text.
    pub value: String,
}

/// Finds the visitor to be a member who may manage the domains.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; [`Problem::DomainsOff`].
pub async fn ensure_manager(tx: &mut Tx<'_>, visit: &Visit, organization: OrganizationId) -> Result<()> {
    manager(tx, visit, organization).await.map(drop)
}

/// What is to be looked for. The look is counted.
///
/// # Errors
/// As [`prepare_ownership`]; [`Problem::VerificationMissing`]; [`Problem::VerificationExpired`]; [`Problem::TooManyRequests`].
pub async fn challenge(tx: &mut Tx<'_>, visit: &Visit, which: Which) -> Result<Challenge> {
    let (_, domain) = managed(tx, visit, which).await?;
    Ok(Challenge { value: verify::challenge(tx, &domain).await?, record: verify::record_name(&domain.name) })
}

/// Notes what was found. Not to find the text is an answer: the domain is not verified yet.
///
/// # Errors
/// As [`prepare_ownership`]; [`Problem::IdentifierExists`] where another organization has verified the domain.
pub async fn conclude(tx: &mut Tx<'_>, visit: &Visit, which: Which, found: &[String]) -> Result<Shown> {
    let (entered, domain) = managed(tx, visit, which).await?;
    verify::conclude(tx, entered.actor(), domain, found).await
}
