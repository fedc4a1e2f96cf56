//! The end of an organization. Nobody finds it from the moment on at which it is deleted; its members, and the users of a pool of its own, go in small
//! transactions after that, so that nobody waits for the end of a large one. Each of them says that there is more, in itself: whatever happens to the
//! server, the next one goes on.

use super::{Organization, hold, invitations, memberships, store};
use crate::{
    audit::{self, Actor},
    counters::{self, Counter},
    events::{self, Event},
    images, pools, sessions, users,
};
use ::store::{NewJob, Tx, sql};
use foundation::{Error, OrganizationId, Problem, Result};
use serde_json::json;

/// The job that goes on.
pub(crate) const GO_ON: &str = "delete_organization";
/// How many memberships one transaction ends.
const MEMBERS: usize = 500;
/// How many users of the organization's own pool one transaction deletes.
const USERS: usize = 25;

/// Deletes the organization. From now on it is no longer there for anybody; where many belong to it, a job does the rest.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, actor: Actor<'_>, id: OrganizationId) -> Result<Organization> {
    let organization = hold(tx, id).await?;
    images::forget(tx, &id.to_string()).await?;
    invitations::forget_organization(tx, id).await?;
    forget(tx, id).await?;
    if let Some(creator) = organization.created_by {
        users::discount_creation(tx, creator).await?;
    }
    if !store::end(tx, id).await? {
        return Err(Problem::NotFound.into());
    }
    pools::close(tx, id).await?;
    counters::add(tx, Counter::Organizations, -1).await?;
    audit::record(tx, actor, "organization.delete", &id.to_string(), &json!({ "name": organization.name })).await?;
    events::emit(tx, Event::OrganizationDeleted(&organization)).await?;
    step(tx, actor, id).await?;
    Ok(organization)
}

/// Takes away what would offer the organization to others. What else is its own goes with its row.
async fn forget(tx: &mut Tx<'_>, id: OrganizationId) -> Result<()> {
    tx.change(sql!("delete from organization_invitations where instance_id = $1 and organization_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from organization_suggestions where instance_id = $1 and organization_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from organization_membership_requests where instance_id = $1 and organization_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from organization_domains where instance_id = $1 and organization_id = $2"), &[&id]).await.map(drop)
}

/// Goes one step, and sees to the next one.
async fn step(tx: &mut Tx<'_>, actor: Actor<'_>, id: OrganizationId) -> Result<()> {
    let limit = |most: usize| i64::try_from(most).unwrap_or(i64::MAX);
    let left = pools::empty(tx, actor, id, limit(USERS)).await? == USERS || memberships::forget_organization(tx, id, limit(MEMBERS)).await? == MEMBERS;
    if left {
        let run_at = tx.now();
        return tx.enqueue(NewJob { kind: GO_ON, payload: id.to_string(), run_at }).await.map(drop);
    }
    sessions::forget_organization(tx, id).await?;
    pools::remove(tx, id).await?;
    store::delete(tx, id).await.map(drop)
}

/// Goes on with a deletion; the work of a job.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn go_on(tx: &mut Tx<'_>, payload: &str) -> Result<()> {
    let id: OrganizationId = foundation::Id::parse(payload).ok_or_else(|| Error::Broken("a deletion of no organization".to_owned()))?;
    if store::has_ended(tx, id).await? { step(tx, Actor::Server, id).await } else { Ok(()) }
}
