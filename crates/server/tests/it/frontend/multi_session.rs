//! Several users on one client, where the instance allows it.

use super::{SIGN_INS, attempt_sign_in, begin_sign_in, server_with};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, PASSWORD, TestServer, address};

/// A browser in which first Ada and then Bob have signed in; their sessions.
async fn both(server: &TestServer) -> (Browser, String, String) {
    server.signed_in("bob").await;
    let mut browser = server.signed_in("ada").await;
    let ada = browser.session_id().await;
    server.advance(Duration::from_secs(60));
    let bob = browser.sign_in("bob", PASSWORD).await.response()["created_session_id"].as_str().expect("a session").to_owned();
    (browser, ada, bob)
}

async fn server() -> TestServer {
    server_with(json!({ "session": { "multi": true } })).await
}

async fn front(browser: &mut Browser) -> Value {
    browser.get("/v1/client").await.response()["last_active_session_id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_user_signs_in_beside_the_first() {
    let server = server().await;
    let (mut browser, ada, bob) = both(&server).await;
    let sessions: Vec<Value> = browser.sessions().await.iter().map(|s| s["id"].clone()).collect();
    assert_eq!(sessions, [json!(ada), json!(bob)]);
    assert_eq!(front(&mut browser).await, bob);
    let cyd = browser.sign_up("cyd").await;
    assert_eq!(cyd.body["client"]["sessions"].as_array().map(Vec::len), Some(3), "a sign-up adds one too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_signed_in_already_is_not_signed_in_twice() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    for form in [&[("identifier", address("ada"))][..], &[("identifier", address("ada")), ("password", PASSWORD.to_owned())][..]] {
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let reply = ada.post(SIGN_INS, &form).await;
        assert_eq!(reply.refusal(), (400, "identifier_already_signed_in"));
        assert_eq!(reply.body["errors"][0]["meta"]["session_id"], session);
    }
    assert_eq!(ada.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_another_tab_completed_first_adds_no_second_session() {
    let server = server().await;
    server.signed_in("ada").await;
    let mut browser = server.browser();
    let slow = begin_sign_in(&mut browser, &address("ada")).await;
    browser.sign_in("ada", PASSWORD).await.ok();
    let late = attempt_sign_in(&mut browser, &slow, &[("strategy", "password"), ("password", PASSWORD)]).await;
    assert_eq!(late.refusal(), (400, "identifier_already_signed_in"));
    assert_eq!(browser.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_touch_puts_a_session_in_front() {
    let server = server().await;
    let (mut browser, ada, bob) = both(&server).await;
    let before = browser.get("/v1/client").await.response()["updated_at"].clone();
    server.advance(Duration::from_secs(60));
    let reply = browser.post(&format!("/v1/client/sessions/{ada}/touch"), &[("intent", "select_session")]).await;
    assert_eq!((&reply.body["client"]["last_active_session_id"], &reply.body["client"]["updated_at"]), (&json!(ada), &before));
    let me = browser.get("/v1/me").await;
    assert_eq!(me.response()["email_addresses"][0]["email_address"], address("ada"));
    let me = browser.get(&format!("/v1/me?_clerk_session_id={bob}")).await;
    assert_eq!(me.response()["email_addresses"][0]["email_address"], address("bob"), "a tab speaks for its own session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_one_out_leaves_the_other_in_front() {
    let server = server().await;
    let (mut browser, ada, bob) = both(&server).await;
    let reply = browser.post(&format!("/v1/client/sessions/{bob}/end"), &[]).await;
    assert_eq!(reply.body["client"]["last_active_session_id"], ada);
    assert_eq!(reply.body["client"]["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(browser.get("/v1/me").await.response()["email_addresses"][0]["email_address"], address("ada"));
    browser.sign_in("bob", PASSWORD).await.ok();
    assert_eq!(browser.sessions().await.len(), 2, "and back again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_a_session_out_that_is_not_in_front_changes_nothing_in_front() {
    let server = server().await;
    let (mut browser, ada, bob) = both(&server).await;
    browser.post(&format!("/v1/client/sessions/{ada}/remove"), &[]).await.ok();
    assert_eq!(front(&mut browser).await, bob);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_signed_out_together() {
    let server = server().await;
    let (mut browser, ada, bob) = both(&server).await;
    browser.override_method("DELETE", "/v1/client/sessions", &[]).await.ok();
    assert!(browser.sessions().await.is_empty());
    for id in [ada, bob] {
        assert_eq!(server.backend().get(&format!("/v1/sessions/{id}")).await.ok()["status"], "removed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_session_has_tokens_of_its_own_user() {
    let server = server().await;
    let (mut browser, ada, bob) = both(&server).await;
    let mut subjects = Vec::new();
    for id in [&ada, &bob] {
        let reply = browser.post(&format!("/v1/client/sessions/{id}/tokens"), &[]).await;
        let claims = super::claims(reply.ok()["jwt"].as_str().expect("a token"));
        assert_eq!(claims["sid"], json!(id));
        subjects.push(claims["sub"].clone());
    }
    assert_ne!(subjects[0], subjects[1]);
}

/// A session that was ended while another tab touched it must stay ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_parallel_touch_brings_an_ended_session_back() {
    let server = server().await;
    let (browser, ada, _) = both(&server).await;
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..12 {
        let (mut browser, ada) = (browser.clone(), ada.clone());
        let verb = if turn == 4 { "end" } else { "touch" };
        tasks.spawn(async move { browser.post(&format!("/v1/client/sessions/{ada}/{verb}"), &[]).await.status.as_u16() });
    }
    for status in tasks.join_all().await {
        assert!([200, 401].contains(&status), "{status}");
    }
    assert_eq!(server.backend().get(&format!("/v1/sessions/{ada}")).await.ok()["status"], "ended");
    assert_eq!(browser.clone().sessions().await.len(), 1);
}
