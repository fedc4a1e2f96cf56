//! Memberships: who belongs to an organization, in which role.
//!
//! A seat is taken by a conditional statement on the organization's row and on the user's, so that no number is ever passed, however many
//! come at once. Whoever takes away a role that keeps the organization going holds the organization's row first, so that the last ones
//! who have one go one after another, and the very last does not.

mod list;
mod replace;
mod store;

pub use list::{Filter, Order, OrderBy, count, list, of_user};
pub(crate) use replace::replace_roles;

use super::{
    Organization, hold, invitations, requests,
    roles::{self, Catalogue, Role},
    suggestions,
};
use crate::{
    audit::{self, Actor},
    events::{self, Event},
    messages, pools, sessions, settings,
    users::{self, MetadataChange, User},
};
use ::store::{Json, Tx};
use foundation::{MembershipId, OnConflict, OrganizationId, Problem, Result, RoleId, Timestamp, UserId};
use serde_json::json;
use std::sync::Arc;

/// A membership as its row has it.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// Of what.
    pub organization: OrganizationId,
    /// Whose.
    pub user: UserId,
    /// In which role.
    pub role: RoleId,
    /// What the organization's members may read.
    pub public_metadata: Json,
    /// What only the backend may read.
    pub private_metadata: Json,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A membership with its organization and its role.
#[derive(Clone, Debug)]
pub struct Belonging {
    /// The membership.
    pub membership: Membership,
    /// Its organization.
    pub organization: Organization,
    /// Its role.
    pub role: Arc<Role>,
}

/// A membership with everything that it connects.
#[derive(Clone, Debug)]
pub struct Member {
    /// The membership, its organization and its role.
    pub belonging: Belonging,
    /// The user.
    pub user: User,
}

impl Member {
    /// The membership's id, as text.
    pub fn id(&self) -> String {
        self.belonging.membership.id.to_string()
    }
}

/// Where the seat of a new member comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seat {
    /// It is a new one.
    #[default]
    New,
    /// It was kept for them: they were invited.
    Kept,
}

/// What is known of a membership before there is one.
#[derive(Clone, Debug)]
pub struct NewMembership {
    /// Of what.
    pub organization: OrganizationId,
    /// Whose.
    pub user: UserId,
    /// In which role: one of the organization's set.
    pub role: RoleId,
    /// Where the seat comes from.
    pub seat: Seat,
    /// What the organization's members may read.
    pub public_metadata: Json,
    /// What only the backend may read.
    pub private_metadata: Json,
}

impl NewMembership {
    /// A membership on a new seat, without metadata.
    pub fn new(organization: OrganizationId, user: UserId, role: RoleId) -> NewMembership {
        NewMembership { organization, user, role, seat: Seat::New, public_metadata: Json::default(), private_metadata: Json::default() }
    }
}

/// The most organizations that a user belongs to: all of them are in what their browser reads.
pub const MOST_OF_USER: i64 = 100;

/// Makes a user a member.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::AlreadyMember`]; [`Problem::MembersFull`]; [`Problem::LimitReached`]; [`Problem::ExclusiveMember`].
pub async fn add(tx: &mut Tx<'_>, actor: Actor<'_>, new: &NewMembership) -> Result<Member> {
    users::check_metadata("public_metadata", &new.public_metadata)?;
    users::check_metadata("private_metadata", &new.private_metadata)?;
    let user = users::get(tx, new.user).await?;
    pools::ensure_theirs(tx, new.organization, &user).await?;
    if store::find(tx, new.organization, new.user).await?.is_some() {
        return Err(Problem::AlreadyMember.into());
    }
    take_seat(tx, new.organization, new.seat).await?;
    users::count_membership(tx, new.user).await?;
    ensure_compatible(tx, new.organization, new.user).await?;
    let now = tx.now();
    let membership = Membership {
        id: tx.new_id(),
        organization: new.organization,
        user: new.user,
        role: new.role,
        public_metadata: new.public_metadata.clone(),
        private_metadata: new.private_metadata.clone(),
        created_at: now,
        updated_at: now,
    };
    store::insert(tx, &membership).await.on_conflict(Problem::AlreadyMember)?;
    suggestions::joined(tx, new.organization, new.user).await?;
    requests::joined(tx, new.organization, new.user).await?;
    let member = get(tx, new.organization, new.user).await?;
    told(tx, actor, &member, "create", Event::MembershipCreated(&member)).await?;
    Ok(member)
}

/// Takes a seat in the organization, whose row is held from here on.
async fn take_seat(tx: &mut Tx<'_>, id: OrganizationId, seat: Seat) -> Result<()> {
    let organization = hold(tx, id).await?;
    let taken = match seat {
        Seat::Kept => super::store::turn_seat(tx, id).await?,
        Seat::New => {
            invitations::sweep(tx, id).await?;
            let most = settings::allowances(tx).await?.members.parts();
            super::store::take_seat(tx, id, most).await?
        }
    };
    if taken { Ok(()) } else { Err(Problem::MembersFull(organization.max_allowed_memberships).into()) }
}

