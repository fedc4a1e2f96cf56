//! Signing keys: a rotation that nobody notices, and a revocation that everybody does. Attack J6.

use domain::keys::rotation::{LEAD, MARGIN};
use foundation::{Id, SigningKeyId, Timestamp};
use http::StatusCode;
use protocols::jose::{self, Category, PublicKey};
use serde_json::{Value, json};
use std::time::Duration;
use store::{Access, sql};
use testkit::{Browser, TestServer};

fn place(server: &TestServer) -> String {
    format!("/v1/platform/applications/{}/instances/development/signing_keys", server.home.tenant.instance.application)
}

async fn rotate(server: &TestServer) -> Vec<Value> {
    server.platform().post(&format!("{}/rotate", place(server)), json!({})).await.ok().as_array().expect("a bare array").clone()
}

/// The published keys, as SDKs read them.
async fn published(server: &TestServer) -> Vec<(SigningKeyId, PublicKey)> {
    let body = server.browser().get("/.well-known/jwks.json").await.ok().clone();
    let keys = body["keys"].as_array().expect("keys");
    keys.iter()
        .map(|key| (SigningKeyId::parse(key["kid"].as_str().expect("kid")).expect("an id"), serde_json::from_value(key.clone()).expect("a public key")))
        .collect()
}

fn kid(token: &str) -> SigningKeyId {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    SigningKeyId::parse(header["kid"].as_str().expect("kid")).expect("an id")
}

fn holds(token: &str, keys: &[(SigningKeyId, PublicKey)], now: Timestamp) -> bool {
    jose::verify(token, Category::Session, now, |kid| keys.iter().find(|(id, _)| *id == kid).map(|(_, key)| key.clone())).is_ok()
}

async fn verified(server: &TestServer, token: &str) -> StatusCode {
    server.backend().post("/v1/clients/verify", json!({ "token": token })).await.status
}

