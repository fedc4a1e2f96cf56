//! The plan of a conversion: what it would move, what it would end, and what stands against it. Nothing is changed.

use super::{Kind, Same, Several, Wanted, Without, depart};
use crate::{
    instances::Instance,
    sessions,
    settings::{self, PoolMode},
};
use ::store::{Scoped, Tx, sql};
use aws_lc_rs::digest::{SHA256, digest};
use foundation::{OrganizationId, Problem, Result, UserId, secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How much of what: planned, or done.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Numbers {
    /// What stays, moves, or goes for good.
    pub numbers: BTreeMap<String, i64>,
    /// What comes to an end by the move, and begins anew by itself: sessions and the like. They come and go by the minute, so they are not part of what is
    /// confirmed.
    pub ends: BTreeMap<String, i64>,
}

/// A count as a number of the report.
pub(super) fn rows(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

impl Numbers {
    /// Adds to a number.
    pub(super) fn add(&mut self, name: &str, by: impl TryInto<i64>) {
        *self.numbers.entry(name.to_owned()).or_default() += rows(by);
    }

    /// Adds to a number of what ends.
    pub(super) fn end(&mut self, name: &str, by: impl TryInto<i64>) {
        *self.ends.entry(name.to_owned()).or_default() += rows(by);
    }

    /// The same names, and nothing done yet.
    pub(super) fn zeroed(&self) -> Numbers {
        let zeroed = |all: &BTreeMap<String, i64>| all.keys().map(|name| (name.clone(), 0)).collect();
        Numbers { numbers: zeroed(&self.numbers), ends: zeroed(&self.ends) }
    }
}

/// Something that needs a decision.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Conflict {
    /// What kind of thing.
    pub kind: String,
    /// How many there are.
    pub total: i64,
    /// Whether it stands in the way: no policy was chosen that settles it.
    pub blocks: bool,
    /// The first of them.
    pub first: Vec<Value>,
}

/// A plan.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Report {
    /// How much of what.
    #[serde(flatten)]
    pub counts: Numbers,
    /// What needs a decision.
    pub conflicts: Vec<Conflict>,
}

/// Numbers that change on a busy day and decide nothing: what of it stands in somebody's way is a conflict. The report at the end has them as they were done.
const PASSING: [&str; 6] = ["identifiers", "identifiers_copied", "sign_in_tokens", "invitations", "suggestions_dropped", "requests_dropped"];

/// How many of a kind of conflict are named.
pub(super) const NAMED: i64 = 20;

impl Report {
    /// Forgets who was named: a report that is kept keeps nobody's address.
    pub(super) fn name_nobody(&mut self) {
        self.conflicts.iter_mut().for_each(|conflict| conflict.first.clear());
    }

    /// Whether something stands in the way.
    pub fn is_blocked(&self) -> bool {
        self.conflicts.iter().any(|conflict| conflict.blocks)
    }

    /// What tells this plan from every other: what is wanted, whom it would move, and what it would meet. What merely ends, or comes and goes by the minute, does
    /// not count.
    pub fn fingerprint(&self, wanted: &Wanted) -> String {
        let numbers: BTreeMap<_, _> = self.counts.numbers.iter().filter(|(name, _)| !PASSING.contains(&name.as_str())).collect();
        let said = json!({ "wanted": wanted, "numbers": numbers, "conflicts": self.conflicts });
        secret::hex(&digest(&SHA256, said.to_string().as_bytes()).as_ref()[..16])
    }

    pub(super) fn conflict(&mut self, kind: &str, total: i64, blocks: bool, first: Vec<Value>) {
        if total > 0 {
            self.conflicts.push(Conflict { kind: kind.to_owned(), total, blocks, first });
        }
    }
}

/// Makes the plan.
///
/// # Errors
/// [`Problem::ParamInvalid`] where the instance is no such one; [`Problem::NamesNothing`] for an organization that is not there.
pub(super) async fn make(tx: &mut Tx<'_>, instance: &Instance, wanted: &Wanted) -> Result<Report> {
    let settings = settings::effective(tx).await?;
    let ending = tx.count(sql!("select count(*) from organizations where instance_id = $1 and deleted_at is not null"), &[]).await?;
    let mut report = match (wanted.kind, settings.user_pool.mode) {
        (Kind::ToIsolated, PoolMode::Isolated) | (Kind::ToShared, PoolMode::Shared) => {
            Err(Problem::invalid("kind", "names the kind of pools that the instance has already").into())
        }
        (Kind::ToIsolated, _) if !settings.organization_settings.enabled => {
            Err(Problem::invalid("kind", "cannot be to_isolated while organizations are off").into())
        }
        (Kind::ToIsolated, _) => isolated(tx, instance, wanted).await,
        (Kind::ToShared, _) => shared(tx, instance, wanted).await,
        (Kind::OrganizationToApplication, _) => depart::plan(tx, wanted).await,
    }?;
    report.conflict("organization_being_deleted", ending, true, Vec::new());
    Ok(report)
}

