//! Organizations: customers, teams or companies inside an instance, their members, and what members may do.
//!
//! | file | holds |
//! |---|---|
//! | `own` | what signed-in users do: they are found to be members first, and to be allowed second |
//! | `create`, `change`, `list` | the organizations themselves |
//! | `defaults` | what a new one could be called |
//! | `delete` | the end of one |
//! | `memberships` | who belongs to them |
//! | `invitations` | who is asked to |
//! | `roles` | what members may be |
//! | `domains` | where their people have addresses, and how those come to them |
//! | `suggestions` | whom the domains have told that they may join |
//! | `requests` | who wants to join |
//! | `active` | the organization that a session is in, and what its tokens say of it |
//! | `switch` | they are turned on from the page of an application that is being developed |

pub mod active;
mod change;
mod create;
pub mod defaults;
mod delete;
pub mod domains;
pub mod invitations;
mod list;
pub mod memberships;
pub mod own;
pub mod requests;
pub mod roles;
mod store;
pub mod suggestions;
pub mod switch;

pub use change::{Change, MetadataChange, change_metadata, merge, remove_logo, set_logo, spend_logo, update};
pub use create::{NewOrganization, create};
pub use delete::delete;
pub(crate) use delete::{GO_ON as DELETE, go_on as go_on_deleting};
pub(crate) use list::of_ids;
pub use list::{Filter, Order, OrderBy, count, list};

use crate::images;
use ::store::{Json, Tx};
use foundation::{Id, ImageId, OrganizationId, Problem, Result, RoleSetId, Timestamp, UserId};

/// An organization.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// Its logo.
    pub image: Option<ImageId>,
    /// Where that is, or the picture that stands in for it.
    pub image_url: String,
    /// What its members may read, and the backend may write.
    pub public_metadata: Json,
    /// What only the backend may read and write.
    pub private_metadata: Json,
    /// Who has created it, if a user has.
    pub created_by: Option<UserId>,
    /// The roles that its members can have.
    pub role_set: RoleSetId,
    /// The most members, invited ones counted: its own number or the instance's, within what the settings allow; 0 for no limit.
    pub max_allowed_memberships: i64,
    /// The number of its own that it was given, whatever that counts for now.
    own_most: Option<i64>,
    /// Whether members who may delete it can.
    pub admin_delete_enabled: bool,
    /// Whether its members can belong to no other.
    pub exclusive_membership: bool,
    /// How many members it has.
    pub members: i64,
    /// How many invitations wait for an answer.
    pub pending_invitations: i64,
    /// When a member was last in it, to the hour.
    pub last_active_at: Option<Timestamp>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Organization {
    /// Whether all seats are taken, or kept for whoever is invited.
    pub fn is_full(&self) -> bool {
        self.max_allowed_memberships > 0 && self.members + self.pending_invitations >= self.max_allowed_memberships
    }
}

/// The organization of this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: OrganizationId) -> Result<Organization> {
    find(tx, id).await?.ok_or_else(|| Problem::NotFound.into())
}

/// The organization of this id, if there is one.
///
/// # Errors
/// Only the database's own.
pub async fn find(tx: &mut Tx<'_>, id: OrganizationId) -> Result<Option<Organization>> {
    let Some(mut found) = store::find(tx, id).await? else { return Ok(None) };
    complete(tx, std::slice::from_mut(&mut found)).await?;
    Ok(Some(found))
}

/// The organization of this id or slug.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn named(tx: &mut Tx<'_>, id_or_slug: &str) -> Result<Organization> {
    match store::id_of(tx, id_or_slug).await? {
        Some(id) => get(tx, id).await,
        None => Err(Problem::NotFound.into()),
    }
}

/// The organization of this id, for a change that depends on what is read: nobody else changes it before the transaction ends.
///
/// # Errors
/// [`Problem::NotFound`].
pub(crate) async fn hold(tx: &mut Tx<'_>, id: OrganizationId) -> Result<Organization> {
    if store::hold(tx, id).await? { get(tx, id).await } else { Err(Problem::NotFound.into()) }
}

/// Puts one role set in the place of another, in at most so many organizations; how many that were.
pub(crate) async fn change_role_set(tx: &mut Tx<'_>, (from, to): (RoleSetId, RoleSetId), most: usize) -> Result<usize> {
    store::change_role_set(tx, from, to, i64::try_from(most).unwrap_or(i64::MAX)).await
}

/// Fills in what does not stand in the rows: the number of members that counts, and where the logo is.
async fn complete(tx: &mut Tx<'_>, organizations: &mut [Organization]) -> Result<()> {
    if organizations.is_empty() {
        return Ok(());
    }
    let members = crate::settings::allowances(tx).await?.members;
    for organization in organizations.iter_mut() {
        organization.max_allowed_memberships = members.number(organization.own_most);
    }
    // What is over and not swept yet is nobody's seat any more.
    let inviting: Vec<OrganizationId> = organizations.iter().filter(|organization| organization.pending_invitations > 0).map(|o| o.id).collect();
    if !inviting.is_empty() {
        for (id, over) in invitations::overdue(tx, &inviting).await? {
            organizations.iter_mut().filter(|organization| organization.id == id).for_each(|organization| organization.pending_invitations -= over);
        }
    }
    images::illustrate_organizations(tx, organizations).await
}

/// Whether the text is the id of an organization; what is none is a slug.
fn parse_id(text: &str) -> Option<OrganizationId> {
    OrganizationId::parse(text)
}
