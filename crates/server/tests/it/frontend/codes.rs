//! Codes: what holds for every code that is mailed. Tried at sign-ups, and where it matters at sign-ins too.

use super::{SIGN_INS, another, attempt_sign_in, attempt_sign_up, begin_sign_in, begin_sign_up, prepare_sign_up};
use serde_json::json;
use std::time::Duration;
use testkit::{Browser, PASSWORD, TestServer, address};
use tokio::task::JoinSet;

const EMAIL: &str = "ada@example.com";

/// A sign-up that waits for its code: the browser, the attempt and the code.
async fn waiting(server: &TestServer) -> (Browser, String, String) {
    let mut browser = server.browser();
    let id = begin_sign_up(&mut browser, EMAIL).await;
    prepare_sign_up(&mut browser, &id).await.ok();
    let code = server.code(EMAIL).await;
    (browser, id, code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_code_is_counted_and_changes_nothing_else() {
    let server = TestServer::start().await;
    let (mut ada, id, code) = waiting(&server).await;
    let refused = attempt_sign_up(&mut ada, &id, &another(&code)).await;
    assert_eq!((refused.refusal(), refused.param()), ((422, "form_code_incorrect"), "code"));
    let shown = &refused.body["meta"]["client"]["sign_up"];
    assert_eq!((&shown["status"], &shown["verifications"]["email_address"]["attempts"]), (&json!("missing_requirements"), &json!(1)));
    assert_eq!(shown["verifications"]["email_address"]["status"], "unverified");
    assert_eq!(attempt_sign_up(&mut ada, &id, &code).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_five_wrong_codes_the_right_one_is_wrong_too() {
    let server = TestServer::start().await;
    let (mut ada, id, code) = waiting(&server).await;
    for _ in 0..5 {
        assert_eq!(attempt_sign_up(&mut ada, &id, &another(&code)).await.refusal(), (422, "form_code_incorrect"));
    }
    let refused = attempt_sign_up(&mut ada, &id, &code).await;
    assert_eq!(refused.refusal(), (422, "verification_failed"));
    let shown = &refused.body["meta"]["client"]["sign_up"]["verifications"]["email_address"];
    assert_eq!((&shown["status"], &shown["next_action"]), (&json!("failed"), &json!("needs_prepare")));
    prepare_sign_up(&mut ada, &id).await.ok();
    let fresh = server.code(EMAIL).await;
    assert_eq!(attempt_sign_up(&mut ada, &id, &fresh).await.response()["status"], "complete", "a new code starts over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_parallel_guesses_gets_five_verdicts() {
    let server = TestServer::start().await;
    let (mut ada, id, code) = waiting(&server).await;
    let mut burst = JoinSet::new();
    for guess in 0..16 {
        let (mut browser, id, code) = (ada.clone(), id.clone(), code.clone());
        let guess = format!("{guess:06}");
        let guess = if guess == code { another(&guess) } else { guess };
        burst.spawn(async move { attempt_sign_up(&mut browser, &id, &guess).await.code().to_owned() });
    }
    let codes = burst.join_all().await;
    assert_eq!(codes.iter().filter(|c| *c == "form_code_incorrect").count(), 5, "{codes:?}");
    assert_eq!(codes.iter().filter(|c| *c == "verification_failed").count(), 11, "{codes:?}");
    assert_eq!(attempt_sign_up(&mut ada, &id, &code).await.refusal(), (422, "verification_failed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_lives_for_ten_minutes() {
    let server = TestServer::start().await;
    let (mut ada, id, code) = waiting(&server).await;
    server.advance(Duration::from_secs(600));
    let refused = attempt_sign_up(&mut ada, &id, &code).await;
    assert_eq!(refused.refusal(), (422, "verification_expired"));
    let shown = &refused.body["meta"]["client"]["sign_up"]["verifications"]["email_address"];
    assert_eq!((&shown["status"], &shown["next_action"]), (&json!("expired"), &json!("needs_prepare")));
    prepare_sign_up(&mut ada, &id).await.ok();
    let fresh = server.code(EMAIL).await;
    server.advance(Duration::from_secs(599));
    assert_eq!(attempt_sign_up(&mut ada, &id, &fresh).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_code_ends_the_former_one() {
    let server = TestServer::start().await;
    let (mut ada, id, former) = waiting(&server).await;
    attempt_sign_up(&mut ada, &id, &another(&former)).await;
    let prepared = prepare_sign_up(&mut ada, &id).await;
    assert_eq!(prepared.response()["verifications"]["email_address"]["attempts"], 0);
    let code = server.code(EMAIL).await;
    assert_ne!(code, former);
    assert_eq!(attempt_sign_up(&mut ada, &id, &former).await.refusal(), (422, "form_code_incorrect"));
    assert_eq!(attempt_sign_up(&mut ada, &id, &code).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_sent_ten_codes_at_most() {
    let server = TestServer::start().await;
    let (mut ada, id, _) = waiting(&server).await;
    for _ in 1..10 {
        prepare_sign_up(&mut ada, &id).await.ok();
    }
    let refused = prepare_sign_up(&mut ada, &id).await;
    assert!(refused.status.is_client_error(), "{}", refused.text);
    server.run_jobs().await;
    assert_eq!(server.world.inbox.caught(Some(EMAIL)).len(), 10);
}

/// CVE-2025-12421: a code of one kind was taken for another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_one_attempt_is_nothing_for_another() {
    let server = TestServer::start().await;
    let (mut ada, first, code) = waiting(&server).await;
    let mut other = server.browser();
    let second = begin_sign_up(&mut other, EMAIL).await;
    assert_eq!(attempt_sign_up(&mut other, &second, &code).await.refusal(), (422, "verification_missing"), "none was asked for here");
    prepare_sign_up(&mut other, &second).await.ok();
    if server.code(EMAIL).await != code {
        assert_eq!(attempt_sign_up(&mut other, &second, &code).await.refusal(), (422, "form_code_incorrect"));
    }
    assert_eq!(attempt_sign_up(&mut ada, &first, &code).await.response()["status"], "complete", "it is still good where it belongs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_one_purpose_is_nothing_for_another() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut ada = server.browser();
    let id = begin_sign_in(&mut ada, &address("ada")).await;
    ada.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await.ok();
    let crossed = attempt_sign_in(&mut ada, &id, &[("strategy", "reset_password_email_code"), ("code", "424242")]).await;
    assert_eq!(crossed.status.as_u16(), 422, "a code to sign in allows no new password");
    assert_eq!(attempt_sign_in(&mut ada, &id, &[("strategy", "email_code"), ("code", "424242")]).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_works_once() {
    let server = TestServer::start().await;
    let (mut ada, id, code) = waiting(&server).await;
    attempt_sign_up(&mut ada, &id, &code).await.ok();
    assert_eq!(attempt_sign_up(&mut ada, &id, &code).await.status.as_u16(), 422);
    assert_eq!(ada.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_parallel_tries_with_the_right_code_one_succeeds() {
    let server = TestServer::start().await;
    let (ada, id, code) = waiting(&server).await;
    let mut race = JoinSet::new();
    for _ in 0..16 {
        let (mut browser, id, code) = (ada.clone(), id.clone(), code.clone());
        race.spawn(async move { attempt_sign_up(&mut browser, &id, &code).await.status.as_u16() });
    }
    let statuses = race.join_all().await;
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|s| [200, 401, 422].contains(s)), "{statuses:?}");
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_parallel_sign_ins_with_the_right_code_one_succeeds() {
    let server = TestServer::start().await;
    let mut first = server.signed_in("ada").await;
    let mut ada = server.browser();
    let id = begin_sign_in(&mut ada, &address("ada")).await;
    ada.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await.ok();
    let mut race = JoinSet::new();
    for _ in 0..16 {
        let (mut browser, id) = (ada.clone(), id.clone());
        race.spawn(async move { attempt_sign_in(&mut browser, &id, &[("strategy", "email_code"), ("code", "424242")]).await.status.as_u16() });
    }
    let statuses = race.join_all().await;
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    let user = first.user_id().await;
    let sessions = server.backend().get(&format!("/v1/sessions?user_id={user}&status=active")).await;
    assert_eq!(sessions.ok().as_array().map(Vec::len), Some(2), "the one from the sign-up, and one more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_code_there_is_nothing_to_try() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let id = begin_sign_up(&mut ada, &address("ada")).await;
    assert_eq!(attempt_sign_up(&mut ada, &id, "424242").await.refusal(), (422, "verification_missing"));
    prepare_sign_up(&mut ada, &id).await.ok();
    for code in ["", "4242", "424242 ", "０００"] {
        let refused = attempt_sign_up(&mut ada, &id, code).await;
        assert_eq!((refused.status.as_u16(), refused.param()), (422, "code"), "{code:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proven_address_is_not_proven_twice() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let begun = ada.post(super::SIGN_UPS, &[("email_address", &address("ada"))]).await;
    let id = super::id(&begun);
    prepare_sign_up(&mut ada, &id).await.ok();
    let mut race = JoinSet::new();
    for _ in 0..16 {
        let (mut browser, id) = (ada.clone(), id.clone());
        race.spawn(async move { attempt_sign_up(&mut browser, &id, "424242").await.status.as_u16() });
    }
    let statuses = race.join_all().await;
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    assert_eq!(attempt_sign_up(&mut ada, &id, "424242").await.refusal(), (422, "verification_already_verified"));
    assert_eq!(prepare_sign_up(&mut ada, &id).await.refusal(), (422, "verification_already_verified"));
    let done = ada.override_method("PATCH", &format!("{}/{id}", super::SIGN_UPS), &[("password", PASSWORD)]).await;
    assert_eq!(done.response()["status"], "complete");
}
