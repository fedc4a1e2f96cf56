//! The rows of memberships.

use super::Membership;
use ::store::{FromRow, Query, Row, Tx, part, sql};
use foundation::{MembershipId, OrganizationId, Result, RoleId, UserId};

/// The columns of a membership, in the order in which they are read.
macro_rules! columns {
    () => {
        "m.id, m.organization_id, m.user_id, m.role_id, m.public_metadata, m.private_metadata, m.created_at, m.updated_at"
    };
}
pub(super) use columns;

impl FromRow for Membership {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Membership {
            id: row.take()?,
            organization: row.take()?,
            user: row.take()?,
            role: row.take()?,
            public_metadata: row.take()?,
            private_metadata: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<Option<Membership>> {
    tx.find(
        sql!(concat!("select ", columns!(), " from memberships m where m.instance_id = $1 and m.organization_id = $2 and m.user_id = $3")),
        &[&organization, &user],
    )
    .await
}

pub(super) async fn of_user(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Membership>> {
    tx.list(
        sql!(concat!("select ", columns!(), " from memberships m where m.instance_id = $1 and m.user_id = $2 order by m.created_at, m.id limit 1000")),
        &[&user],
    )
    .await
}

pub(super) async fn insert(tx: &mut Tx<'_>, m: &Membership) -> Result<()> {
    tx.change(
        sql!(
            "insert into memberships (instance_id, id, organization_id, user_id, role_id, public_metadata, private_metadata, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        ),
        &[&m.id, &m.organization, &m.user, &m.role, &m.public_metadata, &m.private_metadata, &m.created_at, &m.updated_at],
    )
    .await
    .map(drop)
}

pub(super) async fn set_role(tx: &mut Tx<'_>, m: &Membership, role: RoleId) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update memberships set role_id = $4, updated_at = $5 where instance_id = $1 and id = $2 and user_id = $3"), &[&m.id, &m.user, &role, &now])
        .await
        .map(drop)
}

/// Puts the membership's role in the place of another one, if it still has that; whether it did.
pub(super) async fn replace_role(tx: &mut Tx<'_>, m: &Membership, from: RoleId) -> Result<bool> {
    let statement = sql!("update memberships set role_id = $4, updated_at = $5 where instance_id = $1 and id = $2 and user_id = $3 and role_id = $6");
    Ok(tx.change(statement, &[&m.id, &m.user, &m.role, &m.updated_at, &from]).await? == 1)
}

pub(super) async fn set_metadata(tx: &mut Tx<'_>, m: &Membership) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update memberships set public_metadata = $4, private_metadata = $5, updated_at = $6 where instance_id = $1 and id = $2 and user_id = $3"),
        &[&m.id, &m.user, &m.public_metadata, &m.private_metadata, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn delete(tx: &mut Tx<'_>, id: MembershipId, user: UserId) -> Result<bool> {
    Ok(tx.change(sql!("delete from memberships where instance_id = $1 and id = $2 and user_id = $3"), &[&id, &user]).await? == 1)
}

/// How many members of the organization have one of these roles.
pub(super) async fn count_with_roles(tx: &mut Tx<'_>, organization: OrganizationId, roles: &[RoleId]) -> Result<i64> {
    if roles.is_empty() {
        return Ok(0);
    }
    let query = Query::new(sql!("select count(*) from memberships where instance_id = $1"), &[])
        .and(part!("and organization_id = {}"), &[&organization])
        .within(part!("and role_id"), roles);
    Ok(tx.select::<i64>(query).await?.into_iter().next().unwrap_or(0))
}

/// Users who have one of these roles in the organization, at most so many.
pub(super) async fn users_with_roles(tx: &mut Tx<'_>, organization: OrganizationId, roles: &[RoleId], most: i64) -> Result<Vec<UserId>> {
    if roles.is_empty() {
        return Ok(Vec::new());
    }
    let query = Query::new(sql!("select m.user_id from memberships m where m.instance_id = $1 and m.organization_id = $2"), &[&organization]);
    tx.select(query.within(part!("and m.role_id"), roles).and(part!("order by m.role_id, m.organization_id limit {}"), &[&most])).await
}

/// How many other organizations of the user's stand against this one, because this one or they want their members for themselves.
pub(super) async fn count_incompatible(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<i64> {
    tx.count(
        sql!(
            "select count(*) from memberships m
              join organizations o on o.instance_id = $1 and o.id = m.organization_id
              join organizations this on this.instance_id = $1 and this.id = $2
              where m.instance_id = $1 and m.user_id = $3 and m.organization_id <> $2 and o.deleted_at is null
                and (o.exclusive_membership or this.exclusive_membership)"
        ),
        &[&organization, &user],
    )
    .await
}

/// Ends some of the organization's memberships; whose those were.
pub(super) async fn delete_of_organization(tx: &mut Tx<'_>, organization: OrganizationId, most: i64) -> Result<Vec<UserId>> {
    tx.list(
        sql!(
            "delete from memberships where instance_id = $1 and id in
                (select id from memberships where instance_id = $1 and organization_id = $2 order by created_at, id limit $3) returning user_id"
        ),
        &[&organization, &most],
    )
    .await
}
