//! The pools of organizations become one for all.

use super::{confirm, convert, organization, path, plan, role, server, user};
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
    let memberships = format!("/v1/organizations/{}/memberships", text(&beta, "id"));
    server.backend().post(&memberships, json!({ "user_id": ada, "role": "org:admin" })).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_into_anybody_elses_account() {
    let (server, acme, beta) = isolated().await;
    let first = made(&server, "bob", &acme).await;
    server.advance(std::time::Duration::from_secs(5));
    let second = made(&server, "bob", &beta).await;
    server.backend().patch(&format!("/v1/users/{second}"), json!({ "password": "another long password" })).await.ok();
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
    assert_eq!((&numbers["email_addresses_unclaimed"], &numbers["usernames_removed"], &numbers["users_without_identifier"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!((&done["plan"]["conflicts"][0]["total"], &done["plan"]["conflicts"][0]["first"]), (&json!(2), &json!([])), "what is kept names nobody");
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

/// The doors of pools are closed too while their users are on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_door_is_closed_meanwhile() {
    let (server, acme, _) = isolated().await;
    made(&server, "ada", &acme).await;
    let mut browser = server.browser().in_pool("acme");
    browser.sign_in("ada", PASSWORD).await.response();
    let listed = server.platform().get(&path(&server).replace("/conversions", "/pools")).await.ok().clone();
    assert_eq!(listed["total_count"], 2);
    let of_acme = format!("{}?organization_id={}", path(&server).replace("/conversions", "/pools"), text(&acme, "id"));
    let mut pool = server.platform().get(&of_acme).await.ok()["data"][0].clone();
    assert_eq!((&pool["organization_id"], &pool["slug"]), (&acme["id"], &json!("acme")));
    pool.as_object_mut().expect("an object").retain(|name, _| name != "organization_id" && name != "slug");
    assert_eq!(pool, acme["user_pool"], "as the backend sees it");
    assert_eq!(server.other_platform().get(&of_acme).await.status.as_u16(), 404);
    let unknown = server.platform().get(&of_acme.replace(&text(&acme, "id"), "org_222222222222222222222222222")).await;
    assert_eq!(unknown.ok()["total_count"], 0);
    assert_eq!(server.platform().get(&format!("{of_acme}&limit=0")).await.param(), "limit");
    let wanted = json!({ "kind": "to_shared" });
    let begun = confirm(&server, &wanted, &plan(&server, &wanted).await["fingerprint"]).await;
    assert_eq!(begun.status.as_u16(), 201);
    assert_eq!(browser.get("/v1/client").await.refusal(), (503, "instance_converting"));
    let session = browser.post("/v1/client/sign_ins", &[("identifier", &address("ada"))]).await;
    assert_eq!(session.refusal(), (503, "instance_converting"));
    super::settle(&server);
    super::run(&server).await;
    assert_eq!(server.platform().get(&of_acme).await.ok()["total_count"], 0, "there are none any more");
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
