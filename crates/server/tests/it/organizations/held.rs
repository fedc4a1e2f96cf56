//! What a wider layer of the settings holds, no row's own number passes: not written later, and not written before.

use super::{
    found,
    limits::{at_once, people},
    server, text,
};
use serde_json::{Value, json};
use testkit::{Reply, TestServer};

const MEMBERS: &str = "organization_settings.max_allowed_memberships";
const CREATED: &str = "organization_settings.create_organizations_limit";
const AT_ONCE: usize = 64;

/// A plan that the application subscribes to; its path.
async fn subscribed(server: &TestServer, plan: Value) -> String {
    let platform = server.platform();
    let id = text(platform.post("/v1/platform/plans", plan).await.ok(), "id");
    platform.put(&format!("/v1/platform/applications/{}/plan", server.home.tenant.instance.application), json!({ "plan_id": id })).await.ok();
    format!("/v1/platform/plans/{id}")
}

fn assert_held(reply: &Reply, param: &str, what: &Value) {
    assert_eq!((reply.refusal(), reply.param()), ((422, "setting_held"), param), "{what}: {}", reply.text);
    assert_eq!(reply.body["errors"][0]["meta"]["layer"], "plan", "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_number_is_not_written_past_a_bound() {
    let server = server().await;
    let (backend, mut ada) = (server.backend(), server.signed_in("ada").await);
    let organization = format!("/v1/organizations/{}", found(&mut ada, "Acme").await);
    let user = format!("/v1/users/{}", ada.user_id().await);
    subscribed(&server, json!({ "name": "Small", "rules": { MEMBERS: { "min": 2, "max": 5 }, CREATED: { "max": 2 } } })).await;
    // 0 is no limit, so it is past every one.
    for number in [json!(0), json!(6), json!(1), json!(1_000_000_000)] {
        let body = json!({ "name": "Beta", "max_allowed_memberships": number });
        assert_held(&backend.patch(&organization, json!({ "max_allowed_memberships": number })).await, "max_allowed_memberships", &number);
        assert_held(&backend.post("/v1/organizations", body).await, "max_allowed_memberships", &number);
    }
    assert_eq!(backend.patch(&organization, json!({ "max_allowed_memberships": 5 })).await.ok()["max_allowed_memberships"], 5);
    for number in [json!(0), json!(3)] {
        let body = json!({ "email_address": ["bob@example.com"], "skip_password_requirement": true, "create_organizations_limit": number });
        assert_held(&backend.patch(&user, json!({ "create_organizations_limit": number })).await, "create_organizations_limit", &number);
        assert_held(&backend.post("/v1/users", body).await, "create_organizations_limit", &number);
    }
    assert_eq!(backend.patch(&user, json!({ "create_organizations_limit": 1 })).await.ok()["create_organizations_limit"], 1);
    assert_eq!(backend.patch(&user, json!({ "create_organizations_limit": null })).await.ok().get("create_organizations_limit"), None);
    // The instance itself has no limit by default, and has one under the plan; it cannot say otherwise either.
    assert_eq!(backend.get("/v1/instance/organization_settings").await.ok()["max_allowed_memberships"], 5);
    assert_held(&backend.patch("/v1/instance/organization_settings", json!({ "max_allowed_memberships": 0 })).await, "max_allowed_memberships", &json!(0));
    let config = format!("{}/config", crate::platform::home(&server));
    for number in [0, 6] {
        let change = json!({ "organization_settings": { "max_allowed_memberships": number } });
        assert_held(&server.platform().patch(&config, change).await, MEMBERS, &json!(number));
    }
    assert_eq!(backend.get(&organization).await.ok()["max_allowed_memberships"], 5, "nothing of it was kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_number_is_not_written_past_a_lock() {
    let server = server().await;
    let (backend, mut ada) = (server.backend(), server.signed_in("ada").await);
    let organization = format!("/v1/organizations/{}", found(&mut ada, "Acme").await);
    let user = format!("/v1/users/{}", ada.user_id().await);
    let settings = json!({ "organization_settings": { "max_allowed_memberships": 3, "create_organizations_limit": 1 } });
    subscribed(&server, json!({ "name": "Locked", "settings": settings, "rules": { MEMBERS: { "lock": true }, CREATED: { "lock": true } } })).await;
    assert_eq!(backend.get(&organization).await.ok()["max_allowed_memberships"], 3);
    for number in [0, 4] {
        assert_held(&backend.patch(&organization, json!({ "max_allowed_memberships": number })).await, "max_allowed_memberships", &json!(number));
        assert_held(&backend.patch(&user, json!({ "create_organizations_limit": number + number / 4 })).await, "create_organizations_limit", &json!(number));
    }
    // A locked number may still shrink.
    assert_eq!(backend.patch(&organization, json!({ "max_allowed_memberships": 2 })).await.ok()["max_allowed_memberships"], 2);
    assert_eq!(ada.post("/v1/organizations", &[("name", "Second")]).await.refusal(), (403, "organization_quota_exceeded"));
    // 0 as a bound would bound nothing.
    let rules = json!({ "name": "None", "rules": { MEMBERS: { "max": 0 } } });
    let refused = server.platform().post("/v1/platform/plans", rules).await;
    assert_eq!((refused.status.as_u16(), refused.param()), (422, "rules.organization_settings.max_allowed_memberships"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plan_that_tightens_later_holds_the_numbers_that_are_there() {
    let server = server().await;
    let (backend, mut ada) = (server.backend(), server.signed_in("ada").await);
    let id = found(&mut ada, "Acme").await;
    let (organization, user) = (format!("/v1/organizations/{id}"), format!("/v1/users/{}", ada.user_id().await));
    backend.patch(&organization, json!({ "max_allowed_memberships": 0 })).await.ok();
    backend.patch(&user, json!({ "create_organizations_limit": 0 })).await.ok();
    let plan = subscribed(&server, json!({ "name": "Small", "rules": { MEMBERS: { "max": 5 }, CREATED: { "max": 4 } } })).await;
    assert_eq!(backend.get(&organization).await.ok()["max_allowed_memberships"], 5);
    assert_eq!(ada.get(&format!("/v1/organizations/{id}")).await.response()["max_allowed_memberships"], 5);
    assert_eq!(backend.get("/v1/organizations").await.ok()["data"][0]["max_allowed_memberships"], 5);
    assert_eq!(backend.get(&user).await.ok()["create_organizations_limit"], 4);
    assert_eq!(backend.get("/v1/users").await.ok()[0]["create_organizations_limit"], 4);
    // Other changes leave the numbers as they were given.
    backend.patch(&user, json!({ "first_name": "Ada" })).await.ok();
    backend.patch(&organization, json!({ "name": "Acme & Co" })).await.ok();

    let ids = people(&server, AT_ONCE).await;
    let path = format!("{organization}/memberships");
    let statuses = at_once(vec![ada.clone(); AT_ONCE], |mut browser, number| {
        let (path, user) = (path.clone(), ids[number].clone());
        async move { browser.post(&path, &[("user_id", &user), ("role", "org:member")]).await.status.as_u16() }
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "{statuses:?}");
    let full = backend.post(&path, json!({ "user_id": ids[AT_ONCE - 1], "role": "org:member" })).await;
    assert!(matches!(full.code(), "organization_membership_quota_exceeded" | "already_a_member_in_organization"), "{}", full.text);
    let invited = backend.post(&format!("{organization}/invitations"), json!({ "email_address": "new@example.com", "role": "org:member" })).await;
    assert_eq!(invited.refusal(), (403, "organization_membership_quota_exceeded"));

    let statuses = at_once(vec![ada.clone(); AT_ONCE], |mut browser, number| async move {
        browser.post("/v1/organizations", &[("name", &format!("Acme {number}"))]).await.status.as_u16()
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3, "{statuses:?}");
    let refused = ada.post("/v1/organizations", &[("name", "One more")]).await;
    assert_eq!((refused.refusal(), &refused.body["errors"][0]["meta"]["limit"]), ((403, "organization_quota_exceeded"), &json!(4)));

    // When the plan lets go, what was given counts again.
    server.platform().patch(&plan, json!({ "rules": { MEMBERS: null, CREATED: null } })).await.ok();
    assert_eq!(backend.get(&organization).await.ok()["max_allowed_memberships"], 0);
    assert_eq!(backend.get(&user).await.ok()["create_organizations_limit"], 0);
    found(&mut ada, "Fifth").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_least_number_raises_smaller_ones() {
    let server = server().await;
    let (backend, mut ada) = (server.backend(), server.signed_in("ada").await);
    let id = found(&mut ada, "Acme").await;
    let (organization, user) = (format!("/v1/organizations/{id}"), format!("/v1/users/{}", ada.user_id().await));
    backend.patch(&organization, json!({ "max_allowed_memberships": 1 })).await.ok();
    backend.patch(&user, json!({ "create_organizations_limit": 1 })).await.ok();
    assert_eq!(ada.post("/v1/organizations", &[("name", "Second")]).await.refusal(), (403, "organization_quota_exceeded"));
    subscribed(&server, json!({ "name": "Generous", "rules": { MEMBERS: { "min": 2 }, CREATED: { "min": 2 } } })).await;
    assert_eq!(backend.get(&organization).await.ok()["max_allowed_memberships"], 2);
    let people = people(&server, 2).await;
    let path = format!("{organization}/memberships");
    backend.post(&path, json!({ "user_id": people[0], "role": "org:member" })).await.ok();
    let full = backend.post(&path, json!({ "user_id": people[1], "role": "org:member" })).await;
    assert_eq!(full.refusal(), (403, "organization_membership_quota_exceeded"));
    found(&mut ada, "Second").await;
    assert_eq!(ada.post("/v1/organizations", &[("name", "Third")]).await.refusal(), (403, "organization_quota_exceeded"));
}
