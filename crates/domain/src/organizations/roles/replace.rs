//! Members of organizations with a set get other roles: one role of the set is replaced, or the whole set by another one.
//!
//! The change of the set is one commit, and from then on nobody gets a role that is going. The members' roles are changed with it where they
//! are few; where they are many, a job goes on in small steps, and meanwhile a member with a role that is going counts as what they are to be
//! when it is asked who keeps an organization going. Somebody who became a member beside the change is found by a last look a minute later.

use super::{
    Catalogue, RoleSet,
    change::{begin, settle},
    sets::{self, Shown, named},
    store,
};
use crate::{
    audit::{self, Actor},
    organizations::{self, invitations, memberships},
};
use ::store::{NewJob, Tx, text_enum};
use foundation::{Error, Problem, Result, RoleId, RoleSetId, RoleSetMigrationId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

text_enum! {
    /// Why roles are replaced.
    pub enum Trigger {
        /// A set is replaced by another one.
        SetDeletion = "role_set_deletion",
        /// A role is taken out of a set.
        RoleRemoval = "role_removal",
    }
}

text_enum! {
    /// How far a replacement is.
    pub enum Status {
        /// It waits for the job.
        Enqueued = "enqueued",
        /// The job is at it.
        InProgress = "in_progress",
    }
}

/// A replacement that is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement {
    /// Its id.
    pub id: RoleSetMigrationId,
    /// The set that replaces the whole set.
    pub dest: Option<RoleSetId>,
    /// Why.
    pub trigger: Trigger,
    /// How far it is.
    pub status: Status,
    /// Which role takes the place of which.
    pub mappings: Vec<(RoleId, RoleId)>,
    /// How many members have their new role.
    pub migrated: i64,
    /// When the job began.
    pub started_at: Option<Timestamp>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it last went on.
    pub updated_at: Timestamp,
}

impl Replacement {
    /// Whether it needs this role.
    pub fn names(&self, role: RoleId) -> bool {
        self.mappings.iter().any(|(from, to)| *from == role || *to == role)
    }
}

/// The job that goes on with a replacement.
pub(crate) const GO_ON: &str = "replace_roles";
/// How many members, and how many organizations, one transaction changes.
const STEP: usize = 100;
/// After how long nobody is left who has read the roles as they were before.
const LAST_LOOK: Duration = Duration::from_secs(60);

/// What the job needs to know.
#[derive(Deserialize, Serialize)]
struct Work {
    /// The set whose organizations are looked at.
    set: RoleSetId,
    /// The replacement; none for the last look after it.
    replacement: Option<RoleSetMigrationId>,
    /// Which role takes the place of which.
    mappings: Vec<(RoleId, RoleId)>,
}

/// Refuses where roles of the set are being replaced, or it is taking another one's place.
pub(super) fn ensure_calm(catalogue: &Catalogue, set: &RoleSet) -> Result<(), Problem> {
    let takes_over = |other: &RoleSet| other.replacement.as_ref().is_some_and(|replacement| replacement.dest == Some(set.id));
    if set.replacement.is_some() || catalogue.sets.iter().any(takes_over) {
        return Err(Problem::AttemptState("The roles of this set are being replaced: try again when that is done."));
    }
    Ok(())
}

/// Takes a role out of a set: whoever has it in an organization with this set gets another one of the set.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::NamesNothing`]; [`Problem::ParamInvalid`]; [`Problem::AttemptState`] while roles are being replaced;
/// [`Problem::CreatorRole`]; [`Problem::MinimumPermissions`].
pub async fn replace_role(tx: &mut Tx<'_>, actor: Actor<'_>, name: &str, key: &str, to_key: &str) -> Result<Shown> {
    let before = begin(tx).await?;
    let set = named(&before, name)?;
    ensure_calm(&before, set)?;
    let role = |param, key| before.role_of_set(set.id, key).map_err(|_| Problem::NamesNothing(param));
    let (from, to) = (role("role_key", key)?.id, role("to_role_key", to_key)?.id);
    if from == to {
        return Err(Problem::invalid("to_role_key", "must be another role than the one that it replaces").into());
    }
    let mut after = set.clone();
    after.roles.retain(|role| *role != from);
    let other = |role: RoleId| if role == from { to } else { role };
    (after.creator_role, after.default_role) = (other(set.creator_role), other(set.default_role));
    store::update_set(tx, &after).await?;
    store::dismiss(tx, set.id, from).await?;
    let detail = json!({ "key": set.key, "role": key, "to": to_key });
    audit::record(tx, actor, "role_set.replace_role", &set.id.to_string(), &detail).await?;
    start(tx, actor, &before, (set.id, None), vec![(from, to)], "to_role_key").await?;
    sets::shown(tx, set.id).await
}

/// Puts another set in the place of a set, which is gone then. Roles that both sets have stay with their members; for others `mappings` says by
/// keys which role takes their place.
///
/// # Errors
/// As [`replace_role`].
pub async fn replace_set(tx: &mut Tx<'_>, actor: Actor<'_>, name: &str, dest_key: &str, mappings: &BTreeMap<String, String>) -> Result<RoleSetId> {
    let before = begin(tx).await?;
    let set = named(&before, name)?;
    let dest = before.set_of_key(dest_key).ok_or(Problem::NamesNothing("dest_role_set_key"))?;
    if set.id == dest.id {
        return Err(Problem::invalid("dest_role_set_key", "must be another set than the one that it replaces").into());
    }
    ensure_calm(&before, set)?;
    ensure_calm(&before, dest)?;
    let mappings = all_mappings(tx, &before, (set, dest), mappings).await?;
    if set.initial {
        store::set_initial(tx, dest.id).await?;
    }
    // Until the last organization has left it, the set is like the one that takes its place.
    let (creator_role, default_role) = (dest.creator_role, dest.default_role);
    store::update_set(tx, &RoleSet { initial: false, creator_role, default_role, ..set.clone() }).await?;
    for role in set.roles.iter().filter(|role| !dest.roles.contains(role)) {
        store::dismiss(tx, set.id, *role).await?;
    }
    for role in &dest.roles {
        store::admit(tx, set.id, *role).await?;
    }
    audit::record(tx, actor, "role_set.replace", &set.id.to_string(), &json!({ "key": set.key, "by": dest.key })).await?;
    start(tx, actor, &before, (set.id, Some(dest.id)), mappings, "reassignment_mappings").await?;
    Ok(set.id)
}

