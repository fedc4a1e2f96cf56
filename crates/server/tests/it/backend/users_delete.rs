//! Users go, with everything that is theirs.

use super::{count, create_user, id, ids};
use serde_json::json;
use testkit::{TestServer, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_is_gone() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, "ada@example.com").await;
    let bob = create_user(&backend, "bob@example.com").await;
    let path = format!("/v1/users/{ada}");
    assert_eq!(*backend.delete(&path).await.ok(), json!({ "object": "user", "id": ada, "deleted": true }));
    for reply in [backend.get(&path).await, backend.delete(&path).await, backend.patch(&path, json!({ "first_name": "Ada" })).await] {
        assert_eq!(reply.refusal(), (404, "resource_not_found"));
    }
    assert_eq!(ids(backend.get("/v1/users").await.ok()), [bob]);
    assert_eq!(count(&backend).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_and_tokens_die_with_their_user() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (user, session, token) = (ada.user_id().await, ada.session_id().await, ada.token().await);
    backend.post("/v1/clients/verify", json!({ "token": token })).await.ok();
    backend.delete(&format!("/v1/users/{user}")).await.ok();

    assert_eq!(ada.sessions().await, [json!(null); 0], "the browser holds no session any more");
    assert_eq!(ada.get("/v1/me").await.status, 401);
    assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await.status, 401, "a dead session's next token call says so");
    assert_eq!(ada.sign_in("ada", testkit::PASSWORD).await.refusal(), (422, "form_identifier_not_found"));
    assert!(backend.post("/v1/clients/verify", json!({ "token": token })).await.status.is_client_error());
    assert_eq!(backend.get(&format!("/v1/sessions/{session}")).await.refusal(), (404, "resource_not_found"));
    assert_eq!(backend.post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.refusal(), (404, "resource_not_found"));
    assert_eq!(backend.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.refusal(), (404, "resource_not_found"));
    assert_eq!(*backend.get(&format!("/v1/sessions?user_id={user}")).await.ok(), json!([]));
    assert_eq!(backend.post("/v1/sessions", json!({ "user_id": user })).await.refusal(), (404, "resource_not_found"));
    bob.token().await;
}

/// CVE-2026-55670: what was deleted comes back under another's id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_free_again_but_ids_are_never_used_twice() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut old_browser = server.signed_in("ada").await;
    let (old, old_token) = (old_browser.user_id().await, old_browser.token().await);
    backend.patch(&format!("/v1/users/{old}"), json!({ "username": "ada_l", "external_id": "crm-1" })).await.ok();
    let mut seen = vec![old.clone()];
    for _ in 0..3 {
        backend.delete(&format!("/v1/users/{}", seen.last().expect("an id"))).await.ok();
        let body = json!({ "email_address": [address("ada")], "username": "ada_l", "external_id": "crm-1", "password": "another long secret" });
        let user = id(backend.post("/v1/users", body).await.ok());
        assert!(!seen.contains(&user));
        seen.push(user);
    }
    assert_eq!(backend.get(&format!("/v1/users/{old}")).await.status, 404);
    assert!(backend.post("/v1/clients/verify", json!({ "token": old_token })).await.status.is_client_error(), "the old token is not the new user's");
    assert_eq!(old_browser.get("/v1/me").await.status, 401);
    assert!(old_browser.sessions().await.is_empty());
    assert_eq!(server.browser().sign_in("ada", testkit::PASSWORD).await.refusal(), (422, "form_password_incorrect"), "the old password is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_deletions_one_counts() {
    let server = TestServer::start().await;
    let ada = create_user(&server.backend(), "ada@example.com").await;
    create_user(&server.backend(), "bob@example.com").await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (backend, path) = (server.backend(), format!("/v1/users/{ada}"));
        tasks.push(tokio::spawn(async move { backend.delete(&path).await.status.as_u16() }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 404).count(), 15, "{statuses:?}");
    assert_eq!(count(&server.backend()).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_races_with_a_deletion_finds_the_user_or_does_not() {
    let server = TestServer::start().await;
    for round in 0..6 {
        let user = create_user(&server.backend(), "ada@example.com").await;
        let mut tasks = Vec::new();
        for index in 0..18 {
            let (backend, user) = (server.backend(), user.clone());
            tasks.push(tokio::spawn(async move {
                let path = format!("/v1/users/{user}");
                match (index + round) % 6 {
                    0 => backend.delete(&path).await,
                    1 | 2 => backend.post("/v1/sessions", json!({ "user_id": user })).await,
                    3 => backend.patch(&path, json!({ "first_name": "Ada", "username": "ada_l" })).await,
                    4 => backend.patch(&format!("{path}/metadata"), json!({ "public_metadata": { "a": index } })).await,
                    _ => backend.patch(&path, json!({ "password": "another long secret", "sign_out_of_other_sessions": true })).await,
                }
            }));
        }
        for task in tasks {
            let reply = task.await.expect("an answer");
            assert!(matches!(reply.status.as_u16(), 200 | 404), "{} {}", reply.status, reply.text);
        }
        assert_eq!(
            (count(&server.backend()).await, server.backend().get("/v1/sessions?paginated=true").await.ok()["total_count"].as_i64()),
            (0, Some(0)),
            "nothing outlives the user"
        );
    }
}
