//! Accepting: by the ticket that was mailed, or by whoever has proven the invited address.

use super::{Invitation, Invited, Status, get, store, told};
use crate::{
    audit::Actor,
    identifiers::{self, Handle},
    once::{self, Purpose, Spent},
    organizations::{
        self, hold,
        memberships::{self, NewMembership, Seat},
    },
    pools, settings,
};
use ::store::Tx;
use foundation::{EmailAddress, Id, OrganizationInvitationId, PoolId, Problem, Result, Secret, UserId};

/// A ticket's invitation, with the secret that was shown for it.
pub(crate) struct Presented {
    /// The invitation.
    pub(crate) invitation: Invitation,
    secret: Secret,
}

impl Presented {
    /// The address that the ticket was sent to: whoever has the ticket reads it.
    pub(crate) fn address(&self) -> Result<EmailAddress> {
        address(&self.invitation)
    }
}

fn address(invitation: &Invitation) -> Result<EmailAddress> {
    EmailAddress::parse(&invitation.email_address).ok_or_else(|| foundation::Error::Broken(format!("the address of {}", invitation.id)))
}

/// The invitation's id and secret, where what a bearer shows is an invitation's ticket.
fn parts(shown: &Secret) -> Option<(OrganizationInvitationId, Secret)> {
    let (id, secret) = shown.expose().split_once('.')?;
    Some((OrganizationInvitationId::parse(id)?, Secret::new(secret)))
}

/// The invitation of a ticket, whatever became of it, if what is shown is one and its secret is right. Nothing is used up. At the door of another
/// organization's pool it is none.
///
/// # Errors
/// [`Problem::TicketInvalid`] where it looks like an invitation's ticket and is none.
pub(crate) async fn present(tx: &mut Tx<'_>, pool: PoolId, shown: &Secret) -> Result<Option<Presented>> {
    let Some((id, secret)) = parts(shown) else { return Ok(None) };
    // Whoever has not the secret learns nothing about the invitation.
    if once::look_at_ticket(tx, &id.to_string(), &secret).await? == Spent::Missing {
        return Err(Problem::TicketInvalid.into());
    }
    let invitation = store::find(tx, id).await?.ok_or(Problem::TicketInvalid)?;
    if pools::of_id(tx, pool).await?.is_some_and(|pool| pool.organization != invitation.organization) {
        return Err(Problem::TicketInvalid.into());
    }
    Ok(Some(Presented { invitation, secret }))
}

impl Presented {
    /// Refuses where the invitation lets nobody in any more.
    ///
    /// # Errors
    /// [`Problem::TicketUsed`]; [`Problem::TicketRevoked`]; [`Problem::TicketExpired`]; [`Problem::OrganizationsOff`].
    pub(crate) async fn ensure_open(&self, tx: &mut Tx<'_>) -> Result<()> {
        settings::effective(tx).await?.organization_settings.ensure_enabled()?;
        closed(self.invitation.status(tx.now())).map_or(Ok(()), |problem| Err(problem.into()))
    }

    /// Uses the ticket for a user: of however many who show it, one succeeds.
    ///
    /// # Errors
    /// As [`accept`]; [`Problem::TicketInvalid`].
    pub(crate) async fn spend(self, tx: &mut Tx<'_>, actor: Actor<'_>, user: UserId) -> Result<Invited> {
        hold(tx, self.invitation.organization).await?;
        let id = self.invitation.id;
        if once::spend_ticket(tx, &id.to_string(), &self.secret).await? == Spent::Right {
            return accept(tx, actor, id, user).await;
        }
        let now = store::find(tx, id).await?.ok_or(Problem::TicketInvalid)?.status(tx.now());
        Err(closed(now).unwrap_or(Problem::TicketExpired).into())
    }
}

/// What to tell somebody whose invitation lets nobody in.
fn closed(status: Status) -> Option<Problem> {
    match status {
        Status::Pending => None,
        Status::Accepted => Some(Problem::TicketUsed("organization_invitation")),
        Status::Revoked => Some(Problem::TicketRevoked("organization_invitation")),
        Status::Expired => Some(Problem::TicketExpired),
    }
}

/// The user of the pool who has proven the invited address.
pub(crate) async fn owner(tx: &mut Tx<'_>, pool: PoolId, invitation: &Invitation) -> Result<Option<UserId>> {
    identifiers::owner(tx, pool, &Handle::Email(address(invitation)?)).await
}

/// As [`accept`], for whoever has just come to be by the invitation's ticket: where the organization has users of its own, they have accepted it by that.
pub(crate) async fn accept_new(tx: &mut Tx<'_>, actor: Actor<'_>, id: OrganizationInvitationId, user: UserId) -> Result<Invited> {
    let found = store::find(tx, id).await?.ok_or(Problem::TicketInvalid)?;
    if found.stored_status == Status::Accepted && found.user == Some(user) {
        return get(tx, found.organization, id).await;
    }
    accept(tx, actor, id, user).await
}

/// Makes the user a member by the invitation, which settles it: once, however many try. The caller has found the user to own the invited address.
/// Whoever became a member meanwhile stays one as they are.
///
/// # Errors
/// [`Problem::OrganizationsOff`]; [`Problem::NotFound`]; [`Problem::TicketUsed`] and the like where it is not pending; as [`memberships::add`].
pub(crate) async fn accept(tx: &mut Tx<'_>, actor: Actor<'_>, id: OrganizationInvitationId, user: UserId) -> Result<Invited> {
    settings::effective(tx).await?.organization_settings.ensure_enabled()?;
    let found = store::find(tx, id).await?.ok_or(Problem::TicketInvalid)?;
    hold(tx, found.organization).await?;
    let before = get(tx, found.organization, id).await?;
    let invitation = &before.invitation;
    let role = invitation.role;
    if !store::settle(tx, invitation, Status::Accepted, Some(user)).await? {
        return Err(closed(before.status()).unwrap_or(Problem::TicketExpired).into());
    }
    once::end(tx, Purpose::Ticket, &id.to_string()).await?;
    let role = role.ok_or_else(|| foundation::Error::Broken(format!("the role of {id}")))?;
    if memberships::find(tx, invitation.organization, user).await?.is_some() {
        organizations::store::forgo_seats(tx, invitation.organization, 1).await?;
    } else {
        let (public_metadata, private_metadata) = (invitation.public_metadata.clone(), invitation.private_metadata.clone());
        let new = NewMembership { seat: Seat::Kept, public_metadata, private_metadata, ..NewMembership::new(invitation.organization, user, role) };
        memberships::add(tx, actor, &new).await?;
    }
    let invited = get(tx, invitation.organization, id).await?;
    told(tx, actor, &invited, "accept").await?;
    Ok(invited)
}
