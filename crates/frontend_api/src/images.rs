//! Pictures: shown to everybody who knows their address, set and removed by their user.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use domain::{
    bodies,
    images::{self, Avatar, Picture},
    users,
};
use foundation::{ImageId, Problem};
use http::{HeaderValue, StatusCode, header};
use store::Access;
use web::{Answer, FrontendCall, Id, Query, Upload};

/// A picture, in the smallest of its sizes that is wide enough.
pub async fn show(call: FrontendCall, Id(id): Id<ImageId>, Query(query): Query) -> Answer {
    // Whatever stands there: a picture has to be shown.
    let width = query.first("width").ok().flatten().and_then(|text| text.parse().ok());
    call.bare(Access::Read, |tx, _| Box::pin(images::show(tx, id, width)), |Picture { kind, bytes }| picture(kind, bytes.clone())).await
}

/// The avatar of somebody without a picture.
pub async fn avatar(_: FrontendCall, Path(text): Path<String>) -> Answer {
    let avatar = Avatar::parse(&text).ok_or(Problem::NotFound)?;
    Ok(picture("image/svg+xml", avatar.svg().into_bytes()))
}

/// What lies behind this address never changes, belongs to no session, and is nothing but a picture, wherever it is opened.
fn picture(kind: &str, bytes: Vec<u8>) -> Response {
    let mut response = (StatusCode::OK, bytes).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::CONTENT_DISPOSITION, "inline"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (http::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("application/octet-stream")));
    response
}

/// Gives the user a new picture.
pub async fn set(call: FrontendCall, upload: Upload) -> Answer {
    let user = call.first(|tx, visit| Box::pin(users::spend_own_upload(tx, visit))).await?;
    let squares = upload.squares(call.tenant.id(), user).await?;
    call.write(|tx, visit| Box::pin(users::set_own_image(tx, visit, &squares)), bodies::image).await
}

/// Takes the user's picture away.
pub async fn delete(call: FrontendCall) -> Answer {
    call.write(|tx, visit| Box::pin(users::remove_own_image(tx, visit)), |id| bodies::deleted("image", id)).await
}
