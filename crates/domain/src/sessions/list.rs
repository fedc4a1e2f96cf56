//! Lists of sessions for the backend.

use super::{Session, Status, store::columns};
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
            Some(status @ (Status::Active | Status::Pending)) => query.and(part!("and status = {} and expire_at > {}"), &[status, &now]),
            Some(Status::Expired) => {
                query.and(part!("and (status = 'expired' or (status in ('active', 'pending') and expire_at <= {} and abandon_at > {}))"), &[&now, &now])
            }
            Some(Status::Abandoned) => query.and(part!("and (status = 'abandoned' or (status in ('active', 'pending') and abandon_at <= {}))"), &[&now]),
            Some(status) => query.and(part!("and status = {}"), &[status]),
            None => query,
        }
    };
    let total = tx.select::<i64>(narrowed(sql!("select count(*) from sessions where instance_id = $1"))).await?;
    let query = narrowed(sql!(concat!("select ", columns!(), " from sessions where instance_id = $1")))
        .and(part!("order by created_at desc, id desc limit {} offset {}"), &[&page.limit, &page.offset]);
    Ok((tx.select(query).await?, total.first().copied().unwrap_or(0)))
}
