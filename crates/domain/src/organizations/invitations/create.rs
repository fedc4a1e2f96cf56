//! Inviting.

use super::{Invitation, Invited, Status, list, store, sweep, told};
use crate::{
    audit::Actor,
    identifiers::{self, Handle},
    instances::Tenant,
    messages, once,
    organizations::{
        self, Organization, hold, memberships,
        roles::{self, MANAGE_MEMBERS, Role},
    },
    pools, redirect_urls, redirects, settings, users,
};
use ::store::{Json, Tx};
use foundation::{EmailAddress, OnConflict, OrganizationId, Problem, Result, Secret, UserId};
use std::{borrow::Cow, collections::HashSet, sync::Arc, time::Duration};

/// Whether the invited one is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// A mail with the link goes out.
    #[default]
    ByMail,
    /// Nobody is told.
    Nobody,
}

/// What is known of an invitation before there is one.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Who is invited.
    pub email: EmailAddress,
    /// The key of the role.
    pub role: String,
    /// Who invites.
    pub inviter: Option<UserId>,
    /// What the membership gets, and its organization's members may read.
    pub public_metadata: Json,
    /// What the membership gets, and only the backend may read.
    pub private_metadata: Json,
    /// Where the link in the mail leads.
    pub redirect_url: Option<String>,
    /// For how many days it is good; 30 if nothing is said.
    pub expires_in_days: Option<i64>,
    /// Whether the invited one is told.
    pub notify: Notify,
}

/// Which of the organization's hourly budgets a request is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// One invitation: 250 requests an hour.
    Single,
    /// Several at once: 50 requests an hour.
    Bulk,
}

impl Budget {
    const fn parts(self) -> (&'static str, i64) {
        match self {
            Budget::Single => ("invitations", 250),
            Budget::Bulk => ("invitations_bulk", 50),
        }
    }
}

/// A request for invitations: all of them are made, or none.
#[derive(Clone, Copy, Debug)]
pub struct Invite<'a> {
    /// To what.
    pub organization: OrganizationId,
    /// Who, and how.
    pub new: &'a [NewInvitation],
    /// What the request is counted in.
    pub budget: Budget,
}

/// An invitation that was just made, with the link for whoever is invited. It is told this once.
pub struct Issued {
    /// The invitation.
    pub invited: Invited,
    /// Where the invited one goes. Whoever has it can prove the address: it is for nobody else.
    pub url: Secret,
}

/// The most invitations of one request.
pub const MOST_AT_ONCE: usize = 10;
/// The most days that an invitation is good for.
pub const LONGEST_DAYS: i64 = 365;
/// For how many days an invitation is good if nothing else is said.
pub(super) const DAYS: i64 = 30;

/// Invites. Each invitation takes a seat, or none is made.
///
/// Nothing of it depends on whether somebody has an account with an address, except for the organization's own members.
///
/// # Errors
/// [`Problem::OrganizationsOff`]; [`Problem::NotFound`]; [`Problem::TooManyRequests`]; [`Problem::ParamInvalid`]; [`Problem::RoleUnknown`];
/// [`Problem::InvitesMember`]; [`Problem::AlreadyInvited`]; [`Problem::MembersFull`]; [`Problem::MetadataTooLarge`]; [`Problem::RedirectUrlInvalid`].
pub async fn create(tx: &mut Tx<'_>, actor: Actor<'_>, tenant: &Tenant, invite: &Invite<'_>) -> Result<Vec<Issued>> {
    let settings = settings::effective(tx).await?;
    settings.organization_settings.ensure_enabled()?;
    if invite.new.is_empty() || invite.new.len() > MOST_AT_ONCE {
        return Err(Problem::invalid("email_address", format!("must name 1 to {MOST_AT_ONCE} addresses")).into());
    }
    let organization = hold(tx, invite.organization).await?;
    let (kind, most) = invite.budget.parts();
    once::charge_invitations(tx, kind, organization.id, most).await?;
    sweep(tx, organization.id).await?;
    // Where the organization has users of its own, they have a door of their own.
    let door = match pools::of_organization(tx, organization.id).await? {
        Some(pool) => pools::tenant_of(tx, tenant, pool.id).await?,
        None => Cow::Borrowed(tenant),
    };
    let tenant: &Tenant = &door;
    ensure_strangers(tx, tenant, &organization, invite.new).await?;
    let count = i64::try_from(invite.new.len()).unwrap_or(i64::MAX);
    let most = settings::allowances(tx).await?.members.parts();
    if !organizations::store::keep_seats(tx, organization.id, count, most).await? {
        return Err(Problem::MembersFull(organization.max_allowed_memberships).into());
    }
    let mut issued = Vec::with_capacity(invite.new.len());
    for new in invite.new {
        let invitation = checked(tx, tenant, &organization, new).await?;
        store::insert(tx, &invitation).await.on_conflict(Problem::AlreadyInvited(vec![new.email.given().to_owned()]))?;
        issued.push(send(tx, actor, tenant, (new, invitation)).await?);
    }
    Ok(issued)
}

