//! The Frontend API's threshold: whose door it is, whether the page that asks may, and what every answer carries.

use super::{Doors, refuse, run};
use axum::{body::Body, response::IntoResponse};
use domain::{
    instances::Tenant,
    keys, redirects,
    settings::{self, PoolMode},
};
use foundation::{Error, Problem, Secret};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use std::{net::IpAddr, sync::Arc};
use store::Memo;
use web::{Knock, Proxy, Refusal};

/// The header in which the SDKs' own proxies show the instance's secret key.
pub(super) const SECRET_KEY: &str = "clerk-secret-key";
const PROXY_URL: &str = "clerk-proxy-url";

/// Opens the door of an instance; of the secret key's, where the address names none.
/// `before` is the address that stands before the visitor's in the proxies' list.
pub(super) async fn open(
    doors: &Doors,
    mut request: Request<Body>,
    uri: &Uri,
    mut knock: Knock,
    addressed: Option<Arc<Tenant>>,
    before: Option<IpAddr>,
) -> Response<Body> {
    let keyed = match keyed(doors, request.headers()).await {
        Ok(keyed) => keyed,
        Err(error) => return Refusal::from(error).into_response(),
    };
    let tenant = match (addressed, keyed) {
        (Some(addressed), Some(keyed)) if addressed.id() != keyed.id() => return refuse(Problem::SecretKeyInvalid),
        (addressed, Some(keyed)) => {
            knock.proxy = Some(proxy(&keyed, request.headers(), before));
            addressed.unwrap_or(keyed)
        }
        (Some(addressed), None) => addressed,
        (None, None) => return refuse(Problem::SecretKeyInvalid),
    };
    let objection = match judge(doors, &tenant, request.method(), request.headers(), knock.proxy.is_some(), uri).await {
        Ok(objection) => objection,
        Err(error) => return Refusal::from(error).into_response(),
    };
    let poolless = match objection {
        None => poolless(doors, &tenant, request.method(), uri.path()).await,
        Some(_) => Ok(None),
    };
    let objection = match poolless {
        Ok(poolless) => objection.or(poolless),
        Err(error) => return Refusal::from(error).into_response(),
    };
    let versioned = || Some(web::check_version(request.headers(), uri)).filter(|_| request.method() != Method::OPTIONS).and_then(Result::err);
    let objection = objection.or_else(versioned);
    let reader = reader(request.headers(), request.method(), objection.as_ref());
    knock.tenant = Some(tenant);
    let response = match (objection, method(&request)) {
        (Some(problem), _) => refuse(problem),
        (None, _) if request.method() == Method::OPTIONS => preflight(),
        (None, None) => refuse(Problem::MethodNotAllowed),
        (None, Some(method)) => {
            *request.method_mut() = method;
            run(&doors.frontend, request, uri, knock).await
        }
    };
    with_cors(response, reader)
}

/// The instance of the secret key that was shown, if one was.
async fn keyed(doors: &Doors, headers: &HeaderMap) -> Result<Option<Arc<Tenant>>, Error> {
    let Some(shown) = headers.get(SECRET_KEY) else { return Ok(None) };
    let secret = Secret::new(shown.to_str().map_err(|_| Problem::SecretKeyInvalid)?);
    let instance = keys::find_secret_key(&doors.app.database, &secret).await?.ok_or(Problem::SecretKeyInvalid)?;
    doors.app.directory.by_id(instance).await?.map(Some).ok_or_else(|| Problem::SecretKeyInvalid.into())
}

/// What a proxy says of itself. Its address counts only if it is the stored one, or for a development instance, one on this machine.
fn proxy(tenant: &Tenant, headers: &HeaderMap, client: Option<IpAddr>) -> Proxy {
    let text = headers.get(PROXY_URL).and_then(|v| v.to_str().ok()).map(|t| t.trim_end_matches('/'));
    let url = text.filter(|text| {
        let stored = tenant.instance.proxy_url.as_deref().is_some_and(|stored| stored.trim_end_matches('/') == *text);
        stored || (tenant.is_development() && redirects::parse(text).is_some_and(|url| redirects::is_loopback(&url)))
    });
    Proxy { url: url.map(str::to_owned), client }
}

