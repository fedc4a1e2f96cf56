//! What signed-in users do with invitations: those of their organizations, and those to themselves.

use super::{Budget, Filter, Invitation, Invite, Invited, NewInvitation, Notify, Order, store};
use crate::{
    clients::Visit,
    organizations::{
        own::{Entered, enter},
        roles::MANAGE_MEMBERS,
        suggestions,
    },
    settings, tickets,
    users::User,
};
use ::store::{Json, Tx};
use foundation::{EmailAddress, OrganizationId, OrganizationInvitationId, Page, Problem, Result};

/// Finds the visitor to be a member who may invite.
async fn manager(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId) -> Result<Entered> {
    Ok(enter(tx, visit, id).await?.ensure(MANAGE_MEMBERS)?)
}

/// The invitations of an organization, newest first, and their total.
///
/// # Errors
/// As [`enter`]; [`Problem::PermissionMissing`].
pub async fn list(tx: &mut Tx<'_>, visit: &Visit, filter: &Filter, page: Page) -> Result<(Vec<Invited>, i64)> {
    manager(tx, visit, filter.organization.ok_or(Problem::NotFound)?).await?;
    Ok((super::list(tx, filter, Order::default(), page).await?, super::count(tx, filter).await?))
}

/// What a member says of those whom they invite.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who.
    pub emails: Vec<EmailAddress>,
    /// The key of the role.
    pub role: String,
    /// Whether they are told.
    pub notify: Notify,
    /// What the request is counted in.
    pub budget: Budget,
}

/// Invites to an organization. The link goes to the invited alone: whoever has it proves to read their mail.
///
/// # Errors
/// As [`enter`]; [`Problem::PermissionMissing`]; [`Problem::Impersonated`]; [`Problem::RoleAbove`]; as [`super::create`].
pub async fn invite(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId, wish: &Wish) -> Result<Vec<Invited>> {
    let entered = manager(tx, visit, id).await?;
    visit.themselves(tx).await?;
    entered.ensure_above_key(tx, &wish.role).await?;
    let redirect_url = tickets::page_of(tx, visit).await?;
    let new = |email: &EmailAddress| NewInvitation {
        email: email.clone(),
        role: wish.role.clone(),
        inviter: Some(entered.user.id),
        public_metadata: Json::default(),
        private_metadata: Json::default(),
        redirect_url: redirect_url.clone(),
        expires_in_days: None,
        notify: wish.notify,
    };
    let new: Vec<NewInvitation> = wish.emails.iter().map(new).collect();
    let invite = Invite { organization: id, new: &new, budget: wish.budget };
    let issued = super::create(tx, entered.actor(), &visit.tenant, &invite).await?;
    Ok(issued.into_iter().map(|issued| issued.invited).collect())
}

/// Takes an invitation back.
///
/// # Errors
/// As [`enter`]; [`Problem::PermissionMissing`]; as [`super::revoke`].
pub async fn revoke(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId, invitation: OrganizationInvitationId) -> Result<Invited> {
    let entered = manager(tx, visit, id).await?;
    super::revoke(tx, entered.actor(), id, invitation).await
}

/// The invitations to addresses that the visitor has proven, newest first, and their total, with those that domains make now. None where organizations are off: the SDK's switcher
/// asks before it knows.
///
/// # Errors
/// As [`Visit::signed_in`].
pub async fn list_to_me(tx: &mut Tx<'_>, visit: &Visit, states: &Filter, page: Page) -> Result<(Vec<Invited>, i64)> {
    let (_, user) = visit.signed_in(tx).await?;
    if !settings::effective(tx).await?.organization_settings.enabled {
        return Ok((Vec::new(), 0));
    }
    suggestions::evaluate(tx, &user).await?;
    let mine = Filter::of_user(tx, user.id).await?;
    let filter = Filter { statuses: states.statuses.clone(), none: mine.none || states.none, ..mine };
    Ok((super::list(tx, &filter, Order::default(), page).await?, super::count(tx, &filter).await?))
}

/// Accepts an invitation to an address that the visitor has proven.
///
/// # Errors
/// [`Problem::NotFound`] where it is to somebody else; [`Problem::Impersonated`]; as [`super::accept`].
pub async fn accept(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationInvitationId) -> Result<Invited> {
    let (session, user) = visit.themselves(tx).await?;
    settings::effective(tx).await?.organization_settings.ensure_enabled()?;
    store::find(tx, id).await?.filter(|invitation| is_to(invitation, &user)).ok_or(Problem::NotFound)?;
    super::accept(tx, session.by(), id, user.id).await
}

/// Whether the user has proven the invited address.
fn is_to(invitation: &Invitation, user: &User) -> bool {
    user.emails().any(|email| email.verified_by.is_some() && email.norm == invitation.norm)
}
