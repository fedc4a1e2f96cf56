//! Enumeration: how many wrong guesses at identifiers a network has.

use super::{APP, SIGN_INS, SIGN_UPS, header, server_with};
use domain::instances::Environment;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, PASSWORD, Reply, Setup, TestServer, address};
use tokio::task::JoinSet;

async fn protected(probes: u32) -> TestServer {
    server_with(json!({ "auth_username": "optional", "attack_protection": { "enumeration_protection": "bulk", "probes": probes } })).await
}

async fn ask(browser: &mut Browser, identifier: &str) -> Reply {
    browser.post(SIGN_INS, &[("identifier", identifier)]).await
}

/// A browser that somebody was signed in with, who has left.
async fn known(server: &TestServer, name: &str, at: &str) -> Browser {
    let mut browser = server.browser().from(at);
    browser.sign_up(name).await;
    browser.override_method("DELETE", "/v1/client/sessions", &[]).await.ok();
    browser
}

/// CVE-2026-23511: whoever asked long enough knew all accounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_guesses_so_often_and_then_learns_nothing_more() {
    let server = protected(10).await;
    server.signed_in("ada").await;
    let mut mallory = server.browser().from("203.0.113.7");
    for guess in 0..9 {
        assert_eq!(ask(&mut mallory, &format!("nobody{guess}@example.com")).await.code(), "form_identifier_not_found");
        assert_eq!(ask(&mut mallory, &format!(" Nobody{guess}@example.com")).await.code(), "form_identifier_not_found", "the same again is no new guess");
        ask(&mut mallory, &address("ada")).await.ok();
    }
    assert_eq!(ask(&mut mallory, "nobody9@example.com").await.code(), "form_identifier_not_found");
    server.advance(Duration::from_secs(600));
    let [there, not_there] = [ask(&mut mallory, &address("ada")).await, ask(&mut mallory, "nobody99@example.com").await];
    assert_eq!((there.refusal(), header(&there, "retry-after")), ((429, "too_many_requests"), "3000"));
    let told = |reply: &Reply| (reply.status, reply.body["errors"].clone(), header(reply, "retry-after").to_owned());
    assert_eq!(told(&there), told(&not_there));
    let taken = mallory.post(SIGN_UPS, &[("email_address", &address("ada"))]).await;
    let free = mallory.post(SIGN_UPS, &[("email_address", "free@example.com")]).await;
    assert_eq!((told(&taken), told(&free)), (told(&there), told(&there)), "by no other way either");
    assert_eq!(ask(&mut server.browser().from("203.0.113.7"), &address("ada")).await.status, 429, "nor without cookies");
    ask(&mut server.browser().from("203.0.113.8"), &address("ada")).await.ok();
    mallory.post(SIGN_INS, &[]).await.ok();
    server.advance(Duration::from_secs(3_000));
    ask(&mut mallory, &address("ada")).await.ok();
}

