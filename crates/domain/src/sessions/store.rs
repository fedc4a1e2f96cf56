//! The rows of sessions.

use super::{
    Session, Status,
    bounds::{GRAIN, KEPT, Thresholds},
};
use crate::{clients::Credential, settings};
use ::store::{FromRow, Query, Row, Scoped, Tx, part, sql};
use foundation::{ClientId, OrganizationId, Result, SessionId, Timestamp, UserId};
use world::places::Place;

/// The columns of a session, in the order in which they are read.
macro_rules! columns {
    () => {
        "id, user_id, client_id, status, first_factor_at, second_factor_at, user_agent, ip_address, city, country, last_active_at, expire_at, \
         abandon_at, created_at, updated_at, actor, last_active_organization_id"
    };
}
pub(super) use columns;

impl FromRow for Session {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Session {
            id: row.take()?,
            user: row.take()?,
            client: row.take()?,
            stored_status: row.take()?,
            first_factor_at: row.take()?,
            second_factor_at: row.take()?,
            user_agent: row.take()?,
            address: row.take()?,
            place: Place { city: row.take()?, country: row.take()? },
            last_active_at: row.take()?,
            expire_at: row.take()?,
            abandon_at: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
            actor: row.take()?,
            organization: row.take()?,
            task: None,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: SessionId) -> Result<Option<Session>> {
    tx.find(sql!(concat!("select ", columns!(), " from sessions where instance_id = $1 and id = $2")), &[&id]).await
}

pub(super) async fn live_of_client(tx: &mut Tx<'_>, client: ClientId) -> Result<Vec<Session>> {
    live_of_clients(tx, &[client]).await
}

pub(super) async fn live_of_clients(tx: &mut Tx<'_>, clients: &[ClientId]) -> Result<Vec<Session>> {
    if clients.is_empty() {
        return Ok(Vec::new());
    }
    let most = i64::try_from(clients.len()).unwrap_or(1).saturating_mul(100);
    live(tx, Query::new(of_instance(), &[]).within(part!("and client_id"), clients), most).await
}

pub(super) async fn live_of_user(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Session>> {
    live(tx, Query::new(of_instance(), &[]).and(part!("and user_id = {}"), &[&user]), 500).await
}

fn of_instance() -> Scoped {
    sql!(concat!("select ", columns!(), " from sessions where instance_id = $1"))
}

/// The live ones among these, oldest first.
async fn live(tx: &mut Tx<'_>, these: Query<'_>, most: i64) -> Result<Vec<Session>> {
    let now = tx.now();
    let settings = settings::effective(tx).await?;
    let Thresholds { born, used } = Thresholds::new(&settings.session, now);
    let query = these
        .and(part!("and status in ('active', 'pending') and expire_at > {} and abandon_at > {}"), &[&now, &now])
        .and(part!("and created_at > {} and last_active_at > {} order by created_at, id limit {}"), &[&born, &used, &most]);
    let list: Vec<Session> = tx.select(query).await?;
    Ok(list.into_iter().map(|session| session.within(&settings)).collect())
}

/// How many live: in all, or of those who belong to this organization and to no other.
pub(super) async fn count_live(tx: &mut Tx<'_>, of: Option<OrganizationId>) -> Result<i64> {
    let now = tx.now();
    let settings = settings::effective(tx).await?;
    let Thresholds { born, used } = Thresholds::new(&settings.session, now);
    let mut query = Query::new(sql!("select count(*) from sessions where instance_id = $1"), &[])
        .and(part!("and status in ('active', 'pending') and expire_at > {} and abandon_at > {}"), &[&now, &now])
        .and(part!("and created_at > {} and last_active_at > {}"), &[&born, &used]);
    if let Some(of) = &of {
        query = query
            .and(part!("and user_id in (select m.user_id from memberships m where m.instance_id = sessions.instance_id and m.organization_id = {}"), &[of])
            .and(part!("and not exists (select 1 from memberships o where o.instance_id = m.instance_id and o.user_id = m.user_id"), &[])
            .and(part!("and o.organization_id <> {}))"), &[of]);
    }
    Ok(tx.select::<i64>(query).await?.into_iter().next().unwrap_or(0))
}

pub(super) async fn insert(tx: &mut Tx<'_>, s: &Session) -> Result<()> {
    tx.change(
        sql!(
            "insert into sessions (instance_id, id, user_id, client_id, status, first_factor_at, second_factor_at, user_agent, ip_address, city,
                country, last_active_at, expire_at, abandon_at, created_at, updated_at, actor, last_active_organization_id)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
        ),
        &[
            &s.id,
            &s.user,
            &s.client,
            &s.stored_status,
            &s.first_factor_at,
            &s.second_factor_at,
            &s.user_agent,
            &s.address,
            &s.place.city,
            &s.place.country,
            &s.last_active_at,
            &s.expire_at,
            &s.abandon_at,
            &s.created_at,
            &s.updated_at,
            &s.actor,
            &s.organization,
        ],
    )
    .await
    .map(drop)
}

/// Closes a session that is open; whether it was. A closed one never opens again.
pub(super) async fn close(tx: &mut Tx<'_>, id: SessionId, status: Status) -> Result<bool> {
    let now = tx.now();
    let changed = tx
        .change(
            sql!("update sessions set status = $3, updated_at = $4 where instance_id = $1 and id = $2 and status in ('active', 'pending')"),
            &[&id, &status, &now],
        )
        .await?;
    Ok(changed == 1)
}

/// Notes the use of an open session, by whom and from where; at most once a minute.
pub(super) async fn seen(tx: &mut Tx<'_>, id: SessionId, abandon_at: Timestamp, by: &Credential) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update sessions set last_active_at = $3, updated_at = $3, abandon_at = $5, user_agent = coalesce($6, user_agent), ip_address = coalesce($7, ip_address),
                city = case when cast($7 as text) is null then city else cast($8 as text) end,
                country = case when cast($7 as text) is null then country else cast($9 as text) end
              where instance_id = $1 and id = $2 and last_active_at <= $4 and status in ('active', 'pending')"
        ),
        &[&id, &now, &(now - GRAIN), &abandon_at, &by.user_agent, &by.address, &by.place.city, &by.place.country],
    )
    .await
    .map(drop)
}

