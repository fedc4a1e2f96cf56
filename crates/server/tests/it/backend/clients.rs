//! Clients as a backend meets them: by a token, or by a handshake's nonce.

use super::{assert_refusal, create_user, id, ids, text, with_query};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, TestServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_leads_to_its_client() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let client = server.backend().post("/v1/clients/verify", json!({ "token": ada.token().await })).await.ok().clone();
    assert_eq!((text(&client, "object"), text(&client, "last_active_session_id")), ("client".to_owned(), session.clone()));
    assert_eq!(client["session_ids"], json!([session]));
    assert_eq!((ids(&client["sessions"]), &client["sessions"][0]["user_id"]), (vec![session.as_str()], &json!(ada.user_id().await)));
    assert_eq!((&client["sign_in_id"], &client["sign_up_id"]), (&Value::Null, &Value::Null));
    assert_eq!(client["sessions"][0]["client_id"], client["id"]);
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// CVE-2026-1529 and CVE-2026-9094: tokens that were changed, never signed, or signed for somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_this_instance_did_not_sign_is_refused() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let mut eve = server.signed_in_next_door("eve").await;
    let good = ada.token().await;
    let parts: Vec<&str> = good.split('.').collect();
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON");
    let (header, claims) = (read(parts[0]), read(parts[1]));
    let with_header = |change: Value| {
        let mut header = header.clone();
        change.as_object().expect("an object").iter().for_each(|(name, value)| header[name] = value.clone());
        header
    };
    let mut later = claims.clone();
    later["exp"] = json!(claims["exp"].as_i64().expect("exp") + 3_600);
    let mut hostile = vec![
        format!("{}.{}.{}", parts[0], encode(&later), parts[2]),
        format!("{}.{}.", encode(&with_header(json!({ "alg": "none" }))), parts[1]),
        format!("{}.{}.{}", encode(&with_header(json!({ "alg": "none" }))), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&with_header(json!({ "alg": "nOnE" }))), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&with_header(json!({ "alg": "HS256" }))), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&with_header(json!({ "kid": "../../../dev/null" }))), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&with_header(json!({ "jwk": { "kty": "oct", "k": "AAAA" } }))), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&with_header(json!({ "jku": "https://evil.example/jwks" }))), parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0_u8; 256])),
        format!("{good}x"),
        format!("{good}."),
        format!("{good}.{good}"),
        good.to_lowercase(),
        good[..good.len() - 8].to_owned(),
        "a.b.c".to_owned(),
        "...".to_owned(),
        ada.cookies.values().next().cloned().expect("the client's own secret"),
        eve.token().await,
    ];
    let their_session = eve.session_id().await;
    hostile.push(text(
        server.neighbours_backend().post(&format!("/v1/sessions/{their_session}/tokens"), json!({ "expires_in_seconds": 3_600 })).await.ok(),
        "jwt",
    ));
    for token in hostile {
        let reply = backend.post("/v1/clients/verify", json!({ "token": token })).await;
        assert!(matches!(reply.status.as_u16(), 400 | 401), "{token}: {} {}", reply.status, reply.text);
        assert_refusal(&reply, &token);
    }
    backend.post("/v1/clients/verify", json!({ "token": good })).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_refused_when_its_time_or_its_session_is_over() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let short = ada.token().await;
    let long = text(backend.post(&format!("/v1/sessions/{session}/tokens"), json!({ "expires_in_seconds": 86_400 })).await.ok(), "jwt");
    server.advance(Duration::from_secs(50));
    backend.post("/v1/clients/verify", json!({ "token": short })).await.ok();
    server.advance(Duration::from_secs(20));
    assert_eq!(backend.post("/v1/clients/verify", json!({ "token": short })).await.status, 401, "sixty seconds and a little skew");
    backend.post("/v1/clients/verify", json!({ "token": long })).await.ok();
    ada.post(&format!("/v1/client/sessions/{session}/end"), &[]).await.response();
    assert!(backend.post("/v1/clients/verify", json!({ "token": long })).await.status.is_client_error(), "its session has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_wants_a_token_and_nothing_else() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for (body, param) in [
        (json!({}), "token"),
        (json!({ "token": null }), "token"),
        (json!({ "token": ["a"] }), "token"),
        (json!({ "token": "a.b.c", "client_id": "x" }), "client_id"),
    ] {
        let reply = backend.post("/v1/clients/verify", body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}");
    }
}

