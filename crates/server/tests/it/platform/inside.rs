//! What a platform keeps inside the instances of its own applications: users, JWT templates, redirect URLs.

use http::StatusCode;
use serde_json::{Value, json};
use testkit::{PASSWORD, TestServer, address};

fn inside(server: &TestServer, which: &str) -> String {
    format!("/v1/platform/applications/{}/instances/{which}", server.home.tenant.instance.application)
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap_or_else(|| panic!("no id in {resource}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_created_listed_banned_and_deleted() {
    let server = TestServer::start().await;
    let platform = server.platform();
    for which in ["development".to_owned(), server.home.tenant.id().to_string()] {
        let path = format!("{}/users", inside(&server, &which));
        let made = platform.post(&path, json!({ "email_address": [address("ada")], "password": PASSWORD, "first_name": "Ada" })).await.ok().clone();
        let listed = platform.get(&format!("{path}?query=ada&limit=1&order_by=-created_at")).await;
        assert_eq!((&listed.ok()["total_count"], &listed.body["data"][0]["id"]), (&json!(1), &made["id"]));
        let mut browser = server.browser();
        browser.sign_in("ada", PASSWORD).await.response();
        let user = format!("{path}/{}", id(&made));
        assert_eq!(platform.post(&format!("{user}/ban"), json!({})).await.ok()["banned"], true);
        assert!(browser.sessions().await.is_empty());
        assert_eq!(platform.post(&format!("{user}/unban"), json!({})).await.ok()["banned"], false);
        assert_eq!(platform.delete(&user).await.ok(), &json!({ "object": "user", "id": made["id"], "deleted": true }));
        assert_eq!(platform.delete(&user).await.refusal(), (404, "resource_not_found"));
    }
    let path = format!("{}/users", inside(&server, "development"));
    assert_eq!(platform.post(&path, json!({ "email_address": ["ada@example.com"] })).await.param(), "password");
    assert_eq!(platform.post(&path, json!({ "totp_secret": "x" })).await.param(), "totp_secret");
    assert_eq!(platform.get(&format!("{path}?order_by=password")).await.param(), "order_by");
    let rows = server.belongings(server.home.tenant.id()).await;
    assert!(rows["audit"].iter().any(|row| row.contains(&"user.ban".to_owned()) && row.contains(&"platform".to_owned())), "the log says who it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_and_redirect_urls_are_the_ones_that_the_backend_has() {
    let server = TestServer::start().await;
    let (platform, backend) = (server.platform(), server.backend());
    let templates = format!("{}/jwt_templates", inside(&server, "development"));
    let made = platform.post(&templates, json!({ "name": "hasura", "claims": { "id": "{{user.id}}" } })).await.ok().clone();
    assert_eq!(backend.get(&format!("/v1/jwt_templates/{}", id(&made))).await.ok(), &made);
    let one = format!("{templates}/{}", id(&made));
    assert_eq!(platform.patch(&one, json!({ "name": "hasura", "claims": {}, "lifetime": 90 })).await.ok()["lifetime"], 90);
    assert_eq!(platform.get(&one).await.ok()["claims"], json!({}));
    assert_eq!(platform.get(&templates).await.ok().as_array().expect("a bare list").len(), 1);
    assert_eq!(platform.post(&templates, json!({ "name": "x", "claims": { "sub": "x" } })).await.refusal(), (400, "jwt_template_reserved_claim"));
    assert_eq!(platform.delete(&one).await.ok()["deleted"], true);

    let urls = format!("{}/redirect_urls", inside(&server, "development"));
    let added = platform.post(&urls, json!({ "url": "https://app.example/after" })).await.ok().clone();
    assert_eq!(backend.get(&format!("/v1/redirect_urls/{}", id(&added))).await.ok(), &added);
    let listed = platform.get(&urls).await;
    assert_eq!((&listed.ok()["total_count"], &listed.body["data"][0]), (&json!(1), &added));
    let one = format!("{urls}/{}", id(&added));
    assert_eq!(platform.get(&one).await.ok(), &added);
    assert_eq!(platform.delete(&one).await.ok()["deleted"], true);
    assert_eq!(platform.post(&urls, json!({ "url": "javascript:alert(1)" })).await.param(), "url");
}

/// CVE-2025-64431, CVE-2026-33132: one platform's token on another's applications.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_of_the_application_gets_in() {
    let server = TestServer::start().await;
    let ada = server.signed_in("ada").await.user_id().await;
    let theirs = server.neighbour.tenant.id().to_string();
    for path in ["users", "jwt_templates", "redirect_urls"] {
        let ours = format!("{}/{path}", inside(&server, "development"));
        assert_eq!(server.other_platform().get(&ours).await.refusal(), (404, "resource_not_found"));
        assert_eq!(server.api("platform", None).get(&ours).await.status, StatusCode::UNAUTHORIZED);
        for which in [theirs.as_str(), "production", "staging", "ins_x"] {
            let elsewhere = format!("{}/{path}", inside(&server, which));
            assert_eq!(server.platform().get(&elsewhere).await.refusal(), (404, "resource_not_found"), "{which}");
        }
    }
    let neighbour = format!("/v1/platform/applications/{}/instances/development/users/{ada}", server.neighbour.tenant.instance.application);
    assert_eq!(server.platform().delete(&neighbour).await.refusal(), (404, "resource_not_found"), "a user of another instance");
}