/// What takes the place of each role of the set that the other one has not.
async fn all_mappings(
    tx: &mut Tx<'_>,
    catalogue: &Catalogue,
    (set, dest): (&RoleSet, &RoleSet),
    said: &BTreeMap<String, String>,
) -> Result<Vec<(RoleId, RoleId)>> {
    const PARAM: &str = "reassignment_mappings";
    let mut mappings = Vec::new();
    for (from, to) in said {
        let going = catalogue.role_of_set(set.id, from).map_err(|_| Problem::invalid(PARAM, format!("names {from:.80}, which is no role of {}", set.key)))?;
        let coming = catalogue.role_of_set(dest.id, to).map_err(|_| Problem::invalid(PARAM, format!("names {to:.80}, which is no role of {}", dest.key)))?;
        if dest.roles.contains(&going.id) {
            let why = format!("names {}, which both sets have: its members keep it", going.key);
            return Err(Problem::invalid(PARAM, why).into());
        }
        mappings.push((going.id, coming.id));
    }
    for id in set.roles.iter().filter(|id| !dest.roles.contains(id)) {
        let Some(role) = catalogue.role(*id).filter(|role| !mappings.iter().any(|(from, _)| *from == role.id)) else { continue };
        if store::has_members_of_set(tx, set.id, *id).await? {
            let why = format!("must say which role of {} takes the place of {}: there are members who have it", dest.key, role.key);
            return Err(Problem::invalid(PARAM, why).into());
        }
        mappings.push((*id, if role.is_elevated() { dest.creator_role } else { dest.default_role }));
    }
    Ok(mappings)
}

/// Begins the replacement, and brings it to an end where few members are concerned.
async fn start(
    tx: &mut Tx<'_>,
    actor: Actor<'_>,
    before: &Catalogue,
    (set, dest): (RoleSetId, Option<RoleSetId>),
    mappings: Vec<(RoleId, RoleId)>,
    param: &'static str,
) -> Result<()> {
    let now = tx.now();
    let replacement = Replacement {
        id: tx.new_id(),
        dest,
        trigger: if dest.is_some() { Trigger::SetDeletion } else { Trigger::RoleRemoval },
        status: Status::Enqueued,
        mappings,
        migrated: 0,
        started_at: None,
        created_at: now,
        updated_at: now,
    };
    store::insert_replacement(tx, set, &replacement).await?;
    settle(tx, before, param).await?;
    step(tx, actor, set, &replacement).await
}

/// Goes one step, and sees to the next one.
async fn step(tx: &mut Tx<'_>, actor: Actor<'_>, set: RoleSetId, replacement: &Replacement) -> Result<()> {
    invitations::replace_roles(tx, set, &replacement.mappings).await?;
    let moved = memberships::replace_roles(tx, actor, set, &replacement.mappings, STEP).await?;
    let left = if moved == STEP {
        true
    } else if let Some(dest) = replacement.dest {
        organizations::change_role_set(tx, (set, dest), STEP).await? == STEP
    } else {
        false
    };
    let mappings = replacement.mappings.clone();
    if left {
        store::note_progress(tx, replacement.id, i64::try_from(moved).unwrap_or(i64::MAX)).await?;
        return enqueue(tx, &Work { set, replacement: Some(replacement.id), mappings }, Duration::ZERO).await;
    }
    store::delete_replacement(tx, replacement.id).await?;
    if replacement.dest.is_some() {
        store::delete_set(tx, set).await?;
    }
    enqueue(tx, &Work { set: replacement.dest.unwrap_or(set), replacement: None, mappings }, LAST_LOOK).await
}

async fn enqueue(tx: &mut Tx<'_>, work: &Work, after: Duration) -> Result<()> {
    let payload = serde_json::to_string(work).map_err(|error| Error::broken("a job's payload", error))?;
    let run_at = tx.now() + after;
    tx.enqueue(NewJob { kind: GO_ON, payload, run_at }).await.map(drop)
}

/// Goes on with a replacement; the work of a job.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn go_on(tx: &mut Tx<'_>, payload: &str) -> Result<()> {
    let work: Work = serde_json::from_str(payload).map_err(|error| Error::broken("a job's payload", error))?;
    let catalogue = begin(tx).await?;
    let Some(set) = catalogue.set(work.set) else { return Ok(()) };
    if work.replacement.is_some() {
        return match set.replacement.as_ref().filter(|replacement| Some(replacement.id) == work.replacement) {
            Some(replacement) => step(tx, Actor::Server, set.id, replacement).await,
            None => Ok(()),
        };
    }
    let gone = |(from, to): &(RoleId, RoleId)| !set.roles.contains(from) && set.roles.contains(to);
    let late: Vec<_> = work.mappings.iter().copied().filter(gone).collect();
    invitations::replace_roles(tx, set.id, &late).await?;
    if memberships::replace_roles(tx, Actor::Server, set.id, &late, STEP).await? == STEP {
        enqueue(tx, &work, Duration::ZERO).await?;
    }
    Ok(())
}
