//! Mails about organizations: requests, what became of them, and other roles.

use super::domains::{ada_of_acme, server};
use super::{join, server_with, text};
use serde_json::json;
use testkit::{Browser, TestServer, address};

/// Makes everybody at example.com be told of the organization, and asks to join.
async fn ask(server: &TestServer, organization: &str, browser: &mut Browser) {
    let new = json!({ "name": "example.com", "enrollment_mode": "automatic_suggestion" });
    server.backend().post(&format!("{organization}/domains"), new).await;
    let id = text(&browser.get("/v1/me/organization_suggestions").await.response()["data"][0], "id");
    browser.post(&format!("/v1/me/organization_suggestions/{id}/accept"), &[]).await.response();
}

/// The mails to somebody about organizations, newest first: subject and text.
async fn mails(server: &TestServer, name: &str) -> Vec<(String, String)> {
    server.run_jobs().await;
    let caught = server.world.inbox.caught(Some(&address(name)));
    let of = caught.into_iter().map(|caught| (caught.mail.subject, caught.mail.text));
    of.filter(|(subject, _)| subject.contains("join") || subject.contains("belong") || subject.contains("role")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_manage_are_told_of_requests_and_whoever_asks_of_the_answer() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let id = acme.rsplit('/').next().expect("an id").to_owned();
    server.backend().patch(&acme, json!({ "name": "Acme https://evil.example" })).await.ok();
    let (mut bob, mut cleo) = (server.signed_in("bob").await, server.signed_in("cleo").await);
    join(&server, &id, &mut cleo, "org:member").await;
    let settings = json!({ "organization_settings": { "enabled": true, "domains_enabled": true }, "test_mode": false });
    server.set(server.home.tenant.id(), settings).await;
    ask(&server, &acme, &mut bob).await;
    let told = mails(&server, "ada").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0.starts_with("Somebody wants to join Acme"), "{}", told[0].0);
    assert!(told[0].1.contains("bob") && !told[0].1.contains("https://evil.example"), "{}", told[0].1);
    assert_eq!((mails(&server, "cleo").await.len(), mails(&server, "bob").await.len()), (0, 0), "nobody else is");
    let request = text(&ada.get(&format!("{acme}/membership_requests?status=pending")).await.response()["data"][0], "id");
    ada.post(&format!("{acme}/membership_requests/{request}/accept"), &[]).await.response();
    let told = mails(&server, "bob").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0.starts_with("You belong to Acme") && told[0].1.contains("role is Member"), "{told:?}");
    // Another role is told to whoever has it, and not to whoever gives it.
    let user = bob.user_id().await;
    ada.override_method("PATCH", &format!("{acme}/memberships/{user}"), &[("role", "org:admin")]).await.response();
    let told = mails(&server, "bob").await;
    assert!(told[0].0.starts_with("Your role in Acme") && told[0].1.contains("role is Admin now"), "{told:?}");
    assert_eq!((told.len(), mails(&server, "ada").await.len()), (2, 1));
    bob.override_method("PATCH", &format!("{acme}/memberships/{user}"), &[("role", "org:member")]).await.response();
    assert_eq!(mails(&server, "bob").await.len(), 2, "who does it themselves knows it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_what_the_settings_switch_off_or_too_often() {
    let server = server_with(json!({ "domains_enabled": true })).await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let mut bob = server.signed_in("bob").await;
    let organizations = json!({ "enabled": true, "direct_members": true, "domains_enabled": true });
    let none = json!({ "membership_requested": false, "membership_request_accepted": false, "role_changed": false });
    server.set(server.home.tenant.id(), json!({ "organization_settings": organizations, "messages": { "organizations": none }, "test_mode": false })).await;
    ask(&server, &acme, &mut bob).await;
    let request = text(&ada.get(&format!("{acme}/membership_requests?status=pending")).await.response()["data"][0], "id");
    ada.post(&format!("{acme}/membership_requests/{request}/accept"), &[]).await.response();
    let user = bob.user_id().await;
    let path = format!("{acme}/memberships/{user}");
    server.backend().patch(&path, json!({ "role": "org:admin" })).await.ok();
    assert_eq!((mails(&server, "ada").await.len(), mails(&server, "bob").await.len()), (0, 0));
    server.set(server.home.tenant.id(), json!({ "messages": { "organizations": { "role_changed": true } } })).await;
    for number in 0..24 {
        let role = if number % 2 == 0 { "org:member" } else { "org:admin" };
        server.backend().patch(&path, json!({ "role": role })).await.ok();
    }
    assert_eq!(mails(&server, "bob").await.len(), 20, "a day");
}
