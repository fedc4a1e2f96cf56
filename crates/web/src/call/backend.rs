//! The Backend API's caller: a backend with an instance's secret key.

use super::bearer;
use crate::{
    answer::{Answer, json},
    app::App,
    input::Query,
    limits::{Class, Subject, admit},
    refusal::Refusal,
};
use axum::extract::FromRequestParts;
use domain::{
    Verdict,
    audit::Actor,
    instances::{Instance, Site, Tenant},
    keys, messages,
    passwords::{self, Answer as PasswordAnswer, Question},
    settings,
};
use foundation::{EmailAddress, InstanceId, Problem, Result, Secret};
use http::{StatusCode, request::Parts};
use serde_json::Value;
use std::sync::Arc;
use store::{Access, BoxFuture, PlatformTx, Tx};

/// For how many seconds a caller waits who wants to change something while the instance is closed for a conversion.
const CLOSED: u64 = 5;

/// A call whose secret key was checked, and whose query says nothing that its operation does not take.
pub struct BackendCall {
    app: Arc<App>,
    /// Whose key it is.
    pub tenant: Arc<Tenant>,
    /// Who acts, as the audit log names them.
    pub actor: Actor<'static>,
}

impl FromRequestParts<Arc<App>> for BackendCall {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let secret = bearer(&parts.headers).ok_or(Problem::SecretKeyInvalid)?;
        let found = keys::find_secret_key(&app.database, &secret).await?;
        let tenant = app.directory.by_id(found.ok_or(Problem::SecretKeyInvalid)?).await?;
        let tenant = tenant.ok_or(Problem::SecretKeyInvalid)?;
        let class = parts.extensions.get::<Class>().copied();
        if class != Some(Class::Free) {
            admit(app, &tenant, Class::Backend, Subject::Instance).await?;
        }
        if class == Some(Class::Metadata) {
            admit(app, &tenant, Class::Metadata, Subject::Path(parts.uri.path())).await?;
        }
        Query::check(parts)?;
        Ok(BackendCall { app: Arc::clone(app), tenant, actor: Actor::Backend })
    }
}

impl BackendCall {
    /// A call inside an instance that somebody else was recognised for: a platform, for one of its own.
    pub(super) fn entered(app: Arc<App>, tenant: Arc<Tenant>, actor: Actor<'static>) -> BackendCall {
        BackendCall { app, tenant, actor }
    }

    /// Reads, and shows what was read.
    ///
    /// # Errors
    /// What the work refuses.
    pub async fn read<'e, T, F>(&self, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.run(Access::Read, work).await.map(|value| json(StatusCode::OK, &shown(&value)))
    }

    /// Changes, and shows what came of it.
    ///
    /// # Errors
    /// What the work refuses; nothing is changed then.
    pub async fn write<'e, T, F>(&self, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.run(Access::Write, work).await.map(|value| json(StatusCode::OK, &shown(&value)))
    }

    /// Changes something before the real work, in a transaction of its own: what has to hold before slow work is begun.
    ///
    /// # Errors
    /// What the work refuses; nothing is changed then.
    pub async fn first<'e, F>(&self, work: F) -> Result<(), Refusal>
    where
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<()>> + Send + Sync,
    {
        self.run(Access::Write, work).await
    }

    /// Changes, and shows nothing.
    ///
    /// # Errors
    /// What the work refuses; nothing is changed then.
    pub async fn write_silently<'e, F>(&self, work: F) -> Answer
    where
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<()>> + Send + Sync,
    {
        self.run(Access::Write, work).await.map(|()| crate::answer::empty())
    }

    /// Changes the instance's own row, which stands above the tenants; the instance as it is then.
    ///
    /// # Errors
    /// What the work refuses; nothing is changed then.
    pub async fn change_instance<'e, F>(&self, work: F) -> Result<Tenant, Refusal>
    where
        F: for<'a> Fn(&'a mut PlatformTx<'e>, InstanceId) -> BoxFuture<'a, Result<Instance>> + Send + Sync,
    {
        self.ensure_open()?;
        let id = self.tenant.id();
        let changed = self.app.database.platform(Access::Write, |tx| work(tx, id)).await?;
        Ok(self.app.site().tenant(changed))
    }

    #[allow(clippy::disallowed_methods, reason = "the secret key was just checked")]
    async fn run<'e, T, F>(&self, access: Access, work: F) -> Result<T, Refusal>
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        if access == Access::Write {
            self.ensure_open()?;
        }
        Ok(self.app.database.within(self.tenant.id(), access, work).await?)
    }

    /// Nobody changes anything of an instance that is being converted.
    fn ensure_open(&self) -> Result<(), Problem> {
        if self.tenant.instance.conversion.is_some() { Err(Problem::Converting(CLOSED)) } else { Ok(()) }
    }

    /// Checks a new password against the instance's policy and hashes it, outside of every transaction.
    ///
    /// # Errors
    /// What the policy refuses; [`Problem::Busy`].
    pub async fn new_password(&self, password: &Secret, policy: Policy) -> Result<Secret, Refusal> {
        let settings = self.run(Access::Read, |tx| Box::pin(settings::effective(tx))).await?;
        if policy == Policy::Checked {
            passwords::check(&settings.auth_password, password)?;
        }
        let salt = (&mut self.app.world.random.clone() as &mut dyn foundation::Random).bytes();
        Ok(Secret::new(self.app.world.passwords.hash(password, salt).await?))
    }

    /// Asks whether a password is right, outside of every transaction.
    ///
    /// # Errors
    /// What the question's reading refuses; [`Problem::Busy`].
    pub async fn password<'e, F>(&self, password: &Secret, question: F) -> Result<PasswordAnswer, Refusal>
    where
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<Question>> + Send + Sync,
    {
        Ok(self.run(Access::Read, question).await?.answer(&self.app.world.passwords, password).await?)
    }

    /// Tries something that leaves a trace even when it is refused.
    ///
    /// # Errors
    /// What the work refuses, either way.
    pub async fn attempt<'e, T, F>(&self, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<Verdict<T>>> + Send + Sync,
    {
        match self.run(Access::Write, work).await? {
            Verdict::Granted(value) => Ok(json(StatusCode::OK, &shown(&value))),
            Verdict::Refused(problem) => Err(problem.into()),
        }
    }

    /// Where the instance's mail server may be.
    pub fn reach(&self) -> messages::servers::Reach {
        self.app.world.mail.reach()
    }

    /// Sends one mail by the instance's own mail server, outside of every transaction, and tells what that said.
    ///
    /// # Errors
    /// As [`messages::try_server`].
    pub async fn try_mail_server(&self, to: &EmailAddress) -> Result<messages::Trial, Refusal> {
        Ok(messages::try_server(&self.app.world, &self.app.database, self.tenant.id(), to).await?)
    }

    /// Where this server is.
    pub fn site(&self) -> &Site {
        self.app.site()
    }

    /// The time now, for showing what was read.
    pub fn now(&self) -> foundation::Timestamp {
        self.app.database.now()
    }
}

/// Whether a new password must fit the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// It must.
    Checked,
    /// The backend has said that it need not.
    Skipped,
}
