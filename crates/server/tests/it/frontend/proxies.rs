//! The SDKs' own proxies: they show the instance's secret key, and say where browsers reach them.

use super::{APP, SIGN_INS, claims, client_cookie, set_cookies};
use domain::instances::Environment;
use foundation::Secret;
use serde_json::{Value, json};
use testkit::{Browser, PASSWORD, Setup, TestServer, address};

const PROXY: &str = "http://localhost:3000/__clerk";

/// A browser behind the application's proxy: the base host, no path of an instance, no origin of its own for reads.
fn proxied(server: &TestServer, key: &Secret, proxy_url: &str) -> Browser {
    let mut browser = server.browser().by_host("localhost:7080");
    browser.headers.push(("clerk-secret-key".to_owned(), key.expose().to_owned()));
    browser.headers.push(("clerk-proxy-url".to_owned(), proxy_url.to_owned()));
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_key_says_whose_door_it_is() {
    let server = TestServer::start().await;
    let mut ada = proxied(&server, &server.home.secret_key, PROXY);
    ada.sign_up("ada").await;
    assert_eq!(client_cookie(&ada).0, format!("__client_{}", server.home.tenant.cookie_suffix));
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 1);
    assert_eq!(server.neighbours_backend().get("/v1/users/count").await.ok()["total_count"], 0);
    let mut direct = server.browser();
    direct.cookies = ada.cookies.clone();
    assert_eq!(direct.sessions().await.len(), 1, "the path leads to the same door");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_or_with_a_wrong_one_there_is_no_door() {
    let server = TestServer::start().await;
    let mut keyless = proxied(&server, &server.home.secret_key, PROXY);
    let script = "/npm/@clerk/clerk-js@6/dist/clerk.browser.js";
    assert_eq!(keyless.get(script).await.status.as_u16(), 307);
    keyless.headers.remove(0);
    assert_eq!(keyless.get(script).await.status.as_u16(), 404);
    let right = server.home.secret_key.expose().to_owned();
    for key in [&right[..right.len() - 1], &format!("{right}x"), "sk_test_x", "", server.platform_token.expose()] {
        let mut wrong = proxied(&server, &server.home.secret_key, PROXY);
        wrong.headers[0].1 = key.to_owned();
        assert_eq!(wrong.get("/v1/client").await.refusal(), (401, "clerk_key_invalid"), "{key:.12}");
        let mut at_path = server.browser();
        at_path.headers.push(("clerk-secret-key".to_owned(), key.to_owned()));
        assert_eq!(at_path.get("/v1/client").await.refusal(), (401, "clerk_key_invalid"), "{key:.12} at our path");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_and_a_path_that_disagree_open_nothing() {
    let server = TestServer::start().await;
    let mut crossed = server.signed_in("ada").await;
    crossed.headers.push(("clerk-secret-key".to_owned(), server.neighbour.secret_key.expose().to_owned()));
    assert_eq!(crossed.get("/v1/client").await.refusal(), (401, "clerk_key_invalid"));
    let mut by_host = server.browser().by_host(&server.home.tenant.host);
    by_host.headers.push(("clerk-secret-key".to_owned(), server.neighbour.secret_key.expose().to_owned()));
    assert_eq!(by_host.get("/v1/client").await.refusal(), (401, "clerk_key_invalid"));
    crossed.headers[0].1 = server.home.secret_key.expose().to_owned();
    assert_eq!(crossed.sessions().await.len(), 1, "where they agree it is our door");
}

/// Same-origin reads carry no `Origin`: the page is the proxy's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_for_the_page_behind_the_proxy() {
    let server = TestServer::start().await;
    let mut ada = proxied(&server, &server.home.secret_key, PROXY);
    ada.origin = None;
    ada.sign_up("ada").await;
    let sessions = ada.sessions().await;
    assert_eq!(claims(sessions[0]["last_active_token"]["jwt"].as_str().expect("a token"))["azp"], "http://localhost:3000");
    let mut forged = server.browser();
    forged.cookies = ada.cookies.clone();
    forged.origin = None;
    forged.headers.push(("clerk-proxy-url".to_owned(), "http://localhost:4000/__clerk".to_owned()));
    let sessions = forged.sessions().await;
    assert!(claims(sessions[0]["last_active_token"]["jwt"].as_str().expect("a token")).get("azp").is_none(), "without the key it says nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_is_secure_where_browsers_reach_the_proxy_by_https() {
    let server = TestServer::start().await;
    for (url, secure) in
        [("https://localhost:3000/__clerk", true), (PROXY, false), ("https://evil.example/__clerk", false), ("https://localhost.evil.example/__clerk", false)]
    {
        let reply = proxied(&server, &server.home.secret_key, url).post("/v1/client", &[]).await;
        assert_eq!(set_cookies(&reply)[0].contains("Secure"), secure, "{url}");
    }
    let mut keyless = server.browser();
    keyless.headers.push(("clerk-proxy-url".to_owned(), "https://localhost:3000/__clerk".to_owned()));
    let reply = keyless.post("/v1/client", &[]).await;
    assert!(!set_cookies(&reply)[0].contains("Secure"), "without the key the header says nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_the_own_host_names_its_cookie_for_the_instance() {
    let server = TestServer::start().await;
    let mut browser = server.browser().by_host(&server.home.tenant.host);
    browser.headers.push(("clerk-secret-key".to_owned(), server.home.secret_key.expose().to_owned()));
    browser.headers.push(("clerk-proxy-url".to_owned(), PROXY.to_owned()));
    browser.post("/v1/client", &[]).await.ok();
    assert_eq!(client_cookie(&browser).0, format!("__client_{}", server.home.tenant.cookie_suffix));
}

/// CVE-2025-64101, GHSA-3529-5m8x-rpv3: an address from a header was used as if it were the instance's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_believes_only_the_stored_proxy_address() {
    let server = TestServer::start_with(Setup { environment: Environment::Production, ..Setup::default() }).await;
    for url in [PROXY, "https://localhost:3000/__clerk", "https://evil.example/__clerk", "javascript:alert(1)"] {
        let mut browser = proxied(&server, &server.home.secret_key, url);
        browser.origin = None;
        let reply = browser.post("/v1/client", &[]).await;
        assert!(!set_cookies(&reply)[0].contains("Secure"), "{url}");
        let refused = browser.get("/v1/client/handshake?redirect_url=https%3A%2F%2Fevil.example%2F").await;
        assert_eq!((refused.status.as_u16(), refused.location()), (422, ""), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_does_not_let_a_foreign_page_in() {
    let server = TestServer::start_with(Setup { environment: Environment::Production, ..Setup::default() }).await;
    let mut browser = proxied(&server, &server.home.secret_key, PROXY);
    browser.origin = Some("https://evil.example".to_owned());
    assert_eq!(browser.post("/v1/client", &[]).await.refusal(), (400, "origin_invalid"));
    browser.origin = Some(APP.to_owned());
    assert_eq!(browser.get("/v1/client").await.refusal(), (400, "origin_invalid"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_key_is_no_user() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut backend = proxied(&server, &server.home.secret_key, PROXY);
    assert_eq!(backend.get("/v1/client").await.response(), &Value::Null);
    assert_eq!(backend.get("/v1/me").await.refusal(), (401, "authentication_invalid"));
    backend.post(SIGN_INS, &[("identifier", &address("ada")), ("password", PASSWORD)]).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_works_behind_its_stored_proxy() {
    let server = TestServer::start().await;
    let body = json!({ "name": "Shop", "environment_types": ["production"], "domain": "shop.example", "proxy_path": "/__clerk" });
    let created = server.platform().post("/v1/platform/applications", body).await.ok().clone();
    let key = Secret::new(created["instances"][0]["secret_key"].as_str().expect("a key"));
    for (url, honoured) in [
        ("https://shop.example/__clerk", true),
        ("https://shop.example/__clerk/", true),
        ("https://shop.example/other", false),
        ("http://shop.example/__clerk", false),
    ] {
        let mut browser = proxied(&server, &key, url);
        browser.origin = Some("https://shop.example".to_owned());
        let reply = browser.post("/v1/client", &[]).await;
        assert!(client_cookie(&browser).0.starts_with("__client_"), "{url}");
        assert_eq!(set_cookies(&reply)[0].contains("; Secure"), honoured, "{url}");
    }
    let mut ada = proxied(&server, &key, "https://shop.example/__clerk");
    ada.origin = None;
    super::sign_up_by_mail(&server, &mut ada, "ada@example.com").await;
    let token = ada.token().await;
    assert_eq!(claims(&token)["azp"], "https://shop.example");
    let reply = ada.get("/v1/client/handshake?format=nonce&redirect_url=https%3A%2F%2Fshop.example%2Fcart").await;
    assert_eq!(reply.location(), "https://shop.example/cart");
    assert!(set_cookies(&reply)[0].starts_with("__clerk_handshake="), "the application's own cookie brings the session");
}

/// CVE-2026-45364, CVE-2023-36456: anybody could say from where they came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_proxy_with_the_key_says_from_where_a_browser_came() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    // The nearest hop writes last; whatever stands before it came from the visitor.
    for (keyed, expected) in [(true, "203.0.113.7"), (false, "")] {
        let mut ada = if keyed { proxied(&server, &server.home.secret_key, PROXY) } else { server.browser() };
        for name in ["x-forwarded-for", "x-real-ip", "cf-connecting-ip", "true-client-ip"] {
            ada.headers.push((name.to_owned(), "198.51.100.1, 203.0.113.7".to_owned()));
        }
        let done = ada.sign_in("ada", PASSWORD).await;
        let own = done.response()["created_session_id"].clone();
        let active = ada.get("/v1/me/sessions/active").await;
        let session = active.ok().as_array().expect("a list").iter().find(|s| s["id"] == own).expect("its own").clone();
        assert_eq!(session["latest_activity"]["ip_address"].as_str().unwrap_or_default(), expected);
    }
}
