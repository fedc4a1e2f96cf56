//! The pools of organizations become one for all.

use super::{confirm, convert, organization, plan, role, server, user};
use crate::organizations::text;
use serde_json::{Value, json};
use testkit::{PASSWORD, TestServer, address};

async fn isolated() -> (TestServer, Value, Value) {
    let server = server().await;
    server.set(server.home.tenant.id(), json!({ "user_pool": { "mode": "isolated" } })).await;
    let (acme, beta) = (organization(&server, "Acme").await, organization(&server, "Beta").await);
    (server, acme, beta)
}

async fn made(server: &TestServer, name: &str, organization: &Value) -> String {
    let body = json!({ "email_address": [address(name)], "username": format!("{name}{name}"), "password": PASSWORD, "organization_id": organization["id"] });
    text(server.backend().post("/v1/users", body).await.ok(), "id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_goes_into_one_pool_with_all_that_they_are() {
    let (server, acme, beta) = isolated().await;
    let (ada, bob) = (made(&server, "ada", &acme).await, made(&server, "bob", &beta).await);
    let mut browser = server.browser().in_pool("acme");
    browser.sign_in("ada", PASSWORD).await.response();
    let before = user(&server, &ada).await;
    let done = convert(&server, &json!({ "kind": "to_shared" })).await;
    assert_eq!(
        (&done["done"]["numbers"]["users_moved"], &done["done"]["numbers"]["pools_removed"], &done["done"]["ends"]["sessions"]),
        (&json!(2), &json!(2), &json!(1))
    );
    let after = user(&server, &ada).await;
    for field in ["id", "email_addresses", "username", "public_metadata", "created_at", "password_enabled"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!((role(&server, &acme, &ada).await.as_deref(), role(&server, &beta, &bob).await.as_deref()), (Some("org:member"), Some("org:member")));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
    assert_eq!(server.browser().in_pool("acme").sign_in("bob", PASSWORD).await.status.as_u16(), 404, "the door is gone");
    let led_on = server.browser().in_pool("acme").get("/v1/tickets/accept?ticket=x").await;
    let target = format!("{}/v1/tickets/accept?ticket=x", server.home.tenant.frontend_url);
    assert_eq!((led_on.status.as_u16(), led_on.location()), (303, target.as_str()), "and links to it lead on");
    // One account in many organizations: that is what it is for.
    let path = format!("/v1/organizations/{}/memberships", text(&beta, "id"));
    server.backend().post(&path, json!({ "user_id": ada, "role": "org:admin" })).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_into_anybody_elses_account() {
    let (server, acme, beta) = isolated().await;
    let first = made(&server, "bob", &acme).await;
    server.advance(std::time::Duration::from_secs(5));
    let second = made(&server, "bob", &beta).await;
    let path = format!("/v1/users/{second}");
    server.backend().patch(&path, json!({ "password": "another long password" })).await.ok();
    let wanted = json!({ "kind": "to_shared" });
    let found = plan(&server, &wanted).await;
    let first_of = json!([
        { "type": "email_address", "identifier": address("bob"), "user_ids": [first, second] },
        { "type": "username", "identifier": "bobbob", "user_ids": [first, second] },
    ]);
    assert_eq!(found["conflicts"], json!([{ "kind": "identifier_in_several_pools", "total": 2, "blocks": true, "first": first_of }]));
    assert_eq!(confirm(&server, &wanted, &found["fingerprint"]).await.refusal(), (409, "conversion_conflicts"));
    let done = convert(&server, &json!({ "kind": "to_shared", "same_identifiers": "unclaim" })).await;
    let numbers = &done["done"]["numbers"];
    assert_eq!((&numbers["email_addresses_unclaimed"], &numbers["usernames_removed"]), (&json!(1), &json!(1)));
    assert_eq!(user(&server, &first).await["email_addresses"][0]["verification"]["status"], "verified");
    let late = user(&server, &second).await;
    assert_eq!((&late["username"], &late["email_addresses"][0]["verification"]), (&Value::Null, &Value::Null));
    for handle in [address("bob"), "bobbob".to_owned()] {
        let mut browser = server.browser();
        assert_eq!(browser.post("/v1/client/sign_ins", &[("identifier", &handle), ("password", PASSWORD)]).await.response()["status"], "complete");
        assert_eq!(browser.user_id().await, first);
        let refused = server.browser().post("/v1/client/sign_ins", &[("identifier", &handle), ("password", "another long password")]).await;
        assert_eq!(refused.status.as_u16(), 422, "{}", refused.text);
    }
}

/// There and back: ids, passwords, roles and metadata are what they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_and_back() {
    let (server, acme, beta) = isolated().await;
    let (ada, bob) = (made(&server, "ada", &acme).await, made(&server, "bob", &beta).await);
    let seen = async || (user(&server, &ada).await["email_addresses"].clone(), user(&server, &bob).await["email_addresses"].clone());
    let before = seen().await;
    convert(&server, &json!({ "kind": "to_shared" })).await;
    convert(&server, &json!({ "kind": "to_isolated" })).await;
    assert_eq!(seen().await, before);
    let mut browser = server.browser().in_pool("beta");
    assert_eq!(browser.sign_in("bob", PASSWORD).await.response()["status"], "complete");
    assert_eq!(browser.user_id().await, bob);
}
