//! The rows of invitations.

use super::{Invitation, Status};
use ::store::{FromRow, Query, Row, Tx, part, sql};
use foundation::{OrganizationDomainId, OrganizationId, OrganizationInvitationId, Result, RoleId, RoleSetId, Timestamp, UserId};

/// The columns of an invitation, in the order in which they are read.
macro_rules! columns {
    () => {
        "i.id, i.organization_id, i.email_address, i.norm, i.role_id, i.role_key, i.role_name, i.inviter_user_id, i.domain_id, i.user_id, i.status, i.public_metadata, \
         i.private_metadata, i.redirect_url, i.expires_at, i.created_at, i.updated_at"
    };
}
pub(super) use columns;

impl FromRow for Invitation {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Invitation {
            id: row.take()?,
            organization: row.take()?,
            email_address: row.take()?,
            norm: row.take()?,
            role: row.take()?,
            role_key: row.take()?,
            role_name: row.take()?,
            inviter: row.take()?,
            domain: row.take()?,
            user: row.take()?,
            stored_status: row.take()?,
            public_metadata: row.take()?,
            private_metadata: row.take()?,
            redirect_url: row.take()?,
            expires_at: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: OrganizationInvitationId) -> Result<Option<Invitation>> {
    tx.find(sql!(concat!("select ", columns!(), " from organization_invitations i where i.instance_id = $1 and i.id = $2")), &[&id]).await
}

pub(super) async fn insert(tx: &mut Tx<'_>, i: &Invitation) -> Result<()> {
    tx.change(
        sql!(
            "insert into organization_invitations (instance_id, id, organization_id, email_address, norm, role_id, role_key, role_name, inviter_user_id, domain_id,
                status, public_metadata, private_metadata, redirect_url, expires_at, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)"
        ),
        &[
            &i.id,
            &i.organization,
            &i.email_address,
            &i.norm,
            &i.role,
            &i.role_key,
            &i.role_name,
            &i.inviter,
            &i.domain,
            &i.stored_status,
            &i.public_metadata,
            &i.private_metadata,
            &i.redirect_url,
            &i.expires_at,
            &i.created_at,
        ],
    )
    .await
    .map(drop)
}

/// Which of these addresses have a pending invitation to the organization.
pub(super) async fn pending(tx: &mut Tx<'_>, organization: OrganizationId, norms: &[String]) -> Result<Vec<String>> {
    let query = Query::new(sql!("select norm from organization_invitations where instance_id = $1 and status = 'pending'"), &[])
        .and(part!("and organization_id = {}"), &[&organization])
        .within(part!("and norm"), norms);
    tx.select(query).await
}

/// The oldest invitation of one of these addresses that is pending and not over.
pub(super) async fn first_pending(tx: &mut Tx<'_>, organization: OrganizationId, norms: &[String]) -> Result<Option<OrganizationInvitationId>> {
    let now = tx.now();
    let query = Query::new(
        sql!("select id from organization_invitations where instance_id = $1 and status = 'pending' and organization_id = $2 and expires_at > $3"),
        &[&organization, &now],
    );
    Ok(tx.select(query.within(part!("and norm"), norms).and(part!("order by created_at, id limit 1"), &[])).await?.into_iter().next())
}

/// Pending invitations that the domain has made.
pub(super) async fn of_domain(tx: &mut Tx<'_>, domain: OrganizationDomainId, most: i64) -> Result<Vec<OrganizationInvitationId>> {
    tx.list(
        sql!("select id from organization_invitations where instance_id = $1 and domain_id = $2 and status = 'pending' order by id limit $3"),
        &[&domain, &most],
    )
    .await
}

/// How many invitations each of these domains has made that wait for an answer.
pub(super) async fn count_pending_of(tx: &mut Tx<'_>, domains: &[OrganizationDomainId]) -> Result<Vec<(OrganizationDomainId, i64)>> {
    let now = tx.now();
    let query =
        Query::new(sql!("select domain_id, count(*) from organization_invitations where instance_id = $1 and status = 'pending' and expires_at > $2"), &[&now]);
    tx.select(query.within(part!("and domain_id"), domains).and(part!("group by domain_id"), &[])).await
}

