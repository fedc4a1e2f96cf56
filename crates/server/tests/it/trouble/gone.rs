//! The database is locked, slow or gone: who is known goes on, everybody else is told at once to come again, and it heals by itself.

use super::{fragile_server, tokens_path, troubles};
use http::StatusCode;
use serde_json::json;
use std::time::{Duration, Instant};
use store::{Access, platform_sql, sql};
use testkit::{Browser, PASSWORD, Reply, TestServer};

/// A second is the bound; a busy machine gets three tries to keep it.
#[allow(clippy::disallowed_methods, reason = "it measures how long the caller really waits")]
async fn refused_within_a_second(browser: &mut Browser, name: &str) -> Reply {
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        let began = Instant::now();
        let reply = browser.sign_in(name, PASSWORD).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text);
        slowest = began.elapsed();
        if slowest < Duration::from_secs(1) {
            return reply;
        }
    }
    panic!("it took {slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_is_known_goes_on_and_signing_in_waits_for_no_one() {
    let server = fragile_server().await;
    let mut ada = server.signed_in("ada").await;
    let mut bob = server.signed_in("bob").await;
    let (path, unknown) = (tokens_path(&mut ada).await, tokens_path(&mut bob).await);
    let public = ["/.well-known/jwks.json", "/v1/environment"];
    for line in troubles(&server) {
        ada.post(&path, &[]).await.ok();
        ada.get("/v1/client").await.ok();
        for path in public {
            ada.get(path).await.ok();
        }
        let taken = server.trouble(line).await;
        server.advance(Duration::from_secs(200));
        let refused = refused_within_a_second(&mut server.browser(), "ada").await;
        assert_eq!((refused.code(), refused.headers["retry-after"].as_bytes()), ("service_unavailable", &b"1"[..]), "{line:?}");
        assert_eq!(bob.post(&unknown, &[]).await.status, StatusCode::SERVICE_UNAVAILABLE, "{line:?}: nobody has asked for this session");
        let before = ada.post(&path, &[]).await.ok()["jwt"].clone();
        assert_ne!(ada.post(&path, &[]).await.ok()["jwt"], before, "{line:?}: each is a new token");
        for path in public {
            assert_eq!(ada.get(path).await.status, StatusCode::OK, "{line:?} {path}");
        }
        assert_eq!(ada.get("/v1/client").await.response()["sessions"][0]["user"]["first_name"], json!(null));
        server.advance(Duration::from_secs(99));
        ada.post(&path, &[]).await.ok();
        server.advance(Duration::from_secs(2));
        assert_eq!(ada.post(&path, &[]).await.status, StatusCode::SERVICE_UNAVAILABLE, "{line:?}: five minutes are over");
        assert_eq!(ada.get(public[0]).await.status, StatusCode::SERVICE_UNAVAILABLE, "{line:?}");

        server.heal(taken).await;
        server.browser().sign_in("ada", PASSWORD).await.ok();
        ada.post(&path, &[]).await.ok();
        assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 2);
    }
}

/// What others do in the same instance costs nobody their place in the memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_is_known_stays_so_whatever_others_do() {
    let server = fragile_server().await;
    let mut ada = server.signed_in("ada").await;
    let path = tokens_path(&mut ada).await;
    ada.post(&path, &[]).await.ok();
    ada.get("/v1/client").await.ok();
    let mut bob = server.signed_in("bob").await;
    bob.post("/v1/me/email_addresses", &[("email_address", "robert+clerk_test@example.com")]).await.ok();
    let session = bob.session_id().await;
    bob.post(&format!("/v1/client/sessions/{session}/touch"), &[]).await.ok();
    bob.post(&format!("/v1/client/sessions/{session}/end"), &[]).await.ok();
    bob.sign_in("bob", "a wrong password").await;
    bob.sign_in("bob", PASSWORD).await.ok();
    let user = bob.user_id().await;
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "first_name": "Bob" })).await.ok();
    server.backend().post(&format!("/v1/users/{user}/ban"), json!({})).await.ok();
    server.backend().delete(&format!("/v1/users/{user}")).await.ok();
    let taken = server.trouble(testkit::Line::Hangs).await;
    server.advance(Duration::from_secs(60));
    ada.post(&path, &[]).await.ok();
    ada.get("/v1/client").await.ok();
    server.heal(taken).await;
}

