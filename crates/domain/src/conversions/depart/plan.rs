//! What would leave with an organization.

use super::leaving;
use crate::{
    conversions::{
        Several, Wanted,
        plan::{self, NAMED, Report, rows},
    },
    organizations::roles,
    pools, sessions,
};
use ::store::{Scoped, Tx, sql};
use foundation::{OrganizationId, Result, UserId};
use serde_json::{Value, json};

/// The members, `m`, of the organization `$2`.
macro_rules! members {
    ($start:literal, $rest:literal) => {
        concat!($start, " from memberships m where m.instance_id = $1 and m.organization_id = $2", $rest)
    };
}

/// The members who belong to no other organization.
macro_rules! only_here {
    ($start:literal) => {
        members!($start, " and not exists (select 1 from memberships e where e.instance_id = $1 and e.user_id = m.user_id and e.organization_id <> $2)")
    };
}

/// The members who belong to another organization too.
macro_rules! elsewhere {
    ($start:literal, $rest:literal) => {
        concat!(
            members!($start, " and exists (select 1 from memberships e where e.instance_id = $1 and e.user_id = m.user_id and e.organization_id <> $2)"),
            $rest
        )
    };
}

/// What is counted of an organization.
const COUNTED: &[(&str, Scoped)] = &[
    ("users_moved", sql!(only_here!("select count(*)"))),
    ("users_copied", sql!(elsewhere!("select count(*)", ""))),
    ("memberships", sql!(members!("select count(*)", ""))),
    ("identifiers", sql!(concat!("select count(*) from identifiers i where i.instance_id = $1 and i.user_id in (", only_here!("select m.user_id"), ")"))),
    (
        "identifiers_copied",
        sql!(concat!("select count(*) from identifiers i where i.instance_id = $1 and i.user_id in (", elsewhere!("select m.user_id", ""), ")")),
    ),
    (
        "sign_in_tokens",
        sql!(concat!(
            "select count(*) from tickets t where t.instance_id = $1 and t.status = 'pending' and t.user_id in (",
            only_here!("select m.user_id"),
            ")"
        )),
    ),
    ("organizations", sql!("select count(*) from organizations where instance_id = $1 and id = $2")),
    ("domains", sql!("select count(*) from organization_domains where instance_id = $1 and organization_id = $2")),
    ("invitations", sql!("select count(*) from organization_invitations where instance_id = $1 and organization_id = $2 and status = 'pending'")),
    (
        "suggestions_dropped",
        sql!(concat!(
            "select count(*) from organization_suggestions s where s.instance_id = $1 and (s.organization_id = $2 or s.user_id in (",
            only_here!("select m.user_id"),
            "))"
        )),
    ),
    (
        "requests_dropped",
        sql!(concat!(
            "select count(*) from organization_membership_requests s where s.instance_id = $1 and (s.organization_id = $2 or s.user_id in (",
            only_here!("select m.user_id"),
            "))"
        )),
    ),
];

/// Makes the plan.
pub(in crate::conversions) async fn plan(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Report> {
    let organization = leaving(tx, wanted).await?;
    let id = organization.id;
    let mut report = Report::default();
    for (name, statement) in COUNTED {
        let number = tx.count(*statement, &[&id]).await?;
        report.counts.add(name, number);
    }
    let catalogue = roles::catalogue(tx).await?;
    report.counts.add("roles", catalogue.roles.len());
    report.counts.add("permissions", catalogue.permissions.iter().filter(|permission| permission.kind == roles::Kind::User).count());
    report.counts.add("role_sets", catalogue.sets.len());
    report.counts.end("sessions", sessions::count_live(tx, Some(id)).await?);
    report.counts.end("codes", codes(tx, id).await?);
    conflicts(tx, wanted, id, &mut report).await?;
    let replaced = rows(catalogue.sets.iter().filter(|set| set.replacement.is_some()).count());
    report.conflict("roles_being_replaced", replaced, true, Vec::new());
    Ok(report)
}

/// Codes that wait for their answer: they are hashed with a key of the instance.
async fn codes(tx: &mut Tx<'_>, id: OrganizationId) -> Result<i64> {
    let now = tx.now();
    let of_users = sql!(concat!(
        "select count(*) from identifiers i join once o on o.instance_id = $1 and o.consumed_at is null and o.expires_at > $3
           and ((o.purpose = 'profile_email' and o.owner = i.user_id || '|' || i.norm) or (o.purpose = 'backend_email' and o.owner = i.id))
          where i.instance_id = $1 and i.user_id in (",
        only_here!("select m.user_id"),
        ")"
    ));
    let of_domains = sql!(
        "select count(*) from organization_domains d join once o on o.instance_id = $1 and o.consumed_at is null and o.expires_at > $3
           and o.purpose = 'domain_affiliation' and o.owner = d.organization_id || '|' || d.name
          where d.instance_id = $1 and d.organization_id = $2"
    );
    Ok(tx.count(of_users, &[&id, &now]).await? + tx.count(of_domains, &[&id, &now]).await?)
}

async fn conflicts(tx: &mut Tx<'_>, wanted: &Wanted, id: OrganizationId, report: &mut Report) -> Result<()> {
    let several = report.counts.numbers.get("users_copied").copied().unwrap_or(0);
    let users: Vec<(UserId,)> = tx.list(sql!(elsewhere!("select m.user_id", " order by m.user_id limit $3")), &[&id, &NAMED]).await?;
    let mut first: Vec<Value> = Vec::new();
    for (user,) in users {
        first.push(json!({ "user_id": user, "organization_ids": plan::organizations_of(tx, user).await? }));
    }
    report.conflict("user_in_several_organizations", several, wanted.several == Several::Refuse, first);
    // Whoever is in the organization's own pool and no member of it would be left without a door.
    let Some(pool) = pools::of_organization(tx, id).await? else { return Ok(()) };
    let outside = sql!(
        "select u.id from users u where u.instance_id = $1 and u.pool_id = $2
          and not exists (select 1 from memberships m where m.instance_id = $1 and m.user_id = u.id) order by u.id limit $3"
    );
    let found: Vec<(UserId,)> = tx.list(outside, &[&pool.id, &NAMED]).await?;
    let total = tx
        .count(
            sql!(
                "select count(*) from users u where u.instance_id = $1 and u.pool_id = $2
                  and not exists (select 1 from memberships m where m.instance_id = $1 and m.user_id = u.id)"
            ),
            &[&pool.id],
        )
        .await?;
    report.conflict("user_in_no_organization", total, true, found.into_iter().map(|(user,)| json!({ "user_id": user })).collect());
    Ok(())
}
