//! What everybody may know about an instance.

use axum::body::Bytes;
use domain::{bodies, keys, organizations::roles, settings};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use store::Kept;
use web::{Answer, FrontendCall, json, json_text};

/// The environment. Development instances ask for it by `PATCH`, with nothing to change.
pub async fn show(call: FrontendCall) -> Answer {
    let tenant = &call.tenant;
    let read = call.recall_public("environment", |tx| {
        Box::pin(async move {
            let settings = settings::effective(tx).await?;
            let text = bodies::environment(tenant, &settings, &*roles::catalogue(tx).await?).to_string();
            let weight = text.len();
            Ok(Kept::new(Bytes::from(text), weight).about(&tenant.instance.application))
        })
    });
    Ok(json_text(StatusCode::OK, Bytes::clone(&*read.await?)))
}

/// The public keys that the instance's tokens are verified with.
pub async fn jwks(call: FrontendCall) -> Answer {
    let read = call.recall_public("jwks", |tx| {
        Box::pin(async move {
            let text = keys::jwks(tx).await?.to_string();
            let weight = text.len();
            Ok(Kept::new(Bytes::from(text), weight))
        })
    });
    let mut response = json_text(StatusCode::OK, Bytes::clone(&*read.await?));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    Ok(response)
}

/// What OpenID Connect clients may know. It is everybody's.
pub async fn openid(call: FrontendCall) -> Answer {
    let mut response = json(StatusCode::OK, &bodies::openid_configuration(&call.tenant));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    Ok(response)
}

/// Whether the instance is served.
pub async fn health(_: FrontendCall) -> Answer {
    Ok(json(StatusCode::OK, &json!({ "status": "healthy" })))
}
