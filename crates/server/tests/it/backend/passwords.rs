//! Passwords that a backend gives to users.

use super::{NOBODY, count, id};
use serde_json::json;
use testkit::{TestServer, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_must_fit_the_policy() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let long = "long enough ".repeat(11);
    for (password, code) in [
        ("short 7", "form_password_length_too_short"),
        ("password123", "form_password_pwned"),
        ("aaaaaaaaaa", "form_password_pwned"),
        (long.as_str(), "form_password_length_too_long"),
    ] {
        let reply = backend.post("/v1/users", json!({ "email_address": ["ada@example.com"], "password": password })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), "password"), "{password}");
        assert!(!reply.text.contains(password), "a refused password is not repeated");
    }
    assert_eq!(count(&backend).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_may_skip_the_policy() {
    let server = TestServer::start().await;
    let backend = server.backend();
    backend.post("/v1/users", json!({ "email_address": [address("ada")], "password": "1234", "skip_password_checks": true })).await.ok();
    assert_eq!(server.browser().sign_in("ada", "1234").await.response()["status"], "complete");
    let reply = backend.post("/v1/users", json!({ "email_address": [address("bob")], "password": "1234", "skip_password_checks": false })).await;
    assert_eq!(reply.refusal(), (422, "form_password_length_too_short"));
}

/// Passwords are taken as they are: neither trimmed, nor cut, nor folded (ASVS 5.0 6.2.8).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_counts_to_its_last_character() {
    let server = TestServer::start().await;
    let password = format!(" {}é!", "Übermäßig ".repeat(9));
    server.backend().post("/v1/users", json!({ "email_address": [address("ada")], "password": password })).await.ok();
    let almost = [
        password.trim().to_owned(),
        password.to_lowercase(),
        password.replace('é', "e\u{301}"),
        password[..password.len() - 1].to_owned(),
        format!("{password} "),
    ];
    for wrong in almost {
        assert_eq!(server.browser().sign_in("ada", &wrong).await.refusal(), (422, "form_password_incorrect"), "{wrong:?}");
    }
    assert_eq!(server.browser().sign_in("ada", &password).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_signs_in_and_the_old_one_does_not() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let before = server.backend().get(&format!("/v1/users/{user}")).await.ok()["password_last_updated_at"].as_i64().expect("a time");
    server.advance(std::time::Duration::from_secs(5));
    let reply = server.backend().patch(&format!("/v1/users/{user}"), json!({ "password": "another long secret" })).await;
    assert_eq!(reply.ok()["password_last_updated_at"].as_i64(), Some(before + 5_000));
    assert_eq!(server.browser().sign_in("ada", testkit::PASSWORD).await.refusal(), (422, "form_password_incorrect"));
    assert_eq!(server.browser().sign_in("ada", "another long secret").await.response()["status"], "complete");
    ada.token().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_sessions_where_the_backend_asks_for_it() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut bob = server.signed_in("bob").await;
    let mut tablet = server.browser();
    tablet.sign_in("ada", testkit::PASSWORD).await.response();
    let (user, session, on_tablet) = (ada.user_id().await, ada.session_id().await, tablet.session_id().await);
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "password": "another long secret", "sign_out_of_other_sessions": true })).await.ok();
    assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await.status, 401);
    assert_eq!(tablet.post(&format!("/v1/client/sessions/{on_tablet}/tokens"), &[]).await.status, 401);
    assert_eq!(server.backend().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "revoked");
    bob.token().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_changes_nothing_else() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = id(backend.post("/v1/users", json!({ "email_address": [address("ada")], "password": testkit::PASSWORD, "first_name": "Ada" })).await.ok());
    let reply = backend.patch(&format!("/v1/users/{user}"), json!({ "first_name": "Eve", "password": "short" })).await;
    assert_eq!(reply.refusal(), (422, "form_password_length_too_short"));
    assert_eq!(backend.get(&format!("/v1/users/{user}")).await.ok()["first_name"], "Ada");
    assert_eq!(server.browser().sign_in("ada", testkit::PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_may_ask_whether_a_password_is_right() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = id(backend.post("/v1/users", json!({ "email_address": [address("ada")], "password": testkit::PASSWORD })).await.ok());
    let path = format!("/v1/users/{ada}/verify_password");
    assert_eq!(*backend.post(&path, json!({ "password": testkit::PASSWORD })).await.ok(), json!({ "verified": true }));
    let wrong = backend.post(&path, json!({ "password": "not the password" })).await;
    assert_eq!((wrong.refusal(), wrong.param()), ((422, "form_password_incorrect"), "password"));
    for (body, param) in [
        (json!({}), "password"),
        (json!({ "password": null }), "password"),
        (json!({ "password": ["a"] }), "password"),
        (json!({ "password": "a", "user_id": ada }), "user_id"),
    ] {
        let reply = backend.post(&path, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}");
    }
    let body = json!({ "password": testkit::PASSWORD });
    assert_eq!(server.neighbours_backend().post(&path, body.clone()).await.refusal(), (404, "resource_not_found"));
    assert_eq!(backend.post(&format!("/v1/users/{NOBODY}/verify_password"), body.clone()).await.refusal(), (404, "resource_not_found"));
    let without = id(backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["bob@example.com"] })).await.ok());
    assert_eq!(backend.post(&format!("/v1/users/{without}/verify_password"), body).await.status, 400, "the contract's answer where no password is set");
    let shown = backend.get(&format!("/v1/users/{ada}")).await.ok().clone();
    assert_eq!((&shown["last_sign_in_at"], &shown["last_active_at"]), (&json!(null), &json!(null)), "to verify is not to sign in");
}

