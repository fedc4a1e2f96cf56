//! Rates of what open pages and rendering backends ask for by themselves: counted by client or network, and without the database.

use super::{APP, header};
use domain::instances::Environment;
use serde_json::json;
use std::time::Duration;
use store::Bounds;
use testkit::{Browser, Line, Rates, Setup, TestServer, Way};

async fn counted(environment: Environment, rates: serde_json::Value) -> TestServer {
    let settings = json!({ "allowed_origins": [APP], "rates": rates });
    TestServer::start_with(Setup { environment, settings, rates: Rates::Counted, bounds: Bounds::DEFAULT, way: Way::Proxied, ..Setup::default() }).await
}

/// Somebody who has signed up with the code that was really mailed.
async fn signed_up(server: &TestServer, name: &str, address: &str) -> Browser {
    let mut browser = server.browser().from(address);
    browser.origin = Some(APP.to_owned());
    let email = format!("{name}@example.com");
    let id = super::begin_sign_up(&mut browser, &email).await;
    super::prepare_sign_up(&mut browser, &id).await.ok();
    let code = server.code(&email).await;
    assert_eq!(super::attempt_sign_up(&mut browser, &id, &code).await.response()["status"], "complete");
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_fetches_many_tokens_and_not_endlessly_many() {
    let server = counted(Environment::Production, json!({})).await;
    let mut ada = signed_up(&server, "ada", "203.0.113.7").await;
    let mut bob = signed_up(&server, "bob", "203.0.113.7").await;
    let path = format!("/v1/client/sessions/{}/tokens", ada.session_id().await);
    for _ in 0..200 {
        ada.post(&path, &[]).await.ok();
    }
    let refused = ada.post(&path, &[]).await;
    assert_eq!((refused.refusal(), header(&refused, "retry-after")), ((429, "too_many_requests"), "10"));
    assert_eq!(ada.post(&format!("{path}/any"), &[]).await.status, 429, "those of templates too");
    let mut forged = ada.clone();
    for number in 0..20 {
        assert_eq!(forged.post(&format!("{path}?__clerk_db_jwt=dvb_{number}"), &[]).await.status, 429, "no fresh count for whoever makes something up");
    }
    let theirs = format!("/v1/client/sessions/{}/tokens", bob.session_id().await);
    bob.post(&theirs, &[]).await.ok();
    // A stranger who knows the session's id takes nothing from it.
    server.advance(Duration::from_secs(10));
    let mut stranger = server.browser().from("198.51.100.1");
    stranger.origin = Some(APP.to_owned());
    for _ in 0..210 {
        stranger.post(&path, &[]).await;
    }
    assert_eq!(stranger.post(&path, &[]).await.status, 429);
    ada.post(&path, &[]).await.ok();
}

/// Counting asks nothing but memory: it goes on while the database is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_counted_without_the_database() {
    let server = counted(Environment::Production, json!({ "tokens": 5 })).await;
    let mut ada = signed_up(&server, "ada", "203.0.113.7").await;
    let path = format!("/v1/client/sessions/{}/tokens", ada.session_id().await);
    ada.post(&path, &[]).await.ok();
    let taken = server.trouble(Line::Hangs).await;
    for _ in 0..4 {
        ada.post(&path, &[]).await.ok();
    }
    assert_eq!(ada.post(&path, &[]).await.status, 429);
    drop(taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_are_counted_by_network() {
    let server = counted(Environment::Production, json!({ "handshakes": 3 })).await;
    let path = "/v1/client/handshake?format=nonce&redirect_url=https%3A%2F%2Fapp.example%2F".to_owned();
    let path = path.replace("https%3A%2F%2Fapp.example", &form_urlencoded::byte_serialize(APP.as_bytes()).collect::<String>());
    let ask = async |address: &str| {
        let mut browser = server.browser().from(address);
        browser.origin = None;
        browser.get(&path).await.status.as_u16()
    };
    for _ in 0..3 {
        assert_eq!(ask("203.0.113.7").await, 307);
    }
    assert_eq!((ask("203.0.113.7").await, ask("203.0.113.8").await), (429, 307));
}

/// A live instance knows no development browser, so what a page writes there counts as nothing: no fresh count, and nothing to remember.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_text_in_place_of_a_development_browser_changes_nothing() {
    for environment in [Environment::Production, Environment::Development] {
        let server = counted(environment, json!({})).await;
        let mut ada = signed_up(&server, "ada", "203.0.113.7").await;
        let mut statuses = Vec::new();
        for number in 0..12 {
            let path = format!("/v1/me/metadata?__clerk_db_jwt=made-up-{number}");
            statuses.push(ada.override_method("PATCH", &path, &[("unsafe_metadata", "{}")]).await.status.as_u16());
        }
        assert_eq!(statuses[..10], [200; 10], "{environment:?}");
        assert_eq!(statuses[10..], [429; 2], "{environment:?}: ten is ten, whatever else is shown");
    }
    let server = counted(Environment::Production, json!({})).await;
    let mut ada = signed_up(&server, "ada", "203.0.113.7").await;
    ada.get("/v1/client?__clerk_db_jwt=one").await.ok();
    let taken = server.trouble(Line::Hangs).await;
    for number in 0..20 {
        let shown = ada.get(&format!("/v1/client?__clerk_db_jwt=made-up-{number}")).await;
        assert_eq!(shown.response()["sessions"].as_array().map(Vec::len), Some(1), "what is remembered is the same for all of them");
    }
    drop(taken);
}
