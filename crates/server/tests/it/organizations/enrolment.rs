//! Domains that invite by themselves: whom, how often, and how many.

use super::domains::{ada_of_acme, affiliate, server};
use super::invitations::{events, seats};
use super::{found, join, server_with, text};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, PASSWORD, TestServer, address};

const INVITATIONS: &str = "/v1/me/organization_invitations";
const DAY: Duration = Duration::from_secs(86_400);

/// Makes everybody at example.com, where all test addresses are, be invited to the organization; the domain's path.
async fn enrol(server: &TestServer, organization: &str) -> String {
    let new = json!({ "name": "example.com", "enrollment_mode": "automatic_invitation" });
    format!("{organization}/domains/{}", text(server.backend().post(&format!("{organization}/domains"), new).await.ok(), "id"))
}

/// The invitations that wait for the browser's user.
async fn invited(browser: &mut Browser) -> Vec<Value> {
    browser.get(&format!("{INVITATIONS}?status=pending")).await.response()["data"].as_array().expect("a list").clone()
}

fn id_of(path: &str) -> String {
    path.rsplit('/').next().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_an_address_at_the_domain_is_invited_once_and_joins() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let id = id_of(&acme);
    let mut bob = server.signed_in("bob").await;
    let domain = enrol(&server, &acme).await;
    let mut cleo = server.signed_in("cleo").await;
    assert_eq!(seats(&server, &id).await, (1, 1), "whoever comes in is invited at once");
    let offered = invited(&mut bob).await;
    assert_eq!((offered.len(), &offered[0]["role"], &offered[0]["public_organization_data"]["name"]), (1, &json!("org:member"), &json!("Acme")));
    assert_eq!(offered[0]["email_address"], json!(address("bob")));
    assert_eq!(invited(&mut bob).await.len(), 1);
    assert_eq!(invited(&mut ada).await, Vec::<Value>::new(), "members are never invited");
    let shown = ada.get(&domain).await.response().clone();
    assert_eq!((&shown["total_pending_invitations"], &shown["total_pending_suggestions"]), (&json!(2), &json!(0)));
    assert_eq!(ada.get(&format!("{acme}/invitations?status=pending")).await.response()["total_count"], 2, "admins see them with the others");
    assert_eq!(bob.get("/v1/me/organization_suggestions").await.response()["total_count"], 0);
    server.run_jobs().await;
    assert!(server.world.inbox.caught(Some(&address("bob"))).iter().all(|caught| !caught.mail.subject.contains("Acme")), "nobody is mailed");

    bob.post(&format!("{INVITATIONS}/{}/accept", text(&offered[0], "id")), &[]).await.response();
    assert_eq!(seats(&server, &id).await, (1, 2));
    assert_eq!(ada.get(&domain).await.response()["total_pending_invitations"], 1);
    let mut kinds: Vec<String> = events(&server, "organizationInvitation.").await.into_iter().map(|(kind, _)| kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["organizationInvitation.accepted", "organizationInvitation.created", "organizationInvitation.created"]);
    // Whoever has left comes back by somebody's word.
    bob.override_method("DELETE", &format!("/v1/me/organization_memberships/{id}"), &[]).await.response();
    assert_eq!(invited(&mut bob).await, Vec::<Value>::new());
    // So does whoever's invitation was taken back, or is over.
    let cleos = text(&invited(&mut cleo).await[0], "id");
    ada.post(&format!("{acme}/invitations/{cleos}/revoke"), &[]).await.response();
    assert_eq!((invited(&mut cleo).await, seats(&server, &id).await), (Vec::new(), (0, 1)));
    server.signed_in("dora").await;
    assert_eq!(seats(&server, &id).await, (1, 1));
    server.advance(30 * DAY);
    assert_eq!(seats(&server, &id).await, (0, 1));
    let mut dora = server.browser();
    dora.sign_in("dora", PASSWORD).await.response();
    assert_eq!((invited(&mut dora).await, seats(&server, &id).await), (Vec::new(), (0, 1)));
}

