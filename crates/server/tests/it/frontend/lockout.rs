//! The lock: after ten failed tries of whatever kind, whoever failed waits: strangers together, a known device for itself.

use super::{SIGN_INS, attempt_sign_in, begin_sign_in, server_with};
use serde_json::{Value, json};
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

/// CVE-2024-4629, CVE-2025-64102: parallel tries were faster than the counter.
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
    assert_eq!(signed_in.get("/v1/me").await.response()["locked"], true, "who is signed in stays so");
    assert_eq!(signed_in.get("/v1/me").await.response()["verification_attempts_remaining"], 0);
    assert_eq!(signed_in.get("/v1/me").await.response()["lockout_expires_in_seconds"], 3_600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_the_old_password_from_within_locks_the_device() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let old = |current| [("current_password", current), ("new_password", "a whole new password")];
    for _ in 0..10 {
        assert_eq!(ada.post("/v1/me/change_password", &old(WRONG)).await.refusal(), (422, "form_password_incorrect"));
    }
    assert_eq!(ada.post("/v1/me/change_password", &old(PASSWORD)).await.refusal(), (403, "user_locked"));
    ada.override_method("DELETE", "/v1/client/sessions", &[]).await.ok();
    assert_eq!(ada.sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"), "nor can it sign in");
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

/// A browser that the user was signed in with, and has left.
async fn left(server: &TestServer, name: &str) -> Browser {
    let mut browser = server.signed_in(name).await;
    leave(&mut browser).await;
    browser
}

async fn leave(browser: &mut Browser) {
    browser.override_method("DELETE", "/v1/client/sessions", &[]).await.ok();
}

async fn lock_of(server: &TestServer, name: &str) -> (Value, Value, Value) {
    let shown = server.backend().get(&format!("/v1/users?email_address={}", address(name).replace('+', "%2B"))).await.ok()[0].clone();
    (shown["locked"].clone(), shown["lockout_expires_in_seconds"].clone(), shown["verification_attempts_remaining"].clone())
}

/// CVE-2024-1722, CVE-2023-0105: whoever failed on purpose kept the owner out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_who_fail_on_purpose_lock_strangers_out_and_not_the_owner() {
    let server = TestServer::start().await;
    let mut ada = left(&server, "ada").await;
    for _ in 0..3 {
        fail(&server, "ada", 10).await;
        assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
        assert_eq!(ada.sign_in("ada", WRONG).await.refusal(), (422, "form_password_incorrect"));
        assert_eq!(ada.sign_in("ada", PASSWORD).await.response()["status"], "complete");
        assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"), "and gives the strangers nothing");
        leave(&mut ada).await;
        let id = begin_sign_in(&mut ada, &address("ada")).await;
        ada.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await.ok();
        assert_eq!(code_attempt(&mut ada, &id, "email_code", "424242").await.0, 200, "by a code too");
        leave(&mut ada).await;
        server.advance(Duration::from_secs(86_400));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_known_device_has_ten_tries_of_its_own_in_a_burst_too() {
    let server = TestServer::start().await;
    let mut ada = left(&server, "ada").await;
    let mut burst = JoinSet::new();
    for _ in 0..64 {
        let mut browser = ada.clone();
        burst.spawn(async move { browser.sign_in("ada", WRONG).await.code().to_owned() });
    }
    let codes = burst.join_all().await;
    assert_eq!(codes.iter().filter(|code| *code == "form_password_incorrect").count(), 10, "{codes:?}");
    let refused = ada.sign_in("ada", PASSWORD).await;
    assert_eq!((refused.refusal(), &refused.body["errors"][0]["meta"]["lockout_expires_in_seconds"]), ((403, "user_locked"), &json!(3_600)));
    assert_eq!(lock_of(&server, "ada").await, (json!(false), Value::Null, json!(10)), "strangers are not locked by it");
    server.browser().sign_in("ada", PASSWORD).await.response();
    server.advance(Duration::from_secs(3_600));
    assert_eq!(ada.sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_lock_lasts_twice_as_long_up_to_a_day_and_peace_or_a_success_begins_anew() {
    let server = server_with(json!({ "attack_protection": { "max_attempts": 2 } })).await;
    server.signed_in("ada").await;
    let lock = || async {
        fail(&server, "ada", 2).await;
        lock_of(&server, "ada").await.1.as_u64().expect("locked")
    };
    for hours in [1, 2, 4, 8, 16, 24, 24] {
        assert_eq!(lock().await, hours * 3_600);
        server.advance(Duration::from_secs(hours * 3_600));
        assert_eq!(lock_of(&server, "ada").await, (json!(false), Value::Null, json!(2)));
    }
    server.advance(Duration::from_secs(86_400));
    assert_eq!(lock().await, 3_600, "after a day of peace");
    server.advance(Duration::from_secs(3_600));
    assert_eq!(lock().await, 7_200);
    server.advance(Duration::from_secs(7_200));
    server.browser().sign_in("ada", PASSWORD).await.response();
    assert_eq!(lock().await, 3_600, "after a success");
}

/// Ten tries, and then so few in a day that one in ten thousand guesses at codes is right at the most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_day_strangers_have_fewer_than_a_hundred_tries() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut tries = 0;
    for _ in 0..24 * 4 {
        while server.browser().sign_in("ada", WRONG).await.code() == "form_password_incorrect" {
            tries += 1;
        }
        server.advance(Duration::from_secs(900));
    }
    assert_eq!(tries, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_remains_is_shown() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    assert_eq!(lock_of(&server, "ada").await, (json!(false), Value::Null, json!(10)));
    fail(&server, "ada", 3).await;
    assert_eq!(lock_of(&server, "ada").await, (json!(false), Value::Null, json!(7)));
    fail(&server, "ada", 7).await;
    server.advance(Duration::from_millis(500));
    assert_eq!(lock_of(&server, "ada").await, (json!(true), json!(3_600), json!(0)), "rounded up: waiting as long as is said is enough");
}

/// CVE-2026-9798 once more: the backend's lock holds on known devices too, and the backend's word ends every lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backends_lock_holds_everywhere_and_its_word_ends_every_lock() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = <foundation::UserId as foundation::Id>::parse(&ada.user_id().await).expect("an id");
    let instance = server.home.tenant.id();
    leave(&mut ada).await;
    server.inside(instance, store::Access::Write, |tx| Box::pin(domain::users::guard::lock(tx, user))).await;
    for password in [PASSWORD, WRONG] {
        assert_eq!(ada.sign_in("ada", password).await.refusal(), (403, "user_locked"));
        assert_eq!(server.browser().sign_in("ada", password).await.refusal(), (403, "user_locked"));
    }
    assert_eq!(lock_of(&server, "ada").await.0, true);
    server.inside(instance, store::Access::Write, |tx| Box::pin(domain::users::guard::unlock(tx, user))).await;
    fail(&server, "ada", 10).await;
    for _ in 0..10 {
        ada.sign_in("ada", WRONG).await;
    }
    assert_eq!(ada.sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
    server.inside(instance, store::Access::Write, |tx| Box::pin(domain::users::guard::unlock(tx, user))).await;
    assert_eq!(lock_of(&server, "ada").await, (json!(false), Value::Null, json!(10)));
    assert_eq!(ada.sign_in("ada", PASSWORD).await.response()["status"], "complete");
    server.browser().sign_in("ada", PASSWORD).await.response();
}

/// Whoever has stolen the old password, and signed in with it, has no budget of their own for guessing the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_makes_strangers_of_all_other_devices() {
    let server = TestServer::start().await;
    let mut thief = left(&server, "ada").await;
    let mut ada = server.browser();
    ada.sign_in("ada", PASSWORD).await.response();
    let form = [("current_password", PASSWORD), ("new_password", "a whole new password"), ("sign_out_of_other_sessions", "true")];
    ada.post("/v1/me/change_password", &form).await.ok();
    leave(&mut ada).await;
    fail(&server, "ada", 10).await;
    assert_eq!(thief.sign_in("ada", WRONG).await.refusal(), (403, "user_locked"), "one of the strangers now");
    assert_eq!(ada.sign_in("ada", "a whole new password").await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latest_twenty_devices_of_half_a_year_are_known() {
    let server = TestServer::start().await;
    let mut first = left(&server, "ada").await;
    let mut others = Vec::new();
    for _ in 0..20 {
        server.advance(Duration::from_secs(1));
        let mut other = server.browser();
        other.sign_in("ada", PASSWORD).await.response();
        leave(&mut other).await;
        others.push(other);
    }
    assert_eq!(server.belongings(server.home.tenant.id()).await["known_devices"].len(), 20);
    fail(&server, "ada", 10).await;
    assert_eq!(first.sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
    others[0].sign_in("ada", PASSWORD).await.response();
    server.advance(Duration::from_secs(180 * 86_400));
    fail(&server, "ada", 10).await;
    assert_eq!(others[1].sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"), "too long ago");
    server.advance(Duration::from_secs(86_400));
    server.browser().sign_in("ada", PASSWORD).await.response();
    assert_eq!(server.belongings(server.home.tenant.id()).await["known_devices"].len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_is_known_for_the_user_who_signed_in_on_it_only() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut mallory = left(&server, "mallory").await;
    fail(&server, "ada", 10).await;
    assert_eq!(mallory.sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
}
