//! The cookies of a live instance: whose they are, what they say, and how they travel through a handshake.

use super::{PROXY, SHOP, proxied, set_cookies, sign_up};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, Home, PASSWORD, Reply, TestServer};

const LIFE: &str = "; Max-Age=34560000";

fn claims(jwt: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).expect("claims")).expect("base64url")).expect("JSON")
}

/// What the backend is told by the cookie of this name.
fn uat(browser: &Browser, home: &Home) -> Option<i64> {
    browser.cookies.get(&format!("__client_uat_{}", home.tenant.cookie_suffix)).map(|text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_sets_exactly_these_cookies() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let suffix = &live.tenant.cookie_suffix;
    let mut ada = proxied(&server, &live);
    let done = sign_up(&server, &mut ada, "ada@example.com").await;
    let now = server.database.now().seconds();
    let cookies = set_cookies(&done);
    let secret = &ada.cookies[&format!("__client_{suffix}")];
    assert_eq!(
        cookies,
        [
            format!("__client_uat={now}; Path=/; SameSite=Lax; Secure{LIFE}"),
            format!("__client_uat_{suffix}={now}; Path=/; SameSite=Lax; Secure{LIFE}"),
            format!("__client_{suffix}={secret}; Path=/; HttpOnly; SameSite=Lax; Secure{LIFE}"),
        ],
        "the client's secret comes last, because some proxies keep the last cookie only"
    );
    assert!(!done.headers.contains_key("clerk-db-jwt"), "no development browser");
}

/// On the instance's own host the client's cookie has the plain name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_instances_own_host_has_the_plain_cookie() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let mut ada = server.browser().by_host(&live.tenant.host);
    ada.origin = Some(SHOP.to_owned());
    let done = sign_up(&server, &mut ada, "ada@example.com").await;
    assert!(set_cookies(&done).last().is_some_and(|cookie| cookie.starts_with("__client=")), "{:?}", set_cookies(&done));
    assert!(set_cookies(&done).iter().all(|cookie| !cookie.contains("Domain")), "nobody else's host gets them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_is_told_of_every_change_and_of_no_other() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let mut ada = proxied(&server, &live);
    let looked = ada.get("/v1/client").await;
    assert!(set_cookies(&looked).is_empty(), "who was never signed in has no cookie");
    let begun = ada.post("/v1/client/sign_ins", &[("identifier", "nobody@example.com")]).await;
    assert!(set_cookies(&begun).iter().all(|cookie| !cookie.starts_with("__client_uat")), "{:?}", set_cookies(&begun));

    sign_up(&server, &mut ada, "ada@example.com").await;
    let since = uat(&ada, &live).expect("a cookie");
    assert_eq!(since, server.database.now().seconds());
    let token = ada.token().await;
    assert!(since <= claims(&token)["iat"].as_i64().expect("a time"), "a token that seems older than the sign-in would ask for a handshake");
    server.advance(Duration::from_secs(30));
    assert!(set_cookies(&ada.get("/v1/client").await).is_empty(), "nothing has changed");

    // A browser that has lost the cookie gets it back with the next look.
    ada.cookies.retain(|name, _| !name.starts_with("__client_uat"));
    ada.get("/v1/client").await.ok();
    assert_eq!(uat(&ada, &live), Some(since));

    let session = ada.session_id().await;
    let ended = ada.post(&format!("/v1/client/sessions/{session}/end"), &[]).await;
    assert_eq!(set_cookies(&ended).len(), 2, "{:?}", set_cookies(&ended));
    assert_eq!(uat(&ada, &live), Some(0));

    server.advance(Duration::from_secs(30));
    ada.post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("password", PASSWORD)]).await.response();
    assert_eq!(uat(&ada, &live), Some(server.database.now().seconds()));
    let gone = ada.override_method("DELETE", "/v1/client", &[]).await;
    assert!(set_cookies(&gone).last().is_some_and(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(uat(&ada, &live), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_others_have_ended_is_told_with_the_next_look() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let mut ada = proxied(&server, &live);
    sign_up(&server, &mut ada, "ada@example.com").await;
    let session = ada.session_id().await;
    server.backend_of(&live).post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
    ada.get("/v1/client").await.ok();
    assert_eq!(uat(&ada, &live), Some(0));
}

/// In development the SDK's script writes it, and would be contradicted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_instance_and_a_native_application_get_no_such_cookie() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let done = ada.sign_up("ada").await;
    assert!(set_cookies(&done).iter().all(|cookie| !cookie.starts_with("__client_uat")));
    let live = server.production_sibling(PROXY).await;
    let mut phone = server.browser_at(&live);
    phone.origin = None;
    let made = phone.post("/v1/client?_is_native=1", &[]).await;
    assert!(set_cookies(&made).is_empty() && made.headers.contains_key("authorization"));
}

async fn handshake(browser: &mut Browser, target: &str) -> Reply {
    browser.origin = None;
    let target = form_urlencoded::byte_serialize(target.as_bytes()).collect::<String>();
    let query = format!("redirect_url={target}&suffixed_cookies=true&__clerk_hs_reason=session-token-expired&format=nonce");
    let reply = browser.get(&format!("/v1/client/handshake?{query}")).await;
    assert_eq!(reply.status, 307, "{}", reply.text);
    reply
}

fn directives(token: &str) -> Vec<String> {
    claims(token)["handshake"].as_array().expect("directives").iter().map(|d| d.as_str().expect("text").to_owned()).collect()
}

/// The SDK leaves a live parameter in the address, where it would be spent when the page is loaded again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_proxy_a_handshake_travels_in_a_cookie() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let suffix = &live.tenant.cookie_suffix;
    let mut ada = proxied(&server, &live);
    sign_up(&server, &mut ada, "ada@example.com").await;
    let session = ada.session_id().await;
    let reply = handshake(&mut ada, "https://shop.example/cart?a=1&__clerk_handshake_nonce=old&b=2#c").await;
    assert_eq!(reply.location(), "https://shop.example/cart?a=1&b=2#c", "the address stays clean");
    let cookies = set_cookies(&reply);
    let [cookie] = cookies.as_slice() else { panic!("one cookie: {cookies:?}") };
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(attributes, "Path=/; SameSite=Lax; Secure; HttpOnly; Max-Age=60");
    let token = pair.strip_prefix("__clerk_handshake=").expect("a token");
    let directives = directives(token);
    for name in ["__clerk_handshake", "__clerk_handshake_nonce"] {
        assert!(directives.iter().any(|d| d.starts_with(&format!("{name}=;")) && d.contains("Max-Age=0")), "it takes itself away: {directives:?}");
    }
    assert!(directives.iter().all(|d| !d.contains("__clerk_db_jwt")), "no development browser");
    let last = directives.iter().rfind(|d| d.starts_with("__session")).expect("a session");
    assert_eq!(claims(last)["sid"], session);
    assert!(directives.iter().any(|d| d.starts_with(&format!("__client_uat_{suffix}="))));
    let keys = server.backend_of(&live).get("/v1/jwks").await;
    let header = token.split('.').next().expect("a header");
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON");
    assert_eq!(keys.ok()["keys"][0]["kid"], header["kid"], "and its own key signs it");
}

