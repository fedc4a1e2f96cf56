//! Suggestions: whom the domains of organizations have told that they may join.
//!
//! There is one row for each user and organization, for good: it also says that nothing is to be offered again, because the user has
//! belonged to the organization, has asked to join, or was invited: by somebody, or by the domain itself. Only proven addresses count, only verified domains, and only addresses
//! that are exactly at one.

mod store;

use super::{
    Organization, domains,
    domains::of_address,
    invitations::{self, OfDomain},
    memberships, of_ids, requests,
};
use crate::{
    audit::Actor,
    clients::Visit,
    settings::{self, EnrollmentMode, OrganizationSettings, PoolMode},
    users::User,
};
use ::store::{Tx, text_enum};
use foundation::{OrganizationDomainId, OrganizationId, OrganizationInvitationId, Page, Problem, Result, SuggestionId, Timestamp, UserId};

text_enum! {
    /// What has become of a suggestion.
    pub enum Status {
        /// The user may ask to join.
        Pending = "pending",
        /// The user has asked to join, and nobody has answered.
        Accepted = "accepted",
        /// Nothing is offered, and nothing will be: not shown.
        Closed = "closed",
    }
}

/// A suggestion.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// Its id.
    pub id: SuggestionId,
    /// What could be joined.
    pub organization: OrganizationId,
    /// What has become of it.
    pub status: Status,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A verified domain at which a user has an address.
#[derive(Clone, Copy, Debug)]
struct Match {
    domain: OrganizationDomainId,
    organization: OrganizationId,
    mode: EnrollmentMode,
}

