//! The rows of requests to join.

use super::{Row, Status};
use ::store::{FromRow, Query, Tx, part, sql};
use foundation::{MembershipRequestId, OrganizationId, Page, Result, UserId};

/// The columns of a request, in the order in which they are read.
macro_rules! columns {
    () => {
        "r.id, r.organization_id, r.user_id, r.status, r.created_at, r.updated_at"
    };
}

impl FromRow for Row {
    fn from_row(row: &mut ::store::Row<'_>) -> Result<Self> {
        Ok(Row { id: row.take()?, organization: row.take()?, user: row.take()?, status: row.take()?, created_at: row.take()?, updated_at: row.take()? })
    }
}

/// Writes a request that waits; an earlier one of the user's becomes it.
pub(super) async fn ask(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<MembershipRequestId> {
    let id: MembershipRequestId = tx.new_id();
    let now = tx.now();
    tx.get(
        sql!(
            "insert into organization_membership_requests (instance_id, id, organization_id, user_id, status, created_at, updated_at)
              values ($1, $2, $3, $4, 'pending', $5, $5)
              on conflict (instance_id, organization_id, user_id) do update set status = 'pending', created_at = excluded.created_at,
                updated_at = excluded.updated_at
              returning id"
        ),
        &[&id, &organization, &user, &now],
    )
    .await
}

pub(super) async fn find(tx: &mut Tx<'_>, organization: OrganizationId, id: MembershipRequestId) -> Result<Option<Row>> {
    tx.find(
        sql!(concat!("select ", columns!(), " from organization_membership_requests r where r.instance_id = $1 and r.organization_id = $2 and r.id = $3")),
        &[&organization, &id],
    )
    .await
}

fn narrowed<'a>(query: Query<'a>, statuses: Option<&'a [Status]>) -> Query<'a> {
    match statuses {
        None => query,
        Some(statuses) => query.within(part!("and r.status"), statuses),
    }
}

pub(super) async fn list(tx: &mut Tx<'_>, organization: OrganizationId, statuses: Option<&[Status]>, page: Page) -> Result<Vec<Row>> {
    let query = Query::new(
        sql!(concat!("select ", columns!(), " from organization_membership_requests r where r.instance_id = $1 and r.organization_id = $2")),
        &[&organization],
    );
    let by = part!("order by r.created_at desc, r.id desc limit {} offset {}");
    tx.select(narrowed(query, statuses).and(by, &[&page.limit, &page.offset])).await
}

pub(super) async fn count(tx: &mut Tx<'_>, organization: OrganizationId, statuses: Option<&[Status]>) -> Result<i64> {
    let query =
        Query::new(sql!("select count(*) from organization_membership_requests r where r.instance_id = $1 and r.organization_id = $2"), &[&organization]);
    Ok(tx.select::<i64>(narrowed(query, statuses)).await?.into_iter().next().unwrap_or(0))
}

/// Answers a request that waits; whether it did.
pub(super) async fn settle(tx: &mut Tx<'_>, (organization, id): (OrganizationId, MembershipRequestId), status: Status) -> Result<bool> {
    let now = tx.now();
    let settled = tx
        .change(
            sql!(
                "update organization_membership_requests set status = $4, updated_at = $5
                  where instance_id = $1 and organization_id = $2 and id = $3 and status = 'pending'"
            ),
            &[&organization, &id, &status, &now],
        )
        .await?;
    Ok(settled == 1)
}

pub(super) async fn joined(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update organization_membership_requests set status = 'accepted', updated_at = $4
              where instance_id = $1 and organization_id = $2 and user_id = $3 and status = 'pending'"
        ),
        &[&organization, &user, &now],
    )
    .await
    .map(drop)
}
