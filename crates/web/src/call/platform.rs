//! The Platform API's caller: a platform with a token of its workspace.

use super::bearer;
use crate::{
    answer::{Answer, json},
    app::App,
    refusal::Refusal,
};
use axum::extract::FromRequestParts;
use domain::keys::{self, PlatformToken, Scope, spares};
use foundation::{InstanceId, Problem, Result, WorkspaceId};
use http::{StatusCode, request::Parts};
use serde_json::Value;
use std::sync::Arc;
use store::{Access, BoxFuture, PlatformTx};

/// A call whose platform token was checked.
pub struct PlatformCall {
    app: Arc<App>,
    token: PlatformToken,
}

impl FromRequestParts<Arc<App>> for PlatformCall {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let secret = bearer(&parts.headers).ok_or(Problem::PlatformTokenInvalid)?;
        let found = app.database.platform(Access::Read, |tx| Box::pin(keys::find_platform_token(tx, &secret))).await?;
        Ok(PlatformCall { app: Arc::clone(app), token: found.ok_or(Problem::PlatformTokenInvalid)? })
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
            return Err(Problem::ScopeMissing(scope.name()).into());
        }
        Ok(self.app.database.platform(access, work).await?)
    }

    /// Sees to it that so many spare key pairs wait; makes them on the spot only where too few were made ahead.
    ///
    /// # Errors
    /// Where one could not be made.
    pub async fn spare_keys(&self, wanted: usize) -> Result<(), Refusal> {
        Ok(spares::fill(&self.app.world, &self.app.database, i64::try_from(wanted).unwrap_or(1)).await?)
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
