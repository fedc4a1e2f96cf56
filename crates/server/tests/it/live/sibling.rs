//! The development instance of the same application is a neighbour too: everybody may enter it, with a code that everybody knows.

use super::{PROXY, SHOP, nobodys, proxied, set_cookies, sign_up};
use serde_json::{Value, json};
use testkit::{Browser, Home, PASSWORD, TestServer, address};

/// Somebody with an account of the development instance, and the live instance that they would like to enter.
async fn siblings() -> (TestServer, Home, Browser) {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let mallory = server.signed_in("mallory").await;
    (server, live, mallory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_key_opens_no_live_door() {
    let (server, live, _) = siblings().await;
    let mut at_path = server.browser_at(&live);
    at_path.origin = None;
    at_path.headers.push(("clerk-secret-key".to_owned(), server.home.secret_key.expose().to_owned()));
    assert_eq!(at_path.get("/v1/client").await.refusal(), (401, "clerk_key_invalid"));
    let mut at_host = server.browser().by_host(&live.tenant.host);
    at_host.headers.push(("clerk-secret-key".to_owned(), server.home.secret_key.expose().to_owned()));
    assert_eq!(at_host.post("/v1/client", &[]).await.refusal(), (401, "clerk_key_invalid"));
    for forged in [
        server.home.secret_key.expose().replace("sk_test_", "sk_live_"),
        live.secret_key.expose().replace("sk_live_", "sk_test_"),
        // The live instance's routing with the development key's secret.
        format!("{}{}", &live.secret_key.expose()[..35], &server.home.secret_key.expose()[35..]),
    ] {
        let reply = server.api("backend", Some(&foundation::Secret::new(forged))).get("/v1/users").await;
        assert_eq!(reply.refusal(), (401, "clerk_key_invalid"));
    }
}

/// A page of a live application turns nothing on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pages_may_turn_on_in_development_they_may_not_live() {
    let (server, live, _) = siblings().await;
    let mut browser = proxied(&server, &live);
    let refused = browser.override_method("PATCH", "/v1/dev_tools/enable_environment_setting", &[("enable_organizations", "true")]).await;
    assert_eq!(refused.refusal(), (400, "request_invalid_for_environment"));
    assert_eq!(browser.get("/v1/environment").await.ok()["organization_settings"]["enabled"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_client_is_nobody_at_the_live_instance() {
    let (server, live, mallory) = siblings().await;
    let secret = mallory.cookies.values().next().expect("a cookie").clone();
    let before = server.belongings(live.tenant.id()).await;
    let mut browser = proxied(&server, &live);
    browser.cookies.insert("__client".to_owned(), secret.clone());
    browser.cookies.insert(format!("__client_{}", live.tenant.cookie_suffix), secret.clone());
    assert_eq!(browser.get("/v1/client").await.response(), &Value::Null);
    assert_eq!(browser.get("/v1/me").await.refusal(), (401, "authentication_invalid"));
    let mut phone = server.browser_at(&live);
    phone.origin = None;
    phone.headers.push(("authorization".to_owned(), secret));
    assert_eq!(phone.get("/v1/client?_is_native=1").await.response(), &Value::Null);
    assert_eq!(server.belongings(live.tenant.id()).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_sessions_and_nonces_of_development_are_worth_nothing_live() {
    let (server, live, mut mallory) = siblings().await;
    let (token, session, user) = (mallory.token().await, mallory.session_id().await, mallory.user_id().await);
    let backend = server.backend_of(&live);
    assert_eq!(backend.post("/v1/clients/verify", json!({ "token": token })).await.status, 401);
    for path in [format!("/v1/sessions/{session}"), format!("/v1/users/{user}")] {
        assert_eq!(backend.get(&path).await.refusal(), (404, "resource_not_found"), "{path}");
    }
    mallory.origin = None;
    let reply = mallory.get("/v1/client/handshake?format=nonce&redirect_url=http%3A%2F%2Flocalhost%3A3000%2F").await;
    let nonce = reply.location().rsplit_once("__clerk_handshake_nonce=").expect("a nonce").1.to_owned();
    assert_eq!(backend.get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.refusal(), (404, "resource_not_found"));
    server.backend().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.ok();
    let theirs = backend.get("/v1/jwks").await.ok()["keys"].clone();
    assert_ne!(server.backend().get("/v1/jwks").await.ok()["keys"], theirs, "each signs with a key of its own");
}

/// An attempt that was begun where the code is known must not be finished where it is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_begun_in_development_is_not_finished_live() {
    let (server, live, _) = siblings().await;
    let mut ceo = proxied(&server, &live);
    sign_up(&server, &mut ceo, &address("ceo")).await;
    server.signed_in("ceo").await;
    let mut visitor = server.browser();
    let id = visitor.post("/v1/client/sign_ins", &[("identifier", &address("ceo"))]).await.response()["id"].as_str().expect("an id").to_owned();
    visitor.post(&format!("/v1/client/sign_ins/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await.ok();
    let mut carried = proxied(&server, &live);
    let secret = visitor.cookies.values().next().expect("a cookie").clone();
    carried.cookies.insert(format!("__client_{}", live.tenant.cookie_suffix), secret);
    let reply = carried.post(&format!("/v1/client/sign_ins/{id}/attempt_first_factor"), &[("strategy", "email_code"), ("code", "424242")]).await;
    assert!(matches!(reply.status.as_u16(), 401 | 404), "{}", reply.text);
    // Nor is the known code worth anything for an attempt of the live instance's own.
    let mut mallory = proxied(&server, &live);
    let id = mallory.post("/v1/client/sign_ins", &[("identifier", &address("ceo"))]).await.response()["id"].as_str().expect("an id").to_owned();
    mallory.post(&format!("/v1/client/sign_ins/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await.ok();
    let reply = mallory.post(&format!("/v1/client/sign_ins/{id}/attempt_first_factor"), &[("strategy", "email_code"), ("code", "424242")]).await;
    assert_eq!(reply.refusal(), (422, "form_code_incorrect"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_has_nothing_of_a_development_instance() {
    let (server, live, mut mallory) = siblings().await;
    let dev_browser = mallory.post("/v1/dev_browser", &[]).await.ok()["id"].as_str().expect("an id").to_owned();
    let mut ada = proxied(&server, &live);
    sign_up(&server, &mut ada, "ada@example.com").await;
    for query in [format!("__clerk_db_jwt={dev_browser}"), "__clerk_db_jwt=x".to_owned(), "__clerk_db_jwt=dvb_000000000000000000000000000.00".to_owned()] {
        let shown = ada.get(&format!("/v1/client?{query}")).await;
        assert_eq!(shown.response()["sessions"].as_array().map(Vec::len), Some(1), "the parameter means nothing: {query}");
        let mut nobody = proxied(&server, &live);
        assert_eq!(nobody.get(&format!("/v1/client?{query}")).await.response(), &Value::Null);
        let done = nobody.post(&format!("/v1/client?{query}"), &[]).await;
        assert!(done.response()["id"].is_string() && !done.headers.contains_key("clerk-db-jwt"));
    }
    assert_eq!(ada.post("/v1/dev_browser", &[]).await.refusal(), (404, "resource_not_found"));
    let user = ada.user_id().await;
    let reply = server.backend_of(&live).post("/v1/sessions", json!({ "user_id": user })).await;
    assert_eq!(reply.refusal(), (400, "request_invalid_for_environment"), "no session by the backend's word");
    let environment = ada.get("/v1/environment").await.ok().clone();
    assert_eq!((&environment["auth_config"]["test_mode"], &environment["display_config"]["show_devmode_warning"]), (&json!(false), &json!(false)));
    server.set(live.tenant.id(), json!({ "development_origin": "https://evil.example", "test_mode": true })).await;
    ada.origin = Some("https://evil.example".to_owned());
    assert_eq!(ada.get("/v1/client").await.refusal(), (400, "origin_invalid"), "a development origin is no live one");
    ada.origin = None;
    let reply = ada.get("/v1/client/handshake?redirect_url=https%3A%2F%2Fevil.example%2F").await;
    assert_eq!((reply.status.as_u16(), reply.location()), (422, ""));
}

/// The scheme of its own host is the site's: on a laptop http.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_own_host_of_a_live_instance_may_ask_by_the_scheme_of_the_site() {
    let (server, live, _) = siblings().await;
    let host = live.tenant.host.clone();
    for (origin, status) in [(format!("http://{host}"), 200), (format!("http://evil-{host}"), 400), ("http://evil.localhost:7080".to_owned(), 400)] {
        let mut browser = server.browser().by_host(&host);
        browser.origin = Some(origin.clone());
        let reply = browser.post("/v1/client", &[]).await;
        assert_eq!(reply.status.as_u16(), status, "{origin}");
        assert!(!reply.headers.contains_key("strict-transport-security"), "the site is not https");
    }
}

/// CVE-2025-64101, CVE-2024-41657: a proxy is believed where it is stored, and only there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_of_the_proxy_can_be_moved_and_takes_its_rights_along() {
    let (server, live, _) = siblings().await;
    let backend = server.backend_of(&live);
    let id = backend.get("/v1/domains").await.ok()["data"][0]["id"].as_str().expect("an id").to_owned();
    let from = async |origin: &str| {
        let mut browser = server.browser_at(&live);
        browser.origin = Some(origin.to_owned());
        browser.post("/v1/client", &[]).await.status.as_u16()
    };
    assert_eq!((from(SHOP).await, from("https://store.example").await), (200, 400));
    backend.patch(&format!("/v1/domains/{id}"), json!({ "proxy_url": "https://store.example/__clerk" })).await.ok();
    assert_eq!((from(SHOP).await, from("https://store.example").await), (400, 200), "at once");
    let mut old = proxied(&server, &live);
    old.origin = None;
    let reply = old.post("/v1/client", &[]).await;
    assert!(!set_cookies(&reply)[0].contains("Secure"), "the old address is not believed any more");
    backend.patch(&format!("/v1/domains/{id}"), json!({ "proxy_url": null })).await.ok();
    assert_eq!((from(SHOP).await, from("https://store.example").await), (400, 400));
}

/// Two live instances behind one host, as on a developer's machine: each has cookies of its own name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_live_instances_behind_one_host_do_not_mix() {
    let (server, live, _) = siblings().await;
    let other = server.sibling(nobodys()).await;
    let id = server.backend_of(&other).get("/v1/domains").await.ok()["data"][0]["id"].as_str().expect("an id").to_owned();
    server.backend_of(&other).patch(&format!("/v1/domains/{id}"), json!({ "proxy_url": PROXY })).await.ok();
    let mut ada = proxied(&server, &live);
    sign_up(&server, &mut ada, "ada@example.com").await;
    let mut next_door = proxied(&server, &other);
    next_door.cookies = ada.cookies.clone();
    assert_eq!(next_door.get("/v1/client").await.response(), &Value::Null);
    sign_up(&server, &mut next_door, "ada@example.com").await;
    ada.cookies = next_door.cookies.clone();
    assert_ne!(ada.user_id().await, next_door.user_id().await);
    let session = next_door.session_id().await;
    next_door.post(&format!("/v1/client/sessions/{session}/end"), &[]).await.ok();
    ada.cookies = next_door.cookies.clone();
    assert_eq!(ada.sessions().await.len(), 1, "signing out of one leaves the other");
    assert_eq!(ada.sign_in("ada", PASSWORD).await.refusal(), (400, "session_exists"));
}

/// T7: a wished name is no proof, so it claims nothing: neither can it be taken away from others, nor is anything of theirs reached by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_another_instance_wishes_too_claims_nothing() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let mut shop = proxied(&server, &live);
    sign_up(&server, &mut shop, "ada@shop.example").await;
    let before = server.belongings(live.tenant.id()).await;
    let keys = server.backend_of(&live).get("/v1/jwks").await.ok().clone();
    let thief = server.sibling(nobodys()).await;
    let backend = server.backend_of(&thief);
    let domain = backend.get("/v1/domains").await.ok()["data"][0]["id"].as_str().expect("an id").to_owned();
    let taken = backend.patch(&format!("/v1/domains/{domain}"), json!({ "name": "shop.example", "proxy_url": PROXY })).await;
    assert_eq!(taken.ok()["name"], "shop.example", "two may wish for one name");
    // Nothing is served under it, for whoever asks without a secret key.
    for host in ["shop.example", "clerk.shop.example"] {
        let mut stranger = server.browser().by_host(host);
        stranger.origin = Some(SHOP.to_owned());
        assert!(stranger.get("/v1/environment").await.status.is_client_error(), "{host}");
    }
    // The secret key says which instance it is, not the name.
    let mut shop_too = proxied(&server, &thief);
    for (name, value) in &shop.cookies {
        shop_too.cookies.insert(name.clone(), value.clone());
    }
    assert_eq!(shop_too.get("/v1/client").await.response(), &Value::Null, "a cookie of the one is nobody's at the other");
    assert_eq!(shop.get("/v1/client").await.response()["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(backend.get("/v1/users/count").await.ok()["total_count"], 0);
    assert_eq!(server.backend_of(&live).get("/v1/jwks").await.ok(), &keys);
    let after = server.belongings(live.tenant.id()).await;
    assert_eq!(after["users"].len(), before["users"].len());
}
