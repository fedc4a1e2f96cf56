//! The Frontend API's caller: a browser or device, recognised inside the transaction that answers it.

use super::knock;
use crate::{
    admission::{Admission, Recognised, admit_client},
    answer::{Answer, json},
    app::App,
    cookies::{self, ClientUat},
    limits::{Class, Subject, admit, is_excused},
    refusal::Refusal,
};
use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use domain::{
    Verdict, bodies,
    clients::{self, ClientView, Credential, Visit},
    instances::{Site, Tenant},
    passwords::{self, Answer as PasswordAnswer, Question},
    redirects,
    settings::Settings,
};
use foundation::{ClientId, Error, Id, Network, Problem, Result, Secret, SessionId, random::Shared};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use serde_json::{Value, json};
use std::{borrow::Cow, sync::Arc};
use store::{Access, Attempts, BoxFuture, Kept, Memo, Tx};

/// A call at an instance's own door.
pub struct FrontendCall {
    pub(crate) app: Arc<App>,
    /// Whose door it is.
    pub tenant: Arc<Tenant>,
    credential: Credential,
    native: bool,
    mutates: bool,
    cookie: String,
    uat: Option<ClientUat>,
    secure: bool,
    pub(crate) network: Network,
    admission: Admission,
}

impl FromRequestParts<Arc<App>> for FrontendCall {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let knock = knock(parts)?;
        let tenant = knock.tenant.clone().ok_or(Problem::NoSuchOperation)?;
        let query =
            |name: &str| form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v.into_owned());
        let native = is_native(&parts.uri);
        let cookie = cookies::client_cookie_name(&tenant, &knock);
        let shown = if native { header_text(&parts.headers, "authorization") } else { cookies::read(&parts.headers, &cookie).map(str::to_owned) };
        // A live instance has none: what the query says there is nobody's, and counts and remembers nothing.
        let dev_browser = query("__clerk_db_jwt").filter(|s| s.len() <= 256 && tenant.is_development());
        let proxied = knock.proxy.as_ref().and_then(|p| p.url.clone());
        let secure = proxied.as_ref().map_or(app.site().is_secure(), |url| url.starts_with("https://"));
        let address = knock.proxy.as_ref().and_then(|p| p.client).or(knock.peer).map(|a| a.to_canonical());
        let network = Network::of(address);
        let admitted = match parts.extensions.get::<Class>() {
            Some(class) if class.is_by_client() => admit_client(app, &tenant, *class, [shown.as_deref(), dev_browser.as_deref()], network).await,
            Some(class) => admit(app, &tenant, *class, Subject::Network(network)).await.map(|()| Admission::default()),
            None => Ok(Admission::default()),
        };
        let admission = match admitted {
            Ok(admission) if !admission.is_over() => admission,
            _ if is_excused(app, &tenant, query("__clerk_testing_token")).await? => Admission::default(),
            refused => refused?,
        };
        let credential = Credential {
            client: shown.filter(|s| s.len() <= 256).map(Secret::new),
            dev_browser: dev_browser.map(Secret::new),
            session: query("_clerk_session_id").and_then(|id| SessionId::parse(&id)),
            origin: origin(&parts.headers, proxied.as_deref()),
            user_agent: header_text(&parts.headers, "user-agent").map(|a| a.chars().take(512).collect()),
            navigates: false,
            proxied: knock.proxy.as_ref().map_or(!knock.own_host, |proxy| proxy.url.is_some()),
            place: address.map(|a| app.world.places.of(a)).unwrap_or_default(),
            address: address.map(|a| a.to_string()),
        };
        let uat = (!native && !tenant.is_development()).then(|| ClientUat::read(&tenant, &parts.headers, secure));
        let mutates = parts.method != http::Method::GET;
        Ok(FrontendCall { app: Arc::clone(app), tenant, credential, native, mutates, cookie, uat, secure, network, admission })
    }
}

/// Whether the caller is a native application, by the first `_is_native` of the query: it shows its secret in a header, and no cookie counts.
pub fn is_native(uri: &Uri) -> bool {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).find(|(name, _)| name == "_is_native").is_some_and(|(_, value)| value == "1")
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|v| v.to_str().ok()).filter(|t| !t.is_empty()).map(str::to_owned)
}

/// The page that asks: its `Origin`; else, since same-origin reads carry none, the proxy's address, else the referrer's origin.
fn origin(headers: &HeaderMap, proxy: Option<&str>) -> Option<String> {
    let named = header_text(headers, "origin").filter(|o| o != "null");
    let text = named.or_else(|| proxy.map(str::to_owned)).or_else(|| header_text(headers, "referer"))?;
    redirects::web_origin(&text).map(Cow::into_owned)
}

