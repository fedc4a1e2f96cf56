//! The Platform API's caller: a platform with a token of its workspace.

use super::{bearer, knock};
use crate::{
    answer::{Answer, json},
    app::App,
    refusal::Refusal,
};
use axum::extract::FromRequestParts;
use domain::keys::{self, PlatformToken, Scope, spares};
use foundation::{InstanceId, Problem, Result, TraceId, WorkspaceId};
use http::{StatusCode, request::Parts};
use serde_json::Value;
use std::sync::Arc;
use store::{Access, BoxFuture, PlatformTx};

/// A call whose platform token was checked.
pub struct PlatformCall {
    app: Arc<App>,
    trace: TraceId,
    token: PlatformToken,
}

impl FromRequestParts<Arc<App>> for PlatformCall {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let trace = knock(parts)?.trace;
        let refuse = |problem: Problem| Refusal::from(problem).with_trace(trace);
        let secret = bearer(&parts.headers).ok_or_else(|| refuse(Problem::PlatformTokenInvalid))?;
        let found = app.database.platform(Access::Read, |tx| Box::pin(keys::find_platform_token(tx, &secret))).await;
        let token = found.map_err(|e| Refusal::from(e).with_trace(trace))?.ok_or_else(|| refuse(Problem::PlatformTokenInvalid))?;
        Ok(PlatformCall { app: Arc::clone(app), trace, token })
    }
}

impl PlatformCall {
    /// The workspace whose applications the call may touch.
    pub fn workspace(&self) -> WorkspaceId {
        self.token.workspace
    }

    /// Reads, and shows what was read.
    ///
    /// # Errors
    /// [`Problem::ScopeMissing`]; what the work refuses.
    pub async fn read<'e, T, F>(&self, scope: Scope, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut PlatformTx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.run(scope, Access::Read, work).await.map(|value| json(StatusCode::OK, &shown(&value)))
    }

    /// Changes, and shows what came of it.
    ///
    /// # Errors
    /// [`Problem::ScopeMissing`]; what the work refuses; nothing is changed then.
    pub async fn write<'e, T, F>(&self, scope: Scope, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut PlatformTx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.run(scope, Access::Write, work).await.map(|value| json(StatusCode::OK, &shown(&value)))
    }

    async fn run<'e, T, F>(&self, scope: Scope, access: Access, work: F) -> Result<T, Refusal>
    where
        T: Send,
        F: for<'a> Fn(&'a mut PlatformTx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        if !self.token.allows(scope) {
            return Err(Refusal::from(Problem::ScopeMissing(scope.name())).with_trace(self.trace));
        }
        self.app.database.platform(access, work).await.map_err(|e| Refusal::from(e).with_trace(self.trace))
    }

    /// Sees to it that so many spare key pairs wait; makes them on the spot only where too few were made ahead.
    ///
    /// # Errors
    /// Where one could not be made.
    pub async fn spare_keys(&self, wanted: usize) -> Result<(), Refusal> {
        spares::fill(&self.app.world, &self.app.database, i64::try_from(wanted).unwrap_or(1)).await.map_err(|e| Refusal::from(e).with_trace(self.trace))
    }

    /// What the instance's hosts and keys say.
    pub fn tenant(&self, instance: domain::instances::Instance) -> domain::instances::Tenant {
        self.app.site().tenant(instance)
    }

    /// Forgets what this node remembers of an instance, so that the change is seen at once.
    pub fn forget(&self, instance: InstanceId) {
        self.app.directory.forget(instance);
    }
}
