//! Budgets of codes: how many mails somebody can have sent, and to whom.

use super::{SIGN_INS, begin_sign_in, header, prepare_sign_up, server_with};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, Reply, TestServer, address};
use tokio::task::JoinSet;

async fn limited(codes: Value) -> TestServer {
    server_with(json!({ "codes": codes })).await
}

async fn ask(browser: &mut Browser, name: &str, strategy: &str) -> Reply {
    let id = begin_sign_in(browser, &address(name)).await;
    browser.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", strategy)]).await
}

/// CVE-2024-32868, CVE-2025-64102: each new attempt had new codes, and there was no end to attempts. Also a mailbox filled by somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_gets_so_many_codes_in_a_day_by_all_ways_together() {
    let server = limited(json!({ "address": 4 })).await;
    let mut ada = server.signed_in("ada").await;
    for strategy in ["email_code", "reset_password_email_code", "email_code"] {
        ask(&mut server.browser(), "ada", strategy).await.ok();
    }
    server.advance(Duration::from_secs(3_600));
    for strategy in ["email_code", "reset_password_email_code"] {
        let refused = ask(&mut server.browser(), "ada", strategy).await;
        assert_eq!((refused.refusal(), header(&refused, "retry-after")), ((429, "too_many_requests"), "82800"), "{strategy}");
    }
    ada.override_method("DELETE", "/v1/client/sessions", &[]).await.ok();
    ask(&mut ada, "ada", "email_code").await.ok();
    server.advance(Duration::from_secs(82_800));
    ask(&mut server.browser(), "ada", "email_code").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_gets_so_many_over_all_their_addresses() {
    let server = limited(json!({ "address": 10, "user": 3 })).await;
    let mut ada = server.signed_in("ada").await;
    let mut statuses = Vec::new();
    for number in 0..4 {
        let added = ada.post("/v1/me/email_addresses", &[("email_address", &address(&format!("other{number}")))]).await;
        let id = added.response()["id"].as_str().expect("an id").to_owned();
        statuses.push(ada.post(&format!("/v1/me/email_addresses/{id}/prepare_verification"), &[("strategy", "email_code")]).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_asks_for_so_many_to_whomever() {
    let server = limited(json!({ "network": 3 })).await;
    let sign_up = async |network: &str, number: usize| {
        let mut browser = server.browser().from(network);
        let id = super::begin_sign_up(&mut browser, &format!("victim{number}@example.com")).await;
        prepare_sign_up(&mut browser, &id).await.status.as_u16()
    };
    let mut statuses = Vec::new();
    for number in 0..5 {
        statuses.push(sign_up(&format!("2001:db8:1:1::{number}"), number).await);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(sign_up("2001:db8:1:2::1", 6).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_instance_sends_so_many_and_a_burst_no_more() {
    let server = limited(json!({ "instance": 10 })).await;
    let mut burst = JoinSet::new();
    for number in 0..32 {
        let mut browser = server.browser().from(&format!("198.51.100.{number}"));
        burst.spawn(async move {
            let id = super::begin_sign_up(&mut browser, &format!("victim{number}@example.com")).await;
            prepare_sign_up(&mut browser, &id).await.status
        });
    }
    let statuses = burst.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count(), 22, "{statuses:?}");
    server.run_jobs().await;
    assert_eq!(server.world.inbox.caught(None).len(), 10);
    let mut neighbour = server.neighbours_browser();
    let id = super::begin_sign_up(&mut neighbour, "victim@example.com").await;
    prepare_sign_up(&mut neighbour, &id).await.ok();
}

/// Whoever uses up an address's codes does not keep its owner out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_cannot_use_up_the_owners_codes() {
    let server = limited(json!({ "address": 3 })).await;
    let mut ada = server.signed_in("ada").await;
    ada.override_method("DELETE", "/v1/client/sessions", &[]).await.ok();
    while ask(&mut server.browser(), "ada", "email_code").await.status.is_success() {}
    for _ in 0..3 {
        ask(&mut ada, "ada", "email_code").await.ok();
    }
    assert_eq!(ask(&mut ada, "ada", "email_code").await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budgets_that_are_over_are_swept() {
    let server = TestServer::start().await;
    for number in 0..5 {
        let mut browser = server.browser().from(&format!("198.51.100.{number}"));
        let id = super::begin_sign_up(&mut browser, &format!("victim{number}@example.com")).await;
        prepare_sign_up(&mut browser, &id).await.ok();
    }
    assert_eq!(server.belongings(server.home.tenant.id()).await["code_budgets"].len(), 11);
    server.advance(Duration::from_secs(86_400));
    let mut browser = server.browser();
    let id = super::begin_sign_up(&mut browser, "ada@example.com").await;
    prepare_sign_up(&mut browser, &id).await.ok();
    assert_eq!(server.belongings(server.home.tenant.id()).await["code_budgets"].len(), 3);
}

/// A backend that is misled into sending codes fills nobody's mailbox either.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backends_codes_for_an_address_are_counted_too() {
    let server = limited(json!({ "address": 4 })).await;
    let mut ada = server.signed_in("ada").await;
    let email = ada.get("/v1/me").await.response()["primary_email_address_id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/email_addresses/{email}/prepare_verification");
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (backend, path) = (server.backend(), path.clone());
        tasks.spawn(async move { backend.post(&path, json!({})).await });
    }
    let replies = tasks.join_all().await;
    assert_eq!(replies.iter().filter(|reply| reply.status == StatusCode::OK).count(), 4);
    for refused in replies.iter().filter(|reply| reply.status != StatusCode::OK) {
        assert_eq!((refused.refusal(), header(refused, "retry-after")), ((429, "too_many_requests"), "86400"), "{}", refused.text);
    }
    // The address is counted, not its row: a new one of another user is the same mailbox.
    ask(&mut server.browser(), "ada", "email_code").await.ok();
    let bob = server.signed_in("bob").await.user_id().await;
    let again = server.backend().post("/v1/email_addresses", json!({ "user_id": bob, "email_address": "shared@example.com" })).await;
    let carol = server.signed_in("carol").await.user_id().await;
    let other = server.backend().post("/v1/email_addresses", json!({ "user_id": carol, "email_address": "Shared@example.com" })).await;
    let mut sent = 0;
    for id in [&again.ok()["id"], &other.ok()["id"]].repeat(4) {
        let path = format!("/v1/email_addresses/{}/prepare_verification", id.as_str().expect("an id"));
        sent += usize::from(server.backend().post(&path, json!({})).await.status == StatusCode::OK);
    }
    assert_eq!(sent, 4);
    server.advance(Duration::from_secs(86_400));
    server.backend().post(&path, json!({})).await.ok();
}
