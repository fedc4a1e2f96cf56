//! What paths and headers say beside one id: which instance of which application, and which version.

use crate::{app::App, refusal::Refusal};
use axum::extract::{FromRequestParts, RawPathParams};
use domain::{instances::Which, settings::Expected};
use foundation::{ApplicationId, Id, Problem};
use http::{header, request::Parts};
use std::sync::Arc;

/// The most versions that one header may name.
const MOST_VERSIONS: usize = 16;

/// An instance in the path: `{application_id}`, then `{env_or_ins_id}`. What does not parse names nothing.
pub struct Place {
    /// The application.
    pub application: ApplicationId,
    /// Which of its instances.
    pub which: Which,
}

impl FromRequestParts<Arc<App>> for Place {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<App>) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        let named = |name: &str| params.iter().find(|(key, _)| *key == name).map(|(_, text)| text.to_owned());
        let application = named("application_id").and_then(|text| ApplicationId::parse(&text)).ok_or(Problem::NotFound)?;
        let which = named("env_or_ins_id").and_then(|text| Which::parse(&text)).ok_or(Problem::NotFound)?;
        Ok(Place { application, which })
    }
}

/// The header `If-Match` (RFC 9110 13.1.1): the versions that the caller knows, with or without quotation marks, or `*`. What is no version
/// matches none.
pub struct IfMatch(pub Expected);

impl FromRequestParts<Arc<App>> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Refusal> {
        let lines = parts.headers.get_all(header::IF_MATCH).iter();
        let text = lines.map(|line| line.to_str().unwrap_or_default()).collect::<Vec<_>>().join(",");
        let any = !parts.headers.contains_key(header::IF_MATCH) || text.trim() == "*";
        let versions = text.split(',').take(MOST_VERSIONS).filter_map(|one| one.trim().trim_start_matches("W/").trim_matches('"').parse().ok());
        Ok(IfMatch(if any { Expected::Any } else { Expected::OneOf(versions.collect()) }))
    }
}