/// What stands against the page or the application that asks, if anything. Reads without an origin may; so may native applications, which no
/// page can pretend to be, because browsers say where a page is from; so may whoever has the secret key.
#[allow(clippy::disallowed_methods, reason = "the tenant was just recognised")]
async fn judge(doors: &Doors, tenant: &Arc<Tenant>, method: &Method, headers: &HeaderMap, keyed: bool, uri: &Uri) -> Result<Option<Problem>, Error> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let native = web::is_native(uri);
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next();
    if origins.next().is_some() {
        return Ok(Some(Problem::OriginInvalid));
    }
    // Scripts, keys and pictures are everybody's to read.
    let public = reads && ["/npm/", "/.well-known/", "/v1/images/", "/v1/avatar_placeholder/"].iter().any(|start| uri.path().starts_with(start));
    let application = tenant.instance.application;
    let settings = async || doors.app.database.recall(tenant.id(), Memo::new("settings", &[]), |tx| Box::pin(settings::known(tx, application))).await;
    let welcome = match origin {
        None => reads || keyed || native,
        Some(origin) if tenant.is_development() => is_web_origin(origin),
        Some(_) if public => true,
        Some(origin) => redirects::is_own_origin(tenant, &*settings().await?, origin.to_str().unwrap_or_default()),
    };
    if !welcome {
        return Ok(Some(if origin.is_some() { Problem::OriginInvalid } else { Problem::OriginMissing }));
    }
    Ok((native && !settings().await?.native_api.enabled).then_some(Problem::NativeApiDisabled))
}

/// Where the links of tickets lead.
pub(super) const TICKETS: &str = "/v1/tickets/accept";

/// For how long a caller waits who comes while an instance is closed.
const CLOSED: u64 = 5;

/// What stands against a call while the instance's users are converted, and against one that names none of its pools where each organization has
/// its own. What is the same for all is told.
#[allow(clippy::disallowed_methods, reason = "the tenant was just recognised")]
async fn poolless(doors: &Doors, tenant: &Arc<Tenant>, method: &Method, path: &str) -> Result<Option<Problem>, Error> {
    let common = ["/.well-known/", "/npm/", "/v1/environment", "/v1/health", "/v1/images/", "/v1/avatar_placeholder/"];
    if *method == Method::OPTIONS || common.iter().any(|start| path.starts_with(start)) {
        return Ok(None);
    }
    if tenant.instance.conversion.is_some() {
        return Ok(Some(Problem::Converting(CLOSED)));
    }
    // The link of a ticket from before the pools is led on to the door of its pool.
    if tenant.organization.is_some() || path == TICKETS {
        return Ok(None);
    }
    let application = tenant.instance.application;
    let settings = doors.app.database.recall(tenant.id(), Memo::new("settings", &[]), |tx| Box::pin(settings::known(tx, application))).await?;
    Ok((settings.user_pool.mode == PoolMode::Isolated).then_some(Problem::PoolRequired))
}

/// Whether it is the origin of a web page, written as browsers write it.
fn is_web_origin(origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|text| redirects::web_origin(text).is_some_and(|origin| origin == text))
}

/// The page that may read the answer. One of a foreign origin may read that it is refused, and nothing else: that refusal is the same for
/// everybody and is made before any cookie is looked at; without it, the SDK would see a broken network.
fn reader(headers: &HeaderMap, method: &Method, objection: Option<&Problem>) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN);
    match objection {
        Some(Problem::OriginInvalid) if *method == Method::OPTIONS || headers.get_all(header::ORIGIN).iter().count() > 1 => None,
        Some(Problem::OriginInvalid) => origin.filter(|origin| is_web_origin(origin)),
        _ => origin,
    }
    .cloned()
}

/// The method that is meant: a `POST` can say another in `_method`, because browsers ask nobody before a plain `POST`.
fn method(request: &Request<Body>) -> Option<Method> {
    if request.method() != Method::POST {
        return Some(request.method().clone());
    }
    let query = request.uri().query().unwrap_or_default();
    match query.split('&').find_map(|pair| pair.strip_prefix("_method=")) {
        None | Some("POST") => Some(Method::POST),
        Some("PATCH") => Some(Method::PATCH),
        Some("PUT") => Some(Method::PUT),
        Some("DELETE") => Some(Method::DELETE),
        Some(_) => None,
    }
}

fn preflight() -> Response<Body> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PATCH, PUT, DELETE"));
    headers
        .insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type, x-mobile, x-expo-sdk-version, clerk-api-version"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Every answer carries these, a refusal too: without them the SDK sees a broken network instead of an error.
fn with_cors(mut response: Response<Body>, origin: Option<HeaderValue>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return response;
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Authorization, Clerk-Db-Jwt, Retry-After, X-Country"));
    }
    response
}
