//! The rows of suggestions.

use super::{Match, Status, Suggestion};
use ::store::{FromRow, Query, Row, Tx, part, sql};
use foundation::{OrganizationDomainId, OrganizationId, OrganizationInvitationId, Page, Result, SuggestionId, UserId};

impl FromRow for Suggestion {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Suggestion { id: row.take()?, organization: row.take()?, status: row.take()?, created_at: row.take()?, updated_at: row.take()? })
    }
}

impl FromRow for Match {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Match { domain: row.take()?, organization: row.take()?, mode: row.take()? })
    }
}

/// Verified domains of these names that offer something, where the user does not belong to the organization and nothing was offered before.
pub(super) async fn unoffered(tx: &mut Tx<'_>, user: UserId, names: &[String]) -> Result<Vec<Match>> {
    let query = Query::new(
        sql!(
            "select d.id, d.organization_id, d.enrollment_mode from organization_domains d
              where d.instance_id = $1 and d.verified and d.enrollment_mode <> 'manual_invitation'
                and not exists (select 1 from memberships m where m.instance_id = $1 and m.organization_id = d.organization_id and m.user_id = $2)
                and not exists
                  (select 1 from organization_suggestions s where s.instance_id = $1 and s.organization_id = d.organization_id and s.user_id = $2)"
        ),
        &[&user],
    );
    tx.select(query.within(part!("and d.name"), names).and(part!("order by d.created_at, d.id limit 100"), &[])).await
}

