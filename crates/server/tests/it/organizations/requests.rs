//! Suggestions to join, requests that come of them, and who answers those.

use super::domains::{ada_of_acme, add, affiliate, server};
use super::{found, join, server_with, text};
use serde_json::{Value, json};
use testkit::{Browser, TestServer};

const SUGGESTIONS: &str = "/v1/me/organization_suggestions";

/// Makes everybody at example.com, where all test addresses are, be told of the organization.
async fn suggest(server: &TestServer, organization: &str) -> String {
    let new = json!({ "name": "example.com", "enrollment_mode": "automatic_suggestion" });
    text(server.backend().post(&format!("{organization}/domains"), new).await.ok(), "id")
}

async fn suggested(browser: &mut Browser) -> Vec<Value> {
    browser.get(SUGGESTIONS).await.response()["data"].as_array().expect("a list").clone()
}

/// Asks to join what is suggested.
async fn ask(browser: &mut Browser) -> Value {
    let id = text(&suggested(browser).await[0], "id");
    browser.post(&format!("{SUGGESTIONS}/{id}/accept"), &[]).await.response().clone()
}

/// The requests that wait, by who asks.
async fn waiting(admin: &mut Browser, organization: &str) -> Vec<(String, String)> {
    let found = admin.get(&format!("{organization}/membership_requests?status=pending")).await.response()["data"].clone();
    found.as_array().expect("a list").iter().map(|one| (text(&one["public_user_data"], "user_id"), text(one, "id"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_at_the_domain_asks_and_an_admin_lets_them_in() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    suggest(&server, &acme).await;
    let mut bob = server.signed_in("bob").await;
    let offered = suggested(&mut bob).await;
    assert_eq!((offered.len(), &offered[0]["status"], &offered[0]["public_organization_data"]["name"]), (1, &json!("pending"), &json!("Acme")));
    assert_eq!(suggested(&mut ada).await, Vec::<Value>::new(), "members are never suggested");
    let domain = ada.get(&format!("{acme}/domains")).await.response()["data"][0].clone();
    assert_eq!((&domain["total_pending_suggestions"], &domain["total_pending_invitations"]), (&json!(1), &json!(0)));
    assert_eq!(waiting(&mut ada, &acme).await, []);

    let accepted = ask(&mut bob).await;
    assert_eq!(accepted["status"], "accepted");
    let again = bob.post(&format!("{SUGGESTIONS}/{}/accept", text(&accepted, "id")), &[]).await;
    assert_eq!(again.refusal(), (400, "organization_suggestion_already_accepted"));
    assert_eq!(bob.get(&format!("{SUGGESTIONS}?status=pending,accepted")).await.response()["total_count"], 1);
    assert_eq!(bob.get(&format!("{SUGGESTIONS}?status=pending")).await.response()["total_count"], 0);
    assert_eq!(bob.get(&format!("{SUGGESTIONS}?status=closed")).await.param(), "status");
    assert_eq!(bob.get("/v1/me/organization_memberships?paginated=true").await.response()["total_count"], 0, "asking is not belonging");

    let requests = waiting(&mut ada, &acme).await;
    assert_eq!((requests.len(), &requests[0].0), (1, &bob.user_id().await));
    let accept = format!("{acme}/membership_requests/{}/accept", requests[0].1);
    assert_eq!(ada.post(&accept, &[]).await.response()["status"], "accepted");
    assert_eq!(ada.post(&accept, &[]).await.refusal(), (400, "organization_membership_request_not_pending"));
    let own = bob.get("/v1/me/organization_memberships?paginated=true").await.response().clone();
    assert_eq!((&own["total_count"], &own["data"][0]["role"]), (&json!(1), &json!("org:member")));
    assert_eq!(bob.get(&format!("{SUGGESTIONS}?status=pending&status=accepted")).await.response()["total_count"], 0);
    assert_eq!(waiting(&mut ada, &acme).await, []);
    assert_eq!(ada.get(&format!("{acme}/membership_requests?status=expired")).await.response()["total_count"], 0);
    assert_eq!(ada.get(&format!("{acme}/membership_requests?status=nobody")).await.param(), "status");
    assert_eq!(ada.get(&format!("{acme}/membership_requests")).await.response()["total_count"], 1);
    // Whoever has left comes back by somebody's word, and not because of their address.
    let id = acme.rsplit('/').next().expect("an id");
    bob.override_method("DELETE", &format!("/v1/me/organization_memberships/{id}"), &[]).await.response();
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_turned_down_is_not_told_again() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    suggest(&server, &acme).await;
    let (mut bob, mut eve) = (server.signed_in("bob").await, server.signed_in("eve").await);
    ask(&mut bob).await;
    let request = waiting(&mut ada, &acme).await[0].1.clone();
    join(&server, acme.rsplit('/').next().expect("an id"), &mut eve, "org:member").await;
    for verb in ["accept", "reject"] {
        let path = format!("{acme}/membership_requests/{request}/{verb}");
        assert_eq!(eve.post(&path, &[]).await.refusal(), (403, "missing_organization_permission"));
        assert_eq!(bob.post(&path, &[]).await.status.as_u16(), 404, "nobody lets themselves in");
    }
    assert_eq!(eve.get(&format!("{acme}/membership_requests")).await.refusal(), (403, "missing_organization_permission"));
    // An admin of another organization does not reach it through their own.
    let other = found(&mut eve, "Other").await;
    assert_eq!(eve.post(&format!("/v1/organizations/{other}/membership_requests/{request}/accept"), &[]).await.status.as_u16(), 404);
    let rejected = ada.post(&format!("{acme}/membership_requests/{request}/reject"), &[]).await.response().clone();
    assert_eq!(rejected["status"], "revoked");
    assert_eq!(ada.post(&format!("{acme}/membership_requests/{request}/accept"), &[]).await.refusal(), (400, "organization_membership_request_not_pending"));
    assert_eq!(bob.get(&format!("{SUGGESTIONS}?status=pending,accepted")).await.response()["total_count"], 0);
    assert_eq!(ada.get(&format!("{acme}/membership_requests?status=revoked")).await.response()["total_count"], 1);
}

/// A12: an unverified domain enrols nobody, nor does an unproven address, nor a domain below or above.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_proven_addresses_at_a_verified_domain_count() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let mut bob = server.signed_in("bob").await;
    for name in ["example.com", "com.example.com", "acme.example"] {
        let mode = [("name", name), ("enrollment_mode", "automatic_suggestion")];
        ada.post(&format!("{acme}/domains"), &mode).await.response();
    }
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new(), "not verified");
    server
        .backend()
        .post(
            &format!("/v1/organizations/{}/domains", found(&mut ada, "Below").await),
            json!({ "name": "mail.example.com", "enrollment_mode": "automatic_suggestion" }),
        )
        .await
        .ok();
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new(), "below");
    let other = found(&mut ada, "Other").await;
    server
        .backend()
        .post(&format!("/v1/organizations/{other}/domains"), json!({ "name": "other.example", "enrollment_mode": "automatic_suggestion" }))
        .await
        .ok();
    let address = [("email_address", "bob+clerk_test@other.example")];
    let email = text(bob.post("/v1/me/email_addresses", &address).await.response(), "id");
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new(), "not proven");
    let email = format!("/v1/me/email_addresses/{email}");
    bob.post(&format!("{email}/prepare_verification"), &[("strategy", "email_code")]).await.response();
    bob.post(&format!("{email}/attempt_verification"), &[("code", "424242")]).await.response();
    let rows = server.belongings(server.home.tenant.id()).await["organization_suggestions"].len();
    assert_eq!(rows, 1, "by the proof of the address, before anybody asks");
    let offered = suggested(&mut bob).await;
    assert_eq!(offered[0]["public_organization_data"]["name"], "Other");
    // What it was made for holds no more.
    bob.override_method("DELETE", &email, &[]).await.response();
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new());
    assert_eq!(bob.post(&format!("{SUGGESTIONS}/{}/accept", text(&offered[0], "id")), &[]).await.status.as_u16(), 404);
    assert_eq!(ada.post(&format!("{SUGGESTIONS}/{}/accept", text(&offered[0], "id")), &[]).await.status.as_u16(), 404, "nor is it anybody else's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_told_when_they_come_in_and_while_the_mode_says_so() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let mut bob = server.signed_in("bob").await;
    let path = add(&mut ada, &acme, "example.com").await;
    affiliate(&mut ada, &path, "boss+clerk_test@example.com").await;
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new(), "somebody invites them");
    let mode = format!("{path}/update_enrollment_mode");
    let changed = ada.post(&mode, &[("enrollment_mode", "automatic_suggestion")]).await.response().clone();
    assert_eq!(changed["enrollment_mode"], "automatic_suggestion");
    assert_eq!(suggested(&mut bob).await.len(), 1, "whoever was there before is told when they ask");
    server.signed_in("cleo").await;
    assert_eq!(ada.get(&path).await.response()["total_pending_suggestions"], 2, "whoever signs up is told at once");
    // Without `delete_pending` what waits stays; with it, it is taken back, and can be suggested again.
    ada.post(&mode, &[("enrollment_mode", "manual_invitation")]).await.response();
    assert_eq!(suggested(&mut bob).await.len(), 1);
    let cleared = ada.post(&mode, &[("enrollment_mode", "manual_invitation"), ("delete_pending", "true")]).await.response().clone();
    assert_eq!(cleared["total_pending_suggestions"], 0);
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new());
    ada.post(&mode, &[("enrollment_mode", "automatic_suggestion")]).await.response();
    assert_eq!(suggested(&mut bob).await.len(), 1);
    assert_eq!(ada.post(&mode, &[("enrollment_mode", "enterprise_sso")]).await.param(), "enrollment_mode");
    assert_eq!(ada.post(&mode, &[]).await.param(), "enrollment_mode");
    assert_eq!(ada.post(&mode, &[("enrollment_mode", "manual_invitation"), ("delete_pending", "perhaps")]).await.param(), "delete_pending");
    // A layer that takes the mode back ends it for everybody.
    let modes = json!({ "enabled": true, "domains_enabled": true, "domains_enrollment_modes": ["manual_invitation"] });
    server.set(server.home.tenant.id(), json!({ "organization_settings": modes })).await;
    assert_eq!(suggested(&mut server.signed_in("dora").await).await, Vec::<Value>::new());
    // Taking the domain away takes back what nobody has answered.
    ada.override_method("DELETE", &path, &[]).await.response();
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new());
    server.set(server.home.tenant.id(), json!({ "organization_settings": { "enabled": true, "domains_enabled": false } })).await;
    assert_eq!(bob.get(SUGGESTIONS).await.response(), &json!({ "data": [], "total_count": 0 }));
}

