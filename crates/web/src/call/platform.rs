//! The Platform API's caller: a platform with a token of its workspace.

use super::{BackendCall, bearer};
use crate::{
    answer::{Answer, json},
    app::App,
    input::Query,
    place::Place,
    refusal::Refusal,
    routes::Needs,
};
use axum::extract::FromRequestParts;
use domain::{
    applications,
    audit::Actor,
    instances::Site,
    keys::{self, PlatformToken, Scope, spares},
    settings::Run,
};
use foundation::{Error, Problem, Result, WorkspaceId};
use http::{StatusCode, request::Parts};
use serde_json::Value;
use std::sync::Arc;
use store::{Access, BoxFuture, PlatformTx};

/// A call whose platform token was checked and has the scope of its operation, and whose query says nothing that its operation does not take.
pub struct PlatformCall {
    app: Arc<App>,
    token: PlatformToken,
    /// What the route has declared, and was looked at.
    needs: Scope,
}

impl FromRequestParts<Arc<App>> for PlatformCall {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let secret = bearer(&parts.headers).ok_or(Problem::PlatformTokenInvalid)?;
        let found = app.database.platform(Access::Read, |tx| Box::pin(keys::find_platform_token(tx, &secret))).await?;
        let token = found.ok_or(Problem::PlatformTokenInvalid)?;
        // A route without a scope would be a fault of ours; nobody gets in by it.
        let Needs(needs) = parts.extensions.get::<Needs>().copied().ok_or(Problem::NoSuchOperation)?;
        if !token.allows(needs) {
            return Err(Problem::ScopeMissing(needs.name()).into());
        }
        // Whoever asks for a dry run of what has none must not get a real one.
        Query::check(parts)?;
        Ok(PlatformCall { app: Arc::clone(app), token, needs })
    }
}

/// How often spares are made for one call before it is given up.
const MOST_FILLINGS: usize = 8;

fn is_short<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Refused(problem)) if matches!(**problem, Problem::Busy(_)))
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

    /// Changes; or, dry, shows what would come of it, in a transaction that cannot write.
    ///
    /// # Errors
    /// As [`PlatformCall::write`].
    pub async fn write_or_try<'e, T, F>(&self, scope: Scope, run: Run, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut PlatformTx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        let access = match run {
            Run::Real => Access::Write,
            Run::Dry => Access::Read,
        };
        self.run(scope, access, work).await.map(|value| json(StatusCode::OK, &shown(&value)))
    }

    /// Changes, and shows what came of it. The work takes so many spare key pairs; where too few were made ahead, they are made on the spot,
    /// by one caller at a time, so that nobody's are taken by all the others again and again.
    ///
    /// # Errors
    /// As [`PlatformCall::write`]; where a key pair could not be made.
    pub async fn write_with_spares<'e, T, F>(&self, scope: Scope, spares: usize, work: F, shown: impl Fn(&T) -> Value) -> Answer
    where
        T: Send,
        F: for<'a> Fn(&'a mut PlatformTx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.ensure(scope)?;
        let database = &self.app.database;
        let mut outcome = database.platform(Access::Write, &work).await;
        if is_short(&outcome) {
            let _turn = self.app.spares.lock().await;
            for _ in 0..MOST_FILLINGS {
                spares::fill(&self.app.world, database, i64::try_from(spares).unwrap_or(1)).await?;
                outcome = database.platform(Access::Write, &work).await;
                if !is_short(&outcome) {
                    break;
                }
            }
        }
        Ok(json(StatusCode::OK, &shown(&outcome?)))
    }

    async fn run<'e, T, F>(&self, scope: Scope, access: Access, work: F) -> Result<T, Refusal>
    where
        T: Send,
        F: for<'a> Fn(&'a mut PlatformTx<'e>) -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.ensure(scope)?;
        Ok(self.app.database.platform(access, work).await?)
    }

    /// Looks once more, at the scope that the handler names: it is the one that the route has declared.
    fn ensure(&self, scope: Scope) -> Result<(), Problem> {
        debug_assert_eq!(scope, self.needs, "the route declares another scope than its handler");
        if self.token.allows(scope) { Ok(()) } else { Err(Problem::ScopeMissing(scope.name())) }
    }

    /// Enters an instance of one of the workspace's applications. What is done there is recorded as the platform's.
    ///
    /// # Errors
    /// [`Problem::ScopeMissing`]; [`Problem::NotFound`] where the workspace has no such instance.
    pub async fn enter(self, scope: Scope, place: &Place) -> Result<BackendCall, Refusal> {
        self.ensure(scope)?;
        let (workspace, application, which) = (self.workspace(), place.application, place.which);
        let instance = self.app.database.platform(Access::Read, |tx| Box::pin(applications::instance(tx, workspace, application, which))).await?;
        let tenant = Arc::new(self.app.site().tenant(instance));
        Ok(BackendCall::entered(self.app, tenant, Actor::Platform))
    }

    /// Where this server is.
    pub fn site(&self) -> &Site {
        self.app.site()
    }

    /// What the instance's hosts and keys say.
    pub fn tenant(&self, instance: domain::instances::Instance) -> domain::instances::Tenant {
        self.app.site().tenant(instance)
    }
}
