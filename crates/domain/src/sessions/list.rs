//! Lists of sessions for the backend.

use super::{Session, Status, bounds::Thresholds, store::columns};
use crate::settings;
use ::store::{Query, Tx, part, sql};
use foundation::{ClientId, Page, Result, UserId};

/// Which sessions.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this client.
    pub client: Option<ClientId>,
    /// Of this user.
    pub user: Option<UserId>,
    /// In this state, as time has made it.
    pub status: Option<Status>,
    /// Asks for an id that is none: nothing matches.
    pub nothing: bool,
}

/// The sessions of a page, newest first, and how many there are in all.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, filter: &Filter, page: Page) -> Result<(Vec<Session>, i64)> {
    let now = tx.now();
    let settings = settings::effective(tx).await?;
    let Thresholds { born, used } = Thresholds::new(&settings.session, now);
    let (life, patience) = (settings.session.life_millis(), settings.session.patience_millis());
    let narrowed = |start| {
        let mut query = Query::new(start, &[]);
        if filter.nothing {
            query = query.and(part!("and id = ''"), &[]);
        }
        if let Some(client) = &filter.client {
            query = query.and(part!("and client_id = {}"), &[client]);
        }
        if let Some(user) = &filter.user {
            query = query.and(part!("and user_id = {}"), &[user]);
        }
        match &filter.status {
            Some(status @ (Status::Active | Status::Pending)) => {
                let waits = match (settings.holds_to_organizations(), status) {
                    (true, Status::Active) => part!("and status = 'active' and last_active_organization_id is not null"),
                    (true, _) => part!("and (status = 'pending' or (status = 'active' and last_active_organization_id is null))"),
                    (false, Status::Active) => part!("and status = 'active'"),
                    (false, _) => part!("and status = 'pending'"),
                };
                query
                    .and(waits, &[])
                    .and(part!("and expire_at > {} and abandon_at > {} and created_at > {} and last_active_at > {}"), &[&now, &now, &born, &used])
            }
            // The end that came first: of its time, or of all patience.
            Some(Status::Expired) => query.and(
                part!(
                    "and (status = 'expired' or (status in ('active', 'pending') and (expire_at <= {} or created_at <= {})
                       and (abandon_at >= expire_at or abandon_at >= created_at + cast({} as bigint))
                       and (last_active_at + cast({} as bigint) >= expire_at or last_active_at + cast({} as bigint) >= created_at + cast({} as bigint))))"
                ),
                &[&now, &born, &life, &patience, &patience, &life],
            ),
            Some(Status::Abandoned) => query.and(
                part!(
                    "and (status = 'abandoned' or (status in ('active', 'pending')
                       and ((abandon_at <= {} and abandon_at < expire_at and abandon_at < created_at + cast({} as bigint))
                         or (last_active_at <= {} and last_active_at + cast({} as bigint) < expire_at
                           and last_active_at + cast({} as bigint) < created_at + cast({} as bigint)))))"
                ),
                &[&now, &life, &used, &patience, &patience, &life],
            ),
            Some(status) => query.and(part!("and status = {}"), &[status]),
            None => query,
        }
    };
    let total = tx.select::<i64>(narrowed(sql!("select count(*) from sessions where instance_id = $1"))).await?;
    let query = narrowed(sql!(concat!("select ", columns!(), " from sessions where instance_id = $1")))
        .and(part!("order by created_at desc, id desc limit {} offset {}"), &[&page.limit, &page.offset]);
    let found: Vec<Session> = tx.select(query).await?;
    Ok((found.into_iter().map(|session| session.within(&settings)).collect(), total.first().copied().unwrap_or(0)))
}
