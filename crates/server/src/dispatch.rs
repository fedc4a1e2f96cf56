//! The porter: finds out at whose door a request knocks, from verified places only, and opens it.
//!
//! | host                     | path                   | door                                        |
//! |--------------------------|------------------------|---------------------------------------------|
//! | any                      | `/healthz`, `/readyz`  | answered here                               |
//! | `<slug>.<base domain>`   | any                    | Frontend API of the instance                |
//! | base host                | `/t/<slug>/…`          | Frontend API of the instance                |
//! | base host                | `/v1/…` and the like, with a secret key in `Clerk-Secret-Key` | Frontend API of the key's instance |
//! | base host                | `/api/…`               | Backend and Platform API                    |
//! | `api.<base domain>`      | any                    | Backend and Platform API                    |
//! | base host                | any other              | pages                                       |
//! | any other                | any                    | 421                                         |

mod forwarded;
mod frontend;
mod visitor;

use crate::{
    listen::{Answers, Connections},
    metrics::Requests,
};
use axum::{Router, body::Body, response::IntoResponse};
use domain::instances::{self, Site, Tenant};
use forwarded::Forwarded;
use foundation::{Error, Problem, TraceId};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use store::Access;
use tower::ServiceExt;
use tracing::{Instrument, field::Empty};
use web::{App, Asked, Knock, Operation, Refusal};

/// All doors.
pub struct Doors {
    app: Arc<App>,
    frontend: Router,
    backend: Router,
    pages: Router,
    operations: Vec<Operation>,
    ready: Arc<AtomicBool>,
    requests: Requests,
    connections: Connections,
    forwarded: Forwarded,
}

impl Answers for Doors {
    const MOST_CONNECTIONS: usize = 10_000;
    const MOST_OF_NETWORK: usize = 500;

    fn is_shared(&self, peer: IpAddr) -> bool {
        peer.to_canonical().is_loopback() || self.app.trusted.iter().any(|range| range.contains(peer))
    }

    async fn answer(&self, request: Request<Body>, peer: Option<IpAddr>) -> Response<Body> {
        Doors::answer(self, request, peer).await
    }

    fn connections(&self) -> &Connections {
        &self.connections
    }
}

/// What the address of a request says.
enum Address<'u> {
    /// An instance, by its host or by its path, and one of its pools, if one is named; the rest of the path.
    Instance { slug: &'u str, pool: Option<&'u str>, path: &'u str, own_host: bool },
    /// Nobody's host, with a secret key that names the instance.
    Keyed,
    /// The Backend and Platform API; the rest of the path.
    Backend { path: &'u str },
    /// The server's own pages.
    Pages,
    /// Somebody else's host.
    Elsewhere,
}

impl Address<'_> {
    /// The face that it leads to, until an operation says it better.
    fn face(&self) -> &'static str {
        match self {
            Address::Instance { .. } | Address::Keyed => "frontend",
            Address::Backend { .. } => "backend",
            Address::Pages => "pages",
            Address::Elsewhere => "none",
        }
    }
}

impl Doors {
    /// Builds all doors.
    pub fn new(app: Arc<App>) -> Doors {
        let (frontend, backend, platform) = (frontend_api::routes(), backend_api::routes(), platform_api::routes());
        let operations = [frontend.operations(), backend.operations(), platform.operations()].concat();
        let door = |router: Router<Arc<App>>| router.fallback(no_operation).method_not_allowed_fallback(no_method).with_state(Arc::clone(&app));
        Doors {
            frontend: door(frontend.into_router()),
            backend: door(backend.into_router().merge(platform.into_router())),
            pages: pages::router(pages::Reference::new(&operations, app.site())).with_state(Arc::clone(&app)),
            requests: Requests::new(&operations),
            connections: Connections::default(),
            forwarded: Forwarded::default(),
            operations,
            ready: Arc::new(AtomicBool::new(false)),
            app,
        }
    }

