//! Role sets come and change.

use super::{
    Catalogue, RoleSet, Search,
    change::{self, begin, settle},
    replace::ensure_calm,
    store,
};
use crate::{
    audit::{self, Actor},
    settings,
};
use ::store::Tx;
use foundation::{Id, InstanceId, OnConflict, Problem, Result, RoleId, RoleSetId, text};
use serde_json::json;
use std::{collections::HashMap, sync::Arc};

/// The most roles that one request puts into a set.
const MOST_AT_ONCE: usize = 10;

/// What a set is to be; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct SetChange {
    /// What it is called.
    pub name: Option<String>,
    /// Its key.
    pub key: Option<String>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// Whether new organizations have it if nothing else is said.
    pub initial: bool,
    /// The key of the role of newcomers.
    pub default_role_key: Option<String>,
    /// The key of the role of creators.
    pub creator_role_key: Option<String>,
    /// The keys of its roles, or of roles that it is to have too.
    pub role_keys: Vec<String>,
}

/// How many members of organizations with a set have a role of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// Whether there are any; how many was not counted.
    Any(bool),
    /// So many.
    Counted(i64),
}

/// A set with what is shown of it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The set.
    pub set: RoleSet,
    /// Its instance.
    pub instance: InstanceId,
    /// Its roles, and others.
    pub catalogue: Arc<Catalogue>,
    /// Who has its roles.
    pub members: HashMap<RoleId, Members>,
}

/// The set of this id or key.
pub(super) fn named<'a>(catalogue: &'a Catalogue, id_or_key: &str) -> Result<&'a RoleSet, Problem> {
    let found = match RoleSetId::parse(id_or_key) {
        Some(id) => catalogue.set(id),
        None => catalogue.set_of_key(id_or_key),
    };
    found.ok_or(Problem::NotFound)
}

/// The set as it is now; whether its roles have members is told, but not how many.
pub(super) async fn shown(tx: &mut Tx<'_>, id: RoleSetId) -> Result<Shown> {
    let catalogue = super::catalogue(tx).await?;
    let set = catalogue.set(id).ok_or(Problem::NotFound)?.clone();
    with_members(tx, &catalogue, set).await
}

async fn with_members(tx: &mut Tx<'_>, catalogue: &Arc<Catalogue>, set: RoleSet) -> Result<Shown> {
    let mut members = HashMap::new();
    for role in &set.roles {
        members.insert(*role, Members::Any(store::has_members_of_set(tx, set.id, *role).await?));
    }
    Ok(Shown { set, instance: tx.instance(), catalogue: Arc::clone(catalogue), members })
}

/// The set of this id or key, with the number of its roles' members.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get_set(tx: &mut Tx<'_>, id_or_key: &str) -> Result<Shown> {
    let catalogue = super::catalogue(tx).await?;
    let set = named(&catalogue, id_or_key)?.clone();
    let counted: HashMap<RoleId, i64> = store::count_members_of_set(tx, set.id).await?.into_iter().collect();
    let members = set.roles.iter().map(|role| (*role, Members::Counted(counted.get(role).copied().unwrap_or(0)))).collect();
    Ok(Shown { set, instance: tx.instance(), catalogue, members })
}

/// The sets of a page, and how many there are in all.
///
/// # Errors
/// Only the database's own.
pub async fn list_sets(tx: &mut Tx<'_>, search: &Search) -> Result<(Vec<Shown>, i64)> {
    let catalogue = super::catalogue(tx).await?;
    let (found, total) = search.of(&catalogue.sets);
    let mut list = Vec::with_capacity(found.len());
    for set in found {
        list.push(with_members(tx, &catalogue, set).await?);
    }
    Ok((list, total))
}

/// Makes a set.
///
/// # Errors
/// [`Problem::ParamMissing`]; [`Problem::ParamInvalid`]; [`Problem::NamesNothing`] for an unknown role; [`Problem::IdentifierExists`] for a taken
/// key; [`Problem::CreatorRole`]; [`Problem::LimitReached`].
pub async fn create_set(tx: &mut Tx<'_>, actor: Actor<'_>, new: &SetChange) -> Result<Shown> {
    let before = begin(tx).await?;
    change::ensure_room("role sets", before.sets.len(), settings::effective(tx).await?.organization_settings.max_role_sets_allowed)?;
    let roles = roles(&before, "roles", &new.role_keys)?;
    let name = change::name(new.name.as_deref().unwrap_or_default())?;
    let now = tx.now();
    let set = RoleSet {
        id: tx.new_id(),
        key: match &new.key {
            Some(key) => checked(key)?,
            None => made_key(&before, &name),
        },
        name,
        description: change::description(new.description.clone().flatten().as_deref())?,
        initial: false,
        default_role: role_among(&before, &roles, "default_role_key", new.default_role_key.as_deref().ok_or(Problem::ParamMissing("default_role_key"))?)?,
        creator_role: role_among(&before, &roles, "creator_role_key", new.creator_role_key.as_deref().ok_or(Problem::ParamMissing("creator_role_key"))?)?,
        roles,
        replacement: None,
        created_at: now,
        updated_at: now,
    };
    store::insert_set(tx, &set).await.on_conflict(Problem::IdentifierExists("key"))?;
    for role in &set.roles {
        store::admit(tx, set.id, *role).await?;
    }
    if new.initial {
        store::set_initial(tx, set.id).await?;
    }
    settled(tx, actor, &before, (set.id, "create")).await
}