/// A token that a backend asks to live so long.
async fn long(server: &TestServer, browser: &mut Browser, seconds: u64) -> String {
    let path = format!("/v1/sessions/{}/tokens", browser.session_id().await);
    server.backend().post(&path, json!({ "expires_in_seconds": seconds })).await.ok()["jwt"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_is_published_first_and_no_token_or_session_is_lost() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let first = kid(&ada.token().await);
    let keys = rotate(&server).await;
    assert_eq!(keys.iter().map(|key| key["status"].as_str().expect("a status")).collect::<Vec<_>>(), ["announced", "signing"]);
    let second = SigningKeyId::parse(keys[0]["id"].as_str().expect("an id")).expect("an id");
    let published_since = server.database.now();

    // Every ten minutes for six hours: a new token fits what a reader fetched up to an hour ago, and old ones fit until they expire.
    let step = Duration::from_secs(600);
    let mut fetched = vec![published(&server).await];
    let mut minted: Vec<String> = Vec::new();
    let mut switched = None;
    for _ in 0..36 {
        let token = ada.token().await;
        let now = server.database.now();
        let an_hour_ago = &fetched[fetched.len().saturating_sub(6)];
        assert!(holds(&token, an_hour_ago, now), "whoever keeps the published keys for an hour accepts every new token");
        if kid(&token) == second && switched.is_none() {
            switched = Some(now);
        }
        minted.push(token);
        minted.push(long(&server, &mut ada, 3_600).await);
        server.advance(step);
        server.run_jobs().await;
        fetched.push(published(&server).await);
        let (now, keys) = (server.database.now(), fetched.last().expect("keys"));
        for token in minted.iter().rev().take(12) {
            let living = jose::verify(token, Category::Session, now, |kid| fetched.iter().flatten().find(|(id, _)| *id == kid).map(|(_, key)| key.clone()));
            assert_eq!(living.is_ok(), holds(token, keys, now), "a token lives until it expires");
        }
    }
    let switched = switched.expect("the new key signs at last");
    assert!(switched.since(published_since) >= LEAD);
    assert_eq!(published(&server).await.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [second], "the old one is gone");
    assert_ne!(first, second);
    assert_eq!(ada.session_id().await, session, "the session is the same");
    assert_eq!(verified(&server, &ada.token().await).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_key_stays_published_as_long_as_its_longest_token_lives_without_its_private_half() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let days = 6 * 86_400;
    let token = long(&server, &mut ada, days).await;
    let old = kid(&token);
    rotate(&server).await;
    server.advance(LEAD + MARGIN);
    server.run_jobs().await;
    let statement = sql!("select sealed from signing_keys where instance_id = $1 and id = $2");
    let sealed: String = server.inside(server.home.tenant.id(), Access::Read, |tx| Box::pin(async move { tx.get(statement, &[&old]).await })).await;
    assert_eq!(sealed, "", "the private half is destroyed");
    let listed = server.platform().get(&place(&server)).await.ok().clone();
    assert_eq!(listed[1]["status"], "retiring");
    assert!(listed[1]["published_until"].as_i64().expect("known") > server.database.now().millis() + 6 * 86_400_000 - 3 * 3_600_000);
    server.advance(Duration::from_secs(days) - LEAD - MARGIN - Duration::from_secs(1));
    server.run_jobs().await;
    assert!(holds(&token, &published(&server).await, server.database.now()), "to its last second");
    server.advance(LEAD + MARGIN + MARGIN + Duration::from_secs(1));
    server.run_jobs().await;
    assert_eq!(published(&server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_come_late_come_as_they_should() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let first = kid(&ada.token().await);
    rotate(&server).await;
    // No job has run, and still the new key signs when it is time.
    server.advance(LEAD);
    let second = kid(&ada.token().await);
    assert_ne!(first, second);
    server.advance(Duration::from_secs(5 * 86_400));
    assert_eq!(published(&server).await.len(), 2, "nobody has said yet that the old one ends");
    server.run_jobs().await;
    assert_eq!(published(&server).await.len(), 2, "its tokens count from the moment at which it surely signs no more");
    server.advance(Duration::from_secs(3_600) + MARGIN);
    assert_eq!(published(&server).await.len(), 1, "even before the job that removes the row");
    server.run_jobs().await;
    assert_eq!(server.platform().get(&place(&server)).await.ok().as_array().expect("keys").len(), 1);
    assert_eq!(kid(&ada.token().await), second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_rotations_at_once_are_one() {
    let server = TestServer::start().await;
    let calls = (0..64).map(|_| {
        let (platform, path) = (server.platform(), format!("{}/rotate", place(&server)));
        async move { platform.post(&path, json!({})).await }
    });
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.ok().as_array().expect("keys").len(), 2);
    }
    assert_eq!(published(&server).await.len(), 2);
    server.advance(LEAD + MARGIN);
    server.run_jobs().await;
    assert_eq!(rotate(&server).await.len(), 3, "the next one can begin when the first has come to sign");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_worth_nothing_at_once_and_nobody_is_signed_out() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let stolen = ada.token().await;
    assert_eq!(verified(&server, &stolen).await, StatusCode::OK);
    let revoke = |id: SigningKeyId| format!("{}/{id}/revoke", place(&server));
    let platform = server.platform();
    platform.post(&revoke(kid(&stolen)), json!({ "reason": "it was in a backup that was lost" })).await.ok();
    assert!(published(&server).await.iter().all(|(id, _)| *id != kid(&stolen)));
    assert_eq!(verified(&server, &stolen).await, StatusCode::UNAUTHORIZED);
    let fresh = ada.token().await;
    assert_ne!(kid(&fresh), kid(&stolen));
    assert!(holds(&fresh, &published(&server).await, server.database.now()));
    assert_eq!(ada.session_id().await, session);
    assert_eq!(platform.post(&revoke(kid(&stolen)), json!({})).await.refusal(), (404, "resource_not_found"));

    // While a rotation is under way the announced key takes over, and what is announced can be revoked too.
    let next = SigningKeyId::parse(rotate(&server).await[0]["id"].as_str().expect("an id")).expect("an id");
    platform.post(&revoke(kid(&fresh)), json!({})).await.ok();
    assert_eq!(kid(&ada.token().await), next);
    let announced = SigningKeyId::parse(rotate(&server).await[0]["id"].as_str().expect("an id")).expect("an id");
    platform.post(&revoke(announced), json!({})).await.ok();
    server.advance(LEAD + MARGIN + MARGIN);
    server.run_jobs().await;
    assert_eq!(kid(&ada.token().await), next, "nothing is left of the rotation");
    assert_eq!(published(&server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_sees_and_changes_signing_keys() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let id = kid(&ada.token().await);
    let (list, rotate, revoke) = (place(&server), format!("{}/rotate", place(&server)), format!("{}/{id}/revoke", place(&server)));
    let other = server.other_platform();
    assert_eq!(other.get(&list).await.status, StatusCode::NOT_FOUND);
    assert_eq!(other.post(&rotate, json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(other.post(&revoke, json!({})).await.status, StatusCode::NOT_FOUND);
    // The neighbour is the same workspace's: its own instance has no such key.
    let neighbour = list.replace(&server.home.tenant.instance.application.to_string(), &server.neighbour.tenant.instance.application.to_string());
    assert_eq!(server.platform().post(&format!("{neighbour}/{id}/revoke"), json!({})).await.status, StatusCode::NOT_FOUND);
    for (path, body, param) in [(&rotate, json!({ "now": true }), "now"), (&revoke, json!({ "reason": [] }), "reason")] {
        let reply = server.platform().post(path, body).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param));
    }
    assert_eq!(server.platform().post(&format!("{list}/key_nonsense/revoke"), json!({})).await.status, StatusCode::NOT_FOUND);
    let seen = server.platform().get(&list).await;
    assert_eq!(seen.ok().as_array().expect("keys").len(), 1);
    assert!(!seen.text.contains("sealed") && !seen.text.contains("\"n\""), "{}", seen.text);
    assert_eq!(kid(&ada.token().await), id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_revokes_another_forgets_within_seconds() {
    let server = TestServer::start().await;
    let there = server.another_node().await;
    let mut ada = server.signed_in("ada").await;
    let path = format!("/v1/sessions/{}/tokens", ada.session_id().await);
    let mint = || async { there.backend().post(&path, json!({})).await.ok()["jwt"].as_str().expect("a token").to_owned() };
    let stolen = mint().await;
    assert_eq!(published(&there).await.len(), 1, "and it is remembered there");
    let announced = SigningKeyId::parse(rotate(&server).await[0]["id"].as_str().expect("an id")).expect("an id");
    server.platform().post(&format!("{}/{}/revoke", place(&server), kid(&stolen)), json!({})).await.ok();
    server.platform().post(&format!("{}/rotate_secret_keys", place(&server).replace("/signing_keys", "")), json!({})).await.ok();
    server.advance(Duration::from_secs(10));
    assert_eq!(published(&there).await.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [announced]);
    assert_eq!(there.backend().get("/v1/users").await.refusal(), (401, "clerk_key_invalid"), "the old secret key, there too");
}
