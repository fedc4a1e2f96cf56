//! What signed-in users do with their organizations. They are found to be members first: whoever is none learns nothing. Then they are
//! found to be allowed.

use super::{
    Change, NewOrganization, Organization,
    memberships::{self, Belonging, Member},
    roles::{self, Catalogue, Kind, Role},
};
use crate::{
    audit::Actor,
    clients::Visit,
    images,
    sessions::Session,
    settings::{self, PoolMode},
    users::{CreationLimit, User},
};
use ::store::{Json, Tx};
use foundation::{ImageId, OrganizationId, Page, Problem, Result, UserId};
use std::sync::Arc;
use world::images::Square;

/// A signed-in member of an organization, inside it.
pub struct Entered {
    /// Their session.
    pub session: Session,
    /// Who they are.
    pub user: User,
    /// What they are there.
    pub belonging: Belonging,
}

/// Finds the visitor to be a member.
///
/// # Errors
/// [`Problem::OrganizationsOff`]; as [`Visit::signed_in`]; [`Problem::NotFound`] where they are no member, or there is no such organization.
pub async fn enter(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId) -> Result<Entered> {
    let (session, user) = visit.signed_in(tx).await?;
    settings::effective(tx).await?.organization_settings.ensure_enabled()?;
    let belonging = memberships::find(tx, id, user.id).await?.ok_or(Problem::NotFound)?;
    Ok(Entered { session, user, belonging })
}

impl Entered {
    /// Whom the audit log names.
    pub fn actor(&self) -> Actor<'_> {
        self.session.by()
    }

    /// The organization.
    pub fn id(&self) -> OrganizationId {
        self.belonging.organization.id
    }

    /// Finds the member to be allowed.
    ///
    /// # Errors
    /// [`Problem::PermissionMissing`].
    pub fn ensure(self, permission: &'static str) -> Result<Entered, Problem> {
        if self.belonging.role.allows(permission) { Ok(self) } else { Err(Problem::PermissionMissing(permission)) }
    }

    /// Finds the member to have all that a role may do to the organization: nobody gives more than they have, or takes away from whoever has
    /// more. Who may look at what is no rank, and what the application's own permissions allow is the application's affair.
    ///
    /// # Errors
    /// [`Problem::RoleAbove`].
    pub fn ensure_above(&self, role: &Role) -> Result<(), Problem> {
        let mut guarded = role.permissions.iter().filter(|permission| permission.kind == Kind::System && permission.action() != "read");
        if guarded.all(|permission| self.belonging.role.allows(&permission.key)) { Ok(()) } else { Err(Problem::RoleAbove) }
    }

    /// Finds the member to be above whoever has the role of this key in the organization's set.
    ///
    /// # Errors
    /// [`Problem::RoleUnknown`]; [`Problem::RoleAbove`].
    pub async fn ensure_above_key(&self, tx: &mut Tx<'_>, key: &str) -> Result<()> {
        let catalogue = roles::catalogue(tx).await?;
        Ok(self.ensure_above(catalogue.role_of_set(self.belonging.organization.role_set, key)?)?)
    }
}

/// The visitor's own memberships, newest first, and how many there are in all. None where organizations are off.
///
/// # Errors
/// As [`Visit::signed_in`].
pub async fn list(tx: &mut Tx<'_>, visit: &Visit, page: Page) -> Result<(Vec<Member>, i64)> {
    let (_, user) = visit.signed_in(tx).await?;
    if user.organizations == 0 || !settings::effective(tx).await?.organization_settings.enabled {
        return Ok((Vec::new(), 0));
    }
    let filter = memberships::Filter { user: Some(user.id), ..memberships::Filter::default() };
    Ok((memberships::list(tx, &filter, memberships::Order::default(), page).await?, user.organizations))
}

/// Creates an organization whose first member the visitor is.
///
/// # Errors
/// [`Problem::OrganizationCreationNotAllowed`]; as [`super::create`].
pub async fn create(tx: &mut Tx<'_>, visit: &mut Visit, name: &str, slug: Option<&str>) -> Result<Organization> {
    let (session, user) = visit.themselves(tx).await?;
    let settings = settings::effective(tx).await?;
    settings.organization_settings.ensure_enabled()?;
    let shared = settings.user_pool.mode == PoolMode::Shared;
    if !shared || !settings.user_actions.create_organization || !user.create_organization_enabled {
        return Err(Problem::OrganizationCreationNotAllowed.into());
    }
    let limit = CreationLimit::Own;
    let new = NewOrganization { name: name.to_owned(), slug: slug.map(str::to_owned), created_by: Some(user.id), limit, ..NewOrganization::default() };
    super::create(tx, session.by(), &new).await
}

/// The organization, for its member.
///
/// # Errors
/// As [`enter`].
pub async fn get(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId) -> Result<Organization> {
    Ok(enter(tx, visit, id).await?.belonging.organization)
}

/// Changes name and slug.
///
/// # Errors
/// As [`enter`]; [`Problem::PermissionMissing`]; as [`super::update`].
pub async fn update(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId, change: &Change) -> Result<Organization> {
    let entered = enter(tx, visit, id).await?.ensure(roles::MANAGE_PROFILE)?;
    super::update(tx, entered.actor(), id, change).await
}