/// Whoever raises the number for an office that has spent it does not wait out the hour, and a lowered one bites at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_number_of_guesses_counts_for_the_hour_that_runs() {
    let server = protected(10).await;
    let (platform, config) = (server.platform(), format!("{}/config", crate::platform::home(&server)));
    let mut office = server.browser().from("203.0.113.7");
    for guess in 0..10 {
        assert_eq!(ask(&mut office, &format!("nobody{guess}@example.com")).await.code(), "form_identifier_not_found");
    }
    assert_eq!(ask(&mut office, "nobody10@example.com").await.status, 429);
    platform.patch(&config, json!({ "attack_protection": { "probes": 12 } })).await.ok();
    for guess in 10..12 {
        assert_eq!(ask(&mut office, &format!("nobody{guess}@example.com")).await.code(), "form_identifier_not_found");
    }
    assert_eq!(ask(&mut office, "nobody12@example.com").await.status, 429, "what was spent before counts");
    platform.patch(&config, json!({ "attack_protection": { "probes": 1_000 } })).await.ok();
    assert_eq!(ask(&mut office, "nobody12@example.com").await.code(), "form_identifier_not_found");
    platform.patch(&config, json!({ "attack_protection": { "probes": 5 } })).await.ok();
    assert_eq!(ask(&mut office, "nobody13@example.com").await.refusal(), (429, "too_many_requests"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_ways_of_asking_share_one_budget() {
    let server = protected(5).await;
    server.signed_in("bob").await;
    server.signed_in("ada").await.override_method("PATCH", "/v1/me", &[("username", "lovelace")]).await.ok();
    let mut mallory = server.browser().from("203.0.113.7");
    mallory.sign_up("mallory").await;
    assert_eq!(mallory.post("/v1/me/email_addresses", &[("email_address", &address("ada"))]).await.code(), "form_identifier_exists");
    assert_eq!(mallory.override_method("PATCH", "/v1/me", &[("username", "lovelace")]).await.code(), "form_identifier_exists");
    let mut other = server.browser().from("203.0.113.7");
    assert_eq!(other.post(SIGN_UPS, &[("email_address", &address("bob"))]).await.code(), "form_identifier_exists");
    let id = super::begin_sign_up(&mut other, "free@example.com").await;
    let reply = other.override_method("PATCH", &format!("{SIGN_UPS}/{id}"), &[("email_address", &address("mallory"))]).await;
    assert_eq!(reply.code(), "form_identifier_exists");
    assert_eq!(ask(&mut other, "nobody@example.com").await.code(), "form_identifier_not_found");
    assert_eq!(ask(&mut other, &address("bob")).await.status, 429);
    for reply in [
        other.override_method("PATCH", &format!("{SIGN_UPS}/{id}"), &[("username", "somebody")]).await,
        other.post(SIGN_UPS, &[("email_address", "another@example.com")]).await,
    ] {
        assert_eq!(reply.refusal(), (429, "too_many_requests"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_somebody_has_signed_in_on_has_a_budget_of_its_own() {
    let server = protected(5).await;
    let mut ada = known(&server, "ada", "203.0.113.7").await;
    let mut mallory = server.browser().from("203.0.113.7");
    for guess in 0..6 {
        ask(&mut mallory, &format!("nobody{guess}@example.com")).await;
    }
    assert_eq!(ask(&mut mallory, &address("ada")).await.status, 429);
    ask(&mut ada, &address("ada")).await.ok();
    for guess in 0..5 {
        assert_eq!(ask(&mut ada, &format!("typo{guess}@example.com")).await.status, 422);
    }
    assert_eq!(ask(&mut ada, &address("ada")).await.status, 429, "but no more than anybody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_learns_no_more() {
    let server = protected(5).await;
    let mut burst = JoinSet::new();
    for guess in 0..64 {
        let mut mallory = server.browser().from("203.0.113.7");
        burst.spawn(async move { ask(&mut mallory, &format!("nobody{guess}@example.com")).await.status.as_u16() });
    }
    let statuses = burst.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 5, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_on_where_an_instance_is_live_and_off_in_development() {
    for (environment, refused) in [(Environment::Production, 10), (Environment::Development, 0)] {
        let server = TestServer::start_with(Setup { environment, settings: json!({ "allowed_origins": [APP] }), ..Setup::default() }).await;
        let mut mallory = server.browser().from("203.0.113.7");
        mallory.origin = Some(APP.to_owned());
        let mut statuses = Vec::new();
        for guess in 0..60 {
            statuses.push(ask(&mut mallory, &format!("nobody{guess}@example.com")).await.status.as_u16());
        }
        assert_eq!(statuses.iter().filter(|status| **status == 429).count(), refused, "{environment:?}");
        // The SDKs take `enabled` for the mode in which nothing is told at all, and would ask for what that needs.
        let shown = mallory.get("/v1/environment").await.ok()["user_settings"]["attack_protection"]["enumeration_protection"].clone();
        assert_eq!(shown, json!({ "enabled": false }));
    }
}

/// CVE-2024-41952, CVE-2026-23511: an unknown user was told by the shape of the answer to a password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_costs_the_same_work_whether_or_not_somebody_is_there() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let hashed = || server.world.passwords.hashed();
    let before = hashed();
    server.browser().sign_in("ada", "wrong password").await;
    let known = hashed() - before;
    server.browser().sign_in("nobody", "wrong password").await;
    assert_eq!((known, hashed() - before - known), (1, 1));
    let id = super::begin_sign_up(&mut server.browser(), "free@example.com").await;
    assert!(id.starts_with("sua_"));
    let taken = server.browser().post(SIGN_UPS, &[("email_address", &address("ada")), ("password", PASSWORD)]).await;
    assert_eq!((taken.code(), hashed() - before), ("form_identifier_exists", 4), "a new one's is hashed before anybody looks");
    assert_eq!(taken.body["errors"][0]["meta"]["param_name"], Value::from("email_address"));
}