/// Sends a browser through a handshake; the nonce it brings back.
async fn handshake(browser: &mut Browser) -> String {
    let path = with_query("/v1/client/handshake", &[("redirect_url", "http://localhost:3000/page"), ("format", "nonce"), ("suffixed_cookies", "true")]);
    let reply = browser.get(&path).await;
    assert_eq!(reply.status, 307, "{}", reply.text);
    reply.location().split_once("__clerk_handshake_nonce=").expect("a nonce").1.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshakes_cookies_are_fetched_once_and_by_its_own_backend() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let nonce = handshake(&mut ada).await;
    let path = format!("/v1/clients/handshake_payload?nonce={nonce}");
    assert_eq!(server.neighbours_backend().get(&path).await.refusal(), (404, "resource_not_found"));
    let directives = server.backend().get(&path).await.ok()["directives"].clone();
    let session = directives.as_array().expect("a list").iter().filter_map(Value::as_str).rfind(|d| d.starts_with("__session=")).expect("a session").to_owned();
    let token = session.trim_start_matches("__session=").split(';').next().expect("a token").to_owned();
    let client = server.backend().post("/v1/clients/verify", json!({ "token": token })).await.ok().clone();
    assert_eq!(client["last_active_session_id"], json!(ada.session_id().await));
    assert_eq!(server.backend().get(&path).await.refusal(), (404, "resource_not_found"), "it is spent");

    let late = handshake(&mut ada).await;
    server.advance(Duration::from_secs(61));
    assert_eq!(server.backend().get(&format!("/v1/clients/handshake_payload?nonce={late}")).await.refusal(), (404, "resource_not_found"), "it has expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_who_fetch_a_handshake_one_gets_it() {
    let server = TestServer::start().await;
    let nonce = handshake(&mut server.signed_in("ada").await).await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (backend, path) = (server.backend(), format!("/v1/clients/handshake_payload?nonce={nonce}"));
        tasks.push(tokio::spawn(async move { backend.get(&path).await.status.as_u16() }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    assert_eq!((statuses.iter().filter(|s| **s == 200).count(), statuses.iter().filter(|s| **s == 404).count()), (1, 15), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_that_never_was_is_not_found() {
    let server = TestServer::start().await;
    let backend = server.backend();
    create_user(&backend, "ada@example.com").await;
    for nonce in ["x", "' or 1=1 --", "%", &"0".repeat(64), &"a".repeat(3_000)] {
        let reply = backend.get(&with_query("/v1/clients/handshake_payload", &[("nonce", nonce)])).await;
        assert_eq!(reply.refusal(), (404, "resource_not_found"), "{nonce}");
    }
    let missing = backend.get("/v1/clients/handshake_payload").await;
    assert_eq!((missing.refusal(), missing.param()), ((422, "form_param_missing"), "nonce"));
    assert!(id(&backend.get("/v1/users").await.ok()[0]).starts_with("user_"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_listed_newest_first_and_counted() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    server.advance(Duration::from_secs(2));
    server.signed_in("bob").await;
    server.signed_in_next_door("eve").await;
    let session = ada.session_id().await;
    let bare = backend.get("/v1/clients").await.ok().clone();
    assert_eq!(bare.as_array().expect("a bare list").len(), 2);
    assert_eq!(bare[1]["session_ids"], json!([session]));
    let counted = backend.get("/v1/clients?paginated=true&limit=1&offset=1").await.ok().clone();
    assert_eq!((counted["total_count"].clone(), ids(&counted["data"])), (json!(2), vec![bare[1]["id"].as_str().expect("an id")]));
    let one = backend.get(&format!("/v1/clients/{}", id(&bare[1]))).await;
    assert_eq!(one.ok(), &bare[1]);
    assert_eq!(server.neighbours_backend().get(&format!("/v1/clients/{}", id(&bare[1]))).await.refusal(), (404, "resource_not_found"));
    assert_eq!(backend.get("/v1/clients?limit=0").await.param(), "limit");
}