/// What an answer shows beside what was asked for. The client costs a signature for each of its sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Client,
    Nothing,
}

/// The work of a call that only looks at the client.
fn nothing<'a>(_: &'a mut Tx<'_>, _: &'a mut Visit) -> BoxFuture<'a, Result<()>> {
    Box::pin(std::future::ready(Ok(())))
}

/// An answer before it is rendered: the resource, the client beside it, and what the visit hands out.
struct Told<T> {
    outcome: Verdict<T>,
    client: Option<Value>,
    /// Since when the client's sessions are as they are, if the client was looked at.
    since: Option<i64>,
    visit: Visit,
}

impl FrontendCall {
    /// Reads, and shows what was read beside the client.
    ///
    /// # Errors
    /// What the work refuses.
    pub async fn read<'e, T, F>(&self, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.envelope(self.run(Access::Read, Beside::Client, &work, Verdict::Granted).await?, shown)
    }

    /// Changes, and shows what came of it beside the client as it is then.
    ///
    /// # Errors
    /// What the work refuses; nothing is changed then.
    pub async fn write<'e, T, F>(&self, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.envelope(self.run(Access::Write, Beside::Client, &work, Verdict::Granted).await?, shown)
    }

    /// Tries something that leaves a trace even when it is refused.
    ///
    /// # Errors
    /// What the work refuses, either way.
    pub async fn attempt<'e, T, F>(&self, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<Verdict<T>>> + Send + Sync,
    {
        self.envelope(self.run(Access::Write, Beside::Client, &work, |verdict| verdict).await?, shown)
    }

    /// Changes, and answers with the body alone.
    ///
    /// # Errors
    /// What the work refuses; nothing is changed then.
    pub async fn bare<'e, T, F>(&self, access: Access, work: F, shown: impl Fn(&T) -> Response) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        let told = self.run(access, Beside::Nothing, &work, Verdict::Granted).await?;
        match told.outcome {
            Verdict::Granted(value) => Ok(self.hand_out(shown(&value), &told.visit, told.since)),
            Verdict::Refused(problem) => Err(problem.into()),
        }
    }

    /// Where this server is.
    pub fn site(&self) -> &Site {
        self.app.site()
    }

    /// Changes something before the real work, in a transaction of its own: what has to hold before slow work is begun.
    ///
    /// # Errors
    /// What the work refuses; nothing is changed then.
    pub async fn first<'e, T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        match self.run(Access::Write, Beside::Nothing, &work, Verdict::Granted).await?.outcome {
            Verdict::Granted(value) => Ok(value),
            Verdict::Refused(problem) => Err(problem.into()),
        }
    }

    /// Changes something that the answer does not depend on: where it fails or would have to wait, the answer stands, and the log knows.
    pub async fn beside<'e, F>(&self, work: F)
    where
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<()>> + Send + Sync,
    {
        if self.app.database.briefly(self.first(work)).await.is_err() {
            tracing::debug!("what was to be noted beside an answer was not");
        }
    }

    /// Shows the client itself.
    ///
    /// # Errors
    /// What the work refuses.
    pub async fn client<'e, F>(&self, access: Access, work: F) -> Answer
    where
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<()>> + Send + Sync,
    {
        let told = self.run(access, Beside::Client, &work, Verdict::Granted).await?;
        let shown = json!({ "response": told.client, "client": null });
        Ok(self.hand_out(json(StatusCode::OK, &shown), &told.visit, told.since))
    }

    /// What is known of the visitor, or is read now. It holds as long as the reading says, and ends when somebody changes the visitor's client.
    /// `parts` tells one thing of its kind from others of the same visitor.
    ///
    /// # Errors
    /// What the reading refuses.
    pub async fn recall<'e, V, F>(&self, kind: &'static str, parts: &[&str], read: F) -> Result<Arc<V>, Refusal>
    where
        V: Send + Sync + 'static,
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<Kept<V>>> + Send + Sync,
    {
        let shown = [&self.credential.client, &self.credential.dev_browser].map(|secret| secret.as_ref().map_or("", Secret::expose));
        let pool = self.tenant.instance.pool.to_string();
        let memo = Memo::new(kind, &[&shown[..], &[pool.as_str()], parts].concat());
        let reading = async {
            let mut attempts = Attempts::new(&self.app.database);
            loop {
                let outcome = self.once(Access::Read, Beside::Nothing, &read, Verdict::Granted).await;
                if !attempts.again(&outcome).await {
                    return outcome.and_then(|told| match told.outcome {
                        Verdict::Granted(kept) => Ok(told.visit.claim(kept)),
                        Verdict::Refused(problem) => Err(problem.into()),
                    });
                }
            }
        };
        #[allow(clippy::disallowed_methods, reason = "the tenant was just recognised")]
        match self.app.database.recall_from(self.tenant.id(), memo, reading).await {
            // What is remembered was read for these same credentials.
            Ok(known) => self.settle(|| [true; 2]).map(|()| known).map_err(Into::into),
            Err(error) => Err(self.refuse(error).await),
        }
    }

    /// What is known of the instance, or is read now: the same for everybody who asks.
    ///
    /// # Errors
    /// What the reading refuses.
    pub async fn recall_public<'e, V, F>(&self, kind: &'static str, read: F) -> Result<Arc<V>, Refusal>
    where
        V: Send + Sync + 'static,
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<Kept<V>>> + Send + Sync,
    {
        let pool = self.tenant.organization.map(|id| id.to_string());
        let parts: &[&str] = if let Some(pool) = &pool { &[pool] } else { &[] };
        #[allow(clippy::disallowed_methods, reason = "the tenant was just recognised")]
        Ok(self.app.database.recall(self.tenant.id(), Memo::new(kind, parts), read).await?)
    }

    /// The page that asks, if it says so: who its tokens are for.
    pub fn origin(&self) -> Option<&str> {
        self.credential.origin.as_deref()
    }

    /// Chance, for what is signed outside of a transaction.
    pub fn random(&self) -> Shared {
        self.app.world.random.clone()
    }

    /// The transaction: recognises, works, looks at the client, and runs again where the database asks for it.
    async fn run<'e, R, T, F>(&self, access: Access, beside: Beside, work: &F, judge: fn(R) -> Verdict<T>) -> Result<Told<T>, Refusal>
    where
        R: Send,
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<R>> + Send + Sync,
    {
        let mut attempts = Attempts::new(&self.app.database);
        let mut access = access;
        loop {
            let outcome = self.once(access, beside, work, judge).await;
            if matches!(outcome, Err(Error::ReadOnly)) && access == Access::Read {
                access = Access::Write;
                continue;
            }
            if attempts.again(&outcome).await {
                continue;
            }
            return match outcome {
                Ok(told) => Ok(told),
                Err(error) => Err(self.refuse(error).await),
            };
        }
    }

    async fn refuse(&self, error: Error) -> Refusal {
        let client = if self.mutates && matches!(error, Error::Refused(_)) { self.client_now().await } else { None };
        Refusal::from(error).with_client(client)
    }

    async fn once<'e, R, T, F>(&self, access: Access, beside: Beside, work: &F, judge: fn(R) -> Verdict<T>) -> Result<Told<T>>
    where
        R: Send,
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<R>> + Send + Sync,
    {
        #[allow(clippy::disallowed_methods, reason = "the tenant was just recognised")]
        let mut tx = self.app.database.begin(self.tenant.id(), access).await?;
        let outcome = async {
            let visit = Visit::recognise(&mut tx, Arc::clone(&self.tenant), self.credential.clone()).await;
            self.settle(|| visit.as_ref().map_or([false; 2], Visit::recognised_by))?;
            let mut visit = visit?;
            let outcome = judge(work(&mut tx, &mut visit).await?);
            let (client, since) = match beside {
                Beside::Client => {
                    let view = clients::client_view(&mut tx, &visit).await?;
                    (view.as_ref().map(bodies::client), Some(view.as_ref().map_or(0, ClientView::since)))
                }
                Beside::Nothing => (None, None),
            };
            Ok(Told { outcome, client, since, visit })
        }
        .await;
        tx.finish(outcome).await
    }

    fn settle(&self, recognised: impl FnOnce() -> Recognised) -> Result<(), Problem> {
        self.admission.settle(&self.app, recognised)
    }

    async fn client_now(&self) -> Option<Value> {
        self.once(Access::Read, Beside::Client, &nothing, Verdict::Granted).await.ok().and_then(|told| told.client)
    }

    fn envelope<T>(&self, told: Told<T>, shown: impl Fn(&T) -> Value) -> Answer {
        match told.outcome {
            Verdict::Granted(value) => {
                let body = json!({ "response": shown(&value), "client": told.client });
                Ok(self.hand_out(json(StatusCode::OK, &body), &told.visit, told.since))
            }
            // The client may have been made by this very attempt: without its secret, the browser could not go on with it.
            Verdict::Refused(problem) => Ok(self.hand_out(Refusal::from(problem).with_client(told.client).into_response(), &told.visit, told.since)),
        }
    }

    /// Adds the client's new secret, as a cookie or as a header. It comes last, because the Express SDK's proxy keeps only the last.
    fn hand_out(&self, response: Response, visit: &Visit, since: Option<i64>) -> Response {
        let mut response = self.telling(response, since);
        if let Some(secret) = &visit.issued_dev_browser
            && let Ok(value) = HeaderValue::from_str(secret.expose())
        {
            response.headers_mut().insert("clerk-db-jwt", value);
        }
        let Some(secret) = &visit.issued else { return response };
        if self.native {
            if let Ok(value) = HeaderValue::from_str(secret.expose()) {
                response.headers_mut().insert(header::AUTHORIZATION, value);
            }
        } else if let Some(cookie) = cookies::client_cookie(&self.cookie, Some(secret), self.secure) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// The same answer, which tells the application's backend since when the client's sessions are as they are, if that is news.
    pub fn telling(&self, mut response: Response, since: Option<i64>) -> Response {
        for cookie in self.uat.iter().zip(since).flat_map(|(uat, since)| uat.updates(since)) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// The same call, made by a browser that navigates and not by a script of a page.
    #[must_use]
    pub fn navigating(mut self) -> FrontendCall {
        self.credential.navigates = true;
        self
    }

    /// Takes the client's cookie away; native applications have none.
    pub fn without_client(&self, response: Response) -> Response {
        let mut response = self.telling(response, Some(0));
        if !self.native
            && let Some(cookie) = cookies::client_cookie(&self.cookie, None, self.secure)
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// The client that was shown, if somebody has signed in on it before.
    pub(crate) async fn known_client(&self) -> Result<Option<ClientId>, Refusal> {
        let told = self.run(Access::Read, Beside::Nothing, &nothing, Verdict::Granted).await?;
        Ok(told.visit.client.filter(|client| client.last_authentication_strategy.is_some()).map(|client| client.id))
    }

    /// The time now, for showing what was read.
    pub fn now(&self) -> foundation::Timestamp {
        self.app.database.now()
    }

    /// The texts that are published at a name, outside of every transaction.
    ///
    /// # Errors
    /// [`Problem::Busy`] where nobody can say.
    pub async fn texts_at(&self, name: &str) -> Result<Vec<String>, Problem> {
        self.app.world.dns.txt(name).await.map_err(|error| {
            tracing::info!(name, %error, "the texts of a domain could not be asked for");
            Problem::Busy(10)
        })
    }

    /// Asks whether a password is right, outside of every transaction.
    ///
    /// # Errors
    /// What the question's reading refuses; [`Problem::Busy`].
    pub async fn password<'e, F>(&self, password: &Secret, question: F) -> Result<PasswordAnswer, Refusal>
    where
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<Question>> + Send + Sync,
    {
        match self.run(Access::Read, Beside::Nothing, &question, Verdict::Granted).await?.outcome {
            Verdict::Granted(question) => Ok(question.answer(&self.app.world.passwords, password).await?),
            Verdict::Refused(problem) => Err(problem.into()),
        }
    }

    /// Checks a new password against the instance's policy and hashes it, outside of every transaction, if the caller may set one at all:
    /// hashing is work that a stranger does not get done by asking.
    ///
    /// # Errors
    /// What `may` refuses; what the policy refuses; [`Problem::Busy`].
    pub async fn new_password<'e, F>(&self, password: &Secret, may: F) -> Result<Secret, Refusal>
    where
        F: for<'a> Fn(&'a mut Tx<'e>, &'a mut Visit) -> BoxFuture<'a, Result<Arc<Settings>>> + Send + Sync,
    {
        let settings = match self.run(Access::Read, Beside::Nothing, &may, Verdict::Granted).await?.outcome {
            Verdict::Granted(settings) => settings,
            Verdict::Refused(problem) => return Err(problem.into()),
        };
        passwords::check(&settings.auth_password, password)?;
        let salt = (&mut self.app.world.random.clone() as &mut dyn foundation::Random).bytes();
        Ok(Secret::new(self.app.world.passwords.hash(password, salt).await?))
    }
}