/// The open sessions of a user beyond so many, those that were used last left out.
pub(super) async fn surplus_of_user(tx: &mut Tx<'_>, user: UserId, most: i64) -> Result<Vec<SessionId>> {
    let now = tx.now();
    let found: Vec<(SessionId,)> = tx
        .list(
            sql!(
                "select id from sessions where instance_id = $1 and user_id = $2 and status in ('active', 'pending') and expire_at > $3 and abandon_at > $3
                  order by last_active_at desc, created_at desc, id desc limit 100 offset $4"
            ),
            &[&user, &now, &most],
        )
        .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Removes sessions that ended long ago; at most 100 at a time. Whoever makes one sweeps.
pub(super) async fn sweep(tx: &mut Tx<'_>) -> Result<()> {
    let before = tx.now() - KEPT;
    tx.change(
        sql!("delete from sessions where instance_id = $1 and id in (select id from sessions where instance_id = $1 and expire_at < $2 order by expire_at limit 100)")
            .unheard(),
        &[&before],
    )
    .await
    .map(drop)
}

/// Puts a session into an organization, or into none.
pub(super) async fn set_organization(tx: &mut Tx<'_>, session: &Session, organization: Option<OrganizationId>) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update sessions set last_active_organization_id = $4, updated_at = $5 where instance_id = $1 and id = $2 and user_id = $3"),
        &[&session.id, &session.user, &organization, &now],
    )
    .await
    .map(drop)
}

pub(super) async fn leave_organization(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    tx.change(
        sql!("update sessions set last_active_organization_id = null where instance_id = $1 and last_active_organization_id = $2 and user_id = $3"),
        &[&organization, &user],
    )
    .await
    .map(drop)
}

pub(super) async fn leave_organization_all(tx: &mut Tx<'_>, organization: OrganizationId, users: &[UserId]) -> Result<()> {
    let query = Query::new(
        sql!("update sessions set last_active_organization_id = null where instance_id = $1 and last_active_organization_id = $2"),
        &[&organization],
    );
    tx.select::<SessionId>(query.within(part!("and user_id"), users).and(part!("returning id"), &[])).await.map(drop)
}

pub(super) async fn forget_organization(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<()> {
    tx.change(sql!("update sessions set last_active_organization_id = null where instance_id = $1 and last_active_organization_id = $2"), &[&organization])
        .await
        .map(drop)
}
