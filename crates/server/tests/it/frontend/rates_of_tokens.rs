//! Rates of what open pages and rendering backends ask for by themselves: counted by client or network, and without the database.

use super::{APP, header};
use domain::instances::Environment;
use serde_json::json;
use std::time::Duration;
use store::Bounds;
use testkit::{Browser, Line, Rates, Setup, TestServer, Way};
use tokio::task::JoinSet;

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

/// A request with a client's secret that nobody was given.
async fn made_up(like: &Browser, number: usize, path: &str) -> u16 {
    let mut stranger = like.clone();
    let known =
        stranger.cookies.iter().find(|(name, _)| name.starts_with("__client") && !name.contains("uat")).map(|(name, value)| (name.clone(), value.clone()));
    let (name, value) = known.expect("a client's cookie");
    let (id, secret) = value.split_once('.').expect("two parts");
    // As good as a real one, even with the id of a real client.
    stranger.cookies.insert(name, format!("{id}.{number:0>width$}", width = secret.len()));
    stranger.post(path, &[]).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_makes_clients_up_is_counted_by_network_and_keeps_nobody_out() {
    let server = counted(Environment::Production, json!({ "tokens": 20 })).await;
    let mut ada = signed_up(&server, "ada", "203.0.113.7").await;
    let mut bob = signed_up(&server, "bob", "203.0.113.7").await;
    let path = format!("/v1/client/sessions/{}/tokens", ada.session_id().await);
    let bobs = bob.session_id().await;
    let bobs_path = format!("/v1/client/sessions/{bobs}/tokens");
    bob.post(&bobs_path, &[]).await.ok();
    let mut statuses = Vec::new();
    for number in 0..25 {
        statuses.push(made_up(&ada, number, &path).await);
    }
    assert!(statuses[..20].iter().all(|status| *status == 401) && statuses[20..] == [429; 5], "{statuses:?}");
    assert_eq!(made_up(&ada, 7, &format!("{path}/any")).await, 429, "those of templates too");
    assert_eq!(made_up(&bob, 0, &format!("/v1/client/sessions/{bobs}/touch")).await, 429);
    // Whoever shares the network, is known, and has not asked for a while, is counted by itself.
    for _ in 0..20 {
        ada.post(&path, &[]).await.ok();
    }
    assert_eq!(ada.post(&path, &[]).await.status, 429, "her own");
    for _ in 0..19 {
        bob.post(&bobs_path, &[]).await.ok();
    }
    let elsewhere = signed_up(&server, "eve", "198.51.100.1").await;
    assert_eq!(made_up(&elsewhere, 1, &path).await, 401, "another network's account is its own");
    server.advance(Duration::from_secs(10));
    assert_eq!(made_up(&ada, 100, &path).await, 401);
}

/// Without a development browser there is no request in development, so that is what is made up there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_makes_development_browsers_up_is_counted_by_network() {
    let server = counted(Environment::Development, json!({ "tokens": 5, "metadata": 5, "changes": 5 })).await;
    let mut ada = signed_up(&server, "ada", "203.0.113.7").await;
    let session = ada.session_id().await;
    for (method, path) in
        [("POST", format!("/v1/client/sessions/{session}/tokens")), ("PATCH", "/v1/me".to_owned()), ("DELETE", "/v1/me/profile_image".to_owned())]
    {
        let mut statuses = Vec::new();
        for number in 0..7 {
            let mut stranger = server.browser().from("203.0.113.7");
            stranger.cookies.clear();
            let path = format!("{path}?__clerk_db_jwt=dvb_made_up_{number}");
            let reply = if method == "POST" { stranger.post(&path, &[]).await } else { stranger.override_method(method, &path, &[]).await };
            statuses.push(reply.status.as_u16());
        }
        assert!(statuses[..5].iter().all(|status| *status == 401) && statuses[5..] == [429; 2], "{path}: {statuses:?}");
    }
    ada.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await.ok();
    ada.override_method("PATCH", "/v1/me", &[("first_name", "Ada")]).await.ok();
}

/// The first requests of a client race to the window that is its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_of_a_client_that_was_not_counted_yet_gets_no_more_than_the_limit() {
    let server = counted(Environment::Production, json!({ "tokens": 5, "changes": 5 })).await;
    let mut ada = signed_up(&server, "ada", "203.0.113.7").await;
    let session = ada.session_id().await;
    for path in [format!("/v1/client/sessions/{session}/tokens"), "/v1/me/profile_image?_method=DELETE".to_owned()] {
        let mut burst = JoinSet::new();
        for _ in 0..64 {
            let (mut browser, path) = (ada.clone(), path.clone());
            burst.spawn(async move { browser.post(&path, &[]).await.status.as_u16() });
        }
        let statuses = burst.join_all().await;
        assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 59, "{path}: {statuses:?}");
    }
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
