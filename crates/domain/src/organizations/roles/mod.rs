//! Roles: what members may be, what each role allows, and which roles belong together.
//!
//! All of an instance's roles are few, so they are read at once and kept by their version ([`Catalogue`]). Every instance has the roles
//! `org:admin` and `org:member` in the set `role_set:default` from the start, without a row being there: the rows come with the first
//! organization or the first change. System permissions are the same everywhere and have no rows at all.

mod built_in;
mod change;
mod find;
mod first;
mod own;
mod permissions;
pub(crate) mod replace;
mod sets;
mod store;

pub(crate) use change::hold;
pub use find::{Listed, Order, OrderBy, Search};
pub use first::set_first_roles;
pub use own::{Place, RoleChange, assign_permission, create_role, delete_role, get_role, remove_permission, update_role};
pub use permissions::{PermissionChange, create_permission, delete_permission, get_permission, update_permission};
pub use replace::{Replacement, Status, Trigger, replace_role, replace_set};
pub use sets::{Members, SetChange, Shown, add_roles, create_set, get_set, list_sets, update_set};

use crate::counters::{self, Counter};
use ::store::{Tx, cache::InstanceCache, text_enum};
use foundation::{PermissionId, Problem, Result, RoleId, RoleSetId, Timestamp};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

text_enum! {
    /// Who has made a permission.
    pub enum Kind {
        /// The server: it guards the organization itself, and stands in no token.
        System = "system",
        /// The application: it is in the tokens of whoever has it.
        User = "user",
    }
}

/// What a role can allow.
#[derive(Clone, Debug, PartialEq)]
pub struct Permission {
    /// Its id.
    pub id: PermissionId,
    /// `org:<feature>:<permission>`.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who has made it.
    pub kind: Kind,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a member may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// `org:<role>`.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows, system permissions first.
    pub permissions: Vec<Permission>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Roles that belong together: the members of an organization have roles of its set.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleSet {
    /// Its id.
    pub id: RoleSetId,
    /// `role_set:<name>`.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether new organizations have it if nothing else is said.
    pub initial: bool,
    /// The role of whoever comes in where no role is named.
    pub default_role: RoleId,
    /// The role of whoever creates an organization.
    pub creator_role: RoleId,
    /// Its roles.
    pub roles: Vec<RoleId>,
    /// The replacement of some of its roles, or of the whole set, that is under way.
    pub replacement: Option<Replacement>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Manages and deletes members: without anybody who may, nobody could ever come in.
pub const MANAGE_MEMBERS: &str = "org:sys_memberships:manage";
/// Sees who the members are.
pub const READ_MEMBERS: &str = "org:sys_memberships:read";
/// Changes name, slug and logo.
pub const MANAGE_PROFILE: &str = "org:sys_profile:manage";
/// Deletes the organization.
pub const DELETE_PROFILE: &str = "org:sys_profile:delete";
/// Sees the domains.
pub const READ_DOMAINS: &str = "org:sys_domains:read";
/// Adds, verifies and removes domains.
pub const MANAGE_DOMAINS: &str = "org:sys_domains:manage";

impl Permission {
    /// The feature that it is about.
    pub fn feature(&self) -> &str {
        self.key.split(':').nth(1).unwrap_or_default()
    }

    /// What may be done with the feature.
    pub fn action(&self) -> &str {
        self.key.split(':').nth(2).unwrap_or_default()
    }
}

impl Role {
    /// Whether it allows this.
    pub fn allows(&self, key: &str) -> bool {
        self.permissions.iter().any(|permission| permission.key == key)
    }

    /// Whether members with it can keep an organization going: they see and manage its members.
    pub fn is_elevated(&self) -> bool {
        self.allows(MANAGE_MEMBERS)
    }

    /// Whether the creator of an organization can have it. Contract: `is_creator_eligible`.
    pub fn is_creator_eligible(&self) -> bool {
        [MANAGE_MEMBERS, READ_MEMBERS, DELETE_PROFILE].iter().all(|key| self.allows(key))
    }
}

/// All permissions, roles and role sets of an instance, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// What roles can allow: system permissions first.
    pub permissions: Vec<Permission>,
    /// What members may be.
    pub roles: Vec<Arc<Role>>,
    /// Which belong together.
    pub sets: Vec<RoleSet>,
    /// Whether there are rows of it.
    stored: bool,
}

impl Catalogue {
    /// The role of this id.
    pub fn role(&self, id: RoleId) -> Option<&Arc<Role>> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// The permission of this id.
    pub fn permission(&self, id: PermissionId) -> Option<&Permission> {
        self.permissions.iter().find(|permission| permission.id == id)
    }

    /// The set of this id.
    pub fn set(&self, id: RoleSetId) -> Option<&RoleSet> {
        self.sets.iter().find(|set| set.id == id)
    }

    /// The set of this key.
    pub fn set_of_key(&self, key: &str) -> Option<&RoleSet> {
        self.sets.iter().find(|set| set.key == key)
    }

