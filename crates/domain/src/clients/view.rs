//! What an answer shows of a client: everything that the SDKs keep, read in the transaction that changed it.

use super::{Client, Visit};
use crate::{
    organizations::active::Active,
    sessions::{self, Session},
    sign_ins::{self, SignInView},
    sign_ups::{self, SignUpView},
    tokens,
    users::{self, User},
};
use ::store::Tx;
use foundation::{Result, Timestamp};

/// A client with its sessions and attempts.
pub struct ClientView {
    /// The client.
    pub client: Client,
    /// Its living sessions, oldest first.
    pub sessions: Vec<SessionView>,
    /// The sign-in under way.
    pub sign_in: Option<SignInView>,
    /// The sign-up under way.
    pub sign_up: Option<SignUpView>,
}

impl ClientView {
    /// Since when its sessions are as they are, in seconds since 1970; 0 where nobody is signed in, or only who is banned. No token that is
    /// shown beside it is older.
    pub fn since(&self) -> i64 {
        if self.sessions.iter().any(|session| !session.user.banned) { self.client.updated_at.seconds() } else { 0 }
    }
}

/// A session with its user and a fresh token.
pub struct SessionView {
    /// The session.
    pub session: Session,
    /// Its user.
    pub user: User,
    /// A token; absent where the session lives no more.
    pub token: Option<String>,
    /// The time at which all this held.
    pub now: Timestamp,
}

/// What there is to show of the visit's client; `None` where there is no client.
///
/// # Errors
/// Only the database's own.
pub async fn client_view(tx: &mut Tx<'_>, visit: &Visit) -> Result<Option<ClientView>> {
    let mut view = unsigned(tx, visit).await?;
    for shown in view.iter_mut().flat_map(|view| &mut view.sessions) {
        shown.token = token(tx, visit, &shown.session, &shown.user).await?;
    }
    Ok(view)
}

/// The same without tokens.
pub(super) async fn unsigned(tx: &mut Tx<'_>, visit: &Visit) -> Result<Option<ClientView>> {
    let Some(client) = &visit.client else { return Ok(None) };
    let mut shown = Vec::new();
    for session in sessions::live_of_client(tx, client.id).await? {
        let user = users::get(tx, session.user).await?;
        shown.push(SessionView { session, user, token: None, now: tx.now() });
    }
    let sign_in = match client.sign_in {
        Some(id) => sign_ins::view_if_open(tx, id).await?,
        None => None,
    };
    let sign_up = match client.sign_up {
        Some(id) => sign_ups::view_if_open(tx, id).await?,
        None => None,
    };
    Ok(Some(ClientView { client: client.clone(), sessions: shown, sign_in, sign_up }))
}

/// A session with its user and, while it lives on the visitor's own client, a token for the page that asks. Nobody gets a token of a
/// session that another client holds, and a banned user gets none.
///
/// # Errors
/// Only the database's own.
pub async fn session_view(tx: &mut Tx<'_>, visit: &Visit, session: Session) -> Result<SessionView> {
    let user = users::get(tx, session.user).await?;
    let token = token(tx, visit, &session, &user).await?;
    Ok(SessionView { session, user, token, now: tx.now() })
}

async fn token(tx: &mut Tx<'_>, visit: &Visit, session: &Session, user: &User) -> Result<Option<String>> {
    let own = visit.client.as_ref().is_some_and(|client| client.id == session.client);
    if !own || !session.is_live(tx.now()) || user.banned {
        return Ok(None);
    }
    tokens::mint(tx, &visit.tenant, (session, Active::of(session, user).as_ref()), visit.credential.origin.as_deref(), tokens::LIFE).await.map(Some)
}
