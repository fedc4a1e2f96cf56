//! Seats and budgets hold exactly, however many invite at once.

use super::{DAY, invite, invited, path, seats, ticket};
use crate::organizations::{found, join, server, server_with, text};
use serde_json::json;
use std::time::Duration;
use testkit::{Browser, TestServer, address};

const AT_ONCE: usize = 64;

/// Sends as many requests at once as are wanted; their statuses.
async fn at_once<F, Fut>(count: usize, send: F) -> Vec<u16>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = u16> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(send(number))).collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    statuses
}

fn succeeded(statuses: &[u16]) -> usize {
    statuses.iter().filter(|status| **status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_invitations_at_once_find_as_many_seats_as_there_are() {
    let server = server_with(json!({ "max_allowed_memberships": 6 })).await;
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    let statuses = at_once(AT_ONCE, |number| {
        let (mut ada, acme) = (ada.clone(), acme.clone());
        async move { invite(&mut ada, &acme, &format!("p{number}@example.com"), "org:member").await.status.as_u16() }
    })
    .await;
    assert_eq!(succeeded(&statuses), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), AT_ONCE - 5, "{statuses:?}");
    assert_eq!(seats(&server, &acme).await, (5, 1));
    // Members find no seat either, until one is given back.
    let mut bob = server.signed_in("bob").await;
    let body = json!({ "user_id": bob.user_id().await, "role": "org:member" });
    let members = format!("/v1/organizations/{acme}/memberships");
    assert_eq!(server.backend().post(&members, body.clone()).await.refusal(), (403, "organization_membership_quota_exceeded"));
    let one = text(&ada.get(&path(&acme)).await.response()["data"][0], "id");
    let revokes = at_once(16, |_| {
        let (mut ada, path) = (ada.clone(), format!("{}/{one}/revoke", path(&acme)));
        async move { ada.post(&path, &[]).await.status.as_u16() }
    })
    .await;
    assert_eq!((succeeded(&revokes), seats(&server, &acme).await), (1, (4, 1)));
    server.backend().post(&members, body).await.ok();
    assert_eq!(seats(&server, &acme).await, (4, 2));
    // What is over gives its seat to whoever joins, without anybody sweeping before.
    server.advance(30 * DAY);
    let mut eve = server.signed_in("eve").await;
    join(&server, &acme, &mut eve, "org:member").await;
    assert_eq!(seats(&server, &acme).await, (0, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bulks_take_all_their_seats_or_none() {
    let server = server_with(json!({ "max_allowed_memberships": 9 })).await;
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    let statuses = at_once(16, |number| {
        let (backend, path) = (server.backend(), format!("{}/bulk", path(&acme)));
        let one = |letter: &str| json!({ "email_address": format!("{letter}{number}@example.com"), "role": "org:member", "notify": false });
        let body = json!([one("a"), one("b"), one("c")]);
        async move { backend.post(&path, body).await.status.as_u16() }
    })
    .await;
    assert_eq!((succeeded(&statuses), seats(&server, &acme).await), (2, (6, 1)), "{statuses:?}");
    assert_eq!(server.backend().get(&path(&acme)).await.ok()["total_count"], 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_is_invited_once() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    let statuses = at_once(16, |_| {
        let (mut ada, acme) = (ada.clone(), acme.clone());
        async move { invite(&mut ada, &acme, "carol@example.com", "org:member").await.status.as_u16() }
    })
    .await;
    assert_eq!((succeeded(&statuses), seats(&server, &acme).await), (1, (1, 1)), "{statuses:?}");
    server.run_jobs().await;
    assert_eq!(server.world.inbox.caught(Some("carol@example.com")).len(), 1);
}

/// P4: 64 who come with one ticket, or accept with one session, make one member.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_invitation_is_accepted_once() {
    let server = server().await;
    let (mut ada, bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    let made = invited(&server, &acme, &address("bob")).await;
    let shown = ticket(&text(&made, "url"));
    let accept = format!("/v1/me/organization_invitations/{}/accept", text(&made, "id"));
    let statuses = at_once(AT_ONCE, |number| {
        let (mut bob, mut other, shown, accept) = (bob.clone(), server.browser(), shown.clone(), accept.clone());
        async move {
            if number % 2 == 0 {
                bob.post(&accept, &[]).await.status.as_u16()
            } else {
                other.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", &shown)]).await.status.as_u16()
            }
        }
    })
    .await;
    assert_eq!((succeeded(&statuses), seats(&server, &acme).await), (1, (0, 2)), "{statuses:?}");

    let made = invited(&server, &acme, "carol@example.com").await;
    let shown = ticket(&text(&made, "url"));
    let statuses = at_once(AT_ONCE, |_| {
        let (mut browser, shown) = (server.browser(), shown.clone());
        async move {
            let form = [("strategy", "ticket"), ("ticket", &shown), ("password", testkit::PASSWORD)];
            browser.post("/v1/client/sign_ups", &form).await.status.as_u16()
        }
    })
    .await;
    assert_eq!((succeeded(&statuses), seats(&server, &acme).await), (1, (0, 3)), "{statuses:?}");
    assert_eq!(server.backend().get("/v1/users?email_address=carol@example.com").await.ok().as_array().map(Vec::len), Some(1));
}

/// Accepting and revoking at once: one of the two happens, and the seats are right.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_revokes_while_somebody_accepts() {
    let server = server().await;
    let (mut ada, bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    for round in 0..10 {
        let acme = found(&mut ada, &format!("Acme {round}")).await;
        let made = invite(&mut ada, &acme, &address("bob"), "org:member").await.response().clone();
        let id = text(&made, "id");
        let statuses = at_once(2, |number| {
            let (mut ada, mut bob, revoke) = (ada.clone(), bob.clone(), format!("{}/{id}/revoke", path(&acme)));
            let accept = format!("/v1/me/organization_invitations/{id}/accept");
            async move { if number == 0 { ada.post(&revoke, &[]).await } else { bob.post(&accept, &[]).await }.status.as_u16() }
        })
        .await;
        let members = if statuses[1] == 200 { 2 } else { 1 };
        assert_eq!((succeeded(&statuses), seats(&server, &acme).await), (1, (0, members)), "{statuses:?}");
    }
}

async fn invite_again(server: &TestServer, ada: &mut Browser, acme: &str, email: &str) -> (u16, String) {
    let reply = invite(ada, acme, email, "org:member").await;
    if reply.status.as_u16() == 200 {
        let id = text(reply.response(), "id");
        server.backend().post(&format!("{}/{id}/revoke", path(acme)), json!({})).await.ok();
    }
    (reply.status.as_u16(), reply.body["errors"][0]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_mailed_without_end_and_no_organization_invites_without_end() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    for _ in 0..20 {
        assert_eq!(invite_again(&server, &mut ada, &acme, "carol@example.com").await.0, 200);
    }
    // From another organization neither.
    let beta = found(&mut ada, "Beta").await;
    assert_eq!(invite_again(&server, &mut ada, &beta, "Carol@Example.com").await, (429, "too_many_requests".to_owned()));
    assert_eq!(seats(&server, &beta).await, (0, 1), "and no seat is lost");
    assert_eq!(invite_again(&server, &mut ada, &beta, "dan@example.com").await.0, 200);

    let quiet = async |number: usize| {
        let body = json!({ "email_address": format!("q{number}@example.com"), "role": "org:member", "notify": false });
        server.backend().post(&path(&acme), body).await
    };
    for number in 20..250 {
        quiet(number).await.ok();
    }
    let refused = quiet(250).await;
    assert_eq!(refused.refusal(), (429, "too_many_requests"));
    assert!(refused.headers.contains_key("retry-after"));
    let bulk = |number: usize| json!([{ "email_address": format!("b{number}@example.com"), "role": "org:member", "notify": false }]);
    for number in 0..50 {
        server.backend().post(&format!("{}/bulk", path(&acme)), bulk(number)).await.ok();
    }
    assert_eq!(server.backend().post(&format!("{}/bulk", path(&acme)), bulk(50)).await.refusal(), (429, "too_many_requests"));
    server.advance(Duration::from_secs(3_600));
    quiet(251).await.ok();
    server.backend().post(&format!("{}/bulk", path(&acme)), bulk(51)).await.ok();
}

/// A role that somebody is invited into is not deleted under them; one that is replaced is replaced for them too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_of_pending_invitations_stay_or_are_replaced() {
    let server = server().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    let role = text(backend.post("/v1/organization_roles", json!({ "name": "Guest", "key": "org:guest" })).await.ok(), "id");
    backend.post("/v1/role_sets/role_set:default/roles", json!({ "role_keys": ["org:guest"] })).await.ok();
    let made = invite(&mut ada, &acme, &address("bob"), "org:guest").await.response().clone();
    let delete = format!("/v1/organization_roles/{role}");
    let refused = backend.delete(&delete).await;
    assert_eq!(refused.refusal(), (422, "organization_role_in_use"), "{}", refused.text);
    let replace = json!({ "role_key": "org:guest", "to_role_key": "org:member" });
    backend.post("/v1/role_sets/role_set:default/roles/replace", replace).await.ok();
    let shown = backend.get(&format!("{}/{}", path(&acme), text(&made, "id"))).await.ok().clone();
    assert_eq!((&shown["role"], &shown["role_name"]), (&json!("org:member"), &json!("Member")));
    backend.delete(&delete).await.ok();
    // What is over stands in nobody's way.
    let role = text(backend.post("/v1/organization_roles", json!({ "name": "Visitor", "key": "org:visitor" })).await.ok(), "id");
    backend.post("/v1/role_sets/role_set:default/roles", json!({ "role_keys": ["org:visitor"] })).await.ok();
    let body = json!({ "email_address": "carol@example.com", "role": "org:visitor", "expires_in_days": 1 });
    let over = backend.post(&path(&acme), body).await.ok().clone();
    server.advance(DAY);
    backend.delete(&format!("/v1/organization_roles/{role}")).await.ok();
    let shown = backend.get(&format!("{}/{}", path(&acme), text(&over, "id"))).await.ok().clone();
    assert_eq!((&shown["role"], &shown["status"]), (&json!("org:visitor"), &json!("expired")), "it is still told what it was");
}

/// What is remembered of a client is forgotten when the first invitation that it counts is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_not_shown_what_is_over() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    let body = json!({ "email_address": "carol@example.com", "role": "org:member", "expires_in_days": 1 });
    server.backend().post(&path(&acme), body).await.ok();
    for (after, count) in [(Duration::ZERO, 1), (Duration::ZERO, 1), (DAY, 0)] {
        server.advance(after);
        let client = ada.get("/v1/client").await.response().clone();
        assert_eq!(client["sessions"][0]["user"]["organization_memberships"][0]["organization"]["pending_invitations_count"], count);
    }
}