/// An accepted request takes a seat, and there are no more members than seats however many are let in at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_are_accepted_at_once_find_as_many_seats_as_there_are() {
    let server = server_with(json!({ "domains_enabled": true, "max_allowed_memberships": 4 })).await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    suggest(&server, &acme).await;
    for number in 0..8 {
        ask(&mut server.signed_in(&format!("p{number}")).await).await;
    }
    let requests = waiting(&mut ada, &acme).await;
    assert_eq!(requests.len(), 8);
    // Each twice.
    let tasks: Vec<_> = requests
        .iter()
        .chain(&requests)
        .map(|(_, id)| {
            let (mut ada, path) = (ada.clone(), format!("{acme}/membership_requests/{id}/accept"));
            tokio::spawn(async move { ada.post(&path, &[]).await })
        })
        .collect();
    let mut let_in = 0;
    for task in tasks {
        let reply = task.await.expect("an answer");
        match reply.status.as_u16() {
            200 => let_in += 1,
            403 => assert_eq!(reply.code(), "organization_membership_quota_exceeded"),
            _ => assert_eq!(reply.refusal(), (400, "organization_membership_request_not_pending")),
        }
    }
    assert_eq!(let_in, 3);
    assert_eq!(server.backend().get(&acme).await.ok()["members_count"], 4);
    assert_eq!(waiting(&mut ada, &acme).await.len(), 5, "whoever found no seat still waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_suggestion_is_accepted_once() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    suggest(&server, &acme).await;
    let mut bob = server.signed_in("bob").await;
    let path = format!("{SUGGESTIONS}/{}/accept", text(&suggested(&mut bob).await[0], "id"));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (mut bob, path) = (bob.clone(), path.clone());
            tokio::spawn(async move { bob.post(&path, &[]).await.status.as_u16() })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += usize::from(task.await.expect("an answer") == 200);
    }
    assert_eq!(accepted, 1);
    assert_eq!(waiting(&mut ada, &acme).await.len(), 1);
    // Whoever becomes a member by another way waits no more.
    join(&server, acme.rsplit('/').next().expect("an id"), &mut bob, "org:member").await;
    assert_eq!(waiting(&mut ada, &acme).await, []);
    assert_eq!(bob.get(SUGGESTIONS).await.response()["total_count"], 0);
}

/// The neighbour's domain of the same name tells nobody here of the neighbour's organization.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_of_the_neighbour_enrols_nobody_here() {
    let server = server().await;
    let mut mallory = server.signed_in_next_door("mallory").await;
    let theirs = found(&mut mallory, "Theirs").await;
    let new = json!({ "name": "example.com", "enrollment_mode": "automatic_suggestion" });
    server.neighbours_backend().post(&format!("/v1/organizations/{theirs}/domains"), new).await.ok();
    let mut bob = server.signed_in("bob").await;
    assert_eq!(suggested(&mut bob).await, Vec::<Value>::new());
    let mut eve = server.signed_in_next_door("eve").await;
    let id = text(&suggested(&mut eve).await[0], "id");
    assert_eq!(bob.post(&format!("{SUGGESTIONS}/{id}/accept"), &[]).await.status.as_u16(), 404);
}
