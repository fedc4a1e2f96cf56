//! An organization becomes an application of its own, with its people.

use super::{convert, made, organization, path, plan, role, run, server, settle, shown, user};
use crate::organizations::{claims, text};
use foundation::Secret;
use serde_json::{Value, json};
use store::Access;
use testkit::{Api, Browser, PASSWORD, TestServer, address, picture};

/// The new application's backend, and a browser at its door, as the confirmation has told them.
struct There {
    backend: Api,
    browser: Browser,
}

impl There {
    fn of(server: &TestServer, begun: &Value) -> There {
        let host = crate::platform::host(&text(begun, "publishable_key"));
        let backend = server.api("backend", Some(&Secret::new(text(begun, "secret_key"))));
        There { backend, browser: server.browser().by_host(&host) }
    }

    async fn user(&self, id: &str) -> Value {
        self.backend.get(&format!("/v1/users/{id}")).await.ok().clone()
    }
}

/// Plans, confirms and does it: the conversion at its end, and what was told when it was confirmed.
async fn departed(server: &TestServer, wanted: &Value) -> (Value, There) {
    let found = plan(server, wanted).await;
    assert_eq!(found["confirmable"], true, "{found}");
    let begun = super::confirm(server, wanted, &found["fingerprint"]).await;
    assert_eq!(begun.status.as_u16(), 201, "{}", begun.text);
    let mut there = There::of(server, &begun.body);
    assert_eq!(there.browser.get("/v1/client").await.refusal(), (503, "instance_converting"), "closed until everybody is there");
    settle(server);
    run(server).await;
    let done = shown(server, &begun.body["id"]).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!((&done["done"]["numbers"], &done["done"]["ends"]), (&found["numbers"], &done["plan"]["ends"]), "done and planned");
    (done, there)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_people_go_along_with_all_that_they_are() {
    let server = server().await;
    let (acme, beta) = (organization(&server, "Acme").await, organization(&server, "Beta").await);
    let acme_id = text(&acme, "id");
    server.backend().post("/v1/organization_permissions", json!({ "name": "Sing", "key": "org:songs:sing" })).await.ok();
    let singer = json!({ "name": "Singer", "key": "org:singer", "permissions": [] });
    let singer = text(server.backend().post("/v1/organization_roles", singer).await.ok(), "id");
    server.backend().post(&format!("/v1/organization_roles/{singer}/permissions/{}", permission(&server).await), json!({})).await.ok();
    server.backend().post("/v1/role_sets/role_set:default/roles", json!({ "role_keys": ["org:singer"] })).await.ok();
    let ada = made(&server, "ada", &[(&acme, "org:singer")]).await;
    let bob = made(&server, "bob", &[(&beta, "org:member")]).await;
    server.backend().upload(&format!("/v1/users/{ada}/profile_image"), &picture()).await.ok();
    let mut device = server.browser();
    device.sign_in("ada", PASSWORD).await.response();
    let token = server.backend().post("/v1/sign_in_tokens", json!({ "user_id": ada })).await.ok().clone();
    let domain = json!({ "name": "acme.example", "enrollment_mode": "manual_invitation", "verified": true });
    server.backend().post(&format!("/v1/organizations/{acme_id}/domains"), domain).await.ok();
    let before = user(&server, &ada).await;
    let wanted = json!({ "kind": "organization_to_application", "organization_id": acme_id, "name": "Acme's own" });
    let (done, mut there) = departed(&server, &wanted).await;
    let numbers = &done["done"]["numbers"];
    assert_eq!(
        (&numbers["users_moved"], &numbers["users_copied"], &numbers["domains"], &numbers["sign_in_tokens"]),
        (&json!(1), &json!(0), &json!(1), &json!(1))
    );
    assert_eq!(done["done"]["ends"]["sessions"], 1);
    // Here nobody knows them any more, and the others are where they were.
    assert_eq!(server.backend().get(&format!("/v1/users/{ada}")).await.status.as_u16(), 404);
    assert_eq!(server.backend().get(&format!("/v1/organizations/{acme_id}")).await.status.as_u16(), 404);
    assert_eq!(role(&server, &beta, &bob).await.as_deref(), Some("org:member"));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.status.as_u16(), 422);
    assert_eq!(device.get("/v1/client").await.response()["sessions"].as_array().map_or(0, Vec::len), 0);
    // There they are who they were.
    let after = there.user(&ada).await;
    for field in
        ["id", "external_id", "username", "public_metadata", "private_metadata", "unsafe_metadata", "email_addresses", "primary_email_address_id", "created_at"]
    {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert!(after["has_image"] == true && after["image_url"] != before["image_url"]);
    assert_eq!(there.browser.sign_in("ada", PASSWORD).await.response()["status"], "complete");
    let organization = there.backend.get(&format!("/v1/organizations/{acme_id}")).await.ok().clone();
    assert_eq!((&organization["name"], &organization["slug"], &organization["members_count"]), (&acme["name"], &acme["slug"], &json!(1)));
    let session = there.browser.session_id().await;
    there.browser.post(&format!("/v1/client/sessions/{session}/touch"), &[("active_organization_id", &acme_id)]).await.response();
    let token_claims = claims(&there.browser.token().await);
    assert_eq!((&token_claims["o"]["rol"], &token_claims["o"]["per"]), (&json!("singer"), &json!("sing")));
    assert_eq!(there.backend.get(&format!("/v1/organizations/{acme_id}/domains")).await.ok()["data"][0]["name"], "acme.example");
    // The backend's word from before is good over there, once.
    let mut other = There::of(&server, &json!({ "publishable_key": key(&done, &server).await, "secret_key": "sk_test_x" })).browser;
    let form = [("strategy", "ticket"), ("ticket", token["token"].as_str().expect("a token"))];
    assert_eq!(other.post("/v1/client/sign_ins", &form).await.response()["status"], "complete");
    assert_eq!(server.browser().post("/v1/client/sign_ins", &form).await.status.as_u16(), 400);
    let application = server.platform().get(&format!("/v1/platform/applications/{}", text(&done, "application_id"))).await.ok().clone();
    assert_eq!((&application["name"], application["instances"][0].get("secret_key")), (&json!("Acme's own"), None));
}

async fn permission(server: &TestServer) -> String {
    let all = server.backend().get("/v1/organization_permissions?limit=100").await.ok()["data"].clone();
    let found = all.as_array().expect("a list").iter().find(|permission| permission["key"] == "org:songs:sing").expect("the permission").clone();
    text(&found, "id")
}

/// The new application's publishable key.
async fn key(done: &Value, server: &TestServer) -> String {
    let application = server.platform().get(&format!("/v1/platform/applications/{}", text(done, "application_id"))).await.ok().clone();
    text(&application["instances"][0], "publishable_key")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_elsewhere_too_stays_and_comes_to_be_once_more() {
    let server = server().await;
    let (acme, beta) = (organization(&server, "Acme").await, organization(&server, "Beta").await);
    let both = made(&server, "both", &[(&acme, "org:admin"), (&beta, "org:member")]).await;
    server.backend().upload(&format!("/v1/users/{both}/profile_image"), &picture()).await.ok();
    let mut device = server.browser();
    device.sign_in("both", PASSWORD).await.response();
    let wanted = json!({ "kind": "organization_to_application", "organization_id": acme["id"] });
    let found = plan(&server, &wanted).await;
    let first = json!([{ "user_id": both, "organization_ids": [acme["id"], beta["id"]] }]);
    assert_eq!(found["conflicts"], json!([{ "kind": "user_in_several_organizations", "total": 1, "blocks": true, "first": first }]));
    assert_eq!(super::confirm(&server, &wanted, &found["fingerprint"]).await.refusal(), (409, "conversion_conflicts"));
    let applications = server.platform().get("/v1/platform/applications").await.ok().as_array().map(Vec::len);
    assert_eq!(applications, Some(2), "nothing was made for it");
    let wanted = json!({ "kind": "organization_to_application", "organization_id": acme["id"], "users_in_several_organizations": "copy" });
    let (done, mut there) = departed(&server, &wanted).await;
    let copies = server.platform().get(&format!("{}/{}/copies", path(&server), text(&done, "id"))).await.ok()["data"].clone();
    assert_eq!((&copies[0]["user_id"], &copies[0]["organization_id"]), (&json!(both), &acme["id"]));
    let copy = text(&copies[0], "copy_user_id");
    let (here, over_there) = (user(&server, &both).await, there.user(&copy).await);
    for field in ["external_id", "public_metadata", "private_metadata", "password_enabled", "has_image"] {
        assert_eq!(over_there[field], here[field], "{field}");
    }
    assert_eq!(over_there["primary_email_address_id"], over_there["email_addresses"][0]["id"]);
    assert_eq!(over_there["email_addresses"][0]["verification"]["status"], "verified");
    assert_eq!((role(&server, &beta, &both).await.as_deref(), here["id"].as_str()), (Some("org:member"), Some(both.as_str())));
    assert_eq!(device.get("/v1/client").await.response()["sessions"].as_array().map(Vec::len), Some(1), "whoever stays, stays signed in");
    assert_eq!(there.browser.sign_in("both", PASSWORD).await.response()["status"], "complete");
    assert_eq!(there.browser.user_id().await, copy);
}

/// Invitations go along: their tickets are good at the new door.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_invited_is_invited_over_there() {
    let server = server().await;
    let acme = organization(&server, "Acme").await;
    let ada = made(&server, "ada", &[(&acme, "org:admin")]).await;
    let invited = format!("/v1/organizations/{}/invitations", text(&acme, "id"));
    server.backend().post(&invited, json!({ "email_address": "eve@example.com", "role": "org:admin", "inviter_user_id": ada })).await.ok();
    let ticket = super::invited(&server, "eve@example.com").await;
    let wanted = json!({ "kind": "organization_to_application", "organization_id": acme["id"] });
    let (done, mut there) = departed(&server, &wanted).await;
    assert_eq!(done["done"]["numbers"]["invitations"], 1);
    let listed = there.backend.get(&invited).await.ok()["data"].clone();
    assert_eq!((&listed[0]["email_address"], &listed[0]["role"], &listed[0]["status"]), (&json!("eve@example.com"), &json!("org:admin"), &json!("pending")));
    assert_eq!(there.backend.get(&invited.replace("/invitations", "")).await.ok()["pending_invitations_count"], 1);
    let form = [("strategy", "ticket"), ("ticket", ticket.as_str()), ("password", PASSWORD)];
    assert_eq!(server.browser().post("/v1/client/sign_ups", &form).await.status.as_u16(), 400, "not here any more");
    let reply = there.browser.post("/v1/client/sign_ups", &form).await;
    assert_eq!(reply.response()["status"], "complete", "{}", reply.text);
    assert_eq!(there.backend.get(&invited.replace("/invitations", "")).await.ok()["members_count"], 2);
}

/// From a pool of its own too; the others' pools are as they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_leaves_with_its_pool() {
    let server = server().await;
    server.set(server.home.tenant.id(), json!({ "user_pool": { "mode": "isolated" } })).await;
    let (acme, beta) = (organization(&server, "Acme").await, organization(&server, "Beta").await);
    let mut ids = Vec::new();
    for organization in [&acme, &beta] {
        let body = json!({ "email_address": [address("bob")], "password": PASSWORD, "organization_id": organization["id"] });
        ids.push(text(server.backend().post("/v1/users", body).await.ok(), "id"));
    }
    let wanted = json!({ "kind": "organization_to_application", "organization_id": acme["id"] });
    let (_, mut there) = departed(&server, &wanted).await;
    assert_eq!(there.browser.sign_in("bob", PASSWORD).await.response()["status"], "complete", "one pool for all over there");
    assert_eq!(there.browser.user_id().await, ids[0]);
    assert_eq!(server.browser().in_pool("acme").sign_in("bob", PASSWORD).await.status.as_u16(), 404);
    let mut other = server.browser().in_pool("beta");
    assert_eq!(other.sign_in("bob", PASSWORD).await.response()["status"], "complete");
    assert_eq!(other.user_id().await, ids[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_departure_that_is_called_off_leaves_nothing() {
    let server = server().await;
    let acme = organization(&server, "Acme").await;
    let ada = made(&server, "ada", &[(&acme, "org:admin")]).await;
    let wanted = json!({ "kind": "organization_to_application", "organization_id": acme["id"] });
    let found = plan(&server, &wanted).await;
    let unknown = json!({ "kind": "organization_to_application", "organization_id": "org_222222222222222222222222222", "dry_run": true });
    let refused = server.platform().post(&path(&server), unknown).await;
    assert_eq!((refused.status.as_u16(), refused.param()), (404, "organization_id"));
    let begun = super::confirm(&server, &wanted, &found["fingerprint"]).await;
    let application = format!("/v1/platform/applications/{}", text(&begun.body, "application_id"));
    assert_eq!(server.platform().delete(&application).await.refusal(), (409, "conversion_under_way"));
    // What would go with the application is not begun in it.
    let further = server.platform().post(&format!("{application}/instances"), json!({ "domain": "lost.example" })).await;
    assert_eq!(further.refusal(), (409, "conversion_under_way"));
    server.platform().post(&format!("{}/{}/cancel", path(&server), text(&begun.body, "id")), json!({})).await.ok();
    assert_eq!(server.platform().get(&application).await.status.as_u16(), 404);
    assert_eq!(There::of(&server, &begun.body).backend.get("/v1/users").await.status.as_u16(), 401);
    assert_eq!(role(&server, &acme, &ada).await.as_deref(), Some("org:admin"));
    let body = json!({ "kind": "organization_to_application", "organization_id": acme["id"] });
    convert(&server, &body).await;
}

/// What an instance has sealed stays with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_goes_along() {
    let server = server().await;
    let acme = organization(&server, "Acme").await;
    for (name, key) in [("plain", None), ("sealed", Some("canary-canary-canary-canary-canary"))] {
        let mut template = json!({ "name": name, "claims": { "by": name } });
        if let Some(key) = key {
            template["custom_signing_key"] = json!(true);
            template["signing_key"] = json!(key);
            template["signing_algorithm"] = json!("HS256");
        }
        server.backend().post("/v1/jwt_templates", template).await.ok();
    }
    let own = json!({ "host": "smtp.acme.example", "username": "canary", "password": "canary-password", "from_address": "canary@acme.example" });
    server.backend().put("/v1/instance/smtp", own).await.ok();
    let wanted = json!({ "kind": "organization_to_application", "organization_id": acme["id"] });
    let (done, there) = departed(&server, &wanted).await;
    let templates = there.backend.get("/v1/jwt_templates").await.ok().clone();
    let names: Vec<&str> = templates.as_array().expect("a list").iter().filter_map(|template| template["name"].as_str()).collect();
    assert_eq!(names, ["plain"]);
    let kids = |reply: &testkit::Reply| reply.ok()["keys"][0]["kid"].clone();
    assert_ne!(kids(&there.backend.get("/v1/jwks").await), kids(&server.backend().get("/v1/jwks").await));
    let target = foundation::Id::parse(&text(&done, "instance_id")).expect("an id");
    let belongings = server.belongings(target).await;
    assert!(belongings["mail_servers"].is_empty());
    let sealed: Vec<String> = server
        .inside(server.home.tenant.id(), Access::Read, |tx| {
            Box::pin(async move { tx.list(store::sql!("select sealed_key from jwt_templates where instance_id = $1 and sealed_key is not null"), &[]).await })
        })
        .await;
    let all = format!("{belongings:?}");
    assert!(sealed.iter().all(|text| !all.contains(text.as_str())));
}