/// The row, and with SQLite the whole file, is in the hands of a transaction that does not end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lock_that_somebody_keeps_is_no_reason_to_hang() {
    let server = fragile_server().await;
    let mut ada = server.signed_in("ada").await;
    let (path, user) = (tokens_path(&mut ada).await, ada.user_id().await);
    let other = server.another_node().await;
    #[allow(clippy::disallowed_methods, reason = "a transaction that does not end")]
    let mut keeping = other.database.begin(other.home.tenant.id(), Access::Write).await.expect("a transaction");
    keeping.change(sql!("update users set updated_at = updated_at where instance_id = $1 and id = $2"), &[&user]).await.expect("a lock");
    let refused = refused_within_a_second(&mut server.browser(), "ada").await;
    assert_eq!(refused.headers["retry-after"], "1");
    ada.post(&path, &[]).await.ok();
    ada.get("/v1/me").await.ok();
    drop(keeping);
    server.browser().sign_in("ada", PASSWORD).await.ok();
}

/// A full disk and a file that has become read-only stop what writes, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_or_read_only_disk_refuses_what_writes() {
    let server = fragile_server().await;
    if server.database.engine() != "sqlite" {
        return;
    }
    let mut ada = server.signed_in("ada").await;
    let path = tokens_path(&mut ada).await;
    for (trouble, end) in [("pragma max_page_count = 1", "pragma max_page_count = 1073741823"), ("pragma query_only = on", "pragma query_only = off")] {
        server.database.faults().before_writing(trouble);
        let large = json!({ "skip_password_requirement": true, "public_metadata": { "text": "x".repeat(7_000) }, "email_address": [format!("{}@example.com", &end[7..12])] });
        let refused = server.backend().post("/v1/users", large.clone()).await;
        assert_eq!(refused.refusal(), (503, "service_unavailable"), "{trouble} {}", refused.text);
        assert_eq!(refused.headers["retry-after"], "1");
        ada.post(&path, &[]).await.ok();
        ada.get("/v1/me").await.ok();
        server.database.faults().before_writing(end);
        server.backend().post("/v1/users", large).await.ok();
    }
}

/// Jobs are no request: they go on when the database is back, and nobody has to ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jobs_go_on_when_the_database_is_back() {
    let server = fragile_server().await;
    let mut ada = server.browser();
    let reply = ada.post("/v1/client/sign_ups", &[("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
    let id = reply.response()["id"].as_str().expect("an id").to_owned();
    ada.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
    let taken = server.trouble(testkit::Line::Hangs).await;
    assert!(server::jobs::run_due(&server.world, &server.database).await.is_err());
    server.heal(taken).await;
    assert_eq!(server.code("ada@example.com").await.len(), 6);
}

/// What is under way when the database is back after a silence is not mistaken for something else.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_at_once_are_all_told() {
    let server = fragile_server().await;
    server.signed_in("ada").await;
    let taken = server.trouble(testkit::Line::Hangs).await;
    let callers: Vec<_> = (0..32)
        .map(|_| {
            let backend = server.backend();
            tokio::spawn(async move { backend.get("/v1/users?query=ada").await.status })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.expect("an answer"), StatusCode::SERVICE_UNAVAILABLE);
    }
    server.heal(taken).await;
    readable(&server).await;
    server.browser().get("/v1/client").await.ok();
    server.backend().get("/v1/users?query=ada").await.ok();
}

async fn readable(server: &TestServer) {
    let count = server.database.platform(Access::Read, |tx| Box::pin(tx.find::<i64>(platform_sql!("select count(*) from workspaces"), &[]))).await;
    assert_eq!(count.expect("it reads").expect("a count"), 2);
}