/// A12: only proven addresses that are exactly at a verified domain count, while its mode and the settings say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_invited_for_what_is_not_proven() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let mut bob = server.signed_in("bob").await;
    let mode = [("name", "example.com"), ("enrollment_mode", "automatic_invitation")];
    let path = format!("{acme}/domains/{}", text(ada.post(&format!("{acme}/domains"), &mode).await.response(), "id"));
    assert_eq!(invited(&mut bob).await, Vec::<Value>::new(), "the domain is not verified");
    let other = found(&mut ada, "Other").await;
    let elsewhere = json!({ "name": "other.example", "enrollment_mode": "automatic_invitation" });
    server.backend().post(&format!("/v1/organizations/{other}/domains"), elsewhere).await.ok();
    let email = text(bob.post("/v1/me/email_addresses", &[("email_address", "bob+clerk_test@other.example")]).await.response(), "id");
    assert_eq!(invited(&mut bob).await, Vec::<Value>::new(), "the address is not proven");
    let email = format!("/v1/me/email_addresses/{email}");
    bob.post(&format!("{email}/prepare_verification"), &[("strategy", "email_code")]).await.response();
    bob.post(&format!("{email}/attempt_verification"), &[("code", "424242")]).await.response();
    assert_eq!(seats(&server, &other).await, (1, 1), "by the proof of the address, before anybody asks");
    assert_eq!(invited(&mut bob).await[0]["email_address"], "bob+clerk_test@other.example");
    affiliate(&mut ada, &path, "boss+clerk_test@example.com").await;
    assert_eq!(invited(&mut bob).await.len(), 2);
    // A layer that takes the mode back ends it for everybody.
    let modes = json!({ "enabled": true, "domains_enabled": true, "domains_enrollment_modes": ["manual_invitation"] });
    server.set(server.home.tenant.id(), json!({ "organization_settings": modes })).await;
    assert_eq!(invited(&mut server.signed_in("dora").await).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_stays_or_is_taken_back_as_the_change_says() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let id = id_of(&acme);
    let domain = enrol(&server, &acme).await;
    let (mut bob, mut cleo) = (server.signed_in("bob").await, server.signed_in("cleo").await);
    let mode = format!("{domain}/update_enrollment_mode");
    ada.post(&mode, &[("enrollment_mode", "manual_invitation")]).await.response();
    assert_eq!((invited(&mut bob).await.len(), seats(&server, &id).await), (1, (2, 1)));
    // What an admin has taken back is not offered again, whatever becomes of the others.
    let cleos = text(&invited(&mut cleo).await[0], "id");
    ada.post(&format!("{acme}/invitations/{cleos}/revoke"), &[]).await.response();
    let bobs = text(&invited(&mut bob).await[0], "id");
    let cleared = ada.post(&mode, &[("enrollment_mode", "manual_invitation"), ("delete_pending", "true")]).await.response().clone();
    assert_eq!((&cleared["total_pending_invitations"], seats(&server, &id).await), (&json!(0), (0, 1)));
    assert_eq!(invited(&mut bob).await, Vec::<Value>::new());
    assert_eq!(bob.post(&format!("{INVITATIONS}/{bobs}/accept"), &[]).await.refusal(), (400, "organization_invitation_revoked_code"));
    ada.post(&mode, &[("enrollment_mode", "automatic_invitation")]).await.response();
    assert_eq!((invited(&mut bob).await.len(), invited(&mut cleo).await.len()), (1, 0));
    // Who was invited by somebody is not invited by the domain too.
    let body = json!({ "email_address": address("dora"), "role": "org:admin" });
    server.backend().post(&format!("{acme}/invitations"), body).await.ok();
    let mut dora = server.signed_in("dora").await;
    let doras = invited(&mut dora).await;
    assert_eq!((doras.len(), &doras[0]["role"]), (1, &json!("org:admin")));
    // A domain that is verified no more, or is gone, takes back what it has offered, and nothing else.
    server.backend().patch(&domain, json!({ "verified": false })).await.ok();
    assert_eq!((invited(&mut bob).await.len(), invited(&mut dora).await.len()), (0, 1));
    server.backend().patch(&domain, json!({ "verified": true })).await.ok();
    assert_eq!(invited(&mut bob).await.len(), 1);
    ada.override_method("DELETE", &domain, &[]).await.response();
    assert_eq!((invited(&mut bob).await.len(), seats(&server, &id).await), (0, (1, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_hundred_are_taken_back_by_a_job() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let domain = enrol(&server, &acme).await;
    for number in 0..103 {
        server.signed_in(&format!("p{number}")).await;
    }
    assert_eq!(seats(&server, &id_of(&acme)).await, (103, 1));
    ada.post(&format!("{domain}/update_enrollment_mode"), &[("enrollment_mode", "manual_invitation"), ("delete_pending", "true")]).await.response();
    assert_eq!(seats(&server, &id_of(&acme)).await, (3, 1));
    server.run_jobs().await;
    assert_eq!(seats(&server, &id_of(&acme)).await, (0, 1));
    // A job of an organization that is gone meanwhile has nothing to do.
    ada.post(&format!("{domain}/update_enrollment_mode"), &[("enrollment_mode", "automatic_invitation")]).await.response();
    server.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_who_come_at_once_are_invited_to_the_seats_that_there_are() {
    let server = server_with(json!({ "domains_enabled": true, "max_allowed_memberships": 7 })).await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let mut people = Vec::new();
    for number in 0..16 {
        people.push(server.signed_in(&format!("p{number}")).await);
    }
    let domain = enrol(&server, &acme).await;
    // Each of them four times.
    let looks: Vec<_> = (0..64)
        .map(|number| {
            let mut browser = people[number % 16].clone();
            tokio::spawn(async move { browser.get(INVITATIONS).await.status.as_u16() })
        })
        .collect();
    for look in looks {
        assert_eq!(look.await.expect("an answer"), 200);
    }
    assert_eq!(seats(&server, &id_of(&acme)).await, (6, 1));
    assert_eq!(ada.get(&domain).await.response()["total_pending_invitations"], 6);
    let mut with = Vec::new();
    let mut without = Vec::new();
    for mut browser in people {
        match invited(&mut browser).await.first() {
            Some(invitation) => with.push((browser, text(invitation, "id"))),
            None => without.push(browser),
        }
    }
    assert_eq!((with.len(), without.len()), (6, 10), "one for each");
    // A seat that is free again is offered to whoever looks next.
    ada.post(&format!("{acme}/invitations/{}/revoke", with[0].1), &[]).await.response();
    assert_eq!(invited(&mut without[0]).await.len(), 1);
    assert_eq!(seats(&server, &id_of(&acme)).await, (6, 1));
    assert_eq!(invited(&mut without[1]).await.len(), 0);
    let (browser, invitation) = &mut with[1];
    browser.post(&format!("{INVITATIONS}/{invitation}/accept"), &[]).await.response();
    assert_eq!(seats(&server, &id_of(&acme)).await, (5, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_belong_is_not_invited() {
    let server = server().await;
    let (_, acme) = ada_of_acme(&server).await;
    let (mut bob, mut eve) = (server.signed_in("bob").await, server.signed_in("eve").await);
    let only = text(server.backend().post("/v1/organizations", json!({ "name": "Only" })).await.ok(), "id");
    server.backend().patch(&format!("/v1/organizations/{only}"), json!({ "exclusive_membership": true })).await.ok();
    join(&server, &only, &mut bob, "org:member").await;
    enrol(&server, &acme).await;
    assert_eq!((invited(&mut bob).await.len(), invited(&mut eve).await.len()), (0, 1), "his organization wants him for itself");
    assert_eq!(seats(&server, &id_of(&acme)).await, (1, 1));
}

/// Where organizations have users of their own, nobody can join another one: nothing is offered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_of_an_isolated_pool_is_invited_elsewhere() {
    let (server, acme, beta) = super::pools::isolated().await;
    let settings = json!({ "organization_settings": { "enabled": true, "domains_enabled": true } });
    let path = format!("/v1/platform/applications/{}/instances/{}/config", server.home.tenant.instance.application, server.home.tenant.id());
    assert!(server.platform().patch(&path, settings).await.status.is_success());
    for (organization, name, mode) in [(&acme, "example.com", "automatic_invitation"), (&beta, "beta.example", "automatic_suggestion")] {
        let new = json!({ "name": name, "enrollment_mode": mode });
        server.backend().post(&format!("/v1/organizations/{}/domains", text(organization, "id")), new).await.ok();
    }
    let mut bob = server.browser().in_pool("beta");
    assert_eq!(bob.sign_up("bob").await.response()["status"], "complete");
    assert_eq!(invited(&mut bob).await, Vec::<Value>::new());
    assert_eq!(bob.get("/v1/me/organization_suggestions").await.response()["total_count"], 0);
    assert_eq!(seats(&server, &text(&acme, "id")).await, (0, 0));
}
