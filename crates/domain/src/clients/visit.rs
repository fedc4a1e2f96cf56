//! A visit: who knocks at the Frontend API, recognised inside the transaction that answers them.

use super::{Client, dev_browsers, get, store};
use crate::{
    instances::Tenant,
    sessions::{self, Session},
    users::{self, User},
};
use ::store::{Kept, Tx};
use dev_browsers::DevBrowser;
use foundation::{ClientId, Error, Id, Ksuid, Problem, Result, Secret, SessionId, SignInId, SignUpId};
use std::sync::Arc;
use world::places::Place;

/// What the caller showed, not checked yet.
#[derive(Clone, Default)]
pub struct Credential {
    /// The client's secret, from its cookie or a native application's header.
    pub client: Option<Secret>,
    /// A development browser's secret, from the query.
    pub dev_browser: Option<Secret>,
    /// The session that the request is about, from `_clerk_session_id`.
    pub session: Option<SessionId>,
    /// The page's origin: who the tokens are for.
    pub origin: Option<String>,
    /// The browser, as it calls itself.
    pub user_agent: Option<String>,
    /// The network address.
    pub address: Option<String>,
    /// Where that is.
    pub place: Place,
    /// Whether an unknown development browser is no reason to refuse: a browser that navigates is simply given a new one.
    pub navigates: bool,
    /// Whether the browser reaches the instance through the application's own proxy, so that cookies land on the application's host.
    pub proxied: bool,
}

/// Who knocks, and what they get to take along.
pub struct Visit {
    /// Whose door it is.
    pub tenant: Arc<Tenant>,
    /// What was shown.
    pub credential: Credential,
    /// The client, if it was recognised or made.
    pub client: Option<Client>,
    /// A new secret for the client, to be handed out with the answer.
    pub issued: Option<Secret>,
    dev_browser: Option<DevBrowser>,
    /// A new development browser's secret, to be handed out with the answer.
    pub issued_dev_browser: Option<Secret>,
}

impl Visit {
    /// Recognises the caller. An unknown secret is no secret.
    ///
    /// # Errors
    /// [`Problem::DevBrowserUnknown`] where a development browser was shown that is none, and no client either.
    pub async fn recognise(tx: &mut Tx<'_>, tenant: Arc<Tenant>, credential: Credential) -> Result<Visit> {
        let mut visit = Visit { tenant, credential, client: None, issued: None, dev_browser: None, issued_dev_browser: None };
        if visit.tenant.is_development()
            && let Some(secret) = &visit.credential.dev_browser
        {
            visit.dev_browser = dev_browsers::find(tx, secret).await?;
            if let Some(client) = visit.dev_browser.and_then(|b| b.client) {
                visit.client = store::find(tx, client).await?;
            }
        }
        if visit.client.is_none()
            && let Some(secret) = &visit.credential.client
            && let Some(id) = secret.expose().split_once('.').and_then(|(id, _)| Ksuid::parse(id))
        {
            visit.client = store::find_with_secret(tx, ClientId::from_ksuid(id), secret).await?;
        }
        let shown = visit.tenant.is_development() && visit.credential.dev_browser.is_some();
        if shown && !visit.credential.navigates && visit.dev_browser.is_none() && visit.client.is_none() {
            return Err(Problem::DevBrowserUnknown.into());
        }
        let pool = visit.tenant.instance.pool;
        // What belongs to another pool's client is not of this door: it is not bound anew either.
        if visit.client.as_ref().is_some_and(|client| client.pool != pool) {
            (visit.client, visit.dev_browser) = (None, None);
        }
        Ok(visit)
    }

    /// Which of the shown secrets are somebody's: the client's, and the development browser's.
    pub fn recognised_by(&self) -> [bool; 2] {
        let client = self.client.as_ref().zip(self.credential.client.as_ref());
        [client.is_some_and(|(client, shown)| client.secret_hash == shown.sha256()), self.dev_browser.is_some()]
    }

    /// Says of what was read for this visitor that it changes with their client and with their development browser.
    #[must_use]
    pub fn claim<V>(&self, mut kept: Kept<V>) -> Kept<V> {
        if let Some(client) = &self.client {
            kept = kept.about(&client.id);
        }
        if let Some(browser) = &self.dev_browser {
            kept = kept.about(&browser.id);
        }
        kept
    }

