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
    assert_eq!(reply.refusal(), (400, "origin_invalid"), "{why}");
    assert_eq!(header(reply, "access-control-allow-origin"), "", "{why}");
    assert_eq!(header(reply, "access-control-allow-credentials"), "", "{why}");
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
        assert_refused(&asked_from(&mut server.browser(), Some(origin)).await, origin);
        let mut reader = server.browser();
        reader.origin = Some(origin.to_owned());
        assert_refused(&reader.get("/v1/client").await, origin);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instances_own_hosts_are_its_own() {
    let server = live_server().await;
    let issuer = server.home.tenant.issuer.clone();
    asked_from(&mut server.browser(), Some(&issuer)).await.ok();
    let neighbours = server.neighbour.tenant.issuer.clone();
    assert_refused(&asked_from(&mut server.browser(), Some(&neighbours)).await, "the neighbour's host");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn allowed_origins_can_be_changed_and_take_effect_at_once() {
    let server = live_server().await;
    let shop = "https://shop.example:8443";
    assert_refused(&asked_from(&mut server.browser(), Some(shop)).await, shop);
    server.backend().patch("/v1/instance", json!({ "allowed_origins": [shop] })).await;
    asked_from(&mut server.browser(), Some(shop)).await.ok();
    assert_refused(&asked_from(&mut server.browser(), Some(APP)).await, "no longer allowed");
    let mut next_door = server.neighbours_browser();
    assert_refused(&asked_from(&mut next_door, Some(shop)).await, "the neighbour has a list of its own");
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
