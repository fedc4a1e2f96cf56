//! Users' standing: banned, locked, with a password that others know, or with none.

use super::{NOBODY, create_user, id, ids};
use http::StatusCode;
use serde_json::{Value, json};
use testkit::{PASSWORD, Reply, TestServer, address};

async fn act(server: &TestServer, user: &str, what: &str) -> Reply {
    server.backend().post(&format!("/v1/users/{user}/{what}"), json!({})).await
}

/// CVE-2025-53942, CVE-2025-64521: a deactivated user came in by other ways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_ends_every_session_at_once_and_keeps_the_user_out() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut tablet = server.browser();
    tablet.sign_in("ada", PASSWORD).await.response();
    let mut bob = server.signed_in("bob").await;
    let (user, session, token) = (ada.user_id().await, ada.session_id().await, ada.token().await);
    let banned = act(&server, &user, "ban").await;
    assert_eq!(banned.ok()["banned"], true);
    assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ada.get("/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert!(tablet.sessions().await.is_empty());
    assert_eq!(server.backend().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "revoked");
    assert_eq!(server.backend().post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.backend().post("/v1/clients/verify", json!({ "token": token })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_banned"));
    assert_eq!(server.backend().post("/v1/sessions", json!({ "user_id": user })).await.refusal(), (403, "user_banned"));
    bob.token().await;

    assert_eq!(act(&server, &user, "unban").await.ok()["banned"], false);
    assert_eq!(server.backend().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "revoked", "what has ended stays ended");
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_is_told_once() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    for _ in 0..2 {
        act(&server, &user, "ban").await.ok();
    }
    let rows = server.belongings(server.home.tenant.id()).await;
    let told = |table: &str, word: &str| rows[table].iter().filter(|row| row.iter().any(|value| value == word)).count();
    assert_eq!((told("audit", "user.ban"), told("events", "user.updated"), told("events", "session.revoked")), (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_users_are_banned_all_or_none() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let (ada, bob) = (create_user(&backend, "ada@example.com").await, create_user(&backend, "bob@example.com").await);
    let one_is_nobody = backend.post("/v1/users/ban", json!({ "user_ids": [ada, NOBODY] })).await;
    assert_eq!(one_is_nobody.refusal(), (404, "resource_not_found"));
    assert_eq!(backend.get(&format!("/v1/users/{ada}")).await.ok()["banned"], false);

    let both = backend.post("/v1/users/ban", json!({ "user_ids": [ada, bob, ada] })).await;
    let mut banned = ids(both.ok());
    banned.sort_unstable();
    let mut wanted = vec![ada.as_str(), bob.as_str()];
    wanted.sort_unstable();
    assert_eq!(banned, wanted);
    assert!(both.body.as_array().expect("a list").iter().all(|user| user["banned"] == true));
    let welcomed = backend.post("/v1/users/unban", json!({ "user_ids": [bob, ada] })).await;
    assert!(welcomed.ok().as_array().expect("a list").iter().all(|user| user["banned"] == false));

    let many: Vec<&str> = std::iter::repeat_n(ada.as_str(), 51).collect();
    for (ids, code) in [
        (json!({}), "form_param_missing"),
        (json!({ "user_ids": [] }), "form_param_value_invalid"),
        (json!({ "user_ids": many }), "form_param_value_invalid"),
        (json!({ "user_ids": [1] }), "form_param_format_invalid"),
    ] {
        let reply = backend.post("/v1/users/ban", ids).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), "user_ids"));
    }
}

/// Lists that name the same users in different orders do not wait for each other for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn crossed_lists_are_banned_and_welcomed_at_once() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let (ada, bob) = (create_user(&backend, "ada@example.com").await, create_user(&backend, "bob@example.com").await);
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let backend = backend.clone();
            let list = if n % 2 == 0 { json!({ "user_ids": [ada, bob] }) } else { json!({ "user_ids": [bob, ada] }) };
            tokio::spawn(async move { backend.post(if n % 3 == 0 { "/v1/users/unban" } else { "/v1/users/ban" }, list).await.status })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("an answer"), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_keeps_the_user_out_until_it_is_over_or_taken_off() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let locked = act(&server, &user, "lock").await;
    assert_eq!((&locked.ok()["locked"], &locked.body["lockout_expires_in_seconds"]), (&json!(true), &json!(3_600)));
    ada.token().await;
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_locked"));
    let unlocked = act(&server, &user, "unlock").await;
    assert_eq!((&unlocked.ok()["locked"], &unlocked.body["lockout_expires_in_seconds"]), (&json!(false), &Value::Null));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
    act(&server, &user, "lock").await.ok();
    server.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete", "a lock ends by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_banned_locked_or_without_a_password() {
    let server = TestServer::start().await;
    for what in ["ban", "unban", "lock", "unlock", "remove_password", "password/set_compromised", "password/unset_compromised"] {
        for user in [NOBODY, "no-id", "sess_2NNEqL2nrIRdJ194ndJqAHwEfxC"] {
            assert_eq!(act(&server, user, what).await.refusal(), (404, "resource_not_found"), "{what} {user}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_taken_away_and_codes_remain() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let path = format!("/v1/users/{user}/remove_password");
    let without = server.backend().post(&path, json!({})).await;
    assert_eq!((&without.ok()["password_enabled"], &without.body["password_last_updated_at"]["never"]), (&json!(false), &Value::Null));
    ada.token().await;
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (422, "form_password_incorrect"));
    server.backend().post(&path, json!({ "sign_out_of_other_sessions": true })).await.ok();
    assert!(ada.sessions().await.is_empty());
    let unknown = server.backend().post(&path, json!({ "password": "x" })).await;
    assert_eq!((unknown.refusal(), unknown.param()), ((422, "form_param_unknown"), "password"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_others_know_signs_in_no_more_and_a_code_leads_to_a_new_one() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let path = format!("/v1/users/{user}/password/set_compromised");
    server.backend().post(&path, json!({ "revoke_all_sessions": true })).await.ok();
    assert!(ada.sessions().await.is_empty());
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (422, "form_password_compromised"));
    assert_eq!(server.browser().sign_in("ada", "another password").await.refusal(), (422, "form_password_incorrect"), "a wrong one is wrong first");

    let mut browser = server.browser();
    let begun = browser.post("/v1/client/sign_ins", &[("identifier", &address("ada")), ("strategy", "email_code")]).await;
    let sign_in = id(begun.response());
    let step = browser.post(&format!("/v1/client/sign_ins/{sign_in}/attempt_first_factor"), &[("strategy", "email_code"), ("code", "424242")]).await;
    assert_eq!((&step.response()["status"], &step.response()["created_session_id"]), (&json!("needs_new_password"), &Value::Null));
    assert!(browser.sessions().await.is_empty(), "nobody is signed in before there is a new one");
    let done = browser.post(&format!("/v1/client/sign_ins/{sign_in}/reset_password"), &[("password", "a brand new secret")]).await;
    assert_eq!(done.response()["status"], "complete");
    assert_eq!(server.browser().sign_in("ada", "a brand new secret").await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_note_about_a_known_password_can_be_taken_back() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    act(&server, &user, "password/set_compromised").await.ok();
    ada.token().await;
    act(&server, &user, "password/unset_compromised").await.ok();
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
    let bob = create_user(&server.backend(), "bob@example.com").await;
    assert_eq!(act(&server, &bob, "password/set_compromised").await.refusal(), (400, "no_password_set"));
    act(&server, &bob, "password/unset_compromised").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_user_needs_a_password_where_the_instance_requires_one() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let refused = backend.post("/v1/users", json!({ "email_address": ["ada@example.com"] })).await;
    assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_missing"), "password"));
    backend.post("/v1/users", json!({ "email_address": ["ada@example.com"], "skip_password_requirement": true })).await.ok();
    server.set(server.home.tenant.id(), json!({ "auth_password": { "required": false } })).await;
    backend.post("/v1/users", json!({ "email_address": ["bob@example.com"] })).await.ok();
}
