//! What people are told of their organizations: who wants to join, that they have joined, and what they are there now. The instance's settings say
//! of each whether it is told.

use super::{
    invitations::{harmless, name},
    kinds::{Kind, Values},
    notices::address,
    queue,
};
use crate::{
    once,
    organizations::{Organization, memberships::Member},
    settings,
    users::User,
};
use ::store::Tx;
use foundation::{EmailAddress, Result};

/// Tells those who manage the members that somebody wants to join.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn membership_requested(tx: &mut Tx<'_>, organization: &Organization, requester: &User, managers: &[User]) -> Result<()> {
    if !settings::effective(tx).await?.messages.organizations.membership_requested {
        return Ok(());
    }
    for manager in managers {
        let mut values = Values::default();
        values.set("organization.name", harmless(&organization.name));
        values.set("requester.name", name(requester));
        values.set("requester.email_address", address(requester).map(harmless).unwrap_or_default());
        tell(tx, manager, Kind::OrganizationMembershipRequested, values).await?;
    }
    Ok(())
}

/// Tells whoever has asked that they are a member now.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn membership_request_accepted(tx: &mut Tx<'_>, member: &Member) -> Result<()> {
    if !settings::effective(tx).await?.messages.organizations.membership_request_accepted {
        return Ok(());
    }
    tell(tx, &member.user, Kind::OrganizationMembershipRequestAccepted, of(member)).await
}

/// Tells a member that they have another role.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn role_changed(tx: &mut Tx<'_>, member: &Member) -> Result<()> {
    if !settings::effective(tx).await?.messages.organizations.role_changed {
        return Ok(());
    }
    tell(tx, &member.user, Kind::OrganizationRoleChanged, of(member)).await
}

fn of(member: &Member) -> Values {
    let mut values = Values::default();
    values.set("organization.name", harmless(&member.belonging.organization.name));
    values.set("role.name", harmless(&member.belonging.role.name));
    values
}

async fn tell(tx: &mut Tx<'_>, user: &User, kind: Kind, values: Values) -> Result<()> {
    let Some(to) = address(user) else { return Ok(()) };
    let norm = EmailAddress::parse(to).map_or_else(|| to.to_lowercase(), |to| to.norm().to_owned());
    if !once::charge_organization_mail(tx, &norm).await? {
        return Ok(());
    }
    queue(tx, kind, to, values, None).await
}
