//! The lock: after ten failed tries of whatever kind, a user waits for an hour.

use super::{SIGN_INS, attempt_sign_in, begin_sign_in, server_with};
use serde_json::json;
use std::time::Duration;
use testkit::{Browser, PASSWORD, TestServer, address};
use tokio::task::JoinSet;

const WRONG: &str = "wrong password";

async fn fail(server: &TestServer, name: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(server.browser().sign_in(name, WRONG).await.refusal(), (422, "form_password_incorrect"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_failures_lock_a_user_for_an_hour() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    server.signed_in("bob").await;
    fail(&server, "ada", 10).await;
    let refused = server.browser().sign_in("ada", PASSWORD).await;
    assert_eq!(refused.refusal(), (403, "user_locked"), "the right password is refused too");
    assert_eq!(refused.body["errors"][0]["meta"]["lockout_expires_in_seconds"], 3_600);
    assert_eq!(server.browser().sign_in("ada", WRONG).await.refusal(), (403, "user_locked"), "and told from a wrong one by nothing");
    assert_eq!(server.browser().sign_in("bob", PASSWORD).await.response()["status"], "complete", "nobody else is");
    server.advance(Duration::from_secs(3_599));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
    server.advance(Duration::from_secs(1));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_lock_the_count_begins_anew() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    fail(&server, "ada", 10).await;
    server.advance(Duration::from_secs(3_600));
    fail(&server, "ada", 10).await;
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_while_locked_do_not_make_the_lock_longer() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    fail(&server, "ada", 10).await;
    server.advance(Duration::from_secs(3_000));
    assert_eq!(server.browser().sign_in("ada", WRONG).await.code(), "user_locked");
    server.advance(Duration::from_secs(600));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_success_clears_the_count() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    for _ in 0..2 {
        fail(&server, "ada", 9).await;
        assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
    }
}

/// CVE-2024-4629: parallel tries were faster than the counter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_parallel_guesses_gets_ten_verdicts() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut burst = JoinSet::new();
    for guess in 0..32 {
        let mut browser = server.browser();
        burst.spawn(async move {
            let reply = browser.sign_in("ada", &format!("wrong password {guess}")).await;
            (reply.status.as_u16(), reply.code().to_owned())
        });
    }
    let verdicts = burst.join_all().await;
    let count = |wanted: (u16, &str)| verdicts.iter().filter(|(status, code)| (*status, code.as_str()) == wanted).count();
    assert_eq!(count((422, "form_password_incorrect")), 10, "{verdicts:?}");
    assert_eq!(count((403, "user_locked")), 22, "{verdicts:?}");
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
}

/// CVE-2024-4629 again: the right guess in the burst must not get past the lock either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_guess_behind_ten_wrong_ones_is_not_told_apart() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    fail(&server, "ada", 10).await;
    let mut burst = JoinSet::new();
    for guess in 0..8 {
        let mut browser = server.browser();
        burst.spawn(async move { browser.sign_in("ada", if guess == 5 { PASSWORD } else { WRONG }).await.body["errors"].clone() });
    }
    let answers = burst.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

/// CVE-2025-24806, CVE-2026-47203: each name of a user had a counter of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_names_of_a_user_share_one_counter() {
    let server = server_with(json!({ "auth_username": "optional" })).await;
    let mut ada = server.signed_in("ada").await;
    ada.override_method("PATCH", "/v1/me", &[("username", "lovelace")]).await.ok();
    let names = ["lovelace".to_owned(), address("ada"), address("ADA"), "LoveLace".to_owned(), address("ada").to_uppercase()];
    for name in names.iter().cycle().take(10) {
        let reply = server.browser().post(SIGN_INS, &[("identifier", name), ("password", WRONG)]).await;
        assert_eq!(reply.refusal(), (422, "form_password_incorrect"), "{name}");
    }
    for name in &names {
        let reply = server.browser().post(SIGN_INS, &[("identifier", name), ("password", PASSWORD)]).await;
        assert_eq!(reply.refusal(), (403, "user_locked"), "{name}");
    }
}

async fn code_attempt(browser: &mut Browser, id: &str, strategy: &str, code: &str) -> (u16, String) {
    let reply = attempt_sign_in(browser, id, &[("strategy", strategy), ("code", code)]).await;
    (reply.status.as_u16(), if reply.status.is_success() { String::new() } else { reply.code().to_owned() })
}

/// CVE-2024-32868: a new attempt, or a new code, gave new tries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_of_all_attempts_are_counted_together_with_wrong_passwords() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    fail(&server, "ada", 4).await;
    for strategy in ["email_code", "reset_password_email_code"] {
        let mut browser = server.browser();
        let id = begin_sign_in(&mut browser, &address("ada")).await;
        browser.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", strategy)]).await.ok();
        for _ in 0..3 {
            assert_eq!(code_attempt(&mut browser, &id, strategy, "000000").await, (422, "form_code_incorrect".to_owned()));
        }
    }
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
}

/// CVE-2026-9798: the lock did not hold on a second way in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_holds_on_every_way_in() {
    let server = TestServer::start().await;
    let mut signed_in = server.signed_in("ada").await;
    let mut waiting = server.browser();
    let id = begin_sign_in(&mut waiting, &address("ada")).await;
    waiting.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await.ok();
    fail(&server, "ada", 10).await;
    assert_eq!(code_attempt(&mut waiting, &id, "email_code", "424242").await, (403, "user_locked".to_owned()));
    let mut other = server.browser();
    let id = begin_sign_in(&mut other, &address("ada")).await;
    for strategy in ["email_code", "reset_password_email_code"] {
        let reply = other.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", strategy)]).await;
        assert_eq!(reply.refusal(), (403, "user_locked"), "{strategy}");
    }
    let change = signed_in.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", "a whole new password")]).await;
    assert_eq!(change.refusal(), (403, "user_locked"));
    assert_eq!(signed_in.get("/v1/me").await.response()["locked"], true, "who is signed in stays so");
    assert_eq!(signed_in.get("/v1/me").await.response()["lockout_expires_in_seconds"], 3_600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_the_old_password_from_within_is_counted_too() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for _ in 0..10 {
        let reply = ada.post("/v1/me/change_password", &[("current_password", WRONG), ("new_password", "a whole new password")]).await;
        assert_eq!(reply.refusal(), (422, "form_password_incorrect"));
    }
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_many_and_how_long_are_settings() {
    let server = server_with(json!({ "attack_protection": { "max_attempts": 3, "lockout_seconds": 60 } })).await;
    server.signed_in("ada").await;
    fail(&server, "ada", 3).await;
    let refused = server.browser().sign_in("ada", PASSWORD).await;
    assert_eq!((refused.refusal(), &refused.body["errors"][0]["meta"]["lockout_expires_in_seconds"]), ((403, "user_locked"), &json!(60)));
    server.advance(Duration::from_secs(60));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_neighbours_user_of_the_same_name_is_not_locked() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    server.signed_in_next_door("ada").await;
    fail(&server, "ada", 10).await;
    assert_eq!(server.neighbours_browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}
