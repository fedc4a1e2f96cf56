//! Invitations that domains make by themselves, to people who have proven an address there. They see them where they see all their invitations, so
//! nobody is mailed and there is no ticket: whoever has proven the address accepts.

use super::{Invitation, Status, create::DAYS, list, revoke, store, sweep, told};
use crate::{
    audit::Actor,
    organizations::{self, roles, suggestions},
    settings,
};
use ::store::{Json, NewJob, Tx};
use foundation::{Error, OrganizationDomainId, OrganizationId, OrganizationInvitationId, Problem, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whom a domain invites, to what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfDomain<'a> {
    /// To what.
    pub(crate) organization: OrganizationId,
    /// The domain.
    pub(crate) domain: OrganizationDomainId,
    /// The proven address there, as it was given.
    pub(crate) address: &'a str,
    /// The same as it is compared.
    pub(crate) norm: &'a str,
}

/// Whether one of these addresses is invited to the organization.
pub(crate) async fn is_pending(tx: &mut Tx<'_>, organization: OrganizationId, norms: &[String]) -> Result<bool> {
    sweep(tx, organization).await?;
    Ok(!store::pending(tx, organization, norms).await?.is_empty())
}

/// How many invitations of each domain wait for an answer; a domain without any is left out.
pub(crate) async fn count_pending_of(tx: &mut Tx<'_>, domains: &[OrganizationDomainId]) -> Result<Vec<(OrganizationDomainId, i64)>> {
    store::count_pending_of(tx, domains).await
}

/// Invites into the role that newcomers have, if there is a seat. The organization's row is held, and the address is not invited yet.
pub(crate) async fn create(tx: &mut Tx<'_>, new: &OfDomain<'_>) -> Result<Option<OrganizationInvitationId>> {
    let most = settings::allowances(tx).await?.members.parts();
    if !organizations::store::keep_seats(tx, new.organization, 1, most).await? {
        return Ok(None);
    }
    let catalogue = roles::stored(tx).await?;
    let set = catalogue.set(organizations::get(tx, new.organization).await?.role_set).ok_or(Problem::RoleUnknown)?;
    let role = catalogue.role(set.default_role).ok_or(Problem::RoleUnknown)?;
    let now = tx.now();
    let invitation = Invitation {
        id: tx.new_id(),
        organization: new.organization,
        email_address: new.address.to_owned(),
        norm: new.norm.to_owned(),
        role: Some(role.id),
        role_key: role.key.clone(),
        role_name: role.name.clone(),
        inviter: None,
        domain: Some(new.domain),
        user: None,
        stored_status: Status::Pending,
        public_metadata: Json::default(),
        private_metadata: Json::default(),
        redirect_url: None,
        expires_at: now + Duration::from_secs(DAYS.unsigned_abs() * 86_400),
        created_at: now,
        updated_at: now,
    };
    store::insert(tx, &invitation).await?;
    let id = invitation.id;
    let invited = list::complete(tx, invitation).await?;
    told(tx, Actor::Server, &invited, "create").await?;
    Ok(Some(id))
}

/// The job that goes on taking back.
pub(crate) const GO_ON: &str = "take_back_invitations";
/// How many one transaction takes back.
const STEP: usize = 100;

/// What the job needs to know.
#[derive(Deserialize, Serialize)]
struct Work {
    organization: OrganizationId,
    domain: OrganizationDomainId,
}

/// Takes back what the domain has invited to and nobody has answered; a job goes on where that is much. Whoever it was can be invited again. The
/// organization's row is held.
pub(crate) async fn take_back(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, domain: OrganizationDomainId) -> Result<()> {
    sweep(tx, organization).await?;
    let some = store::of_domain(tx, domain, i64::try_from(STEP).unwrap_or(i64::MAX)).await?;
    suggestions::reopen(tx, &some).await?;
    for id in &some {
        revoke(tx, actor, organization, *id).await?;
    }
    if some.len() < STEP {
        return Ok(());
    }
    let payload = serde_json::to_string(&Work { organization, domain }).map_err(|error| Error::broken("a job's payload", error))?;
    let run_at = tx.now();
    tx.enqueue(NewJob { kind: GO_ON, payload, run_at }).await.map(drop)
}

/// Goes on taking back; the work of a job.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn go_on(tx: &mut Tx<'_>, payload: &str) -> Result<()> {
    let work: Work = serde_json::from_str(payload).map_err(|error| Error::broken("a job's payload", error))?;
    if organizations::store::hold(tx, work.organization).await? {
        take_back(tx, Actor::Server, work.organization, work.domain).await?;
    }
    Ok(())
}