/// CVE-2026-9798: a lock that held on one path and not on another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_the_backend_and_at_the_door_share_one_lock() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = id(backend.post("/v1/users", json!({ "email_address": [address("ada")], "password": testkit::PASSWORD })).await.ok());
    let path = format!("/v1/users/{ada}/verify_password");
    for _ in 0..5 {
        assert_eq!(backend.post(&path, json!({ "password": "a guess" })).await.refusal(), (422, "form_password_incorrect"));
        assert_eq!(server.browser().sign_in("ada", "a guess").await.refusal(), (422, "form_password_incorrect"));
    }
    assert_eq!(backend.post(&path, json!({ "password": testkit::PASSWORD })).await.refusal(), (403, "user_locked"), "even the right one");
    assert_eq!(server.browser().sign_in("ada", testkit::PASSWORD).await.refusal(), (403, "user_locked"));
    let shown = backend.get(&format!("/v1/users/{ada}")).await.ok().clone();
    assert_eq!((&shown["locked"], &shown["lockout_expires_in_seconds"]), (&json!(true), &json!(3_600)));
    server.advance(std::time::Duration::from_secs(3_601));
    backend.post(&path, json!({ "password": testkit::PASSWORD })).await.ok();
    assert_eq!(backend.get(&format!("/v1/users/{ada}")).await.ok()["locked"], false);
}

/// CVE-2024-4629: a burst of tries that overtakes its counter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_guesses_learns_no_more_than_as_many_in_turn() {
    let server = TestServer::start().await;
    let ada = id(server.backend().post("/v1/users", json!({ "email_address": [address("ada")], "password": testkit::PASSWORD })).await.ok());
    let mut tasks = Vec::new();
    for _ in 0..32 {
        let (backend, path) = (server.backend(), format!("/v1/users/{ada}/verify_password"));
        tasks.push(tokio::spawn(async move { backend.post(&path, json!({ "password": "a guess" })).await.status.as_u16() }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    assert_eq!(statuses.iter().filter(|s| **s == 422).count(), 10, "ten are told that they are wrong: {statuses:?}");
    assert!(statuses.iter().all(|s| matches!(s, 422 | 403 | 503)), "{statuses:?}");
}