/// Settles an invitation that is pending and not over; whether it was. The names of its role stay as they are now.
pub(super) async fn settle(tx: &mut Tx<'_>, i: &Invitation, status: Status, user: Option<UserId>) -> Result<bool> {
    let now = tx.now();
    let changed = tx
        .change(
            sql!(
                "update organization_invitations set status = $3, user_id = $4, role_id = null, role_key = $5, role_name = $6, updated_at = $7
                  where instance_id = $1 and id = $2 and status = 'pending' and expires_at > $7"
            ),
            &[&i.id, &status, &user, &i.role_key, &i.role_name, &now],
        )
        .await?;
    Ok(changed == 1)
}

/// Settles the organization's invitations whose time is over; how many.
pub(super) async fn expire(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<i64> {
    let now = tx.now();
    let over = tx
        .change(
            sql!(
                "update organization_invitations set status = 'expired', role_id = null, updated_at = expires_at
                  where instance_id = $1 and organization_id = $2 and status = 'pending' and expires_at <= $3"
            ),
            &[&organization, &now],
        )
        .await?;
    Ok(i64::try_from(over).unwrap_or(i64::MAX))
}

/// How many invitations of each organization are pending in their rows and over by now.
pub(super) async fn overdue(tx: &mut Tx<'_>, organizations: &[OrganizationId]) -> Result<Vec<(OrganizationId, i64)>> {
    let now = tx.now();
    let mut all = Vec::new();
    for some in organizations.chunks(500) {
        let query = Query::new(
            sql!("select organization_id, count(*) from organization_invitations where instance_id = $1 and status = 'pending' and expires_at <= $2"),
            &[&now],
        );
        let found: Vec<(OrganizationId, i64)> = tx.select(query.within(part!("and organization_id"), some).and(part!("group by organization_id"), &[])).await?;
        all.extend(found);
    }
    Ok(all)
}

pub(super) async fn first_over(tx: &mut Tx<'_>, organizations: &[OrganizationId]) -> Result<Option<Timestamp>> {
    let now = tx.now();
    let query =
        Query::new(sql!("select min(expires_at) from organization_invitations where instance_id = $1 and status = 'pending' and expires_at > $2"), &[&now]);
    let found: Vec<(Option<Timestamp>,)> = tx.select(query.within(part!("and organization_id"), organizations)).await?;
    Ok(found.into_iter().next().and_then(|(first,)| first))
}

/// The organizations that have invitations into this role which are over and not settled.
pub(super) async fn overdue_with_role(tx: &mut Tx<'_>, role: RoleId) -> Result<Vec<OrganizationId>> {
    let now = tx.now();
    tx.list(
        sql!(
            "select distinct organization_id from organization_invitations where instance_id = $1 and role_id = $2 and expires_at <= $3 order by organization_id"
        ),
        &[&role, &now],
    )
    .await
}

pub(super) async fn count_with_role(tx: &mut Tx<'_>, role: RoleId) -> Result<i64> {
    tx.count(sql!("select count(*) from organization_invitations where instance_id = $1 and role_id = $2"), &[&role]).await
}

pub(super) async fn replace_role(tx: &mut Tx<'_>, set: RoleSetId, from: RoleId, to: RoleId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update organization_invitations set role_id = $4, updated_at = $5 where instance_id = $1 and role_id = $3
              and organization_id in (select o.id from organizations o where o.instance_id = $1 and o.role_set_id = $2)"
        ),
        &[&set, &from, &to, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn has_others(tx: &mut Tx<'_>, organization: OrganizationId, roles: &[RoleId]) -> Result<bool> {
    let mut query = Query::new(sql!("select count(*) from organization_invitations where instance_id = $1 and status = 'pending'"), &[])
        .and(part!("and organization_id = {}"), &[&organization]);
    if !roles.is_empty() {
        query = query.within(part!("and role_id not"), roles);
    }
    Ok(tx.select::<i64>(query).await?.into_iter().next().unwrap_or(0) > 0)
}

pub(super) async fn forget_user(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    tx.change(sql!("update organization_invitations set inviter_user_id = null where instance_id = $1 and inviter_user_id = $2"), &[&user]).await?;
    tx.change(sql!("update organization_invitations set user_id = null where instance_id = $1 and user_id = $2"), &[&user]).await.map(drop)
}

/// Removes the secrets of the organization's tickets.
pub(super) async fn forget_organization(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<()> {
    tx.change(
        sql!(
            "delete from once where instance_id = $1 and purpose = 'ticket'
              and owner in (select i.id from organization_invitations i where i.instance_id = $1 and i.organization_id = $2)"
        ),
        &[&organization],
    )
    .await
    .map(drop)
}
