//! Limits of organizations hold exactly, however many come at once.

use super::{found, join, server, server_with};
use serde_json::json;
use testkit::{Browser, TestServer};

const AT_ONCE: usize = 64;

/// Sends as many requests at once as there are browsers; how many succeed.
pub async fn at_once<F, Fut>(browsers: Vec<Browser>, send: F) -> Vec<u16>
where
    F: Fn(Browser, usize) -> Fut,
    Fut: Future<Output = u16> + Send + 'static,
{
    let tasks: Vec<_> = browsers.into_iter().enumerate().map(|(number, browser)| tokio::spawn(send(browser, number))).collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    statuses
}

pub async fn people(server: &TestServer, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let made = server.backend().post("/v1/users", json!({ "email_address": [format!("p{number}@example.com")], "skip_password_requirement": true })).await;
        ids.push(super::text(made.ok(), "id"));
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_who_join_at_once_find_as_many_seats_as_there_are() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let id = found(&mut ada, "Acme").await;
    server.backend().patch(&format!("/v1/organizations/{id}"), json!({ "max_allowed_memberships": 5 })).await.ok();
    let ids = people(&server, AT_ONCE).await;
    let path = format!("/v1/organizations/{id}/memberships");
    let statuses = at_once(vec![ada.clone(); AT_ONCE], |mut browser, number| {
        let (path, user) = (path.clone(), ids[number].clone());
        async move { browser.post(&path, &[("user_id", &user), ("role", "org:member")]).await.status.as_u16() }
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), AT_ONCE - 4, "{statuses:?}");
    let organization = server.backend().get(&format!("/v1/organizations/{id}")).await.ok().clone();
    assert_eq!(organization["members_count"], 5);
    assert_eq!(server.backend().get(&path).await.ok()["total_count"], 5);
    let refused = ada.post(&path, &[("user_id", &ids[0]), ("role", "org:member")]).await;
    assert!(matches!(refused.code(), "organization_membership_quota_exceeded" | "already_a_member_in_organization"), "{}", refused.text);
    // A smaller number takes nobody out; a larger one lets in.
    server.backend().patch(&format!("/v1/organizations/{id}"), json!({ "max_allowed_memberships": 2 })).await.ok();
    assert_eq!(server.backend().get(&path).await.ok()["total_count"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_user_joins_once() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    let user = bob.user_id().await;
    let path = format!("/v1/organizations/{id}/memberships");
    let statuses = at_once(vec![ada.clone(); 16], |mut browser, _| {
        let (path, user) = (path.clone(), user.clone());
        async move { browser.post(&path, &[("user_id", &user), ("role", "org:member")]).await.status.as_u16() }
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(server.backend().get(&format!("/v1/organizations/{id}")).await.ok()["members_count"], 2);
    assert_eq!(bob.get("/v1/me/organization_memberships?paginated=true").await.response()["total_count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_creates_more_organizations_than_they_may() {
    let server = server_with(json!({ "create_organizations_limit": 3 })).await;
    let ada = server.signed_in("ada").await;
    let statuses = at_once(vec![ada.clone(); 24], |mut browser, number| async move {
        browser.post("/v1/organizations", &[("name", &format!("Acme {number}"))]).await.status.as_u16()
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3, "{statuses:?}");
    let mut ada = ada;
    let refused = ada.post("/v1/organizations", &[("name", "One more")]).await;
    assert_eq!(refused.refusal(), (403, "organization_quota_exceeded"));
    assert_eq!(refused.body["errors"][0]["meta"]["limit"], 3);
    // The user's own number wins, and room that was made is room.
    let user = ada.user_id().await;
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "create_organizations_limit": 4 })).await.ok();
    let id = found(&mut ada, "Fourth").await;
    assert_eq!(ada.post("/v1/organizations", &[("name", "Fifth")]).await.refusal(), (403, "organization_quota_exceeded"));
    ada.override_method("DELETE", &format!("/v1/organizations/{id}"), &[]).await.response();
    found(&mut ada, "Fourth again").await;
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "create_organization_enabled": false })).await.ok();
    assert_eq!(ada.post("/v1/organizations", &[("name", "None")]).await.refusal(), (403, "organization_create_not_enabled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_an_exclusive_organization_belong_to_no_other() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut bob, "Beta").await);
    let path = format!("/v1/organizations/{acme}");
    assert_eq!(server.backend().patch(&path, json!({ "exclusive_membership": true })).await.ok()["exclusive_membership"], true);
    let members = format!("{path}/memberships");
    let refusal = (403, "organization_membership_exclusive");
    assert_eq!(ada.post(&members, &[("user_id", &bob.user_id().await), ("role", "org:member")]).await.refusal(), refusal);
    assert_eq!(ada.post("/v1/organizations", &[("name", "Second")]).await.refusal(), refusal);
    assert_eq!(
        bob.post(&format!("/v1/organizations/{beta}/memberships"), &[("user_id", &ada.user_id().await), ("role", "org:member")]).await.refusal(),
        refusal
    );
    assert_eq!(server.backend().get(&path).await.ok()["members_count"], 1, "a refused seat is given back");
    // One whose members belong to others already cannot become exclusive.
    let mut eve = server.signed_in("eve").await;
    found(&mut eve, "Gamma").await;
    join(&server, &beta, &mut eve, "org:member").await;
    assert_eq!(server.backend().patch(&format!("/v1/organizations/{beta}"), json!({ "exclusive_membership": true })).await.refusal(), refusal);
}
