//! The part of a path that names an instance of an application.

use axum::extract::{FromRequestParts, RawPathParams};
use domain::applications::InstanceName;
use foundation::{ApplicationId, Id as _, Problem};
use http::request::Parts;
use std::sync::Arc;
use web::{App, Refusal};

/// `{application_id}/instances/{env_or_ins_id}`, the latter an id or what the instance is for, and the parameter after them. What does not parse
/// names nothing.
pub struct InstancePath {
    /// The application.
    pub application: ApplicationId,
    /// Which of its instances.
    pub instance: InstanceName,
    /// What the path names within the instance.
    pub rest: Option<String>,
}

impl FromRequestParts<Arc<App>> for InstancePath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Problem::NotFound)?;
        let mut named = params.iter().map(|(_, text)| text);
        let application = named.next().and_then(ApplicationId::parse).ok_or(Problem::NotFound)?;
        let instance = named.next().and_then(InstanceName::parse).ok_or(Problem::NotFound)?;
        Ok(InstancePath { application, instance, rest: named.next().map(str::to_owned) })
    }
}