    /// The client, made now if there is none yet.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn client_or_new(&mut self, tx: &mut Tx<'_>) -> Result<Client> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let id: ClientId = tx.new_id();
        let secret = draw_secret(tx, id);
        let now = tx.now();
        let client = Client {
            id,
            pool: self.tenant.instance.pool,
            last_active_session: None,
            sign_in: None,
            sign_up: None,
            last_authentication_strategy: None,
            secret_hash: secret.sha256(),
            created_at: now,
            updated_at: now,
        };
        store::sweep(tx).await?;
        store::insert(tx, &client).await?;
        if let Some(browser) = &mut self.dev_browser {
            dev_browsers::bind(tx, browser.id, id).await?;
            browser.client = Some(id);
        }
        self.issued = Some(secret);
        self.client = Some(client.clone());
        Ok(client)
    }

    /// Gives the client a new secret; the old one is worth nothing from now on. From here to the end of the transaction nobody else
    /// changes the client; whoever tries with the same old secret comes again, and is not recognised any more.
    ///
    /// # Errors
    /// [`Error::Again`] where somebody else was quicker.
    pub async fn rotate(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let mut client = self.client_or_new(tx).await?;
        let secret = draw_secret(tx, client.id);
        let hash = secret.sha256();
        if !store::replace_secret(tx, client.id, &client.secret_hash, &hash).await? {
            return Err(Error::Again("the client's secret has changed meanwhile".to_owned()));
        }
        let shown = self.dev_browser.is_some_and(|browser| browser.client == Some(client.id));
        dev_browsers::forget(tx, client.id).await?;
        if shown {
            // Its secret is the client's too, so it changes with it.
            let (browser, secret) = dev_browsers::create(tx, Some(client.id)).await?;
            self.dev_browser = Some(browser);
            self.issued_dev_browser = Some(secret);
        }
        client.secret_hash = hash;
        self.client = Some(client);
        self.issued = Some(secret);
        Ok(())
    }

    /// The development browser's secret: the one that was shown, if it is this client's, or a new one. One that was shown is never bound to a
    /// client that was recognised by something else: whoever made the link knows it too.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn dev_browser(&mut self, tx: &mut Tx<'_>) -> Result<Secret> {
        let client = self.client.as_ref().map(|c| c.id);
        if let (Some(browser), Some(shown)) = (&self.dev_browser, &self.credential.dev_browser)
            && browser.client == client
        {
            return Ok(shown.clone());
        }
        let (browser, secret) = dev_browsers::create(tx, client).await?;
        self.dev_browser = Some(browser);
        self.issued_dev_browser = Some(secret.clone());
        Ok(secret)
    }

    /// The client that was recognised, as the device that guesses are counted by.
    pub fn device(&self) -> Option<ClientId> {
        self.client.as_ref().map(|client| client.id)
    }

    /// Hands the client's secret out once more, so that its cookie lives longer.
    pub fn renew(&mut self) {
        if self.client.is_some() {
            self.issued = self.issued.take().or_else(|| self.credential.client.clone());
        }
    }

    /// Makes a development browser, for a page that cannot have the client's cookie.
    ///
    /// # Errors
    /// [`Problem::NotFound`] where the instance is no development instance.
    pub async fn new_dev_browser(&mut self, tx: &mut Tx<'_>) -> Result<Secret> {
        if !self.tenant.is_development() {
            return Err(Problem::NotFound.into());
        }
        let (browser, secret) = dev_browsers::create(tx, None).await?;
        self.dev_browser = Some(browser);
        Ok(secret)
    }

    /// Reads the client again after its row has changed.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn refresh(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        if let Some(client) = &self.client {
            self.client = Some(get(tx, client.id).await?);
        }
        Ok(())
    }

    /// A session of this client, whatever its state.
    ///
    /// # Errors
    /// [`Problem::Unauthenticated`] where no client was recognised; [`Problem::NotFound`] where the session is not the client's;
    /// [`Problem::SignedOut`] where it was, and is no more.
    pub async fn session(&self, tx: &mut Tx<'_>, id: SessionId) -> Result<Session> {
        let client = self.client.as_ref().ok_or(Problem::Unauthenticated)?;
        match sessions::find(tx, id).await? {
            Some(session) if session.client == client.id => Ok(session),
            // It went with its user.
            None if client.last_active_session == Some(id) => Err(Problem::SignedOut.into()),
            _ => Err(Problem::NotFound.into()),
        }
    }

    /// A living session of this client.
    ///
    /// # Errors
    /// [`Problem::SignedOut`] where it lives no more; as [`Visit::session`].
    pub async fn live_session(&self, tx: &mut Tx<'_>, id: SessionId) -> Result<Session> {
        let session = self.session(tx, id).await?;
        if session.is_live(tx.now()) { Ok(session) } else { Err(Problem::SignedOut.into()) }
    }

    /// Who is signed in: the session that the request names, or the one that was used last.
    ///
    /// # Errors
    /// [`Problem::Unauthenticated`]; [`Problem::SignedOut`]; [`Problem::UserBanned`].
    pub async fn signed_in(&self, tx: &mut Tx<'_>) -> Result<(Session, User)> {
        let client = self.client.as_ref().ok_or(Problem::Unauthenticated)?;
        let id = self.credential.session.or(client.last_active_session).ok_or(Problem::SignedOut)?;
        let session = self.live_session(tx, id).await.map_err(|error| match error {
            foundation::Error::Refused(problem) if *problem == Problem::NotFound => Problem::SignedOut.into(),
            other => other,
        })?;
        let user = users::find(tx, session.user).await?.ok_or(Problem::SignedOut)?;
        if user.banned {
            return Err(Problem::UserBanned.into());
        }
        Ok((session, user))
    }

    /// Who is signed in, if it is they themselves: whoever impersonates somebody looks, and does not change what is theirs to keep.
    ///
    /// # Errors
    /// [`Problem::Impersonated`]; as [`Visit::signed_in`].
    pub async fn themselves(&self, tx: &mut Tx<'_>) -> Result<(Session, User)> {
        let (session, user) = self.signed_in(tx).await?;
        if session.actor.is_some() { Err(Problem::Impersonated.into()) } else { Ok((session, user)) }
    }

    /// The living sessions of this client, oldest first.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn live_sessions(&self, tx: &mut Tx<'_>) -> Result<Vec<Session>> {
        match &self.client {
            Some(client) => sessions::live_of_client(tx, client.id).await,
            None => Ok(Vec::new()),
        }
    }

    /// Puts attempts on the client in place of those that are there.
    pub(crate) async fn set_attempts(&mut self, tx: &mut Tx<'_>, sign_in: Option<SignInId>, sign_up: Option<SignUpId>) -> Result<()> {
        let mut client = self.client_or_new(tx).await?;
        store::set_attempts(tx, client.id, sign_in, sign_up).await?;
        client.sign_in = sign_in;
        client.sign_up = sign_up;
        self.client = Some(client);
        Ok(())
    }

    /// Makes a session the one that was used last.
    pub(crate) async fn select(&mut self, tx: &mut Tx<'_>, session: Option<SessionId>) -> Result<()> {
        if let Some(client) = &mut self.client
            && client.last_active_session != session
        {
            store::set_last_session(tx, client.id, session).await?;
            client.last_active_session = session;
        }
        Ok(())
    }

    /// Somebody has signed in on this client, whose secret was changed for it: no attempts are left, and the session is in front.
    pub(crate) async fn arrived(&mut self, tx: &mut Tx<'_>, session: SessionId, strategy: &str) -> Result<()> {
        let client = self.client_or_new(tx).await?;
        store::set_attempts(tx, client.id, None, None).await?;
        store::set_last_session(tx, client.id, Some(session)).await?;
        store::set_strategy(tx, client.id, strategy).await?;
        store::sessions_changed(tx, client.id).await?;
        self.refresh(tx).await
    }

    /// Ends the client itself with all that it holds.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn discard(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        if let Some(client) = self.client.take() {
            store::delete(tx, client.id).await?;
        }
        self.issued = None;
        Ok(())
    }
}

fn draw_secret(tx: &mut Tx<'_>, id: ClientId) -> Secret {
    Secret::new(format!("{}.{}", id.ksuid(), foundation::secret::hex(&tx.random().bytes::<32>())))
}
