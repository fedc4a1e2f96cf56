//! Invitations: somebody's address is asked to belong to an organization, in a role.
//!
//! One that waits for an answer holds a seat. Whoever makes, accepts or takes one back holds the organization's row first, so that the seats
//! are counted exactly; invitations whose time is over give theirs back before another seat is taken, and are not counted where the organization
//! is shown.
//!
//! | file | holds |
//! |---|---|
//! | `create` | inviting |
//! | `accept` | what comes of it: by a ticket, or by whoever has proven the address |
//! | `of_domain` | what domains do by themselves |
//! | `own` | what signed-in users do |
//! | `list` | lists |

mod accept;
mod create;
mod list;
mod of_domain;
pub mod own;
mod store;

pub(crate) use accept::{Presented, accept, accept_new, owner, present};
pub use create::{Budget, Invite, Issued, LONGEST_DAYS, MOST_AT_ONCE, NewInvitation, Notify, create, ensure_manager};
pub use list::{Filter, Order, OrderBy, count, list};
pub(crate) use of_domain::{GO_ON, OfDomain, count_pending_of, create as create_of_domain, go_on, is_pending, take_back};

use super::{Organization, hold};
use crate::{
    audit::{self, Actor},
    events::{self, Event},
    once::{self, Purpose},
    users::User,
};
use ::store::{Json, Tx, text_enum};
use foundation::{OrganizationDomainId, OrganizationId, OrganizationInvitationId, Problem, Result, RoleId, RoleSetId, Timestamp, UserId};
use serde_json::json;

text_enum! {
    /// What became of an invitation.
    pub enum Status {
        /// It waits for an answer.
        Pending = "pending",
        /// Whoever was invited is a member.
        Accepted = "accepted",
        /// It was taken back.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
    }
}

/// An invitation as its row has it.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its id.
    pub id: OrganizationInvitationId,
    /// To what.
    pub organization: OrganizationId,
    /// Who is invited, as it was given.
    pub email_address: String,
    /// The same as it is compared.
    pub norm: String,
    /// Into which role, while it is pending.
    pub role: Option<RoleId>,
    /// What that role was called in programs.
    pub role_key: String,
    /// What it was called.
    pub role_name: String,
    /// Who has invited.
    pub inviter: Option<UserId>,
    /// The domain that has invited by itself.
    pub domain: Option<OrganizationDomainId>,
    /// Who has accepted.
    pub user: Option<UserId>,
    /// What was last written about it.
    pub stored_status: Status,
    /// What members and the invited one may read; the membership gets it.
    pub public_metadata: Json,
    /// What only the backend may read; the membership gets it.
    pub private_metadata: Json,
    /// Where the link in the mail leads.
    pub redirect_url: Option<String>,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Invitation {
    /// What became of it by now.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.stored_status == Status::Pending && now >= self.expires_at { Status::Expired } else { self.stored_status }
    }
}

/// An invitation with everything that it connects.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The invitation; the names of its role are those of now while it is pending.
    pub invitation: Invitation,
    /// To what.
    pub organization: Organization,
    /// Who has invited, where there is such a user.
    pub inviter: Option<User>,
    /// The time at which all this held.
    pub now: Timestamp,
}

impl Invited {
    /// What became of the invitation by now.
    pub fn status(&self) -> Status {
        self.invitation.status(self.now)
    }
}

/// The invitation of an organization.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, organization: OrganizationId, id: OrganizationInvitationId) -> Result<Invited> {
    super::get(tx, organization).await?;
    let found = store::find(tx, id).await?.filter(|invitation| invitation.organization == organization).ok_or(Problem::NotFound)?;
    list::complete(tx, found).await
}

/// Takes an invitation back that waits for an answer. Its seat is free.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::InvitationNotPending`].
pub async fn revoke(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, id: OrganizationInvitationId) -> Result<Invited> {
    hold(tx, organization).await?;
    let before = get(tx, organization, id).await?;
    if !store::settle(tx, &before.invitation, Status::Revoked, None).await? {
        return Err(Problem::InvitationNotPending(before.status().as_str()).into());
    }
    super::store::forgo_seats(tx, organization, 1).await?;
    once::end(tx, Purpose::Ticket, &id.to_string()).await?;
    let invited = get(tx, organization, id).await?;
    told(tx, actor, &invited, "revoke").await?;
    Ok(invited)
}

/// Writes down what happened to an invitation.
async fn told(tx: &mut Tx<'_>, actor: Actor<'_>, invited: &Invited, what: &str) -> Result<()> {
    let Invitation { id, organization, role_key, user, .. } = &invited.invitation;
    let detail = json!({ "organization_id": organization, "role": role_key, "user_id": user });
    audit::record(tx, actor, &format!("organization_invitation.{what}"), &id.to_string(), &detail).await?;
    events::emit(
        tx,
        match what {
            "create" => Event::InvitationCreated(invited),
            "accept" => Event::InvitationAccepted(invited),
            _ => Event::InvitationRevoked(invited),
        },
    )
    .await
}

/// Gives the seats of invitations back whose time is over. The organization's row is held.
pub(crate) async fn sweep(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<()> {
    match store::expire(tx, organization).await? {
        0 => Ok(()),
        over => super::store::forgo_seats(tx, organization, over).await,
    }
}

/// The oldest invitation of one of these addresses to the organization that waits for an answer.
pub(crate) async fn first_pending(tx: &mut Tx<'_>, organization: OrganizationId, norms: &[String]) -> Result<Option<OrganizationInvitationId>> {
    if norms.is_empty() { Ok(None) } else { store::first_pending(tx, organization, norms).await }
}

/// When the first pending invitation of these organizations is over.
pub(crate) async fn first_over(tx: &mut Tx<'_>, organizations: &[OrganizationId]) -> Result<Option<Timestamp>> {
    if organizations.is_empty() { Ok(None) } else { store::first_over(tx, organizations).await }
}

/// How many invitations of these organizations are counted as pending whose time is over.
pub(super) async fn overdue(tx: &mut Tx<'_>, organizations: &[OrganizationId]) -> Result<Vec<(OrganizationId, i64)>> {
    store::overdue(tx, organizations).await
}

/// How many pending invitations are into this role. None that is over stands in the way of the role's end.
///
/// # Errors
/// Only the database's own.
pub async fn uses_role(tx: &mut Tx<'_>, role: RoleId) -> Result<i64> {
    for organization in store::overdue_with_role(tx, role).await? {
        hold(tx, organization).await?;
        sweep(tx, organization).await?;
    }
    store::count_with_role(tx, role).await
}

/// Makes pending invitations to organizations with this set that are into one role ones into another, for each of the pairs.
pub(crate) async fn replace_roles(tx: &mut Tx<'_>, set: RoleSetId, mappings: &[(RoleId, RoleId)]) -> Result<()> {
    for (from, to) in mappings {
        store::replace_role(tx, set, *from, *to).await?;
    }
    Ok(())
}

/// Whether a pending invitation is into a role that is none of these. The organization's row is held.
pub(crate) async fn has_others(tx: &mut Tx<'_>, organization: OrganizationId, roles: &[RoleId]) -> Result<bool> {
    sweep(tx, organization).await?;
    store::has_others(tx, organization, roles).await
}

/// Forgets who has invited and accepted, for a user who is going. What they have sent stays good.
pub(crate) async fn forget_user(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    store::forget_user(tx, user).await
}

/// Ends the tickets of an organization that is going; the invitations go with it.
pub(crate) async fn forget_organization(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<()> {
    store::forget_organization(tx, organization).await
}
