//! Answers to browsers: one set of headers for every page.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use foundation::Error;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use web::Refusal;

/// What a page may load, and where it may send: this server and nowhere else. No inline style, no inline script.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// What a caught mail may do in its frame: style itself and show embedded images. It has no origin and no scripts.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox";

/// A rendered page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            guard(response.headers_mut(), POLICY);
            response
        }
        Err(error) => Refusal::from(Error::broken("a page", error)).into_response(),
    }
}

/// The HTML part of a mail, for a frame.
pub(crate) fn mail(html: String) -> Response {
    let mut response = Html(html).into_response();
    guard(response.headers_mut(), MAIL_POLICY);
    response
}

fn guard(headers: &mut HeaderMap, policy: &'static str) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (http::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (http::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound;

#[derive(Template)]
#[template(path = "no_application.html")]
struct NoApplication;

/// `GET /no-application`, where a link leads that lets somebody in, while its instance does not know where its application is.
pub(crate) async fn no_application() -> Response {
    page(StatusCode::OK, &NoApplication)
}

/// The page for an address that leads nowhere, with status 404.
pub fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, &NotFound)
}
