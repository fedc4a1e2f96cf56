//! Members get another role because theirs is going.

use super::{Membership, list::members, store, store::columns, told};
use crate::{audit::Actor, events::Event};
use ::store::{Query, Tx, part, sql};
use foundation::{Result, RoleId, RoleSetId};

/// Gives members of organizations with this set the roles that take the place of theirs; at most so many, and how many that were.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn replace_roles(tx: &mut Tx<'_>, actor: Actor<'_>, set: RoleSetId, mappings: &[(RoleId, RoleId)], most: usize) -> Result<usize> {
    let going: Vec<RoleId> = mappings.iter().map(|(from, _)| *from).collect();
    if going.is_empty() {
        return Ok(0);
    }
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let start = sql!(concat!(
        "select ",
        columns!(),
        " from memberships m join organizations o on o.instance_id = m.instance_id and o.id = m.organization_id where m.instance_id = $1"
    ));
    let query = Query::new(start, &[])
        .and(part!("and o.role_set_id = {}"), &[&set])
        .within(part!("and m.role_id"), &going)
        .and(part!("order by m.role_id, m.organization_id, m.user_id limit {}"), &[&limit]);
    let found: Vec<Membership> = tx.select(query).await?;
    let (count, mut changed) = (found.len(), Vec::with_capacity(found.len()));
    for mut membership in found {
        let from = membership.role;
        membership.role = mappings.iter().find(|(going, _)| *going == from).map_or(from, |(_, to)| *to);
        membership.updated_at = tx.now();
        // Somebody may have given them another role meanwhile.
        if store::replace_role(tx, &membership, from).await? {
            changed.push(membership);
        }
    }
    for member in members(tx, changed).await? {
        told(tx, actor, &member, "update", Event::MembershipUpdated(&member)).await?;
    }
    Ok(count)
}