/// Refuses where this organization, or another one of the user's, wants its members for itself. The user's row is held.
async fn ensure_compatible(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    let against = store::count_incompatible(tx, organization, user).await?;
    if against == 0 { Ok(()) } else { Err(Problem::ExclusiveMember.into()) }
}

/// Whether this organization, or another one of the user's, wants its members for itself.
pub(super) async fn is_incompatible(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<bool> {
    Ok(store::count_incompatible(tx, organization, user).await? > 0)
}

async fn told(tx: &mut Tx<'_>, actor: Actor<'_>, member: &Member, what: &str, event: Event<'_>) -> Result<()> {
    let Belonging { membership, role, .. } = &member.belonging;
    let detail = json!({ "organization_id": membership.organization, "user_id": membership.user, "role": role.key });
    audit::record(tx, actor, &format!("organization_membership.{what}"), &membership.id.to_string(), &detail).await?;
    events::emit(tx, event).await
}

/// The user's membership in the organization.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<Member> {
    let belonging = find(tx, organization, user).await?.ok_or(Problem::NotFound)?;
    let user = users::get(tx, user).await?;
    Ok(Member { belonging, user })
}

/// The user's membership in the organization, if they have one.
///
/// # Errors
/// Only the database's own.
pub async fn find(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<Option<Belonging>> {
    let Some(membership) = store::find(tx, organization, user).await? else { return Ok(None) };
    // The memberships of an organization that is being deleted are on their way too.
    let Some(organization) = super::find(tx, organization).await? else { return Ok(None) };
    let role = role_of(&*roles::catalogue(tx).await?, &membership)?;
    Ok(Some(Belonging { membership, organization, role }))
}

fn role_of(catalogue: &Catalogue, membership: &Membership) -> Result<Arc<Role>> {
    // Between the two readings the role may have been replaced and deleted: then both are read again.
    catalogue.role(membership.role).cloned().ok_or_else(|| foundation::Error::Again(format!("the role of {} is gone", membership.id)))
}

/// Tells that a membership is somebody else's from now on: whoever had it came to be a second time.
pub(crate) async fn tell_handed_over(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    let member = get(tx, organization, user).await?;
    told(tx, Actor::Server, &member, "update", Event::MembershipUpdated(&member)).await
}

/// Gives a member another role.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::RoleUnknown`]; [`Problem::MinimumPermissions`] where nobody else could manage the members then.
pub async fn set_role(tx: &mut Tx<'_>, actor: Actor<'_>, (organization, user): (OrganizationId, UserId), key: &str) -> Result<Member> {
    let held = hold_with_roles(tx, organization, user).await?;
    let catalogue = roles::stored(tx).await?;
    let before = get(tx, organization, user).await?;
    let role = catalogue.role_of_set(held.role_set, key)?;
    if role.id == before.belonging.role.id {
        return Ok(before);
    }
    if !role.is_elevated() {
        ensure_not_last(tx, &before.belonging).await?;
    }
    store::set_role(tx, &before.belonging.membership, role.id).await?;
    let member = get(tx, organization, user).await?;
    told(tx, actor, &member, "update", Event::MembershipUpdated(&member)).await?;
    // Who does it themselves knows it.
    if actor != Actor::User(user) {
        messages::role_changed(tx, &member).await?;
    }
    Ok(member)
}

/// Those who can manage the organization's members; some of them where there are more than so many.
pub(crate) async fn managers(tx: &mut Tx<'_>, organization: &Organization, most: i64) -> Result<Vec<User>> {
    let elevated = roles::catalogue(tx).await?.elevated_of(organization.role_set);
    let ids = store::users_with_roles(tx, organization.id, &elevated, most).await?;
    if ids.is_empty() { Ok(Vec::new()) } else { users::of_ids(tx, &ids).await }
}

/// Changes a membership's metadata; `how` says what becomes of the old document and the new one.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::MetadataTooLarge`].
pub async fn merge_metadata(tx: &mut Tx<'_>, actor: Actor<'_>, (organization, user): (OrganizationId, UserId), change: &MetadataChange) -> Result<Member> {
    hold(tx, organization).await?;
    let mut membership = store::find(tx, organization, user).await?.ok_or(Problem::NotFound)?;
    let parts = [("public_metadata", &mut membership.public_metadata, &change.public), ("private_metadata", &mut membership.private_metadata, &change.private)];
    for (param, old, new) in parts {
        if let Some(new) = new {
            users::merge(&mut old.0, new);
            users::check_metadata(param, old)?;
        }
    }
    store::set_metadata(tx, &membership).await?;
    let member = get(tx, organization, user).await?;
    told(tx, actor, &member, "update", Event::MembershipUpdated(&member)).await?;
    Ok(member)
}

/// Ends a membership; what it was. The organization is no longer in any of the user's sessions.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::MinimumPermissions`] where nobody else could manage the members then.
pub async fn remove(tx: &mut Tx<'_>, actor: Actor<'_>, (organization, user): (OrganizationId, UserId)) -> Result<Member> {
    hold_with_roles(tx, organization, user).await?;
    let member = get(tx, organization, user).await?;
    ensure_not_last(tx, &member.belonging).await?;
    take_away(tx, actor, &member).await?;
    Ok(member)
}

/// Ends a membership of somebody who is in the organization as somebody else from now on. Nobody is asked who keeps it going.
pub(crate) async fn release(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    hold(tx, organization).await?;
    let member = get(tx, organization, user).await?;
    detach(tx, &member).await?;
    told(tx, actor, &member, "delete", Event::MembershipDeleted(&member)).await
}

async fn take_away(tx: &mut Tx<'_>, actor: Actor<'_>, member: &Member) -> Result<()> {
    let Membership { organization, user, .. } = &member.belonging.membership;
    detach(tx, member).await?;
    // Whoever has left or was removed comes back by somebody's word, and not because of their address.
    suggestions::close(tx, *organization, *user).await?;
    told(tx, actor, member, "delete", Event::MembershipDeleted(member)).await
}

async fn detach(tx: &mut Tx<'_>, member: &Member) -> Result<()> {
    let Membership { id, organization, user, .. } = &member.belonging.membership;
    if !store::delete(tx, *id, *user).await? {
        return Err(Problem::NotFound.into());
    }
    super::store::free_seat(tx, *organization).await?;
    users::discount_membership(tx, *user).await?;
    sessions::leave_organization(tx, *organization, *user).await
}

/// Ends all memberships of a user who is going. Nobody is asked whether somebody else can manage the members.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn forget_user(tx: &mut Tx<'_>, actor: Actor<'_>, user: &User) -> Result<()> {
    for belonging in of_user(tx, user.id).await? {
        hold(tx, belonging.membership.organization).await?;
        take_away(tx, actor, &Member { belonging, user: user.clone() }).await?;
    }
    Ok(())
}

