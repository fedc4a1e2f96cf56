//! Clients: browsers and devices. A client holds sessions, and at most one sign-in and one sign-up under way.
//!
//! Its secret is `<client KSUID>.<256 random bits>`; it changes with every sign-in, step-up and password change, so that whoever
//! knew the old one before knows nothing after.

mod dev_browsers;
mod known;
mod store;
mod view;
mod visit;

pub use known::{KnownClient, known};
pub use view::{ClientView, SessionView, client_view, session_view};
pub use visit::{Credential, Visit};

use crate::sessions::{self, Session};
use ::store::Tx;
use foundation::{ClientId, Page, PoolId, Problem, Result, SessionId, SignInId, SignUpId, Timestamp, UserId};

/// A browser or device.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// The pool it belongs to.
    pub pool: PoolId,
    /// The session that was used last.
    pub last_active_session: Option<SessionId>,
    /// The sign-in under way.
    pub sign_in: Option<SignInId>,
    /// The sign-up under way.
    pub sign_up: Option<SignUpId>,
    /// How its user last signed in.
    pub last_authentication_strategy: Option<String>,
    /// What its secret hashes to.
    secret_hash: String,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When its sessions last changed; what `__client_uat` says. No token that it holds is older.
    pub updated_at: Timestamp,
}

impl Client {
    /// What changes whenever its secret does, and says nothing about it.
    pub(crate) fn generation(&self) -> &str {
        &self.secret_hash
    }
}

/// The client of this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: ClientId) -> Result<Client> {
    store::find(tx, id).await?.ok_or_else(|| Problem::NotFound.into())
}

/// A client with its living sessions, oldest first.
pub type Held = (Client, Vec<Session>);

/// A page of clients, newest first, with their living sessions; and how many there are in all.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, page: Page) -> Result<(Vec<Held>, i64)> {
    let clients = store::list(tx, page).await?;
    let ids: Vec<ClientId> = clients.iter().map(|c| c.id).collect();
    let mut held: Vec<Held> = clients.into_iter().map(|client| (client, Vec::new())).collect();
    for session in sessions::live_of_clients(tx, &ids).await? {
        if let Some((_, sessions)) = held.iter_mut().find(|(client, _)| client.id == session.client) {
            sessions.push(session);
        }
    }
    Ok((held, store::count(tx).await?))
}

/// The client of this id with its living sessions.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn held(tx: &mut Tx<'_>, id: ClientId) -> Result<Held> {
    let client = get(tx, id).await?;
    let sessions = sessions::live_of_client(tx, id).await?;
    Ok((client, sessions))
}

/// Notes that the client's sessions have changed.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn sessions_changed(tx: &mut Tx<'_>, id: ClientId) -> Result<()> {
    store::sessions_changed(tx, id).await
}

/// Notes on every client of the user that its sessions have changed.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn forget_user(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    store::forget_user(tx, user).await
}
