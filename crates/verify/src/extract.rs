//! Extractors for axum: a handler that takes a [`Session`] is called for nobody else. The state has the [`Verifier`].

use crate::{refusal::Refusal, session::Session, verifier::Verifier};
use axum::{
    extract::{FromRef, FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};

/// The answer to whoever has no session: 401, or 503 where that cannot be told because there are no keys. It does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection(pub Refusal);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (status, name, value) = match self.0 {
            Refusal::KeysUnavailable => (StatusCode::SERVICE_UNAVAILABLE, header::RETRY_AFTER, "1"),
            Refusal::Organization => (StatusCode::NOT_FOUND, header::CACHE_CONTROL, "no-store"),
            _ => (StatusCode::UNAUTHORIZED, header::WWW_AUTHENTICATE, "Bearer"),
        };
        (status, [(name, HeaderValue::from_static(value))]).into_response()
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Rejection {
        Rejection(refusal)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Session
where
    Verifier: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Session, Rejection> {
        Ok(Verifier::from_ref(state).verify_request(&parts.headers).await?)
    }
}

/// `None` for whoever is signed out, for whatever reason.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Session
where
    Verifier: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Session>, Rejection> {
        match Verifier::from_ref(state).verify_request(&parts.headers).await {
            Ok(session) => Ok(Some(session)),
            Err(Refusal::KeysUnavailable) => Err(Rejection(Refusal::KeysUnavailable)),
            Err(_) => Ok(None),
        }
    }
}