    /// The set that new organizations have if nothing else is said.
    ///
    /// # Errors
    /// Only where the rows make no sense.
    pub fn initial(&self) -> Result<&RoleSet> {
        self.sets.iter().find(|set| set.initial).ok_or_else(|| foundation::Error::Broken("no initial role set".to_owned()))
    }

    /// The role of this key in a set.
    ///
    /// # Errors
    /// [`Problem::RoleUnknown`] where the set has none.
    pub fn role_of_set(&self, set: RoleSetId, key: &str) -> Result<&Arc<Role>, Problem> {
        let set = self.set(set).ok_or(Problem::RoleUnknown)?;
        self.roles.iter().find(|role| role.key == key && set.roles.contains(&role.id)).ok_or(Problem::RoleUnknown)
    }

    /// The keys of the roles that creators and newcomers of a new organization have.
    pub fn first_roles(&self) -> (&str, &str) {
        let initial = self.sets.iter().find(|set| set.initial);
        let key = |id: Option<RoleId>| id.and_then(|id| self.role(id)).map_or("", |role| role.key.as_str());
        (key(initial.map(|set| set.creator_role)), key(initial.map(|set| set.default_role)))
    }

    /// The roles whose members can keep an organization with this set going. Who is to have another role counts by that one.
    pub fn elevated_of(&self, set: RoleSetId) -> Vec<RoleId> {
        let Some(set) = self.set(set) else { return Vec::new() };
        let is_elevated = |id: RoleId| self.role(id).is_some_and(|role| role.is_elevated());
        let own = set.roles.iter().copied().filter(|role| is_elevated(*role));
        let going = set.replacement.iter().flat_map(|replacement| &replacement.mappings).filter(|(from, to)| !set.roles.contains(from) && is_elevated(*to));
        own.chain(going.map(|(from, _)| *from)).collect()
    }
}

/// Catalogues by instance. The version is compared at every use, so an entry's age does not matter for its truth.
/// `None` stands for what every instance begins with: that is made again faster than it is worth its room.
static KNOWN: LazyLock<InstanceCache<i64, Option<Arc<Catalogue>>>> = LazyLock::new(|| InstanceCache::new(2_000, Duration::from_secs(3_600)));

/// All of the instance's roles: one statement where none has changed.
///
/// # Errors
/// Only the database's own.
pub async fn catalogue(tx: &mut Tx<'_>) -> Result<Arc<Catalogue>> {
    let version = counters::value(tx, Counter::RolesVersion).await?;
    let known = match KNOWN.get(tx, &version) {
        Some(known) => known,
        None => {
            let found = Some(store::read(tx).await?).filter(|found| !found.sets.is_empty()).map(Arc::new);
            KNOWN.put(tx, version, found.clone());
            found
        }
    };
    Ok(known.unwrap_or_else(|| Arc::new(built_in::catalogue(tx.instance()))))
}

/// All of the instance's roles, with rows that others can refer to.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn stored(tx: &mut Tx<'_>) -> Result<Arc<Catalogue>> {
    let known = catalogue(tx).await?;
    if known.stored {
        return Ok(known);
    }
    store::write(tx, &known).await?;
    changed(tx).await?;
    catalogue(tx).await
}

/// Gives a new instance all that another one has: the same keys and names, under ids of its own. Replacements that are under way stay behind.
pub(crate) async fn adopt(tx: &mut Tx<'_>, from: &Catalogue) -> Result<()> {
    let mut permissions = built_in::permissions(tx.instance());
    for own in from.permissions.iter().filter(|permission| permission.kind == Kind::User) {
        let own = Permission { id: tx.new_id(), ..own.clone() };
        store::insert_permission(tx, &own).await?;
        permissions.push(own);
    }
    let mut ids = Vec::new();
    let mut adopted = Catalogue::default();
    for role in &from.roles {
        let allowed = permissions.iter().filter(|permission| role.allows(&permission.key)).cloned().collect();
        let own = Role { id: tx.new_id(), permissions: allowed, ..Role::clone(role) };
        ids.push((role.id, own.id));
        adopted.roles.push(Arc::new(own));
    }
    let other = |id: RoleId| ids.iter().find(|(old, _)| *old == id).map_or(id, |(_, new)| *new);
    for set in &from.sets {
        let roles = set.roles.iter().map(|role| other(*role)).collect();
        let (default_role, creator_role) = (other(set.default_role), other(set.creator_role));
        adopted.sets.push(RoleSet { id: tx.new_id(), roles, default_role, creator_role, replacement: None, ..set.clone() });
    }
    store::write(tx, &adopted).await?;
    changed(tx).await
}

/// Notes that something of the catalogue was changed.
pub(crate) async fn changed(tx: &mut Tx<'_>) -> Result<()> {
    counters::add(tx, Counter::RolesVersion, 1).await.map(drop)
}