/// Changes a set: for all organizations that have it.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::AttemptState`] while roles are being replaced; as [`create_set`].
pub async fn update_set(tx: &mut Tx<'_>, actor: Actor<'_>, id_or_key: &str, change: &SetChange) -> Result<Shown> {
    let before = begin(tx).await?;
    let mut set = named(&before, id_or_key)?.clone();
    ensure_calm(&before, &set)?;
    if let Some(name) = &change.name {
        set.name = change::name(name)?;
    }
    if let Some(key) = &change.key {
        set.key = checked(key)?;
    }
    if let Some(description) = &change.description {
        set.description = change::description(description.as_deref())?;
    }
    first_roles(&before, &mut set, change)?;
    store::update_set(tx, &set).await.on_conflict(Problem::IdentifierExists("key"))?;
    if change.initial {
        store::set_initial(tx, set.id).await?;
    }
    settled(tx, actor, &before, (set.id, "update")).await
}

/// Puts further roles into a set.
///
/// # Errors
/// As [`update_set`].
pub async fn add_roles(tx: &mut Tx<'_>, actor: Actor<'_>, id_or_key: &str, change: &SetChange) -> Result<Shown> {
    let before = begin(tx).await?;
    let mut set = named(&before, id_or_key)?.clone();
    ensure_calm(&before, &set)?;
    let new = roles(&before, "role_keys", &change.role_keys)?;
    for role in &new {
        store::admit(tx, set.id, *role).await?;
    }
    set.roles.extend(new);
    first_roles(&before, &mut set, change)?;
    store::update_set(tx, &set).await?;
    settled(tx, actor, &before, (set.id, "update")).await
}

/// Says which roles creators and newcomers have, where that is to change.
fn first_roles(catalogue: &Catalogue, set: &mut RoleSet, change: &SetChange) -> Result<(), Problem> {
    if let Some(key) = &change.default_role_key {
        set.default_role = role_among(catalogue, &set.roles, "default_role_key", key)?;
    }
    if let Some(key) = &change.creator_role_key {
        set.creator_role = role_among(catalogue, &set.roles, "creator_role_key", key)?;
    }
    Ok(())
}

async fn settled(tx: &mut Tx<'_>, actor: Actor<'_>, before: &Catalogue, (id, what): (RoleSetId, &str)) -> Result<Shown> {
    settle(tx, before, "creator_role_key").await?;
    let shown = shown(tx, id).await?;
    let key = |role: RoleId| shown.catalogue.role(role).map(|role| role.key.clone());
    let roles: Vec<_> = shown.set.roles.iter().map(|role| key(*role)).collect();
    let (creator, newcomer) = (key(shown.set.creator_role), key(shown.set.default_role));
    let detail = json!({ "key": shown.set.key, "initial": shown.set.initial, "roles": roles, "creator_role": creator, "default_role": newcomer });
    audit::record(tx, actor, &format!("role_set.{what}"), &id.to_string(), &detail).await?;
    Ok(shown)
}

/// The roles of these keys, each once.
fn roles(catalogue: &Catalogue, param: &'static str, keys: &[String]) -> Result<Vec<RoleId>, Problem> {
    if !(1..=MOST_AT_ONCE).contains(&keys.len()) {
        return Err(Problem::invalid(param, format!("must name 1 to {MOST_AT_ONCE} roles")));
    }
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let role = catalogue.roles.iter().find(|role| role.key == *key).ok_or(Problem::NamesNothing(param))?;
        if !found.contains(&role.id) {
            found.push(role.id);
        }
    }
    Ok(found)
}

/// The role of this key, if it is one of these.
fn role_among(catalogue: &Catalogue, roles: &[RoleId], param: &'static str, key: &str) -> Result<RoleId, Problem> {
    let found = roles.iter().filter_map(|id| catalogue.role(*id)).find(|role| role.key == key);
    found.map(|role| role.id).ok_or(Problem::invalid(param, "must be the key of a role of the set"))
}

fn checked(key: &str) -> Result<String, Problem> {
    if change::check_key(key, PREFIX, 1) {
        Ok(key.to_owned())
    } else {
        Err(Problem::invalid("key", "must be role_set: and 1 to 64 lower-case letters, digits and underscores"))
    }
}

const PREFIX: &str = "role_set:";

/// A key that is made of a name and not taken.
fn made_key(catalogue: &Catalogue, name: &str) -> String {
    let made = format!("{PREFIX}{}", text::kebab(name, 48).replace('-', "_"));
    let further = (2..).map(|number| format!("{made}_{number}"));
    std::iter::once(made.clone()).chain(further).find(|key| catalogue.set_of_key(key).is_none()).unwrap_or(made)
}