/// Elsewhere the answer's cookies are not the application's: it travels in the address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_does_not_come_by_the_stored_proxy_travels_in_the_address() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let mut by_host = server.browser().by_host(&live.tenant.host);
    let reply = handshake(&mut by_host, "https://shop.example/cart").await;
    assert!(reply.location().starts_with("https://shop.example/cart?__clerk_handshake_nonce="), "{}", reply.location());
    let mut misled = proxied(&server, &live);
    misled.headers[1].1 = "https://elsewhere.example/__clerk".to_owned();
    let reply = handshake(&mut misled, "https://shop.example/cart").await;
    assert!(reply.location().contains("__clerk_handshake_nonce="), "the proxy says that it is another one");
    server.set(live.tenant.id(), json!({ "allowed_origins": ["https://other.example"] })).await;
    let reply = handshake(&mut proxied(&server, &live), "https://other.example/").await;
    assert!(reply.location().starts_with("https://other.example/?__clerk_handshake_nonce="), "{}", reply.location());
    assert!(set_cookies(&reply).is_empty());
}

/// A session itself would stand in the address until the page takes it away: in histories, logs and referrers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_live_session_stands_in_an_address() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let mut ada = proxied(&server, &live);
    sign_up(&server, &mut ada, "ada@example.com").await;
    let mut by_host = server.browser().by_host(&live.tenant.host);
    by_host.origin = None;
    by_host.cookies.insert("__client".to_owned(), ada.cookies[&format!("__client_{}", live.tenant.cookie_suffix)].clone());
    for format in ["", "&format=token"] {
        let refused = by_host.get(&format!("/v1/client/handshake?redirect_url=https%3A%2F%2Fshop.example%2F{format}")).await;
        assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "format"));
        assert_eq!(refused.location(), "");
    }
    let reply = handshake(&mut by_host, "https://shop.example/").await;
    let nonce = reply.location().rsplit_once("__clerk_handshake_nonce=").expect("a nonce").1.to_owned();
    let path = format!("/v1/clients/handshake_payload?nonce={nonce}");
    let payload = server.backend_of(&live).get(&path).await.ok().to_string();
    assert!(payload.contains("__session=") && !reply.location().contains("eyJ"), "what stands in the address is worth nothing without the secret key");
    assert_eq!(server.backend_of(&live).get(&path).await.status, 404, "and nothing at all once it was redeemed");
    // Behind the proxy both forms travel in a cookie that no script reads.
    ada.origin = None;
    let reply = ada.get("/v1/client/handshake?redirect_url=https%3A%2F%2Fshop.example%2F").await;
    assert_eq!((reply.status.as_u16(), reply.location()), (307, "https://shop.example/"));
    assert!(set_cookies(&reply)[0].contains("HttpOnly"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_for_nobody_signs_the_application_out() {
    let server = TestServer::start().await;
    let live = server.production_sibling(PROXY).await;
    let reply = handshake(&mut proxied(&server, &live), "https://shop.example/").await;
    let cookies = set_cookies(&reply);
    let directives = directives(cookies[0].split(';').next().and_then(|pair| pair.split_once('=')).expect("a token").1);
    assert!(directives.iter().any(|d| d.starts_with("__client_uat=0;")), "{directives:?}");
    assert!(directives.iter().any(|d| d.starts_with("__session=;") && d.contains("Expires=Thu, 01 Jan 1970")), "{directives:?}");
}