/// Writes what is offered. Whoever does so beside us offers the same.
pub(super) async fn offer(tx: &mut Tx<'_>, found: Match, user: UserId, status: Status) -> Result<()> {
    let id: SuggestionId = tx.new_id();
    let now = tx.now();
    tx.change(
        sql!(
            "insert into organization_suggestions (instance_id, id, organization_id, domain_id, user_id, status, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (instance_id, organization_id, user_id) do nothing"
        ),
        &[&id, &found.organization, &found.domain, &user, &status, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn find(tx: &mut Tx<'_>, id: SuggestionId, user: UserId) -> Result<Option<Suggestion>> {
    tx.find(
        sql!(
            "select id, organization_id, status, created_at, updated_at from organization_suggestions
              where instance_id = $1 and id = $2 and user_id = $3 and status <> 'closed'"
        ),
        &[&id, &user],
    )
    .await
}

/// What is shown of a user's: what they have accepted, and what is pending for a domain that is verified and that they still have an address at.
fn narrowed<'a>(query: Query<'a>, statuses: &'a [Status], names: &'a [String]) -> Query<'a> {
    query
        .within(part!("and s.status"), statuses)
        .and(
            part!(
                "and s.status <> 'closed' and (s.status = 'accepted' or exists
                  (select 1 from organization_domains d where d.instance_id = s.instance_id and d.id = s.domain_id and d.verified"
            ),
            &[],
        )
        .within(part!("and d.name"), names)
        .and(part!("))"), &[])
}

pub(super) async fn list(tx: &mut Tx<'_>, user: UserId, (statuses, names): (&[Status], &[String]), page: Page) -> Result<Vec<Suggestion>> {
    let query = Query::new(
        sql!(
            "select s.id, s.organization_id, s.status, s.created_at, s.updated_at from organization_suggestions s
              where s.instance_id = $1 and s.user_id = $2"
        ),
        &[&user],
    );
    let query = narrowed(query, statuses, names);
    tx.select(query.and(part!("order by s.created_at desc, s.id desc limit {} offset {}"), &[&page.limit, &page.offset])).await
}

pub(super) async fn count(tx: &mut Tx<'_>, user: UserId, (statuses, names): (&[Status], &[String])) -> Result<i64> {
    let query = Query::new(sql!("select count(*) from organization_suggestions s where s.instance_id = $1 and s.user_id = $2"), &[&user]);
    Ok(tx.select::<i64>(narrowed(query, statuses, names)).await?.into_iter().next().unwrap_or(0))
}

/// Makes a pending suggestion an accepted one, while the user has an address at its verified domain: of all who try at once, one does.
pub(super) async fn accept(tx: &mut Tx<'_>, (id, user): (SuggestionId, UserId), names: &[String]) -> Result<bool> {
    let domain: Option<(OrganizationDomainId,)> = tx
        .select(
            Query::new(
                sql!(
                    "select d.id from organization_domains d join organization_suggestions s on s.instance_id = $1 and s.domain_id = d.id
                      where d.instance_id = $1 and s.id = $2 and s.user_id = $3 and d.verified"
                ),
                &[&id, &user],
            )
            .within(part!("and d.name"), names),
        )
        .await?
        .into_iter()
        .next();
    let Some((domain,)) = domain else { return Ok(false) };
    let now = tx.now();
    let accepted = tx
        .change(
            sql!(
                "update organization_suggestions set status = 'accepted', updated_at = $5
                  where instance_id = $1 and id = $2 and user_id = $3 and domain_id = $4 and status = 'pending'"
            ),
            &[&id, &user, &domain, &now],
        )
        .await?;
    Ok(accepted == 1)
}

pub(super) async fn count_pending_of(tx: &mut Tx<'_>, domains: &[OrganizationDomainId]) -> Result<Vec<(OrganizationDomainId, i64)>> {
    let query = Query::new(sql!("select s.domain_id, count(*) from organization_suggestions s where s.instance_id = $1 and s.status = 'pending'"), &[]);
    tx.select(query.within(part!("and s.domain_id"), domains).and(part!("group by s.domain_id"), &[])).await
}

pub(super) async fn take_back(tx: &mut Tx<'_>, domain: OrganizationDomainId) -> Result<()> {
    tx.change(sql!("delete from organization_suggestions where instance_id = $1 and domain_id = $2 and status = 'pending'"), &[&domain]).await.map(drop)
}

/// Removes the rows of these invitations.
pub(super) async fn reopen(tx: &mut Tx<'_>, invitations: &[OrganizationInvitationId]) -> Result<()> {
    for id in invitations {
        tx.change(sql!("delete from organization_suggestions where instance_id = $1 and invitation_id = $2 and status = 'closed'"), &[id]).await?;
    }
    Ok(())
}

/// Whether there is a row of the user's, of any status.
pub(super) async fn has(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<bool> {
    let found = tx
        .count(sql!("select count(*) from organization_suggestions where instance_id = $1 and organization_id = $2 and user_id = $3"), &[&organization, &user])
        .await?;
    Ok(found > 0)
}

/// Notes which invitation the user has got in place of a suggestion.
pub(super) async fn note_invitation(tx: &mut Tx<'_>, (organization, user): (OrganizationId, UserId), invitation: OrganizationInvitationId) -> Result<()> {
    tx.change(
        sql!("update organization_suggestions set invitation_id = $4 where instance_id = $1 and organization_id = $2 and user_id = $3"),
        &[&organization, &user, &invitation],
    )
    .await
    .map(drop)
}

pub(super) async fn joined(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update organization_suggestions set status = 'closed', domain_id = null, updated_at = $4
              where instance_id = $1 and organization_id = $2 and user_id = $3 and status <> 'closed'"
        ),
        &[&organization, &user, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn close(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    let id: SuggestionId = tx.new_id();
    let now = tx.now();
    tx.change(
        sql!(
            "insert into organization_suggestions (instance_id, id, organization_id, domain_id, user_id, status, created_at, updated_at)
              values ($1, $2, $3, null, $4, 'closed', $5, $5)
              on conflict (instance_id, organization_id, user_id) do update set status = 'closed', domain_id = null, updated_at = excluded.updated_at"
        ),
        &[&id, &organization, &user, &now],
    )
    .await
    .map(drop)
}