    /// Every operation that is served.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// How many requests were answered.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Those that were forwarded by a proxy that is not believed.
    pub fn forwarded(&self) -> &Forwarded {
        &self.forwarded
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Whether `/readyz` says yes.
    pub fn ready(&self) -> &Arc<AtomicBool> {
        &self.ready
    }

    /// Answers a request. A fault in a handler is an answer too, and never more than 500.
    ///
    /// The log names it by its trace id, face and operation. Its path, query, headers and body hold ids and secrets, and are in no line.
    #[allow(clippy::disallowed_methods, reason = "a duration that is only shown; nothing is decided by it")]
    pub async fn answer(&self, request: Request<Body>, peer: Option<IpAddr>) -> Response<Body> {
        let began = Instant::now();
        let trace: TraceId = foundation::Id::new(self.app.database.now(), &mut self.app.world.random.clone());
        let span = tracing::info_span!(target: "request", "request", trace_id = %trace, face = Empty, operation = Empty, status = Empty, ms = Empty);
        // On the heap: the future of a whole answer is large, and every wrapper around it would hold it once more.
        let guarded = async {
            AssertUnwindSafe(Box::pin(self.open(request, peer))).catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!(%trace, "a handler panicked");
                refuse(Problem::Internal)
            })
        };
        let (response, asked) = Asked::during(trace, guarded).instrument(span.clone()).await;
        if asked.operation.is_none() {
            span.record("face", asked.face);
        }
        let took = began.elapsed();
        self.requests.note(&asked, response.status(), took);
        let response = with_hsts(response, self.app.site());
        span.record("status", response.status().as_u16()).record("ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        span.in_scope(|| tracing::debug!(target: "request", "answered"));
        response
    }

    async fn open(&self, request: Request<Body>, peer: Option<IpAddr>) -> Response<Body> {
        match request.uri().path() {
            "/healthz" => {
                Asked::at("health");
                return (StatusCode::OK, "ok\n").into_response();
            }
            "/readyz" => {
                Asked::at("health");
                return self.readiness().await;
            }
            _ => {}
        }
        let Some(host) = host(&request) else { return refuse(Problem::BodyUnreadable("it needs exactly one Host header".into())) };
        let hops = visitor::hops(request.headers(), peer, &self.app.trusted);
        self.forwarded.note(request.headers(), peer, &self.app.trusted);
        let knock = Knock { peer: hops.visitor, tenant: None, proxy: None, own_host: false };
        let uri = request.uri().clone();
        let address = self.read_address(&host, uri.path(), request.headers());
        Asked::at(address.face());
        match address {
            Address::Instance { slug, pool, path, own_host } => {
                let found = self.find(slug, pool).await;
                match found {
                    Ok(Some(tenant)) => {
                        let uri = with_path(&uri, path);
                        self.app.database.hurried(Box::pin(frontend::open(self, request, &uri, Knock { own_host, ..knock }, Some(tenant), hops.before))).await
                    }
                    // The link of a ticket from before there was one pool for all.
                    Ok(None) if pool.is_some() && path == frontend::TICKETS => self.led_on(slug, &uri).await,
                    Ok(None) => refuse(Problem::NotFound),
                    Err(error) => Refusal::from(error).into_response(),
                }
            }
            Address::Keyed => {
                let uri = with_path(&uri, uri.path());
                self.app.database.hurried(Box::pin(frontend::open(self, request, &uri, knock, None, hops.before))).await
            }
            Address::Backend { path } => match web::check_version(request.headers(), &uri) {
                Ok(()) => run(&self.backend, request, &with_path(&uri, path), knock).await,
                Err(problem) => refuse(problem),
            },
            Address::Pages => run(&self.pages, request, &uri, knock).await,
            Address::Elsewhere => {
                let mut response = refuse(Problem::NoSuchOperation);
                *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
                response
            }
        }
    }

