//! The rows of organizations' domains.

use super::{Domain, Ownership, Proof};
use ::store::{FromRow, Query, Row, Tx, part, sql};
use foundation::{OrganizationDomainId, OrganizationId, Result, UserId};

/// The columns of a domain, in the order in which they are read.
macro_rules! columns {
    () => {
        "d.id, d.organization_id, d.name, d.enrollment_mode, d.affiliation_email_address, d.affiliation_strategy, d.affiliation_verified_at, \
         d.ownership_strategy, d.ownership_value, d.ownership_attempts, d.ownership_expires_at, d.ownership_verified_at, d.created_at, d.updated_at"
    };
}
pub(super) use columns;

impl FromRow for Domain {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Domain {
            id: row.take()?,
            organization: row.take()?,
            name: row.take()?,
            mode: row.take()?,
            affiliation_email_address: row.take()?,
            affiliation: affiliation(row.take()?, row.take()?),
            ownership: Ownership { strategy: row.take()?, value: row.take()?, attempts: row.take()?, expires_at: row.take()?, verified_at: row.take()? },
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

fn affiliation(by: Option<super::AffiliatedBy>, at: Option<foundation::Timestamp>) -> Option<Proof> {
    by.zip(at).map(|(by, at)| Proof { by, at })
}

pub(super) async fn find(tx: &mut Tx<'_>, organization: OrganizationId, id: OrganizationDomainId) -> Result<Option<Domain>> {
    tx.find(
        sql!(concat!("select ", columns!(), " from organization_domains d where d.instance_id = $1 and d.organization_id = $2 and d.id = $3")),
        &[&organization, &id],
    )
    .await
}

/// Adds the domain, if the organization has fewer than `most`; whether it did, or had it already.
pub(super) async fn insert(tx: &mut Tx<'_>, d: &Domain, most: i64) -> Result<bool> {
    let added = tx
        .change(
            sql!(
                "insert into organization_domains (instance_id, id, organization_id, name, enrollment_mode, verified, affiliation_strategy,
                    affiliation_verified_at, ownership_attempts, created_at, updated_at)
                  select o.instance_id, cast($2 as text), o.id, cast($4 as text), cast($5 as text), cast($6 as boolean), cast($7 as text), cast($8 as bigint),
                      cast(0 as bigint), cast($9 as bigint), cast($9 as bigint)
                    from organizations o where o.instance_id = $1 and o.id = $3
                      and (select count(*) from organization_domains d where d.instance_id = $1 and d.organization_id = $3) < cast($10 as bigint)
                  on conflict (instance_id, organization_id, name) do nothing"
            ),
            &[
                &d.id,
                &d.organization,
                &d.name,
                &d.mode,
                &d.is_verified(),
                &d.affiliation.map(|proof| proof.by),
                &d.affiliation.map(|proof| proof.at),
                &d.created_at,
                &most,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// The oldest verified domain of these names that lets people come to an organization, and that one's name.
pub(super) async fn offering(tx: &mut Tx<'_>, user: UserId, names: &[String]) -> Result<Option<(String, String)>> {
    let query = Query::new(
        sql!(
            "select d.name, o.name from organization_domains d join organizations o on o.instance_id = $1 and o.id = d.organization_id
              where d.instance_id = $1 and d.verified and d.enrollment_mode <> 'manual_invitation'
                and not exists (select 1 from memberships m where m.instance_id = $1 and m.organization_id = d.organization_id and m.user_id = $2)"
        ),
        &[&user],
    );
    Ok(tx.select(query.within(part!("and d.name"), names).and(part!("order by d.created_at, d.id limit 1"), &[])).await?.into_iter().next())
}

/// Whether the organization has a domain of this name.
pub(super) async fn has(tx: &mut Tx<'_>, organization: OrganizationId, name: &str) -> Result<bool> {
    let found = tx
        .count(sql!("select count(*) from organization_domains where instance_id = $1 and organization_id = $2 and name = $3"), &[&organization, &name])
        .await?;
    Ok(found > 0)
}

/// Writes everything that can change. Two organizations cannot both have a verified domain of one name: the later one meets the constraint.
pub(super) async fn update(tx: &mut Tx<'_>, d: &Domain) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update organization_domains set enrollment_mode = $3, verified = $4, affiliation_email_address = $5, affiliation_strategy = $6,
                affiliation_verified_at = $7, ownership_strategy = $8, ownership_value = $9, ownership_attempts = $10, ownership_expires_at = $11,
                ownership_verified_at = $12, updated_at = $13
              where instance_id = $1 and id = $2"
        ),
        &[
            &d.id,
            &d.mode,
            &d.is_verified(),
            &d.affiliation_email_address,
            &d.affiliation.map(|proof| proof.by),
            &d.affiliation.map(|proof| proof.at),
            &d.ownership.strategy,
            &d.ownership.value,
            &d.ownership.attempts,
            &d.ownership.expires_at,
            &d.ownership.verified_at,
            &now,
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn delete(tx: &mut Tx<'_>, id: OrganizationDomainId) -> Result<bool> {
    Ok(tx.change(sql!("delete from organization_domains where instance_id = $1 and id = $2"), &[&id]).await? == 1)
}
