//! Requests to join: somebody has accepted a suggestion, and whoever manages the members decides.

mod store;

use super::{
    Organization,
    memberships::{self, NewMembership},
    own, roles, suggestions,
};
use crate::{
    audit::{self, Actor},
    clients::Visit,
    messages,
    users::{self, User},
};
use ::store::{Tx, text_enum};
use foundation::{MembershipRequestId, OrganizationId, Page, Problem, Result, Timestamp, UserId};
use serde_json::json;

text_enum! {
    /// What has become of a request.
    pub enum Status {
        /// Nobody has answered.
        Pending = "pending",
        /// They have become a member.
        Accepted = "accepted",
        /// It was turned down. The SDKs know no other word for it.
        Revoked = "revoked",
    }
}

/// A request as its row has it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub id: MembershipRequestId,
    /// What they want to join.
    pub organization: OrganizationId,
    /// Who.
    pub user: UserId,
    /// What has become of it.
    pub status: Status,
    /// When they asked.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A request and whose it is.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request.
    pub row: Row,
    /// Who wants to join.
    pub user: User,
}

/// Notes that the user wants to join. An earlier request of theirs, which somebody has answered, is asked anew.
pub(super) async fn create(tx: &mut Tx<'_>, actor: Actor<'_>, organization: &Organization, user: &User) -> Result<()> {
    if memberships::find(tx, organization.id, user.id).await?.is_some() {
        return Err(Problem::AlreadyMember.into());
    }
    let id = store::ask(tx, organization.id, user.id).await?;
    let detail = json!({ "organization_id": organization.id, "user_id": user.id });
    audit::record(tx, actor, "organization_membership_request.create", &id.to_string(), &detail).await?;
    let managers = memberships::managers(tx, organization, MOST_TOLD).await?;
    messages::membership_requested(tx, organization, user, &managers).await
}

/// The most managers who are told of a request.
const MOST_TOLD: i64 = 20;

/// A page of the organization's requests, newest first, and how many there are.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`].
pub async fn list_own(tx: &mut Tx<'_>, visit: &Visit, organization: OrganizationId, statuses: Option<&[Status]>, page: Page) -> Result<(Vec<Request>, i64)> {
    own::enter(tx, visit, organization).await?.ensure(roles::MANAGE_MEMBERS)?;
    let found = store::list(tx, organization, statuses, page).await?;
    let mut ids: Vec<UserId> = found.iter().map(|row| row.user).collect();
    ids.sort();
    ids.dedup();
    let people = users::of_ids(tx, &ids).await?;
    let mut list = Vec::with_capacity(found.len());
    for row in found {
        let user = people.iter().find(|user| user.id == row.user).cloned().ok_or(Problem::NotFound)?;
        list.push(Request { row, user });
    }
    Ok((list, store::count(tx, organization, statuses).await?))
}

/// Makes whoever asked a member, in the role that newcomers of the organization have.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; [`Problem::NotFound`]; [`Problem::RequestSettled`]; as [`memberships::add`].
pub async fn accept_own(tx: &mut Tx<'_>, visit: &Visit, (organization, id): (OrganizationId, MembershipRequestId)) -> Result<Request> {
    let entered = own::enter(tx, visit, organization).await?.ensure(roles::MANAGE_MEMBERS)?;
    let row = settle(tx, (organization, id), Status::Accepted).await?;
    let role = roles::stored(tx).await?.set(entered.belonging.organization.role_set).ok_or(Problem::RoleUnknown)?.default_role;
    let member = memberships::add(tx, entered.actor(), &NewMembership::new(organization, row.user, role)).await?;
    messages::membership_request_accepted(tx, &member).await?;
    told(tx, entered.actor(), row, "accept").await
}

/// Turns a request down. Nothing is suggested to whoever asked again.
///
/// # Errors
/// As [`own::enter`]; [`Problem::PermissionMissing`]; [`Problem::NotFound`]; [`Problem::RequestSettled`].
pub async fn reject_own(tx: &mut Tx<'_>, visit: &Visit, (organization, id): (OrganizationId, MembershipRequestId)) -> Result<Request> {
    let entered = own::enter(tx, visit, organization).await?.ensure(roles::MANAGE_MEMBERS)?;
    let row = settle(tx, (organization, id), Status::Revoked).await?;
    suggestions::close(tx, organization, row.user).await?;
    told(tx, entered.actor(), row, "reject").await
}

/// Answers a request that waits: of all who do so at once, one.
async fn settle(tx: &mut Tx<'_>, (organization, id): (OrganizationId, MembershipRequestId), status: Status) -> Result<Row> {
    if store::settle(tx, (organization, id), status).await? {
        return store::find(tx, organization, id).await?.ok_or_else(|| Problem::NotFound.into());
    }
    let known = store::find(tx, organization, id).await?;
    Err(known.map_or(Problem::NotFound, |_| Problem::RequestSettled).into())
}

async fn told(tx: &mut Tx<'_>, actor: Actor<'_>, row: Row, what: &str) -> Result<Request> {
    let detail = json!({ "organization_id": row.organization, "user_id": row.user });
    audit::record(tx, actor, &format!("organization_membership_request.{what}"), &row.id.to_string(), &detail).await?;
    Ok(Request { user: users::get(tx, row.user).await?, row })
}

/// Notes that the user is a member now, by whatever way: nobody has to answer any more.
pub(super) async fn joined(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    store::joined(tx, organization, user).await
}