/// Refuses addresses of members, and those that are invited already. The organization's row is held.
async fn ensure_strangers(tx: &mut Tx<'_>, tenant: &Tenant, organization: &Organization, new: &[NewInvitation]) -> Result<()> {
    let mut seen = HashSet::new();
    let twice: Vec<String> = new.iter().filter(|new| !seen.insert(new.email.norm())).map(|new| new.email.given().to_owned()).collect();
    if !twice.is_empty() {
        return Err(Problem::AlreadyInvited(twice).into());
    }
    for new in new {
        let owner = identifiers::owner(tx, tenant.instance.pool, &Handle::Email(new.email.clone())).await?;
        if let Some(owner) = owner
            && memberships::find(tx, organization.id, owner).await?.is_some()
        {
            return Err(Problem::InvitesMember(new.email.given().to_owned()).into());
        }
    }
    let norms: Vec<String> = new.iter().map(|new| new.email.norm().to_owned()).collect();
    let pending = store::pending(tx, organization.id, &norms).await?;
    if pending.is_empty() {
        return Ok(());
    }
    let invited = new.iter().filter(|new| pending.iter().any(|norm| norm == new.email.norm()));
    Err(Problem::AlreadyInvited(invited.map(|new| new.email.given().to_owned()).collect()).into())
}

/// The invitation, if everything about it is right.
async fn checked(tx: &mut Tx<'_>, tenant: &Tenant, organization: &Organization, new: &NewInvitation) -> Result<Invitation> {
    users::check_metadata("public_metadata", &new.public_metadata)?;
    users::check_metadata("private_metadata", &new.private_metadata)?;
    let days = new.expires_in_days.unwrap_or(DAYS);
    if !(1..=LONGEST_DAYS).contains(&days) {
        return Err(Problem::invalid("expires_in_days", format!("must be between 1 and {LONGEST_DAYS}")).into());
    }
    if let Some(text) = &new.redirect_url {
        let (settings, urls) = (settings::effective(tx).await?, redirect_urls::all(tx).await?);
        let target = redirects::check(tenant, &settings, &urls, text, "redirect_url")?;
        // The ticket stands in its query, and is as good as the session it leads to.
        if !redirects::may_carry(tenant, &settings, &urls, &target) {
            return Err(Problem::RedirectUrlInvalid("redirect_url").into());
        }
    }
    let catalogue = roles::stored(tx).await?;
    let role: &Arc<Role> = catalogue.role_of_set(organization.role_set, &new.role)?;
    let now = tx.now();
    Ok(Invitation {
        id: tx.new_id(),
        organization: organization.id,
        email_address: new.email.given().to_owned(),
        norm: new.email.norm().to_owned(),
        role: Some(role.id),
        role_key: role.key.clone(),
        role_name: role.name.clone(),
        inviter: new.inviter,
        domain: None,
        user: None,
        stored_status: Status::Pending,
        public_metadata: new.public_metadata.clone(),
        private_metadata: new.private_metadata.clone(),
        redirect_url: new.redirect_url.clone(),
        expires_at: now + Duration::from_secs(u64::try_from(days).unwrap_or(1) * 86_400),
        created_at: now,
        updated_at: now,
    })
}

/// Makes the ticket of an invitation that was just written, and tells whoever is to be told.
async fn send(tx: &mut Tx<'_>, actor: Actor<'_>, tenant: &Tenant, (new, invitation): (&NewInvitation, Invitation)) -> Result<Issued> {
    let life = Duration::from_millis(invitation.expires_at.since(invitation.created_at).as_millis().try_into().unwrap_or(u64::MAX));
    let secret = once::issue_ticket(tx, &invitation.id.to_string(), life).await?;
    let url = Secret::new(format!("{}/v1/tickets/accept?ticket={}.{}", tenant.frontend_url, invitation.id, secret.expose()));
    let invited = list::complete(tx, invitation).await?;
    if new.notify == Notify::ByMail {
        once::charge_invitation_mail(tx, &invited.invitation.norm).await?;
        messages::invitation(tx, &invited, &url).await?;
    }
    told(tx, actor, &invited, "create").await?;
    Ok(Issued { invited, url })
}

/// Refuses where the user is no member who can manage the organization's members.
///
/// # Errors
/// [`Problem::ParamInvalid`] that names the parameter.
pub async fn ensure_manager(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId, param: &'static str) -> Result<()> {
    let belonging = memberships::find(tx, organization, user).await?;
    if belonging.is_some_and(|belonging| belonging.role.allows(MANAGE_MEMBERS)) {
        return Ok(());
    }
    Err(Problem::invalid(param, "names no member of the organization who can manage its members").into())
}