    fn read_address<'u>(&'u self, host: &'u str, path: &'u str, headers: &HeaderMap) -> Address<'u> {
        let site = self.app.site();
        if host.strip_prefix("api.").is_some_and(|rest| rest == site.base_domain()) {
            return Address::Backend { path };
        }
        if let Some(slug) = site.slug_of(host) {
            let (slug, pool) = instances::parts(slug);
            return Address::Instance { slug, pool, path, own_host: true };
        }
        if !site.is_own_host(host) {
            return Address::Elsewhere;
        }
        if let Some((slug, rest)) = path.strip_prefix("/t/").and_then(|rest| rest.split_once('/')) {
            let (pool, rest) = match rest.strip_prefix("o/").and_then(|rest| rest.split_once('/')) {
                Some((pool, rest)) => (Some(pool), rest),
                None => (None, rest),
            };
            return Address::Instance { slug, pool, path: &path[path.len() - rest.len() - 1..], own_host: false };
        }
        if let Some(rest) = path.strip_prefix("/api").filter(|rest| rest.starts_with('/')) {
            return Address::Backend { path: rest };
        }
        if headers.contains_key(frontend::SECRET_KEY) && ["/v1/", "/.well-known/", "/npm/"].iter().any(|start| path.starts_with(start)) {
            return Address::Keyed;
        }
        Address::Pages
    }

    /// The instance of this slug, or the door of one of its pools.
    async fn find(&self, slug: &str, pool: Option<&str>) -> Result<Option<Arc<Tenant>>, Error> {
        let Some(tenant) = self.app.directory.by_slug(slug).await? else { return Ok(None) };
        match pool {
            Some(pool) => self.app.directory.pool(&tenant, pool).await,
            None => Ok(Some(tenant)),
        }
    }

    /// The link of a ticket at the door of a pool that is not there, at the instance's own door.
    async fn led_on(&self, slug: &str, uri: &Uri) -> Response<Body> {
        match self.find(slug, None).await {
            Ok(Some(tenant)) => {
                let query = uri.query().unwrap_or_default();
                web::redirect(StatusCode::SEE_OTHER, &format!("{}{}?{query}", tenant.frontend_url, frontend::TICKETS))
            }
            Ok(None) => refuse(Problem::NotFound),
            Err(error) => Refusal::from(error).into_response(),
        }
    }

    async fn readiness(&self) -> Response<Body> {
        let database = self.app.database.platform(Access::Read, |tx| Box::pin(domain::applications::is_founded(tx))).await;
        if self.ready.load(Ordering::Acquire) && matches!(database, Ok(true)) {
            (StatusCode::OK, "ready\n").into_response()
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
        }
    }
}

/// The host that the request was sent to, lower-cased; `None` where there is none or more than one.
fn host(request: &Request<Body>) -> Option<String> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let host = named.next()?.to_str().ok()?;
    if named.next().is_some() {
        return None;
    }
    // A target in absolute form must say the same.
    if request.uri().authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host)) {
        return None;
    }
    Some(host.to_ascii_lowercase())
}

/// The same address with another path, whose trailing slash is left out: one SDK writes it, and means the same.
fn with_path(uri: &Uri, path: &str) -> Uri {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let text = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    text.parse().unwrap_or_else(|_| uri.clone())
}

async fn run(router: &Router, mut request: Request<Body>, uri: &Uri, knock: Knock) -> Response<Body> {
    *request.uri_mut() = uri.clone();
    request.extensions_mut().insert(knock);
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Where the site is https, browsers are told to come by nothing else for a year (RFC 6797). What is below or beside its hosts is somebody else's to say.
fn with_hsts(mut response: Response<Body>, site: &Site) -> Response<Body> {
    if site.is_secure() {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

fn refuse(problem: Problem) -> Response<Body> {
    Refusal::from(problem).into_response()
}

async fn no_operation() -> Response<Body> {
    refuse(Problem::NoSuchOperation)
}

async fn no_method() -> Response<Body> {
    refuse(Problem::MethodNotAllowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_for_good_where_the_site_is_https_and_is_not_spoken_of_elsewhere() {
        let told = |base_url: &str| {
            let response = with_hsts(refuse(Problem::NotFound), &Site::new(base_url, None).expect("a site"));
            response.headers().get(header::STRICT_TRANSPORT_SECURITY).cloned()
        };
        assert_eq!(told("https://id.example.com").expect("said, of a refusal too"), "max-age=31536000");
        assert_eq!(told("http://localhost:7080"), None);
    }
}