/// Refuses where an organization of the user's has other members, and none of them could manage it without the user.
///
/// # Errors
/// [`Problem::MinimumPermissions`].
pub(crate) async fn ensure_can_go(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    for belonging in of_user(tx, user).await? {
        let organization = hold_with_roles(tx, belonging.membership.organization, user).await?;
        if organization.members > 1 {
            ensure_not_last(tx, &belonging).await?;
        }
    }
    Ok(())
}

/// Holds the organization's row. Where the member keeps the organization going, the roles are held first, as they are when a role changes.
async fn hold_with_roles(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<Organization> {
    if let Some(membership) = store::find(tx, organization, user).await?
        && role_of(&*roles::catalogue(tx).await?, &membership)?.is_elevated()
    {
        roles::hold(tx).await?;
    }
    hold(tx, organization).await
}

/// Refuses where the member is the last one who can manage the members. The organization's row is held.
async fn ensure_not_last(tx: &mut Tx<'_>, belonging: &Belonging) -> Result<()> {
    if !belonging.role.is_elevated() {
        return Ok(());
    }
    // No role loses anything until this transaction ends.
    roles::hold(tx).await?;
    let elevated = roles::catalogue(tx).await?.elevated_of(belonging.organization.role_set);
    let counts = elevated.contains(&belonging.role.id);
    let all = store::count_with_roles(tx, belonging.membership.organization, &elevated).await?;
    if all > i64::from(counts) { Ok(()) } else { Err(Problem::MinimumPermissions.into()) }
}

/// Whether an organization has nobody who can manage its members.
///
/// # Errors
/// Only the database's own.
pub async fn lacks_elevated(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<bool> {
    let set = super::get(tx, organization).await?.role_set;
    let elevated = roles::catalogue(tx).await?.elevated_of(set);
    Ok(store::count_with_roles(tx, organization, &elevated).await? == 0)
}

/// Makes a user a member in the role of this key, with public and private metadata.
///
/// # Errors
/// [`Problem::RoleUnknown`]; as [`add`].
pub async fn add_with(
    tx: &mut Tx<'_>,
    actor: Actor<'_>,
    (organization, user): (OrganizationId, UserId),
    key: &str,
    metadata: (&Json, &Json),
) -> Result<Member> {
    let set = super::get(tx, organization).await?.role_set;
    let role = roles::stored(tx).await?.role_of_set(set, key)?.id;
    let (public_metadata, private_metadata) = (metadata.0.clone(), metadata.1.clone());
    add(tx, actor, &NewMembership { public_metadata, private_metadata, ..NewMembership::new(organization, user, role) }).await
}

/// Whether somebody has a role that is none of these.
pub(crate) async fn has_others(tx: &mut Tx<'_>, organization: OrganizationId, roles: &[RoleId]) -> Result<bool> {
    let all = super::get(tx, organization).await?.members;
    Ok(store::count_with_roles(tx, organization, roles).await? < all)
}

/// Ends some memberships of an organization that is going; how many. It is no longer in these users' sessions.
pub(super) async fn forget_organization(tx: &mut Tx<'_>, organization: OrganizationId, most: i64) -> Result<usize> {
    let gone = store::delete_of_organization(tx, organization, most).await?;
    users::discount_members(tx, &gone).await?;
    sessions::leave_organization_all(tx, organization, &gone).await?;
    Ok(gone.len())
}
