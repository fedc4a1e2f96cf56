//! Impersonators: every operation on the user's own things, by somebody else who is signed in as them. New ones cannot be forgotten.

use http::Method;
use serde_json::{Value, json};
use testkit::{Browser, PASSWORD, Reply, TestServer, picture};
use web::{Face, Operation};

/// Ada, and somebody of the support team who is signed in as her.
async fn support(server: &TestServer) -> (Browser, Browser) {
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let body = json!({ "user_id": user, "actor": { "sub": "user_of_support", "reason": "ticket 7" } });
    let token = server.backend().post("/v1/actor_tokens", body).await.ok()["token"].as_str().expect("a token").to_owned();
    let mut support = server.browser();
    support.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", &token)]).await.response();
    (ada, support)
}

/// Input that is good for every operation here, so that nothing but the impersonation can be what it is refused for.
const FORM: [(&str, &str); 7] = [
    ("strategy", "email_code"),
    ("code", "424242"),
    ("current_password", PASSWORD),
    ("new_password", "a brand new secret"),
    ("email_address", "support@example.com"),
    ("name", "Eve"),
    ("role", "org:admin"),
];

async fn ask(browser: &mut Browser, operation: &Operation, path: &str) -> Reply {
    if operation.id == "updateProfileImage" {
        return browser.upload(path, &picture()).await;
    }
    // Parameters that an operation does not know would be a reason to refuse it.
    let form: &[(&str, &str)] = match operation.id {
        "patchUser" => &[("first_name", "Eve")],
        "patchUserMetadata" => &[("unsafe_metadata", "{}")],
        _ if operation.method == Method::DELETE => &[],
        _ => &FORM,
    };
    if operation.method == Method::POST { browser.post(path, form).await } else { browser.override_method(operation.method.as_str(), path, form).await }
}

/// An organization of somebody else's that is suggested to Ada.
async fn suggested(server: &TestServer, ada: &mut Browser) -> String {
    let backend = server.backend();
    let other = backend.post("/v1/organizations", json!({ "name": "Beta" })).await.ok()["id"].as_str().expect("an id").to_owned();
    let domain = json!({ "name": "example.com", "enrollment_mode": "automatic_suggestion" });
    backend.post(&format!("/v1/organizations/{other}/domains"), domain).await.ok();
    ada.get("/v1/me/organization_suggestions").await.response()["data"][0]["id"].as_str().expect("a suggestion").to_owned()
}

async fn audit(server: &TestServer) -> Vec<Vec<String>> {
    server.belongings(server.home.tenant.id()).await["audit"].clone()
}

fn names_support(entry: &[String]) -> bool {
    entry.iter().any(|cell| cell.starts_with("user_") && cell.ends_with(" by user_of_support"))
        && entry.iter().filter_map(|cell| serde_json::from_str::<Value>(cell).ok()).any(|detail| detail["impersonator"]["reason"] == "ticket 7")
}

/// Whatever a route under `/v1/me` changes, an impersonator is refused it, or the audit log says that it was them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_the_users_own_is_refused_or_signed_by_the_impersonator() {
    let server = TestServer::start().await;
    let (mut ada, mut support) = support(&server).await;
    let email = ada.get("/v1/me").await.response()["primary_email_address_id"].as_str().expect("an id").to_owned();
    let session = ada.session_id().await;
    server.backend().patch("/v1/instance/organization_settings", json!({ "enabled": true, "domains_enabled": true })).await.ok();
    let organization = ada.post("/v1/organizations", &[("name", "Acme")]).await.response()["id"].as_str().expect("an id").to_owned();
    let suggestion = suggested(&server, &mut ada).await;
    let body = json!({ "email_address": testkit::address("ada"), "role": "org:member" });
    let elsewhere = server.backend().post("/v1/organizations", json!({ "name": "Beta" })).await.ok()["id"].as_str().expect("an id").to_owned();
    let invited = server.backend().post(&format!("/v1/organizations/{elsewhere}/invitations"), body).await;
    let invitation = invited.ok()["id"].as_str().expect("an id").to_owned();
    let operations = server.doors().operations();
    let own: Vec<_> =
        operations.iter().filter(|o| o.face == Face::Frontend && o.method != Method::GET && (o.path == "/v1/me" || o.path.starts_with("/v1/me/"))).collect();
    assert!(own.len() >= 12, "{}", own.len());
    for operation in own {
        let path = operation
            .path
            .replace("{email_id}", &email)
            .replace("{session_id}", &session)
            .replace("{organization_id}", &organization)
            .replace("{suggestion_id}", &suggestion)
            .replace("{invitation_id}", &invitation);
        assert!(!path.contains('{'), "{}: say what its parameter is", operation.id);
        let before = audit(&server).await;
        let reply = ask(&mut support, operation, &path).await;
        if !reply.status.is_success() && reply.refusal() == (403, "action_for_session_not_authorized") {
            assert_eq!(audit(&server).await, before, "{}: refused, and recorded all the same", operation.id);
            continue;
        }
        assert!(reply.status.is_success(), "{}: refused, but not for the impersonation: {}", operation.id, reply.text);
        let added: Vec<_> = audit(&server).await.into_iter().filter(|entry| !before.contains(entry)).collect();
        assert!(!added.is_empty() && added.iter().all(|entry| names_support(entry)), "{}: {added:?}", operation.id);
    }
}

/// What they may do is theirs in the log and in the events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_impersonator_does_with_their_session_is_signed_by_them() {
    for ending in ["end", "remove", "remove all", "forget"] {
        let server = TestServer::start().await;
        let (_, mut support) = support(&server).await;
        let session = support.session_id().await;
        assert!(audit(&server).await.iter().any(|entry| entry.iter().any(|cell| cell == "session.create") && names_support(entry)));
        let before = audit(&server).await;
        match ending {
            "remove all" => support.override_method("DELETE", "/v1/client/sessions", &[]).await.ok().clone(),
            "forget" => support.override_method("DELETE", "/v1/client", &[]).await.ok().clone(),
            verb => support.post(&format!("/v1/client/sessions/{session}/{verb}"), &[]).await.ok().clone(),
        };
        let added: Vec<_> = audit(&server).await.into_iter().filter(|entry| !before.contains(entry)).collect();
        assert!(!added.is_empty() && added.iter().all(|entry| names_support(entry)), "{ending}: {added:?}");
        let events = server.belongings(server.home.tenant.id()).await["events"].clone();
        let of_session: Vec<_> = events.iter().filter(|row| row.contains(&session)).collect();
        assert!(of_session.len() >= 2 && of_session.iter().all(|row| row.iter().any(|cell| cell.contains(r#""sub":"user_of_support""#))), "{ending}");
    }
}