/// Counts all of these, by statements without further arguments.
async fn count(tx: &mut Tx<'_>, report: &mut Report, counted: &[(&str, Scoped)]) -> Result<()> {
    for (name, statement) in counted {
        let number = tx.count(*statement, &[]).await?;
        report.counts.add(name, number);
    }
    Ok(())
}

/// How many organizations a user belongs to.
macro_rules! belongs_to {
    ($rest:literal) => {
        concat!("(select count(*) from memberships m where m.instance_id = $1 and m.user_id = u.id) ", $rest)
    };
}

/// What is counted where one pool becomes many.
const ISOLATED: &[(&str, Scoped)] = &[
    ("users_moved", sql!(concat!("select count(*) from users u where u.instance_id = $1 and ", belongs_to!("> 0")))),
    ("users_copied", sql!(concat!("select count(*) from users u where u.instance_id = $1 and ", belongs_to!("> 1")))),
    (
        "copies",
        sql!(concat!("select coalesce(cast(sum(", belongs_to!("- 1"), ") as bigint), 0) from users u where u.instance_id = $1 and ", belongs_to!("> 1"))),
    ),
    ("users_deleted", sql!(concat!("select count(*) from users u where u.instance_id = $1 and ", belongs_to!("= 0")))),
    ("memberships", sql!("select count(*) from memberships where instance_id = $1")),
    (
        "identifiers",
        sql!(concat!(
            "select count(*) from identifiers i join users u on u.instance_id = $1 and u.id = i.user_id where i.instance_id = $1 and ",
            belongs_to!("> 0")
        )),
    ),
    (
        "identifiers_copied",
        sql!(concat!(
            "select coalesce(cast(sum(",
            belongs_to!("- 1"),
            ") as bigint), 0) from identifiers i join users u on u.instance_id = $1 and u.id = i.user_id where i.instance_id = $1 and ",
            belongs_to!("> 1")
        )),
    ),
    (
        "sign_in_tokens",
        sql!(concat!(
            "select count(*) from tickets t join users u on u.instance_id = $1 and u.id = t.user_id where t.instance_id = $1 and t.status = 'pending' and ",
            belongs_to!("> 0")
        )),
    ),
    ("pools_made", sql!("select count(*) from organizations where instance_id = $1")),
    (
        "suggestions_dropped",
        sql!(
            "select count(*) from organization_suggestions s where s.instance_id = $1 and not exists
              (select 1 from memberships m where m.instance_id = $1 and m.user_id = s.user_id and m.organization_id = s.organization_id)"
        ),
    ),
    (
        "requests_dropped",
        sql!(
            "select count(*) from organization_membership_requests s where s.instance_id = $1 and not exists
              (select 1 from memberships m where m.instance_id = $1 and m.user_id = s.user_id and m.organization_id = s.organization_id)"
        ),
    ),
];

async fn isolated(tx: &mut Tx<'_>, instance: &Instance, wanted: &Wanted) -> Result<Report> {
    let mut report = Report::default();
    count(tx, &mut report, ISOLATED).await?;
    count(tx, &mut report, STAYING).await?;
    ends(tx, &mut report, instance, PoolMode::Shared).await?;
    let number = |report: &Report, name: &str| report.counts.numbers.get(name).copied().unwrap_or(0);
    let (several, without) = (number(&report, "users_copied"), number(&report, "users_deleted"));
    let first = of_several(tx).await?;
    report.conflict("user_in_several_organizations", several, wanted.several == Several::Refuse, first);
    let first: Vec<(UserId,)> =
        tx.list(sql!(concat!("select u.id from users u where u.instance_id = $1 and ", belongs_to!("= 0 order by u.id limit $2"))), &[&NAMED]).await?;
    let first = first.into_iter().map(|(user,)| json!({ "user_id": user })).collect();
    report.conflict("user_in_no_organization", without, wanted.without == Without::Refuse, first);
    Ok(report)
}

/// The first users who belong to several organizations, and to which.
async fn of_several(tx: &mut Tx<'_>) -> Result<Vec<Value>> {
    let users: Vec<(UserId,)> =
        tx.list(sql!(concat!("select u.id from users u where u.instance_id = $1 and ", belongs_to!("> 1 order by u.id limit $2"))), &[&NAMED]).await?;
    let mut first = Vec::new();
    for (user,) in users {
        first.push(json!({ "user_id": user, "organization_ids": organizations_of(tx, user).await? }));
    }
    Ok(first)
}

