//! What callers are told where something fails: a status, and no more.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// A status. What the caller can mend is told; everything else is a 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub StatusCode);

impl Failure {
    /// There is no such thing in the organization.
    pub const NOT_FOUND: Failure = Failure(StatusCode::NOT_FOUND);
    /// The session is in a personal account.
    pub const NO_ORGANIZATION: Failure = Failure(StatusCode::FORBIDDEN);
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        let status = match error.code() {
            Some(code) if [SqlState::FOREIGN_KEY_VIOLATION, SqlState::INVALID_TEXT_REPRESENTATION].contains(code) => StatusCode::NOT_FOUND,
            Some(code) if *code == SqlState::UNIQUE_VIOLATION => StatusCode::CONFLICT,
            Some(code) if *code == SqlState::NOT_NULL_VIOLATION => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Failure(status)
    }
}

impl From<PoolError> for Failure {
    fn from(_: PoolError) -> Failure {
        Failure(StatusCode::SERVICE_UNAVAILABLE)
    }
}