/// The names of the domains at which the user has proven addresses.
pub(super) fn names_of(user: &User) -> Vec<String> {
    let mut names: Vec<String> = user.emails().filter(|email| email.verified_by.is_some()).map(|email| of_address(&email.norm).to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// The settings of organizations, where domains offer something: whose users have pools of their own can join no other organization.
async fn policy(tx: &mut Tx<'_>) -> Result<Option<OrganizationSettings>> {
    let settings = settings::effective(tx).await?;
    let policy = &settings.organization_settings;
    let offers = policy.enabled && policy.domains_enabled && settings.user_pool.mode == PoolMode::Shared;
    Ok(offers.then(|| policy.clone()))
}

/// Offers the user what the domains of their addresses offer, if it was not offered before. Where organizations have no domains this costs nothing,
/// and one statement where nothing is new.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn evaluate(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    let Some(policy) = policy(tx).await?.filter(|_| !user.banned) else { return Ok(()) };
    let names = names_of(user);
    if names.is_empty() {
        return Ok(());
    }
    for found in store::unoffered(tx, user.id, &names).await? {
        offer(tx, user, found, &policy).await?;
    }
    Ok(())
}

async fn offer(tx: &mut Tx<'_>, user: &User, found: Match, policy: &OrganizationSettings) -> Result<()> {
    // A mode that a layer has taken back since is none.
    if !policy.domains_enrollment_modes.contains(&found.mode) {
        return Ok(());
    }
    match found.mode {
        EnrollmentMode::AutomaticSuggestion => {
            tx.must_write()?;
            store::offer(tx, found, user.id, Status::Pending).await.map(drop)
        }
        EnrollmentMode::AutomaticInvitation => invite(tx, user, found).await,
        EnrollmentMode::ManualInvitation => Ok(()),
    }
}

/// Invites the user, once and for good, if there is a seat and nothing that they belong to stands against it. Otherwise nothing is written, and
/// they are invited when they next look.
async fn invite(tx: &mut Tx<'_>, user: &User, found: Match) -> Result<()> {
    let Some(organization) = super::find(tx, found.organization).await? else { return Ok(()) };
    if organization.is_full() || memberships::is_incompatible(tx, organization.id, user.id).await? {
        return Ok(());
    }
    tx.must_write()?;
    if !super::store::hold(tx, found.organization).await? {
        return Ok(());
    }
    // Whoever has changed the domain, invited the user or made them a member meanwhile has held the organization too.
    let Some(domain) = domains::find(tx, found.organization, found.domain).await? else { return Ok(()) };
    let stands = domain.is_verified() && domain.mode == EnrollmentMode::AutomaticInvitation;
    if !stands || memberships::find(tx, found.organization, user.id).await?.is_some() || store::has(tx, found.organization, user.id).await? {
        return Ok(());
    }
    let norms: Vec<String> = user.emails().filter(|email| email.verified_by.is_some()).map(|email| email.norm.clone()).collect();
    if invitations::is_pending(tx, found.organization, &norms).await? {
        return store::close(tx, found.organization, user.id).await;
    }
    let at_domain = |email: &&crate::identifiers::Identifier| email.verified_by.is_some() && of_address(&email.norm) == domain.name;
    let email = user.primary_email().filter(at_domain).or_else(|| user.emails().find(at_domain));
    let Some(email) = email else { return Ok(()) };
    let new = OfDomain { organization: found.organization, domain: found.domain, address: &email.given, norm: &email.norm };
    let Some(invitation) = invitations::create_of_domain(tx, &new).await? else { return Ok(()) };
    store::offer(tx, found, user.id, Status::Closed).await?;
    store::note_invitation(tx, (found.organization, user.id), invitation).await
}

/// The suggestions of a page of the user who is signed in, and how many there are.
///
/// # Errors
/// As [`Visit::signed_in`].
pub async fn list_own(tx: &mut Tx<'_>, visit: &Visit, statuses: Option<&[Status]>, page: Page) -> Result<(Vec<(Suggestion, Organization)>, i64)> {
    let (_, user) = visit.signed_in(tx).await?;
    if policy(tx).await?.is_none() {
        return Ok((Vec::new(), 0));
    }
    evaluate(tx, &user).await?;
    let names = names_of(&user);
    let shown = [Status::Pending, Status::Accepted];
    let statuses = statuses.unwrap_or(&shown);
    let found = store::list(tx, user.id, (statuses, &names), page).await?;
    let total = store::count(tx, user.id, (statuses, &names)).await?;
    let mut ids: Vec<OrganizationId> = found.iter().map(|suggestion| suggestion.organization).collect();
    ids.sort();
    ids.dedup();
    let organizations = if ids.is_empty() { Vec::new() } else { of_ids(tx, &ids).await? };
    let mut list = Vec::with_capacity(found.len());
    for suggestion in found {
        let organization = organizations.iter().find(|organization| organization.id == suggestion.organization).cloned().ok_or(Problem::NotFound)?;
        list.push((suggestion, organization));
    }
    Ok((list, total))
}

/// Asks to join what was suggested. Somebody who manages the members decides.
///
/// # Errors
/// [`Problem::NotFound`] where there is no such suggestion of the user's, or nothing that it was made for holds any more; [`Problem::SuggestionAccepted`];
/// [`Problem::DomainsOff`]; as [`Visit::themselves`].
pub async fn accept_own(tx: &mut Tx<'_>, visit: &Visit, id: SuggestionId) -> Result<(Suggestion, Organization)> {
    let (session, user) = visit.themselves(tx).await?;
    domains::policy(tx).await?;
    policy(tx).await?.ok_or(Problem::NotFound)?;
    let names = names_of(&user);
    if !store::accept(tx, (id, user.id), &names).await? {
        let known = store::find(tx, id, user.id).await?.ok_or(Problem::NotFound)?;
        return Err(if known.status == Status::Accepted { Problem::SuggestionAccepted } else { Problem::NotFound }.into());
    }
    let suggestion = store::find(tx, id, user.id).await?.ok_or(Problem::NotFound)?;
    let organization = super::get(tx, suggestion.organization).await?;
    requests::create(tx, session.by(), &organization, &user).await?;
    Ok((suggestion, organization))
}

/// How many suggestions of each domain wait for an answer; a domain without any is left out.
pub(super) async fn count_pending_of(tx: &mut Tx<'_>, domains: &[OrganizationDomainId]) -> Result<Vec<(OrganizationDomainId, i64)>> {
    store::count_pending_of(tx, domains).await
}

/// Takes back what the domain has offered and nobody has answered. It can be offered again. The organization's row is held.
pub(super) async fn take_back(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, domain: OrganizationDomainId) -> Result<()> {
    store::take_back(tx, domain).await?;
    invitations::take_back(tx, actor, organization, domain).await
}

/// Forgets that users were invited by these invitations, which were taken back together: their domain can invite them again.
pub(super) async fn reopen(tx: &mut Tx<'_>, invitations: &[OrganizationInvitationId]) -> Result<()> {
    store::reopen(tx, invitations).await
}

/// Notes that the user belongs to the organization now: what was suggested is done.
pub(super) async fn joined(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    store::joined(tx, organization, user).await
}

/// Notes that the user belongs to the organization no more, or was turned down: nothing is suggested to them again.
pub(super) async fn close(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    store::close(tx, organization, user).await
}
