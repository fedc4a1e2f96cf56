//! Sign-ups under way, as a backend sees and marks them.

use super::{create_user, id};
use http::StatusCode;
use serde_json::json;
use testkit::{PASSWORD, TestServer, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_on_a_sign_up_becomes_the_users() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let begun = browser.post("/v1/client/sign_ups", &[("email_address", &address("ada")), ("password", PASSWORD)]).await;
    let path = format!("/v1/sign_ups/{}", id(begun.response()));
    let backend = server.backend();
    let shown = backend.get(&path).await;
    assert_eq!((&shown.ok()["status"], &shown.body["external_id"]), (&json!("missing_requirements"), &json!(null)));
    let marked = backend.patch(&path, json!({ "external_id": "legacy-7", "custom_action": true })).await;
    assert_eq!((&marked.ok()["external_id"], &marked.body["custom_action"]), (&json!("legacy-7"), &json!(true)));
    let sign_up = format!("/v1/client/sign_ups/{}", id(begun.response()));
    browser.post(&format!("{sign_up}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
    let done = browser.post(&format!("{sign_up}/attempt_verification"), &[("strategy", "email_code"), ("code", "424242")]).await;
    assert_eq!(done.response()["status"], "complete");
    let user = browser.user_id().await;
    assert_eq!(backend.get(&format!("/v1/users/{user}")).await.ok()["external_id"], "legacy-7");
    assert_eq!(backend.patch(&path, json!({ "external_id": "legacy-8" })).await.refusal(), (422, "form_invalid_state"));
}

/// Mass assignment: nothing but the two marks can be written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_else_of_a_sign_up_can_be_written() {
    let server = TestServer::start().await;
    let begun = server.browser().post("/v1/client/sign_ups", &[("email_address", &address("ada")), ("password", PASSWORD)]).await;
    let path = format!("/v1/sign_ups/{}", id(begun.response()));
    for param in ["status", "email_address", "created_user_id", "unverified_fields", "verifications", "client_id"] {
        let reply = server.backend().patch(&path, json!({ param: "x" })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), param));
    }
    let taken = create_user(&server.backend(), "bob@example.com").await;
    assert_eq!(server.backend().get(&format!("/v1/sign_ups/{taken}")).await.status, StatusCode::NOT_FOUND);
}
