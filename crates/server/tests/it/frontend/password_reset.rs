//! A forgotten password: a code to a proven address allows a new one, and nothing else.

use super::{SIGN_INS, attempt_sign_in, begin_sign_in, server_with, sign_up_by_mail};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, PASSWORD, Reply, TestServer, address};

const NEW: &str = "a whole new password";
const RESET: (&str, &str) = ("strategy", "reset_password_email_code");

/// A sign-in whose reset code was right.
async fn forgotten(server: &TestServer, name: &str) -> (Browser, String) {
    let mut browser = server.browser();
    let id = begin_sign_in(&mut browser, &address(name)).await;
    browser.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[RESET]).await.ok();
    let proven = attempt_sign_in(&mut browser, &id, &[RESET, ("code", "424242")]).await;
    assert_eq!(proven.response()["status"], "needs_new_password");
    assert_eq!(proven.body["client"]["sessions"], json!([]), "nobody is signed in yet");
    (browser, id)
}

async fn reset(browser: &mut Browser, id: &str, form: &[(&str, &str)]) -> Reply {
    browser.post(&format!("{SIGN_INS}/{id}/reset_password"), form).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailed_code_allows_a_new_password_and_signs_in() {
    let server = TestServer::start().await;
    sign_up_by_mail(&server, &mut server.browser(), "ada@example.com").await;
    let mut ada = server.browser();
    let id = begin_sign_in(&mut ada, "ada@example.com").await;
    let prepared = ada.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[RESET]).await;
    assert_eq!(prepared.response()["first_factor_verification"]["strategy"], "reset_password_email_code");
    let code = server.code("ada@example.com").await;
    attempt_sign_in(&mut ada, &id, &[RESET, ("code", &code)]).await.ok();
    let done = reset(&mut ada, &id, &[("password", NEW)]).await;
    assert_eq!((&done.response()["status"], &done.body["client"]["sessions"][0]["id"]), (&json!("complete"), &done.response()["created_session_id"]));
    let old = server.browser().post(SIGN_INS, &[("identifier", "ada@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(old.refusal(), (422, "form_password_incorrect"));
    let new = server.browser().post(SIGN_INS, &[("identifier", "ada@example.com"), ("password", NEW)]).await;
    assert_eq!(new.response()["status"], "complete");
}

/// Sudhodanan and Paverd 2022: sessions of whoever held the account before lived on after its recovery.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_signs_all_other_devices_out_unless_the_user_says_otherwise() {
    for (word, left) in [(None, false), (Some("true"), false), (Some("false"), true)] {
        let server = TestServer::start().await;
        let mut phone = server.signed_in("ada").await;
        let session = phone.session_id().await;
        let (mut ada, id) = forgotten(&server, "ada").await;
        let mut form = vec![("password", NEW)];
        form.extend(word.map(|word| ("sign_out_of_other_sessions", word)));
        reset(&mut ada, &id, &form).await.ok();
        assert_eq!(ada.sessions().await.len(), 1);
        assert_eq!(phone.sessions().await.len(), usize::from(left), "{word:?}");
        let token = phone.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await;
        assert_eq!(token.status.as_u16(), if left { 200 } else { 401 }, "{word:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_code_there_is_no_new_password() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut mallory = server.browser();
    let id = begin_sign_in(&mut mallory, &address("ada")).await;
    assert_eq!(reset(&mut mallory, &id, &[("password", NEW)]).await.status.as_u16(), 422, "nothing was prepared");
    mallory.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[RESET]).await.ok();
    assert_eq!(reset(&mut mallory, &id, &[("password", NEW)]).await.status.as_u16(), 422, "nothing was proven");
    assert_eq!(attempt_sign_in(&mut mallory, &id, &[RESET, ("code", "000000")]).await.refusal(), (422, "form_code_incorrect"));
    assert_eq!(reset(&mut mallory, &id, &[("password", NEW)]).await.status.as_u16(), 422, "the wrong thing was proven");
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

/// CVE-2023-26481: what allowed a new password for one user was good for another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_one_user_resets_nobody_elses_password() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    sign_up_by_mail(&server, &mut server.browser(), "mallory@example.com").await;
    let mut mallory = server.browser();
    let own = begin_sign_in(&mut mallory, "mallory@example.com").await;
    mallory.post(&format!("{SIGN_INS}/{own}/prepare_first_factor"), &[RESET]).await.ok();
    let code = server.code("mallory@example.com").await;
    let adas = begin_sign_in(&mut mallory, &address("ada")).await;
    let crossed = attempt_sign_in(&mut mallory, &adas, &[RESET, ("code", &code)]).await;
    assert_eq!(crossed.status.as_u16(), 422);
    attempt_sign_in(&mut mallory, &own, &[RESET, ("code", &code)]).await.ok();
    let form = [("password", NEW), ("identifier", &address("ada")), ("user_id", "user_000000000000000000000000000")];
    reset(&mut mallory, &own, &form).await;
    assert_eq!(server.browser().sign_in("ada", NEW).await.refusal(), (422, "form_password_incorrect"));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_new_password_leaves_the_attempt_as_it_is() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let (mut ada, id) = forgotten(&server, "ada").await;
    for (password, code) in [("short1!", "form_password_length_too_short"), ("Password123!", "form_password_pwned")] {
        let reply = reset(&mut ada, &id, &[("password", password)]).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), "password"));
    }
    let nothing = reset(&mut ada, &id, &[]).await;
    assert_eq!((nothing.refusal(), nothing.param()), ((422, "form_param_missing"), "password"));
    assert_eq!(ada.get(&format!("{SIGN_INS}/{id}")).await.response()["status"], "needs_new_password");
    assert_eq!(reset(&mut ada, &id, &[("password", NEW)]).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_waits_for_a_new_password_takes_nothing_else_and_takes_it_once() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let (mut ada, id) = forgotten(&server, "ada").await;
    assert_eq!(attempt_sign_in(&mut ada, &id, &[("strategy", "password"), ("password", PASSWORD)]).await.status.as_u16(), 422);
    assert_eq!(attempt_sign_in(&mut ada, &id, &[RESET, ("code", "424242")]).await.status.as_u16(), 422);
    reset(&mut ada, &id, &[("password", NEW)]).await.ok();
    assert_eq!(reset(&mut ada, &id, &[("password", "one more password")]).await.status.as_u16(), 422);
    assert_eq!(server.browser().sign_in("ada", NEW).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_is_as_short_lived_as_the_code_it_came_from() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let (mut ada, id) = forgotten(&server, "ada").await;
    server.advance(Duration::from_secs(600));
    assert_eq!(reset(&mut ada, &id, &[("password", NEW)]).await.status.as_u16(), 422);
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
    let (mut ada, id) = forgotten(&server, "ada").await;
    server.advance(Duration::from_secs(599));
    assert_eq!(reset(&mut ada, &id, &[("password", NEW)]).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_does_not_outlive_a_password_that_was_set_after_it() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let (mut early, first) = forgotten(&server, "ada").await;
    server.advance(Duration::from_secs(60));
    let (mut late, second) = forgotten(&server, "ada").await;
    reset(&mut late, &second, &[("password", NEW)]).await.ok();
    assert_eq!(reset(&mut early, &first, &[("password", "mallorys own password")]).await.status.as_u16(), 422);
    assert_eq!(server.browser().sign_in("ada", NEW).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reset_is_offered_where_there_are_no_passwords() {
    let server = server_with(json!({ "auth_password": { "enabled": false, "required": false } })).await;
    let mut ada = server.browser();
    let begun = ada.post(super::SIGN_UPS, &[("email_address", &address("ada"))]).await;
    super::prepare_sign_up(&mut ada, &super::id(&begun)).await.ok();
    super::attempt_sign_up(&mut ada, &super::id(&begun), "424242").await.ok();
    let mut browser = server.browser();
    let begun = browser.post(SIGN_INS, &[("identifier", &address("ada"))]).await;
    let factors = begun.response()["supported_first_factors"].as_array().expect("factors").clone();
    let strategies: Vec<&str> = factors.iter().filter_map(|f| f["strategy"].as_str()).collect();
    assert_eq!(strategies, ["email_code"]);
    let refused = browser.post(&format!("{SIGN_INS}/{}/prepare_first_factor", super::id(&begun)), &[RESET]).await;
    assert_eq!(refused.refusal(), (422, "strategy_for_user_invalid"));
}

/// CVE-2023-49097, CVE-2025-64101, GHSA-3529-5m8x-rpv3: the address in the mail came from a header of the request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_header_of_the_request_reaches_the_mail() {
    let server = TestServer::start().await;
    sign_up_by_mail(&server, &mut server.browser(), "ada@example.com").await;
    server.world.inbox.clear();
    let mut mallory = server.browser();
    for name in ["x-forwarded-host", "x-forwarded-proto", "x-original-url", "x-host", "forwarded", "referer", "clerk-proxy-url", "user-agent"] {
        mallory.headers.push((name.to_owned(), "https://evil.example/".to_owned()));
    }
    mallory.origin = Some("https://evil.example".to_owned());
    let id = begin_sign_in(&mut mallory, "ada@example.com").await;
    mallory.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[RESET, ("redirect_url", "https://evil.example/")]).await.ok();
    server.run_jobs().await;
    let caught = server.world.inbox.caught(None);
    assert_eq!(caught.len(), 1);
    let mail = serde_json::to_value(&caught[0].mail).expect("JSON");
    assert!(!mail.to_string().contains("evil.example"), "{mail}");
    assert_eq!(mail["to"], Value::from("ada@example.com"));
}

/// The way of custom forms: the code and the new password in one request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_new_password_can_come_with_the_code() {
    let server = TestServer::start().await;
    let mut elsewhere = server.signed_in("ada").await;
    let mut browser = server.browser();
    let reply = browser.post("/v1/client/sign_ins", &[("identifier", &address("ada")), ("strategy", "reset_password_email_code")]).await;
    let id = reply.response()["id"].as_str().expect("an id").to_owned();
    let attempt = format!("/v1/client/sign_ins/{id}/attempt_first_factor");
    let with = |code, password| [("strategy", "reset_password_email_code"), ("code", code), ("password", password)];
    assert_eq!(browser.post(&attempt, &with("424242", "short")).await.refusal(), (422, "form_password_length_too_short"), "and the code is not spent");
    assert_eq!(browser.post(&attempt, &with("000000", "a password of her own")).await.refusal(), (422, "form_code_incorrect"));
    assert_eq!(browser.post(&attempt, &with("424242", "a password of her own")).await.response()["status"], "complete");
    assert_eq!(elsewhere.get("/v1/me").await.status.as_u16(), 401, "other sessions have ended");
    assert!(server.browser().sign_in("ada", "a password of her own").await.status.is_success());
}
