//! Refreshing an expired session token without a handshake.

use super::text;
use crate::organizations::pools;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, PASSWORD, Reply, TestServer};

const ORIGIN: &str = "http://localhost:3000";

/// The session token and the refresh token that a handshake hands out, and its session.
async fn handed_out(server: &TestServer, browser: &mut Browser) -> (String, String, String) {
    handed_out_at(server, browser, &server.home.tenant.cookie_suffix).await
}

/// The same at a door whose cookies have this suffix.
async fn handed_out_at(server: &TestServer, browser: &mut Browser, suffix: &str) -> (String, String, String) {
    let reply = browser.get(&format!("/v1/client/handshake?format=nonce&redirect_url={ORIGIN}/")).await;
    let nonce = reply.location().split("__clerk_handshake_nonce=").nth(1).expect("a nonce").to_owned();
    let payload = server.backend().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.ok().clone();
    let directives: Vec<String> = payload["directives"].as_array().expect("directives").iter().map(|d| d.as_str().expect("text").to_owned()).collect();
    let value = |name: &str| {
        let found = directives.iter().find_map(|d| d.strip_prefix(&format!("{name}=")));
        found.and_then(|rest| rest.split(';').next()).unwrap_or_else(|| panic!("no {name} in {directives:?}")).to_owned()
    };
    let refresh = format!("__refresh_{suffix}");
    assert!(directives.iter().any(|d| d.starts_with(&refresh) && d.contains("; HttpOnly")));
    let (session, jwt) = (browser.session_id().await, value("__session"));
    (session, jwt, value(&refresh))
}

async fn refresh(server: &TestServer, session: &str, body: &Value) -> Reply {
    server.backend().post(&format!("/v1/sessions/{session}/refresh"), body.clone()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_traded_for_a_new_one() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (session, jwt, secret) = handed_out(&server, &mut ada).await;
    server.advance(Duration::from_secs(600));
    let mut body = json!({ "expired_token": jwt, "refresh_token": secret, "request_origin": ORIGIN, "request_headers": { "accept": ["text/html"] } });
    let token = text(refresh(&server, &session, &body).await.ok(), "jwt");
    server.backend().post("/v1/clients/verify", json!({ "token": token })).await.ok();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64url")).expect("JSON");
    assert_eq!((&claims["sid"], &claims["azp"]), (&json!(session), &json!(ORIGIN)));
    body["format"] = json!("cookie");
    body["suffixed_cookies"] = json!(true);
    let cookies = refresh(&server, &session, &body).await;
    assert_eq!(cookies.ok()["object"], "cookies");
    let list = cookies.body["cookies"].as_array().expect("a list");
    assert!(list.iter().all(|cookie| cookie.as_str().expect("text").starts_with("__session")) && list.len() == 2);
    // As the SDK's JavaScript says it.
    body.as_object_mut().expect("an object").remove("suffixed_cookies");
    let said = server.backend().post(&format!("/v1/sessions/{session}/refresh?suffixed_cookies=true"), body).await;
    assert_eq!(said.ok()["cookies"].as_array().map(Vec::len), Some(2));
}

/// The SDK looks for the cookies of its publishable key, and a pool has one of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookies_of_a_user_of_a_pool_are_named_after_the_pools_key() {
    let (server, acme, beta) = pools::isolated().await;
    for (pool, organization) in [("acme", &acme), ("beta", &beta)] {
        let mut ada = pools::signed_up(&server, pool, "ada").await;
        let suffix = pools::suffix_of(organization);
        let (session, jwt, secret) = handed_out_at(&server, &mut ada, &suffix).await;
        let body = json!({ "expired_token": jwt, "refresh_token": secret, "request_origin": ORIGIN, "format": "cookie" });
        let reply = refresh(&server, &session, &body).await;
        let cookies: Vec<&str> = reply.ok()["cookies"].as_array().expect("a list").iter().map(|cookie| cookie.as_str().expect("text")).collect();
        let names: Vec<&str> = cookies.iter().filter_map(|cookie| cookie.split_once('=')).map(|(name, _)| name).collect();
        assert_eq!(names, [format!("__session_{suffix}"), "__session".to_owned()]);
        let token = cookies[0].split(['=', ';']).nth(1).expect("a token");
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64url")).expect("JSON");
        assert_eq!(claims["iss"], organization["user_pool"]["issuer"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_does_not_fit_is_a_401_so_that_a_handshake_follows() {
    let server = TestServer::start().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (session, jwt, secret) = handed_out(&server, &mut ada).await;
    let (other, other_jwt, other_secret) = handed_out(&server, &mut bob).await;
    let (expiry, mac) = secret.split_once('-').expect("two parts");
    let later = format!("{}-{mac}", expiry.parse::<i64>().expect("a time") + 1);
    let good = json!({ "expired_token": jwt, "refresh_token": secret, "request_origin": ORIGIN });
    refresh(&server, &session, &good).await.ok();
    for (session, name, value) in [
        (&session, "expired_token", other_jwt.clone()),
        (&session, "expired_token", format!("{}x", &jwt[..jwt.len() - 2])),
        (&session, "expired_token", "a.b.c".to_owned()),
        (&session, "refresh_token", other_secret),
        (&session, "refresh_token", later),
        (&session, "refresh_token", mac.to_owned()),
        (&session, "refresh_token", "0-".to_owned()),
        (&session, "request_origin", "https://evil.example".to_owned()),
        (&other, "request_headers", "{}".to_owned()),
    ] {
        let mut body = good.clone();
        body[name] = if name == "request_headers" { json!({}) } else { json!(value) };
        assert_eq!(refresh(&server, session, &body).await.refusal(), (401, "authentication_invalid"), "{name} {value:.40}");
    }
    let neighbour = server.neighbours_backend().post(&format!("/v1/sessions/{session}/refresh"), good.clone()).await;
    assert_eq!(neighbour.refusal(), (401, "authentication_invalid"));
    let missing = refresh(&server, &session, &json!({ "expired_token": jwt })).await;
    assert_eq!((missing.refusal(), missing.param()), ((422, "form_param_missing"), "refresh_token"));
}

/// A refresh token ends with its session, and whenever the client gets a new secret. CVE-2020-15223: what was revoked was good still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_ends_with_what_it_came_from() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (session, jwt, secret) = handed_out(&server, &mut ada).await;
    let body = json!({ "expired_token": jwt, "refresh_token": secret, "request_origin": ORIGIN });
    let form = [("current_password", PASSWORD), ("new_password", "a brand new secret")];
    ada.post("/v1/me/change_password", &form).await.response();
    assert_eq!(refresh(&server, &session, &body).await.refusal(), (401, "authentication_invalid"), "a new password, a new secret");

    let (session, jwt, secret) = handed_out(&server, &mut ada).await;
    let body = json!({ "expired_token": jwt, "refresh_token": secret, "request_origin": ORIGIN });
    refresh(&server, &session, &body).await.ok();
    server.backend().post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
    assert_eq!(refresh(&server, &session, &body).await.refusal(), (401, "authentication_invalid"));
}

/// The session itself never stands in an address: the token form of a handshake has no refresh token in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_refresh_token_stands_in_an_address() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let reply = ada.get(&format!("/v1/client/handshake?format=token&redirect_url={ORIGIN}/")).await;
    let token = reply.location().split("__clerk_handshake=").nth(1).expect("a token");
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64url")).expect("text");
    assert!(payload.contains("__session") && !payload.contains("__refresh"));
}
