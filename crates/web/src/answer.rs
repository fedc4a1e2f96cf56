//! Answers.

use crate::refusal::Refusal;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

/// What a handler returns.
pub type Answer = Result<Response, Refusal>;

/// A JSON body. The content type is exactly `application/json`: with anything behind it, SDKs read the body as text.
pub fn json(status: StatusCode, body: &Value) -> Response {
    // A tree of text keys can always be written.
    json_text(status, serde_json::to_vec(body).unwrap_or_default())
}

/// A JSON body that was written before.
pub fn json_text(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = (status, body.into()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The same answer, to somebody who has made something new.
pub fn created(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::CREATED;
    response
}

/// No body.
pub fn empty() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Sends a browser on. `to` was validated, or was built here.
pub fn redirect(status: StatusCode, to: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
