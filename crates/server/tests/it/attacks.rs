//! Attacks that were thought of after the rooms were built, each with what must happen.

use http::StatusCode;
use serde_json::json;
use std::time::Duration;
use testkit::{Browser, PASSWORD, Setup, TestServer, address};

/// Begins a sign-in by a code, and sends the code to this address of the user.
async fn prepared(browser: &mut Browser, identifier: &str, strategy: &str, email_id: Option<&str>) -> String {
    let id = browser.post("/v1/client/sign_ins", &[("identifier", identifier)]).await.response()["id"].as_str().expect("an id").to_owned();
    let mut form = vec![("strategy", strategy)];
    form.extend(email_id.map(|id| ("email_address_id", id)));
    browser.post(&format!("/v1/client/sign_ins/{id}/prepare_first_factor"), &form).await.response();
    id
}

async fn attempt(browser: &mut Browser, id: &str, strategy: &str, code: &str) -> testkit::Reply {
    browser.post(&format!("/v1/client/sign_ins/{id}/attempt_first_factor"), &[("strategy", strategy), ("code", code)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_proves_no_address_but_the_one_it_was_mailed_to() {
    let server = TestServer::start().await;
    let mut mallory = server.browser();
    let reply = mallory.post("/v1/client/sign_ups", &[("email_address", "mallory@example.com"), ("password", PASSWORD)]).await;
    let id = reply.response()["id"].as_str().expect("an id").to_owned();
    let prepare = format!("/v1/client/sign_ups/{id}/prepare_verification");
    mallory.post(&prepare, &[("strategy", "email_code")]).await.response();
    let code = server.code("mallory@example.com").await;
    mallory.override_method("PATCH", &format!("/v1/client/sign_ups/{id}"), &[("email_address", "ceo@example.com")]).await.response();
    let verify = format!("/v1/client/sign_ups/{id}/attempt_verification");
    let form = [("strategy", "email_code"), ("code", code.as_str())];
    assert!(!mallory.post(&verify, &form).await.status.is_success());
    mallory.post(&prepare, &[("strategy", "email_code")]).await.response();
    assert!(!mallory.post(&verify, &form).await.status.is_success(), "nor beside a live code for the other");
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 0);
}

/// The same, as a race: the code is drawn while the address changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changing_the_address_while_its_code_is_drawn_proves_nothing() {
    let server = TestServer::start().await;
    for round in 0..8 {
        let (mine, victims) = (format!("mine{round}@example.com"), format!("ceo{round}@example.com"));
        let mut mallory = server.browser();
        let reply = mallory.post("/v1/client/sign_ups", &[("email_address", &mine), ("password", PASSWORD)]).await;
        let id = reply.response()["id"].as_str().expect("an id").to_owned();
        let (mut first, mut second) = (mallory.clone(), mallory.clone());
        let (prepare, change) = (format!("/v1/client/sign_ups/{id}/prepare_verification"), format!("/v1/client/sign_ups/{id}"));
        let (form, body) = ([("strategy", "email_code")], [("email_address", victims.as_str())]);
        tokio::join!(first.post(&prepare, &form), second.override_method("PATCH", &change, &body));
        server.run_jobs().await;
        for caught in server.world.inbox.caught(Some(&mine)) {
            let code = caught.mail.subject.split(' ').next().expect("a code").to_owned();
            mallory.post(&format!("/v1/client/sign_ups/{id}/attempt_verification"), &[("strategy", "email_code"), ("code", &code)]).await;
        }
        assert_eq!(server.backend().get(&format!("/v1/users?email_address={victims}")).await.ok(), &json!([]), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_codes_of_an_added_address_cannot_be_guessed_past_the_lock_nor_by_adding_it_again() {
    let server = TestServer::start_with(Setup { settings: json!({ "attack_protection": { "max_attempts": 7 } }), ..Setup::default() }).await;
    let mut ada = server.signed_in("ada").await;
    let mut refusals = Vec::new();
    for _ in 0..3 {
        let reply = ada.post("/v1/me/email_addresses", &[("email_address", "victim+clerk_test@example.com")]).await;
        let id = reply.response()["id"].as_str().expect("an id").to_owned();
        ada.post(&format!("/v1/me/email_addresses/{id}/prepare_verification"), &[("strategy", "email_code")]).await;
        for _ in 0..5 {
            refusals.push(ada.post(&format!("/v1/me/email_addresses/{id}/attempt_verification"), &[("code", "000000")]).await.code().to_owned());
        }
        let right = ada.post(&format!("/v1/me/email_addresses/{id}/attempt_verification"), &[("code", "424242")]).await;
        assert!(!right.status.is_success(), "after five wrong ones: {}", right.text);
        ada.override_method("DELETE", &format!("/v1/me/email_addresses/{id}"), &[]).await.ok();
    }
    assert_eq!(refusals.iter().filter(|code| *code == "form_code_incorrect").count(), 7, "{refusals:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_gone_signs_nobody_in() {
    let server = TestServer::start().await;
    let created =
        server.backend().post("/v1/users", json!({ "email_address": ["a+clerk_test@example.com", "b+clerk_test@example.com"], "password": PASSWORD })).await;
    let second = created.ok()["email_addresses"][1]["id"].as_str().expect("an id").to_owned();
    let mut mallory = server.browser();
    let id = prepared(&mut mallory, "b+clerk_test@example.com", "email_code", Some(&second)).await;
    let mut owner = server.browser();
    owner.post("/v1/client/sign_ins", &[("identifier", "a+clerk_test@example.com"), ("password", PASSWORD)]).await.response();
    owner.override_method("DELETE", &format!("/v1/me/email_addresses/{second}"), &[]).await.ok();
    assert!(!attempt(&mut mallory, &id, "email_code", "424242").await.status.is_success());
    assert_eq!(mallory.sessions().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proven_reset_does_not_outlive_ten_minutes_nor_a_password_set_after_it() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let strategy = "reset_password_email_code";
    let reset = |id: &str| format!("/v1/client/sign_ins/{id}/reset_password");
    let mut late = server.browser();
    let id = prepared(&mut late, &address("ada"), strategy, None).await;
    assert_eq!(attempt(&mut late, &id, strategy, "424242").await.response()["status"], "needs_new_password");
    server.advance(Duration::from_secs(601));
    assert!(!late.post(&reset(&id), &[("password", "mallory's own password")]).await.status.is_success());

    let mut mallory = server.browser();
    let id = prepared(&mut mallory, &address("ada"), strategy, None).await;
    attempt(&mut mallory, &id, strategy, "424242").await.response();
    server.advance(Duration::from_secs(1));
    let form = [("current_password", PASSWORD), ("new_password", "a password of her own"), ("sign_out_of_other_sessions", "true")];
    ada.post("/v1/me/change_password", &form).await.response();
    assert!(!mallory.post(&reset(&id), &[("password", "mallory's own password")]).await.status.is_success());
    assert_eq!(server.browser().sign_in("ada", "a password of her own").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_with_somebody_elses_dev_browser_does_not_hand_them_the_client() {
    let server = TestServer::start().await;
    let mut mallory = server.browser();
    let planted = mallory.post("/v1/dev_browser", &[]).await.ok()["id"].as_str().expect("an id").to_owned();
    let mut ada = server.signed_in("ada").await;
    let link = format!("/v1/client/handshake?format=nonce&redirect_url=http://localhost:3000/&__clerk_db_jwt={planted}");
    assert_eq!(ada.get(&link).await.status, StatusCode::TEMPORARY_REDIRECT);
    let seen = mallory.get(&format!("/v1/client?__clerk_db_jwt={planted}")).await;
    assert!(seen.body["response"].is_null(), "{}", seen.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_itself_is_not_sent_to_any_origin_that_asks() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for format in ["", "&format=token"] {
        let reply = ada.get(&format!("/v1/client/handshake?redirect_url=https://evil.example/{format}")).await;
        assert_eq!((reply.status, reply.location()), (StatusCode::UNPROCESSABLE_ENTITY, ""), "{format}");
    }
    let reply = ada.get("/v1/client/handshake?redirect_url=http://localhost:3000/").await;
    assert!(reply.location().contains("__clerk_handshake="), "this machine may");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_session_ends_however_many_there_are() {
    let server = TestServer::start().await;
    let id = server.signed_in("ada").await.user_id().await;
    for _ in 0..510 {
        server.backend().post("/v1/sessions", json!({ "user_id": id })).await.ok();
    }
    server.backend().patch(&format!("/v1/users/{id}"), json!({ "password": "a password of her own", "sign_out_of_other_sessions": true })).await.ok();
    let live = server.backend().get(&format!("/v1/sessions?user_id={id}&status=active")).await;
    assert_eq!(live.ok(), &json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_around_an_identifier_is_not_kept() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let padded = format!("{}{}", address("ada"), " ".repeat(500_000));
    let reply = server.browser().post("/v1/client/sign_ins", &[("identifier", &padded)]).await;
    assert_eq!(reply.response()["identifier"], address("ada"));
    assert!(reply.text.len() < 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_no_password_hashed() {
    let server = TestServer::start().await;
    // A password that the policy refuses shows whether anybody looked at it before the caller was known.
    let reply = server.browser().post("/v1/me/change_password", &[("new_password", "short"), ("current_password", "x")]).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let reply = server.browser().post("/v1/client/sign_ins/sia_000000000000000000000000000/reset_password", &[("password", "short")]).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let restricted = TestServer::start_with(Setup { settings: json!({ "sign_up": { "mode": "restricted" } }), ..Setup::default() }).await;
    let reply = restricted.browser().post("/v1/client/sign_ups", &[("email_address", "a@example.com"), ("password", "short")]).await;
    assert_eq!(reply.refusal(), (403, "sign_up_mode_restricted"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_strangers_leave_behind_is_swept() {
    let server = TestServer::start().await;
    let home = server.home.tenant.id();
    for n in 0..5 {
        let mut stranger = server.browser();
        stranger.post("/v1/client/sign_ups", &[("email_address", &format!("stranger{n}@example.com")), ("password", PASSWORD)]).await.response();
        stranger.post("/v1/dev_browser", &[]).await.ok();
    }
    server.signed_in("ada").await;
    server.advance(Duration::from_secs(8 * 86_400));
    let mut next = server.browser();
    next.post("/v1/client/sign_ups", &[("email_address", "next@example.com")]).await.response();
    next.post("/v1/dev_browser", &[]).await.ok();
    let left = server.belongings(home).await;
    assert_eq!((left["sign_ups"].len(), left["clients"].len(), left["dev_browsers"].len()), (1, 2, 1), "the newcomer's, and Ada's client");
}

/// CVE-2024-32868: a new attempt gave new tries without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_sign_ups_with_one_address_give_no_new_tries_without_end() {
    let server = TestServer::start().await;
    let mut codes = 0;
    for _ in 0..5 {
        let mut mallory = server.browser();
        let reply = mallory.post("/v1/client/sign_ups", &[("email_address", "victim@example.com"), ("password", PASSWORD)]).await;
        let id = reply.response()["id"].as_str().expect("an id").to_owned();
        for _ in 0..8 {
            let reply = mallory.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await;
            codes += usize::from(reply.status.is_success());
        }
    }
    assert_eq!(codes, 20, "in a day, however many attempts");
    server.advance(Duration::from_secs(86_401));
    let mut owner = server.browser();
    let reply = owner.post("/v1/client/sign_ups", &[("email_address", "victim@example.com"), ("password", PASSWORD)]).await;
    let id = reply.response()["id"].as_str().expect("an id").to_owned();
    owner.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await.response();
}
