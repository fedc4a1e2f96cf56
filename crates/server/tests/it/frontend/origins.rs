//! Origins: which pages may ask, and which may read the answer.

use super::{APP, LOCAL_APP, SIGN_INS, header, live_browser, live_server};
use http::Method;
use serde_json::{Value, json};
use testkit::{Browser, Reply, TestServer};

async fn asked_from(browser: &mut Browser, origin: Option<&str>) -> Reply {
    browser.origin = origin.map(str::to_owned);
    browser.post("/v1/client", &[]).await
}

/// Nothing was done, and no page can read even that.
fn assert_refused(reply: &Reply, why: &str) {
    assert_eq!(header(reply, "access-control-allow-origin"), "", "{why}");
    assert_eq!(header(reply, "access-control-allow-credentials"), "", "{why}");
    assert_nothing_done(reply, why);
}

/// Nothing was done. A web page can read that it is refused, because its SDK tells the developer; whatever else claims to be one cannot.
fn assert_turned_away(reply: &Reply, origin: &str) {
    let readable = if origin.starts_with("http") && origin == origin.to_lowercase() { origin } else { "" };
    assert_eq!(header(reply, "access-control-allow-origin"), readable, "{origin}");
    assert_nothing_done(reply, origin);
}

fn assert_nothing_done(reply: &Reply, why: &str) {
    assert_eq!(reply.refusal(), (400, "origin_invalid"), "{why}");
    assert!(super::set_cookies(reply).is_empty(), "{why}");
    assert_eq!(header(reply, "content-type"), "application/json", "{why}");
    assert!(reply.body["clerk_trace_id"].as_str().is_some_and(|t| !t.is_empty()), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_instance_answers_every_web_page() {
    let server = TestServer::start().await;
    for origin in [LOCAL_APP, "http://127.0.0.1:5173", "https://preview-7.example", "http://[::1]:3000"] {
        let reply = asked_from(&mut server.browser(), Some(origin)).await;
        reply.ok();
        assert_eq!(header(&reply, "access-control-allow-origin"), origin);
    }
}

/// CVE-2024-41657: an origin that was none, or that was reflected, could use the credentials.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_origin_is_refused_even_in_development() {
    let server = TestServer::start().await;
    for origin in [
        "null",
        "",
        "*",
        "localhost:3000",
        "file://",
        "chrome-extension://abcdef",
        "javascript:alert(1)",
        "http://localhost:3000/",
        "http://user@localhost:3000",
        "http://a.example, http://b.example",
    ] {
        assert_refused(&asked_from(&mut server.browser(), Some(origin)).await, origin);
    }
    let mut two = server.browser();
    two.headers.push(("origin".to_owned(), "https://evil.example".to_owned()));
    assert_refused(&two.post("/v1/client", &[]).await, "two origins");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_needs_an_origin_and_a_look_does_not() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    ada.origin = None;
    for path in ["/v1/client?_method=DELETE", "/v1/me?_method=DELETE", "/v1/me/change_password", &format!("/v1/client/sessions/{session}/end"), SIGN_INS] {
        assert_refused(&ada.post(path, &[]).await, path);
    }
    for method in [Method::DELETE, Method::PATCH] {
        assert_refused(&ada.send(method, "/v1/me", None, String::new()).await, "the method itself");
    }
    let reply = ada.get("/v1/client").await;
    assert_eq!(reply.response()["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(header(&reply, "access-control-allow-origin"), "");
}

/// A page that pretends to be a native application must not gain a browser's cookies by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pretending_to_be_native_opens_nothing_for_a_browsers_cookie() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.origin = None;
    for query in ["_is_native=1", "_is_native=1&_is_native=0", "_is_native=0&_is_native=1", "%5fis_native=1", "_is_native=%31"] {
        let reply = ada.post(&format!("/v1/me?_method=PATCH&{query}"), &[("first_name", "Mallory")]).await;
        assert!(matches!(reply.status.as_u16(), 400 | 401), "{query} {}", reply.text);
    }
    ada.origin = Some(LOCAL_APP.to_owned());
    assert_eq!(ada.get("/v1/me").await.response()["first_name"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_answers_its_own_application_only() {
    let server = live_server().await;
    let reply = asked_from(&mut live_browser(&server), Some(APP)).await;
    reply.ok();
    assert_eq!(header(&reply, "access-control-allow-origin"), APP);
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://sub.app.example",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://app.exampl",
        "https://APP.example",
        LOCAL_APP,
        "null",
        "http://nobody-abc234.localhost:7080",
    ] {
        assert_turned_away(&asked_from(&mut server.browser(), Some(origin)).await, origin);
        let mut reader = server.browser();
        reader.origin = Some(origin.to_owned());
        assert_turned_away(&reader.get("/v1/client").await, origin);
    }
}

/// CVE-2024-41657: a foreign page must learn nothing by a refusal that it can read: it is the same for everybody, signed in or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_a_foreign_page_can_read_tells_it_nothing() {
    let server = live_server().await;
    let mut ada = live_browser(&server);
    super::sign_up_by_mail(&server, &mut ada, "ada@example.com").await;
    let session = ada.session_id().await;
    let told = |reply: &Reply| {
        let mut body = reply.body.clone();
        body["clerk_trace_id"] = Value::Null;
        let headers: Vec<_> = reply.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        (reply.status, body, headers)
    };
    let (mut signed_in, mut nobody) = (ada.clone(), server.browser());
    for browser in [&mut signed_in, &mut nobody] {
        browser.origin = Some("https://evil.example".to_owned());
    }
    for path in ["/v1/client", "/v1/me", &format!("/v1/client/sessions/{session}"), "/v1/nothing", "/v1/client?_is_native=1"] {
        let (seen, unseen) = (signed_in.get(path).await, nobody.get(path).await);
        assert_eq!(told(&seen), told(&unseen), "{path}");
        assert_turned_away(&seen, "https://evil.example");
        let (seen, unseen) = (signed_in.post(path, &[]).await, nobody.post(path, &[]).await);
        assert_eq!(told(&seen), told(&unseen), "{path}");
    }
    let mut preflight = signed_in.clone();
    preflight.headers.push(("access-control-request-method".to_owned(), "PATCH".to_owned()));
    assert_refused(&preflight.send(Method::OPTIONS, "/v1/me", None, String::new()).await, "a preflight");
    assert_eq!(ada.sessions().await.len(), 1, "the visitor is as signed in as before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instances_own_hosts_are_its_own() {
    let server = live_server().await;
    let issuer = server.home.tenant.issuer.clone();
    asked_from(&mut server.browser(), Some(&issuer)).await.ok();
    let neighbours = server.neighbour.tenant.issuer.clone();
    assert_turned_away(&asked_from(&mut server.browser(), Some(&neighbours)).await, &neighbours);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn allowed_origins_can_be_changed_and_take_effect_at_once() {
    let server = live_server().await;
    let shop = "https://shop.example:8443";
    assert_turned_away(&asked_from(&mut server.browser(), Some(shop)).await, shop);
    server.backend().patch("/v1/instance", json!({ "allowed_origins": [shop] })).await;
    asked_from(&mut server.browser(), Some(shop)).await.ok();
    assert_turned_away(&asked_from(&mut server.browser(), Some(APP)).await, APP);
    let mut next_door = server.neighbours_browser();
    assert_turned_away(&asked_from(&mut next_door, Some(shop)).await, shop);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_is_answered_for_pages_that_may_ask() {
    let server = live_server().await;
    let mut page = live_browser(&server);
    page.headers.push(("access-control-request-method".to_owned(), "PATCH".to_owned()));
    let reply = page.send(Method::OPTIONS, "/v1/me", None, String::new()).await;
    assert!(reply.status.is_success());
    assert_eq!(header(&reply, "access-control-allow-origin"), APP);
    assert!(header(&reply, "access-control-allow-methods").contains("PATCH"));
    page.origin = Some("https://evil.example".to_owned());
    let reply = page.send(Method::OPTIONS, "/v1/me", None, String::new()).await;
    assert_eq!((reply.status.is_success(), header(&reply, "access-control-allow-methods")), (false, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_scripts_are_everybodys_to_read() {
    let server = live_server().await;
    let mut page = server.browser();
    page.origin = Some("https://elsewhere.example".to_owned());
    page.get("/.well-known/jwks.json").await.ok();
    assert_eq!(page.get("/npm/@clerk/clerk-js@6/dist/clerk.browser.js").await.status.as_u16(), 307);
}
