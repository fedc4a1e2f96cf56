//! Redirects by which a rendering backend, or an expiring cookie, is brought up to date.

use axum::response::Response;
use domain::handshake::{self, Format, Onward};
use foundation::Problem;
use http::{HeaderValue, StatusCode, header};
use store::Access;
use web::{Answer, FrontendCall, Query, json, redirect};

/// Puts the session's cookies on their way to the application.
pub async fn perform(call: FrontendCall, Query(query): Query) -> Answer {
    let call = call.navigating();
    let target = query.required("redirect_url")?;
    let format = match query.text("format")? {
        Some("nonce") => Format::Nonce,
        None | Some("token") => Format::Token,
        Some(_) => return Err(Problem::invalid("format", "must be nonce or token").into()),
    };
    let organization = query.cleared("organization_id")?;
    let organization = organization.as_ref().map(Option::as_deref);
    call.bare(Access::Write, |tx, visit| Box::pin(handshake::perform(tx, visit, target, format, organization)), onward).await
}

fn onward(onward: &Onward) -> Response {
    let mut response = redirect(StatusCode::TEMPORARY_REDIRECT, &onward.location);
    if let Some(cookie) = onward.cookie.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Renews the client's cookie on the way to a page.
pub async fn touch(call: FrontendCall, Query(query): Query) -> Answer {
    let call = call.navigating();
    let target = query.text("redirect_url")?;
    call.bare(
        Access::Read,
        |tx, visit| {
            Box::pin(async move {
                visit.renew();
                handshake::touch_target(tx, visit, target).await
            })
        },
        |location| match location {
            Some(location) => redirect(StatusCode::TEMPORARY_REDIRECT, location),
            None => json(StatusCode::OK, &serde_json::json!({})),
        },
    )
    .await
}
