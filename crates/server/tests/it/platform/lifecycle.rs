//! Applications end, and everything of theirs ends with them.

use super::{PATH, browser, create, listed, owned, path};
use crate::backend::raw;
use http::Method;
use serde_json::json;
use std::time::Duration;
use testkit::TestServer;

/// CVE-2024-47060: what was shut could be used still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_application_ends_at_once_with_its_keys_sessions_and_door() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let created = platform.post(PATH, json!({ "name": "Shop", "environment_types": ["development", "production"] })).await.ok().clone();
    let instance = owned(&created["instances"][0]);
    let live = owned(&created["instances"][1]);
    let backend = server.api("backend", Some(&instance.secret_key));
    let mut ada = browser(&server, &instance);
    ada.sign_up("ada").await;
    let (session, token) = (ada.session_id().await, ada.token().await);
    let environment = format!("/t/{}/v1/environment", instance.slug);
    raw(&server, Method::GET, &environment, &[], "").await.ok();

    let deleted = platform.delete(&path(&created)).await.ok().clone();
    assert_eq!((&deleted["deleted"], &deleted["id"]), (&json!(true), &created["application_id"]));
    assert!(deleted["object"].is_string());

    assert_eq!(backend.get("/v1/users").await.refusal(), (401, "clerk_key_invalid"));
    assert_eq!(server.api("backend", Some(&live.secret_key)).get("/v1/users").await.refusal(), (401, "clerk_key_invalid"));
    assert_eq!(backend.post("/v1/clients/verify", json!({ "token": token })).await.status, 401);
    assert_eq!(raw(&server, Method::GET, &environment, &[], "").await.refusal(), (404, "resource_not_found"));
    assert_eq!(raw(&server, Method::GET, "/v1/environment", &[("clerk-secret-key", instance.secret_key.expose())], "").await.status, 401);
    for reply in [
        ada.get("/v1/client").await,
        ada.get("/v1/me").await,
        ada.get("/.well-known/jwks.json").await,
        ada.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await,
        ada.sign_in("ada", testkit::PASSWORD).await,
    ] {
        assert_eq!(reply.refusal(), (404, "resource_not_found"), "its door is gone");
    }
    for reply in [platform.get(&path(&created)).await, platform.delete(&path(&created)).await, platform.patch(&path(&created), json!({ "name": "Back" })).await]
    {
        assert_eq!(reply.refusal(), (404, "resource_not_found"));
    }
    assert_eq!(listed(&platform).await.len(), 2);
    server.advance(Duration::from_secs(3_600));
    assert_eq!(raw(&server, Method::GET, &environment, &[], "").await.status, 404);
    server.signed_in("ada").await;
}

/// CVE-2026-55670: what was deleted comes back under another's id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_of_the_same_name_inherits_nothing() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let old = create(&platform, "Shop").await;
    let old_instance = owned(&old["instances"][0]);
    let mut ada = browser(&server, &old_instance);
    ada.sign_up("ada").await;
    let token = ada.token().await;
    platform.delete(&path(&old)).await.ok();
    let new = create(&platform, "Shop").await;
    let new_instance = owned(&new["instances"][0]);
    assert_ne!((&new["application_id"], &new["instances"][0]["instance_id"]), (&old["application_id"], &old["instances"][0]["instance_id"]));
    assert_ne!(new_instance.slug, old_instance.slug);
    let backend = server.api("backend", Some(&new_instance.secret_key));
    assert_eq!(backend.get("/v1/users/count").await.ok()["total_count"], 0);
    assert!(backend.post("/v1/clients/verify", json!({ "token": token })).await.status.is_client_error());
    let mut same_cookies = ada.clone().at(&browser(&server, &new_instance));
    assert!(same_cookies.sessions().await.is_empty(), "the old browser is a stranger here");
    assert_eq!(same_cookies.get("/v1/me").await.status, 401);
    browser(&server, &new_instance).sign_up("ada").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_deletions_one_counts_and_creating_goes_on_beside_them() {
    let server = TestServer::start().await;
    let created = create(&server.platform(), "Shop").await;
    let mut tasks = Vec::new();
    for index in 0..16 {
        let (platform, path) = (server.platform(), path(&created));
        tasks.push(tokio::spawn(async move {
            if index % 2 == 0 {
                platform.delete(&path).await.status.as_u16()
            } else {
                platform.post(PATH, json!({ "name": "Other" })).await.status.as_u16() + 1_000
            }
        }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    let seen = |status: u16| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((seen(200), seen(404), seen(1_200)), (1, 7, 8), "{statuses:?}");
    assert_eq!(listed(&server.platform()).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_neighbour_does_not_notice() {
    let server = TestServer::start().await;
    let mut theirs = server.signed_in_next_door("ada").await;
    let before = server.neighbours_backend().get("/v1/users").await.ok().clone();
    let home = server.home.tenant.instance.application;
    server.platform().delete(&format!("{PATH}/{home}")).await.ok();
    assert_eq!(server.browser().get("/v1/environment").await.refusal(), (404, "resource_not_found"));
    theirs.token().await;
    assert_eq!(server.neighbours_backend().get("/v1/users").await.ok(), &before);
    assert_eq!(server.neighbours_backend().get("/v1/users/count").await.ok()["total_count"], 1);
    server.run_jobs().await;
    theirs.token().await;
}
