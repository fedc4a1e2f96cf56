//! The handshake: how a backend that renders pages learns who is signed in. Where it may lead is in `redirects`.

use super::{APP, LOCAL_APP, claims, client_cookie, encoded, jwt_part, live_browser, live_server, params, set_cookies, sign_up_by_mail};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Browser, Reply, TestServer};
use tokio::task::JoinSet;

/// Asks for a handshake as the SDKs' backends send browsers to it.
async fn handshake(browser: &mut Browser, format: &str, back_to: &str) -> Reply {
    browser.origin = None;
    let query =
        format!("redirect_url={}&__clerk_api_version=2026-05-12&suffixed_cookies=true&__clerk_hs_reason=session-token-expired{format}", encoded(back_to));
    browser.get(&format!("/v1/client/handshake?{query}")).await
}

fn nonce(reply: &Reply) -> String {
    assert_eq!(reply.status.as_u16(), 307, "{}", reply.text);
    params(reply.location(), "__clerk_handshake_nonce").pop().expect("a nonce")
}

async fn redeem(backend: &Api, nonce: &str) -> Reply {
    backend.get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await
}

fn directives(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|d| d.as_str().expect("a cookie").to_owned()).collect()
}

/// The value and the attributes of the cookie of this name.
fn cookie<'d>(directives: &'d [String], name: &str) -> (&'d str, &'d str) {
    let found = directives.iter().find_map(|d| d.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')));
    found.unwrap_or_else(|| panic!("no {name} in {directives:?}")).split_once("; ").expect("attributes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_brings_the_cookies_of_whoever_is_signed_in() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (session, since) = (ada.session_id().await, server.database.now().seconds());
    server.advance(Duration::from_secs(30));
    let reply = handshake(&mut ada, "&format=nonce", "http://localhost:3000/page?a=b#c").await;
    assert!(reply.location().starts_with("http://localhost:3000/page?a=b&__clerk_handshake_nonce="), "{}", reply.location());
    assert_eq!((super::header(&reply, "cache-control"), super::header(&reply, "referrer-policy")), ("no-store", "no-referrer"));
    let payload = redeem(&server.backend(), &nonce(&reply)).await;
    let directives = directives(&payload.ok()["directives"]);
    let suffix = &server.home.tenant.cookie_suffix;
    let (token, attributes) = cookie(&directives, "__session");
    assert_eq!(claims(token)["sid"], session);
    assert!(attributes.contains("Path=/") && attributes.contains("SameSite=Lax") && !attributes.contains("HttpOnly"), "{attributes}");
    assert!(!attributes.contains("Secure"), "the page is http");
    assert_eq!(cookie(&directives, "__client_uat").0, since.to_string());
    for name in ["__session", "__client_uat", "__clerk_db_jwt"] {
        assert_eq!(cookie(&directives, name), cookie(&directives, &format!("{name}_{suffix}")), "{name}");
    }
    let last = directives.iter().rfind(|d| d.starts_with("__session")).expect("a session");
    assert!(last.contains(token), "the SDK takes the last one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_for_nobody_takes_the_session_cookie_away() {
    let server = TestServer::start().await;
    let mut nobody = server.browser();
    let reply = handshake(&mut nobody, "&format=nonce", LOCAL_APP).await;
    let payload = redeem(&server.backend(), &nonce(&reply)).await;
    let directives = directives(&payload.ok()["directives"]);
    assert_eq!(cookie(&directives, "__client_uat").0, "0");
    let (token, attributes) = cookie(&directives, "__session");
    assert_eq!(token, "");
    assert!(attributes.contains("Expires=Thu, 01 Jan 1970") || attributes.contains("Max-Age=0"), "{attributes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_brings_the_cookies_without_a_second_request() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    for format in ["", "&format=token"] {
        let reply = handshake(&mut ada, format, LOCAL_APP).await;
        assert!(params(reply.location(), "__clerk_handshake_nonce").is_empty());
        let token = params(reply.location(), "__clerk_handshake").pop().expect("a token");
        let header = jwt_part(&token, 0);
        assert_eq!(header["alg"], "RS256");
        assert!(header["cat"].is_null() || header["cat"] == "cl_B7d4PD111AAA", "any other category is refused: {header}");
        let keys = server.browser().get("/.well-known/jwks.json").await;
        assert!(keys.ok()["keys"].as_array().expect("keys").iter().any(|k| k["kid"] == header["kid"]));
        let directives = directives(&claims(&token)["handshake"]);
        assert_eq!(claims(cookie(&directives, "__session").0)["sid"], session);
    }
    let mut nobody = server.browser();
    let reply = handshake(&mut nobody, "", LOCAL_APP).await;
    let token = params(reply.location(), "__clerk_handshake").pop().expect("a token");
    let directives = directives(&claims(&token)["handshake"]);
    assert_eq!((cookie(&directives, "__client_uat").0, cookie(&directives, "__session").0), ("0", ""));
}

/// A token made for a redirect must not do for a session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_token_is_no_session_token() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let token = params(handshake(&mut ada, "", LOCAL_APP).await.location(), "__clerk_handshake").remove(0);
    assert_eq!(server.backend().post("/v1/clients/verify", json!({ "token": token })).await.status.as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_is_redeemed_once() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let nonce = nonce(&handshake(&mut ada, "&format=nonce", LOCAL_APP).await);
    let mut race = JoinSet::new();
    for _ in 0..16 {
        let (backend, nonce) = (server.backend(), nonce.clone());
        race.spawn(async move { redeem(&backend, &nonce).await.status.as_u16() });
    }
    let statuses = race.join_all().await;
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 404).count(), 15, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_is_for_its_own_instances_backend_alone() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let nonce = nonce(&handshake(&mut ada, "&format=nonce", LOCAL_APP).await);
    assert_eq!(redeem(&server.neighbours_backend(), &nonce).await.refusal(), (404, "resource_not_found"));
    assert_eq!(redeem(&server.api("backend", None), &nonce).await.status.as_u16(), 401);
    for wrong in ["", "0", &nonce[1..], &format!("{nonce}0"), &nonce.to_uppercase()] {
        assert!(redeem(&server.backend(), wrong).await.status.is_client_error(), "{wrong}");
    }
    redeem(&server.backend(), &nonce).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_does_not_live_long() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let nonce = nonce(&handshake(&mut ada, "&format=nonce", LOCAL_APP).await);
    server.advance(Duration::from_secs(61));
    assert_eq!(redeem(&server.backend(), &nonce).await.refusal(), (404, "resource_not_found"));
}

/// The SDK reads the first nonce of the query and leaves it there in production: an old one would be read again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_handshake_left_in_the_address_is_replaced() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let stale = "http://localhost:3000/page?__clerk_handshake_nonce=old&a=1&__clerk_handshake=old&b=%20x&__clerk_handshake_nonce=older";
    let reply = handshake(&mut ada, "&format=nonce", stale).await;
    let nonces = params(reply.location(), "__clerk_handshake_nonce");
    assert_eq!((nonces.len(), params(reply.location(), "__clerk_handshake").len()), (1, 0), "{}", reply.location());
    redeem(&server.backend(), &nonces[0]).await.ok();
    assert_eq!((params(reply.location(), "a"), params(reply.location(), "b")), (vec!["1".to_owned()], vec![" x".to_owned()]));
    let reply = handshake(&mut ada, "", stale).await;
    assert_eq!((params(reply.location(), "__clerk_handshake").len(), params(reply.location(), "__clerk_handshake_nonce").len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_follows_sign_out_and_expiry_at_once() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    server.backend().post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
    let payload = redeem(&server.backend(), &nonce(&handshake(&mut ada, "&format=nonce", LOCAL_APP).await)).await;
    assert_eq!(cookie(&directives(&payload.ok()["directives"]), "__client_uat").0, "0");
    let mut eve = server.signed_in("eve").await;
    server.advance(Duration::from_secs(7 * 86_400));
    let payload = redeem(&server.backend(), &nonce(&handshake(&mut eve, "&format=nonce", LOCAL_APP).await)).await;
    assert_eq!(cookie(&directives(&payload.ok()["directives"]), "__client_uat").0, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_handshake_has_secure_cookies_and_no_dev_browser() {
    let server = live_server().await;
    let mut ada = live_browser(&server);
    sign_up_by_mail(&server, &mut ada, "ada@example.com").await;
    let reply = handshake(&mut ada, "&format=nonce", &format!("{APP}/page")).await;
    assert!(reply.location().starts_with("https://app.example/page?__clerk_handshake_nonce="));
    let payload = redeem(&server.backend(), &nonce(&reply)).await;
    let directives = directives(&payload.ok()["directives"]);
    assert!(directives.iter().all(|d| d.contains("; Secure")), "{directives:?}");
    assert!(directives.iter().all(|d| !d.contains("__clerk_db_jwt")), "{directives:?}");
    assert!(directives.iter().all(|d| !d.contains("Domain")), "{directives:?}");
}

/// CVE-2024-39315, CVE-2024-4540: what a redirect or a cookie carries along said more than it had to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_keeps_the_clients_secret_to_itself() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (_, secret) = client_cookie(&ada);
    let reply = handshake(&mut ada, "", LOCAL_APP).await;
    let token = params(reply.location(), "__clerk_handshake").remove(0);
    assert!(!claims(&token).to_string().contains(&secret));
    assert!(set_cookies(&reply).iter().all(|c| c.starts_with("__client")), "{reply:?}");
    assert_eq!(ada.sessions().await.len(), 1, "and does not change it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_user_gets_no_token_by_a_handshake() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    super::ban(&server, &user).await;
    let reply = handshake(&mut ada, "", LOCAL_APP).await;
    let handshake = claims(&params(reply.location(), "__clerk_handshake")[0])["handshake"].clone();
    assert_eq!(cookie(&directives(&handshake), "__session").0, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_needs_to_know_where_to_go_back_to_and_how() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for query in [
        "",
        "?redirect_url=",
        "?format=nonce",
        "?redirect_url=http://localhost:3000&redirect_url=https://evil.example",
        "?redirect_url=http://localhost:3000&format=nonsense",
    ] {
        let reply = ada.get(&format!("/v1/client/handshake{query}")).await;
        assert_eq!((reply.status.as_u16(), reply.location()), (422, ""), "{query}");
    }
}