/// The organizations that a user belongs to, the one that they have belonged to for the longest time first.
pub(super) async fn organizations_of(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<OrganizationId>> {
    let found: Vec<(OrganizationId,)> =
        tx.list(sql!("select organization_id from memberships where instance_id = $1 and user_id = $2 order by created_at, id"), &[&user]).await?;
    Ok(found.into_iter().map(|(organization,)| organization).collect())
}

/// The organizations themselves, and whom they have invited, which stay as they are.
const STAYING: &[(&str, Scoped)] = &[
    ("organizations", sql!("select count(*) from organizations where instance_id = $1")),
    ("invitations", sql!("select count(*) from organization_invitations where instance_id = $1 and status = 'pending'")),
];

/// What ends, because the doors change.
async fn ends(tx: &mut Tx<'_>, report: &mut Report, instance: &Instance, left: PoolMode) -> Result<()> {
    report.counts.end("sessions", sessions::count_live(tx, None).await?);
    let common = left == PoolMode::Shared;
    for (name, statement) in [
        ("clients", sql!("select count(*) from clients c where c.instance_id = $1 and (c.pool_id = $2) = $3")),
        (
            "sign_ins",
            sql!(
                "select count(*) from sign_ins s join clients c on c.instance_id = $1 and c.id = s.client_id where s.instance_id = $1 and (c.pool_id = $2) = $3"
            ),
        ),
        (
            "sign_ups",
            sql!(
                "select count(*) from sign_ups s join clients c on c.instance_id = $1 and c.id = s.client_id where s.instance_id = $1 and (c.pool_id = $2) = $3"
            ),
        ),
    ] {
        let number = tx.count(statement, &[&instance.pool, &common]).await?;
        report.counts.end(name, number);
    }
    Ok(())
}

/// What several pools have: each identifier once.
macro_rules! in_several_pools {
    ($start:literal, $rest:literal) => {
        concat!($start, " from identifiers i where i.instance_id = $1 and i.claimed", $rest, " group by i.kind, i.norm having count(*) > 1")
    };
}

/// What is counted where many pools become one.
const SHARED: &[(&str, Scoped)] = &[
    ("users_moved", sql!("select count(*) from users where instance_id = $1")),
    ("memberships", sql!("select count(*) from memberships where instance_id = $1")),
    ("sign_in_tokens", sql!("select count(*) from tickets where instance_id = $1 and status = 'pending'")),
    ("pools_removed", sql!("select count(*) from pools where instance_id = $1 and organization_id is not null")),
    ("identifiers", sql!("select count(*) from identifiers where instance_id = $1")),
    (
        "email_addresses_unclaimed",
        sql!(concat!(
            "select coalesce(cast(sum(g.n - 1) as bigint), 0) from (",
            in_several_pools!("select count(*) as n", " and i.kind = 'email_address'"),
            ") g"
        )),
    ),
    (
        "users_without_identifier",
        sql!(
            "select count(*) from users u where u.instance_id = $1
              and exists (select 1 from identifiers i where i.instance_id = $1 and i.user_id = u.id and i.claimed)
              and not exists (select 1 from identifiers i where i.instance_id = $1 and i.user_id = u.id and i.claimed and not exists
                (select 1 from identifiers e where e.instance_id = $1 and e.norm = i.norm and e.kind = i.kind and e.claimed and e.pool_id <> i.pool_id
                  and (e.created_at < i.created_at or (e.created_at = i.created_at and e.id < i.id))))"
        ),
    ),
    (
        "usernames_removed",
        sql!(concat!("select coalesce(cast(sum(g.n - 1) as bigint), 0) from (", in_several_pools!("select count(*) as n", " and i.kind = 'username'"), ") g")),
    ),
];

async fn shared(tx: &mut Tx<'_>, instance: &Instance, wanted: &Wanted) -> Result<Report> {
    let mut report = Report::default();
    count(tx, &mut report, SHARED).await?;
    count(tx, &mut report, STAYING).await?;
    let removed = report.counts.numbers.get("usernames_removed").copied().unwrap_or(0);
    report.counts.add("identifiers", -removed);
    ends(tx, &mut report, instance, PoolMode::Isolated).await?;
    let total = tx.count(sql!(concat!("select count(*) from (", in_several_pools!("select i.kind, i.norm", ""), ") g")), &[]).await?;
    let first = of_several_pools(tx).await?;
    report.conflict("identifier_in_several_pools", total, wanted.same == Same::Refuse, first);
    Ok(report)
}

/// The first identifiers that users of several pools have, and whose they are: whoever has had it first comes first.
async fn of_several_pools(tx: &mut Tx<'_>) -> Result<Vec<Value>> {
    let found: Vec<(String, String)> =
        tx.list(sql!(concat!(in_several_pools!("select i.kind, i.norm", ""), " order by i.kind, i.norm limit $2")), &[&NAMED]).await?;
    let mut first = Vec::new();
    for (kind, norm) in found {
        let users: Vec<(UserId,)> = tx
            .list(
                sql!("select user_id from identifiers where instance_id = $1 and kind = $2 and norm = $3 and claimed order by created_at, id limit $4"),
                &[&kind, &norm, &NAMED],
            )
            .await?;
        let users: Vec<UserId> = users.into_iter().map(|(user,)| user).collect();
        first.push(json!({ "type": kind, "identifier": norm, "user_ids": users }));
    }
    Ok(first)
}
