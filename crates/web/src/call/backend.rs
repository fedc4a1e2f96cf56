//! The Backend API's caller: a backend with an instance's secret key.

use super::{bearer, knock};
use crate::{answer::{Answer, json}, app::App, refusal::Refusal};
use axum::extract::FromRequestParts;
use domain::{instances::Tenant, keys, passwords, settings};
use foundation::{Problem, Result, Secret, TraceId};
use http::{StatusCode, request::Parts};
use serde_json::Value;
use std::sync::Arc;
use store::{Access, BoxFuture, Tx};

/// A call whose secret key was checked.
pub struct BackendCall {
    app: Arc<App>,
    trace: TraceId,
    /// Whose key it is.
    pub tenant: Arc<Tenant>,
}

impl FromRequestParts<Arc<App>> for BackendCall {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let trace = knock(parts)?.trace;
        let refuse = |problem: Problem| Refusal::from(problem).with_trace(trace);
        let secret = bearer(&parts.headers).ok_or_else(|| refuse(Problem::SecretKeyInvalid))?;
        let found = app.database.platform(Access::Read, |tx| Box::pin(keys::find_secret_key(tx, &secret))).await;
        let instance = found.map_err(|e| Refusal::from(e).with_trace(trace))?.ok_or_else(|| refuse(Problem::SecretKeyInvalid))?;
        let tenant = app.directory.by_id(instance).await.map_err(|e| Refusal::from(e).with_trace(trace))?;
        let tenant = tenant.ok_or_else(|| refuse(Problem::SecretKeyInvalid))?;
        Ok(BackendCall { app: Arc::clone(app), trace, tenant })
    }
}

impl BackendCall {
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

    async fn run<'e, T, F>(&self, access: Access, work: F) -> Result<T, Refusal>
    where
        T: Send,
        F: for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.app.database.within(self.tenant.id(), access, work).await.map_err(|e| Refusal::from(e).with_trace(self.trace))
    }

    /// Checks a new password against the instance's policy and hashes it, outside of every transaction.
    ///
    /// # Errors
    /// What the policy refuses; [`Problem::Busy`].
    pub async fn new_password(&self, password: &Secret, policy: Policy) -> Result<Secret, Refusal> {
        let settings = self.run(Access::Read, |tx| Box::pin(settings::effective(tx))).await?;
        if policy == Policy::Checked {
            passwords::check(&settings.auth_password, password).map_err(|p| Refusal::from(p).with_trace(self.trace))?;
        }
        let salt = (&mut self.app.world.random.clone() as &mut dyn foundation::Random).bytes();
        let digest = self.app.world.passwords.hash(password, salt).await.map_err(|e| Refusal::from(e).with_trace(self.trace))?;
        Ok(Secret::new(digest))
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