/// Deletes the organization.
///
/// # Errors
/// As [`enter`]; [`Problem::PermissionMissing`]; [`Problem::OrganizationDeletionNotAllowed`]; [`Problem::Impersonated`].
pub async fn delete(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId) -> Result<OrganizationId> {
    let entered = enter(tx, visit, id).await?.ensure(roles::DELETE_PROFILE)?;
    visit.themselves(tx).await?;
    let allowed = settings::effective(tx).await?.organization_settings.admin_delete_enabled && entered.belonging.organization.admin_delete_enabled;
    if !allowed {
        return Err(Problem::OrganizationDeletionNotAllowed.into());
    }
    Ok(super::delete(tx, entered.actor(), id).await?.id)
}

/// Takes one upload out of the organization's budget.
///
/// # Errors
/// As [`update`]; [`Problem::TooManyRequests`].
pub async fn spend_logo(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId) -> Result<()> {
    enter(tx, visit, id).await?.ensure(roles::MANAGE_PROFILE)?;
    images::spend_upload(tx, &id.to_string()).await
}

/// Gives the organization a logo.
///
/// # Errors
/// As [`update`].
pub async fn set_logo(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId, squares: &[Square]) -> Result<Organization> {
    let entered = enter(tx, visit, id).await?.ensure(roles::MANAGE_PROFILE)?;
    super::set_logo(tx, entered.actor(), id, squares).await
}

/// Takes the organization's logo away.
///
/// # Errors
/// As [`update`]; [`Problem::NotFound`] where there is none.
pub async fn remove_logo(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId) -> Result<ImageId> {
    let entered = enter(tx, visit, id).await?.ensure(roles::MANAGE_PROFILE)?;
    Ok(super::remove_logo(tx, entered.actor(), id).await?.1)
}

/// Makes a user of the instance a member without asking them, where members may.
///
/// # Errors
/// As [`enter`]; [`Problem::PermissionMissing`]; [`Problem::Impersonated`]; [`Problem::DirectMembersOff`]; [`Problem::RoleUnknown`];
/// [`Problem::RoleAbove`]; as [`memberships::add`].
pub async fn add_member(tx: &mut Tx<'_>, visit: &Visit, (id, user): (OrganizationId, UserId), role: &str) -> Result<Member> {
    let entered = enter(tx, visit, id).await?.ensure(roles::MANAGE_MEMBERS)?;
    visit.themselves(tx).await?;
    if !settings::effective(tx).await?.organization_settings.direct_members {
        return Err(Problem::DirectMembersOff.into());
    }
    entered.ensure_above_key(tx, role).await?;
    memberships::add_with(tx, entered.actor(), (id, user), role, (&Json::default(), &Json::default())).await
}

/// Gives a member another role.
///
/// # Errors
/// As [`enter`]; [`Problem::PermissionMissing`]; [`Problem::Impersonated`]; [`Problem::RoleAbove`]; as [`memberships::set_role`].
pub async fn set_role(tx: &mut Tx<'_>, visit: &Visit, (id, user): (OrganizationId, UserId), role: &str) -> Result<Member> {
    super::hold(tx, id).await?;
    let entered = enter(tx, visit, id).await?.ensure(roles::MANAGE_MEMBERS)?;
    visit.themselves(tx).await?;
    entered.ensure_above_key(tx, role).await?;
    entered.ensure_above(&memberships::get(tx, id, user).await?.belonging.role)?;
    memberships::set_role(tx, entered.actor(), (id, user), role).await
}

/// Removes a member; themselves too.
///
/// # Errors
/// As [`enter`]; [`Problem::Impersonated`]; [`Problem::PermissionMissing`], [`Problem::RoleAbove`] where it is somebody else; as [`memberships::remove`].
pub async fn remove_member(tx: &mut Tx<'_>, visit: &Visit, (id, user): (OrganizationId, UserId)) -> Result<Member> {
    super::hold(tx, id).await?;
    let mut entered = enter(tx, visit, id).await?;
    visit.themselves(tx).await?;
    if entered.user.id != user {
        entered = entered.ensure(roles::MANAGE_MEMBERS)?;
        entered.ensure_above(&memberships::get(tx, id, user).await?.belonging.role)?;
    }
    memberships::remove(tx, entered.actor(), (id, user)).await
}

/// Leaves the organization.
///
/// # Errors
/// As [`enter`]; [`Problem::Impersonated`]; as [`memberships::remove`].
pub async fn leave(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId) -> Result<Member> {
    let entered = enter(tx, visit, id).await?;
    visit.themselves(tx).await?;
    memberships::remove(tx, entered.actor(), (id, entered.user.id)).await
}

/// The roles that the organization's members can have, and whether some are being replaced.
///
/// # Errors
/// As [`enter`]; [`Problem::PermissionMissing`].
pub async fn roles(tx: &mut Tx<'_>, visit: &Visit, id: OrganizationId) -> Result<(Vec<Arc<Role>>, bool)> {
    let entered = enter(tx, visit, id).await?.ensure(roles::READ_MEMBERS)?;
    let catalogue: Arc<Catalogue> = roles::catalogue(tx).await?;
    let set = catalogue.set(entered.belonging.organization.role_set).ok_or(Problem::NotFound)?;
    Ok((set.roles.iter().filter_map(|role| catalogue.role(*role).cloned()).collect(), set.replacement.is_some()))
}
