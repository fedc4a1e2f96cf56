//! What everybody may know about an instance.

use domain::{bodies, keys, settings};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use store::Access;
use web::{Answer, FrontendCall, json};

/// The environment. Development instances ask for it by `PATCH`, with nothing to change.
pub async fn show(call: FrontendCall) -> Answer {
    let tenant = &call.tenant;
    call.bare(Access::Read, |tx, _| Box::pin(settings::effective(tx)), |settings| json(StatusCode::OK, &bodies::environment(tenant, settings))).await
}

/// The public keys that the instance's tokens are verified with.
pub async fn jwks(call: FrontendCall) -> Answer {
    call.bare(
        Access::Read,
        |tx, _| Box::pin(keys::jwks(tx)),
        |keys| {
            let mut response = json(StatusCode::OK, keys);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
            response
        },
    )
    .await
}

/// Whether the instance is served.
pub async fn health(_: FrontendCall) -> Answer {
    Ok(json(StatusCode::OK, &json!({ "status": "healthy" })))
}
