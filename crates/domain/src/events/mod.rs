//! Events: what happened, in the shapes of the wire contract, written in the transaction in which it happened.

use crate::{
    bodies,
    organizations::{
        Organization,
        domains::Shown,
        invitations::Invited,
        memberships::Member,
        roles::{Permission, Role},
    },
    sessions::Session,
    users::User,
};
use foundation::{EventId, OrganizationDomainId, PermissionId, Result, RoleId, UserId};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Tx, sql};

/// Something that happened.
pub enum Event<'a> {
    /// A user came to be.
    UserCreated(&'a User),
    /// A user changed.
    UserUpdated(&'a User),
    /// A user is gone.
    UserDeleted(UserId),
    /// An organization came to be.
    OrganizationCreated(&'a Organization),
    /// An organization changed.
    OrganizationUpdated(&'a Organization),
    /// An organization is gone.
    OrganizationDeleted(&'a Organization),
    /// Somebody became a member.
    MembershipCreated(&'a Member),
    /// A membership changed.
    MembershipUpdated(&'a Member),
    /// A membership has ended.
    MembershipDeleted(&'a Member),
    /// A role was made.
    RoleCreated(&'a Arc<Role>),
    /// A role changed, or what it allows.
    RoleUpdated(&'a Arc<Role>),
    /// A role is gone.
    RoleDeleted(RoleId),
    /// A permission was made.
    PermissionCreated(&'a Permission),
    /// A permission changed.
    PermissionUpdated(&'a Permission),
    /// A permission is gone, and no role has it.
    PermissionDeleted(PermissionId),
    /// An organization has another domain.
    OrganizationDomainCreated(&'a Shown),
    /// A domain of an organization changed.
    OrganizationDomainUpdated(&'a Shown),
    /// A domain of an organization is gone.
    OrganizationDomainDeleted(OrganizationDomainId),
    /// Somebody was invited to an organization.
    InvitationCreated(&'a Invited),
    /// An invitation made somebody a member.
    InvitationAccepted(&'a Invited),
    /// An invitation was taken back.
    InvitationRevoked(&'a Invited),
    /// Somebody signed in.
    SessionCreated(&'a Session),
    /// A session was ended by its user.
    SessionEnded(&'a Session),
    /// A session was removed from its client by its user.
    SessionRemoved(&'a Session),
    /// A session was ended from outside.
    SessionRevoked(&'a Session),
}

impl Event<'_> {
    fn parts(&self, now: foundation::Timestamp) -> (&'static str, String, Value) {
        match self {
            Event::UserCreated(user) => ("user.created", user.id.to_string(), bodies::backend_user(user, now)),
            Event::UserUpdated(user) => ("user.updated", user.id.to_string(), bodies::backend_user(user, now)),
            Event::UserDeleted(id) => ("user.deleted", id.to_string(), json!({ "object": "user", "id": id, "deleted": true })),
            Event::OrganizationCreated(organization) => ("organization.created", organization.id.to_string(), bodies::backend_organization(organization)),
            Event::OrganizationUpdated(organization) => ("organization.updated", organization.id.to_string(), bodies::backend_organization(organization)),
            Event::OrganizationDeleted(organization) => {
                let id = organization.id;
                ("organization.deleted", id.to_string(), json!({ "object": "organization", "id": id, "slug": organization.slug, "deleted": true }))
            }
            Event::MembershipCreated(member) => ("organizationMembership.created", member.id(), bodies::backend_membership(member)),
            Event::MembershipUpdated(member) => ("organizationMembership.updated", member.id(), bodies::backend_membership(member)),
            Event::MembershipDeleted(member) => ("organizationMembership.deleted", member.id(), bodies::backend_membership(member)),
            Event::RoleCreated(role) => ("role.created", role.id.to_string(), bodies::role(role)),
            Event::RoleUpdated(role) => ("role.updated", role.id.to_string(), bodies::role(role)),
            Event::RoleDeleted(id) => ("role.deleted", id.to_string(), bodies::deleted("role", id)),
            Event::PermissionCreated(permission) => ("permission.created", permission.id.to_string(), bodies::permission(permission)),
            Event::PermissionUpdated(permission) => ("permission.updated", permission.id.to_string(), bodies::permission(permission)),
            Event::PermissionDeleted(id) => ("permission.deleted", id.to_string(), bodies::deleted("permission", id)),
            Event::OrganizationDomainCreated(shown) => ("organizationDomain.created", shown.domain.id.to_string(), bodies::backend_organization_domain(shown)),
            Event::OrganizationDomainUpdated(shown) => ("organizationDomain.updated", shown.domain.id.to_string(), bodies::backend_organization_domain(shown)),
            Event::OrganizationDomainDeleted(id) => ("organizationDomain.deleted", id.to_string(), bodies::deleted("organization_domain", id)),
            Event::InvitationCreated(invited) => ("organizationInvitation.created", invited.invitation.id.to_string(), bodies::backend_invitation(invited)),
            Event::InvitationAccepted(invited) => {
                let mut body = bodies::backend_invitation(invited);
                body["user_id"] = json!(invited.invitation.user);
                ("organizationInvitation.accepted", invited.invitation.id.to_string(), body)
            }
            Event::InvitationRevoked(invited) => ("organizationInvitation.revoked", invited.invitation.id.to_string(), bodies::backend_invitation(invited)),
            Event::SessionCreated(session) => ("session.created", session.id.to_string(), bodies::backend_session(session, now)),
            Event::SessionEnded(session) => ("session.ended", session.id.to_string(), bodies::backend_session(session, now)),
            Event::SessionRemoved(session) => ("session.removed", session.id.to_string(), bodies::backend_session(session, now)),
            Event::SessionRevoked(session) => ("session.revoked", session.id.to_string(), bodies::backend_session(session, now)),
        }
    }
}

/// Writes the event.
///
/// # Errors
/// Only the database's own.
pub async fn emit(tx: &mut Tx<'_>, event: Event<'_>) -> Result<()> {
    let now = tx.now();
    let (kind, subject, data) = event.parts(now);
    let id: EventId = tx.new_id();
    tx.change(
        sql!("insert into events (instance_id, id, type, subject, data, created_at) values ($1, $2, $3, $4, $5, $6)"),
        &[&id, &kind, &subject, &data.to_string(), &now],
    )
    .await
    .map(drop)
}
