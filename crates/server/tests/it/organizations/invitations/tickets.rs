//! The ticket in an invitation's link: whom it lets in, and whom not.

use super::{DAY, events, invite, invited, path, seats, ticket};
use crate::organizations::{claims, found, server, text};
use serde_json::{Value, json};
use testkit::{Browser, PASSWORD, Reply, TestServer, address};

const SIGN_INS: &str = "/v1/client/sign_ins";
const SIGN_UPS: &str = "/v1/client/sign_ups";

async fn show(browser: &mut Browser, path: &str, shown: &str) -> Reply {
    browser.post(path, &[("strategy", "ticket"), ("ticket", shown)]).await
}

async fn follow(browser: &mut Browser, shown: &str) -> Reply {
    browser.get(&format!("/v1/tickets/accept?ticket={shown}")).await
}

/// The invitation that was mailed to an address, as its ticket.
async fn mailed(server: &TestServer, email: &str) -> String {
    server.run_jobs().await;
    let mail = server.world.inbox.caught(Some(email))[0].mail.clone();
    ticket(mail.text.lines().find(|line| line.contains("ticket=")).expect("a link").trim())
}

async fn active_organization(browser: &mut Browser) -> Value {
    browser.sessions().await[0]["last_active_organization_id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_signs_up_by_the_link_and_is_inside() {
    let server = server().await;
    server.set(server.home.tenant.id(), json!({ "organization_settings": { "enabled": true }, "sign_up": { "mode": "restricted" } })).await;
    server.backend().post("/v1/users", json!({ "email_address": [address("ada")], "password": PASSWORD })).await.ok();
    let mut ada = server.browser();
    ada.sign_in("ada", PASSWORD).await.response();
    let acme = found(&mut ada, "Acme").await;
    invite(&mut ada, &acme, "Carol@example.com", "org:admin").await.response();
    let shown = mailed(&server, "Carol@example.com").await;

    let mut carol = server.browser();
    let link = follow(&mut carol, &shown).await;
    assert_eq!((link.status.as_u16(), link.location()), (303, format!("http://localhost:3000/?__clerk_ticket={shown}&__clerk_status=sign_up").as_str()));
    assert_eq!(carol.post(SIGN_UPS, &[("email_address", "carol@example.com")]).await.refusal(), (403, "sign_up_mode_restricted"));
    assert_eq!(show(&mut carol, SIGN_INS, &shown).await.refusal(), (422, "invitation_account_not_exists"));

    let begun = show(&mut carol, SIGN_UPS, &shown).await.response().clone();
    assert_eq!((&begun["status"], &begun["email_address"]), (&json!("missing_requirements"), &json!("Carol@example.com")));
    assert_eq!((&begun["missing_fields"], &begun["unverified_fields"]), (&json!(["password"]), &json!([])));
    assert_eq!(
        (&begun["verifications"]["email_address"]["status"], &begun["verifications"]["email_address"]["strategy"]),
        (&json!("verified"), &json!("ticket"))
    );
    assert_eq!(seats(&server, &acme).await, (1, 1), "nothing is used up yet");
    let attempt = format!("{SIGN_UPS}/{}", text(&begun, "id"));
    let other = carol.override_method("PATCH", &attempt, &[("email_address", "mallory@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(other.param(), "email_address");
    let form = [("strategy", "ticket"), ("ticket", shown.as_str()), ("email_address", "carol@example.com"), ("password", PASSWORD)];
    let done = carol.override_method("PATCH", &attempt, &form).await.response().clone();
    assert_eq!(done["status"], "complete");
    assert_eq!(seats(&server, &acme).await, (0, 2));

    assert_eq!(active_organization(&mut carol).await, json!(acme), "the new session is in it");
    let token = carol.token().await;
    assert_eq!((&claims(&token)["o"]["id"], &claims(&token)["o"]["rol"]), (&json!(acme), &json!("admin")));
    let me = carol.get("/v1/me").await.response().clone();
    assert_eq!(
        (&me["email_addresses"][0]["verification"]["strategy"], &me["email_addresses"][0]["verification"]["status"]),
        (&json!("ticket"), &json!("verified"))
    );
    // Whoever has followed the link is simply sent on when they follow it again; with others it is worth nothing.
    assert!(follow(&mut carol, &shown).await.location().ends_with("__clerk_status=complete"));
    let used = (400, "organization_invitation_already_accepted");
    assert_eq!(follow(&mut server.browser(), &shown).await.refusal(), used);
    assert_eq!(show(&mut server.browser(), SIGN_UPS, &shown).await.refusal(), used);
    assert_eq!(show(&mut server.browser(), SIGN_INS, &shown).await.refusal(), used);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_an_account_signs_in_by_the_link() {
    let server = server().await;
    let (mut ada, _) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    let made = invited(&server, &acme, &address("bob")).await;
    let shown = ticket(&text(&made, "url"));
    let mut bob = server.browser();
    assert!(follow(&mut bob, &shown).await.location().starts_with("http://localhost:3000/join?__clerk_ticket="), "where the invitation leads");
    assert!(follow(&mut bob, &shown).await.location().ends_with("__clerk_status=sign_in"));
    let taken = show(&mut bob, SIGN_UPS, &shown).await;
    assert_eq!((taken.refusal(), taken.param()), ((422, "form_identifier_exists"), "email_address"));

    // A sign-in that somebody else has begun is not finished by it.
    let mut eve = server.browser();
    let begun = text(eve.post(SIGN_INS, &[("identifier", &address("ada"))]).await.response(), "id");
    let attempt = format!("{SIGN_INS}/{begun}/attempt_first_factor");
    assert_eq!(show(&mut eve, &attempt, &shown).await.refusal(), (400, "ticket_invalid_code"));
    assert_eq!(seats(&server, &acme).await, (1, 1), "and nothing is used up");
    // Somebody else who is signed in keeps out as well.
    assert_eq!(show(&mut ada, SIGN_INS, &shown).await.refusal(), (400, "session_exists"));

    let done = show(&mut bob, SIGN_INS, &shown).await.response().clone();
    assert_eq!((&done["status"], &done["first_factor_verification"]["strategy"]), (&json!("complete"), &json!("ticket")));
    assert_eq!(active_organization(&mut bob).await, json!(acme));
    assert_eq!(seats(&server, &acme).await, (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_signed_in_already_joins_by_following_the_link() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    let shown = ticket(&text(&invited(&server, &acme, &address("bob")).await, "url"));
    assert!(follow(&mut ada, &shown).await.location().ends_with("__clerk_status=sign_in"), "Ada is not Bob");
    assert_eq!(seats(&server, &acme).await, (1, 1));
    for _ in 0..2 {
        assert!(follow(&mut bob, &shown).await.location().ends_with("__clerk_status=complete"));
        assert_eq!((seats(&server, &acme).await, active_organization(&mut bob).await), ((0, 2), json!(acme)));
    }
    assert_eq!(events(&server, "organizationInvitation.accepted").await.len(), 1);

    // Who is signed in as Bob and is not Bob joins nothing in his name.
    let beta = found(&mut ada, "Beta").await;
    let shown = ticket(&text(&invited(&server, &beta, &address("bob")).await, "url"));
    let body = json!({ "user_id": bob.user_id().await, "actor": { "sub": "support" } });
    let actor_token = text(server.backend().post("/v1/actor_tokens", body).await.ok(), "token");
    let mut support = server.browser();
    show(&mut support, SIGN_INS, &actor_token).await.response();
    assert!(follow(&mut support, &shown).await.location().ends_with("__clerk_status=sign_in"));
    assert_eq!(seats(&server, &beta).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_ends_by_time_by_word_and_with_its_organization() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut ada, "Beta").await);
    let all = async |shown: &str| {
        let mut browser = server.browser();
        let replies = [show(&mut browser, SIGN_UPS, shown).await, show(&mut browser, SIGN_INS, shown).await, follow(&mut browser, shown).await];
        replies.map(|reply| (reply.status.as_u16(), reply.code().to_owned()))
    };
    let refusal = |code: &str| [(400, code.to_owned()), (400, code.to_owned()), (400, code.to_owned())];

    // A sign-up that was begun before the invitation was revoked comes to nothing.
    let made = invited(&server, &acme, "carol@example.com").await;
    let shown = ticket(&text(&made, "url"));
    let mut carol = server.browser();
    let begun = text(show(&mut carol, SIGN_UPS, &shown).await.response(), "id");
    server.backend().post(&format!("{}/{}/revoke", path(&acme), text(&made, "id")), json!({})).await.ok();
    assert_eq!(all(&shown).await, refusal("organization_invitation_revoked_code"));
    let finish = carol.override_method("PATCH", &format!("{SIGN_UPS}/{begun}"), &[("password", PASSWORD)]).await;
    assert_eq!(finish.refusal(), (400, "organization_invitation_revoked_code"));
    assert_eq!(server.backend().get("/v1/users?email_address=carol@example.com").await.ok(), &json!([]), "there is no user");

    let shown = ticket(&text(&invited(&server, &beta, "carol@example.com").await, "url"));
    server.backend().delete(&format!("/v1/organizations/{beta}")).await.ok();
    assert_eq!(all(&shown).await, refusal("ticket_invalid_code"));

    // CVE-2025-64708: an invitation whose time is over is over at once, not when somebody sweeps.
    let shown = ticket(&text(&invited(&server, &acme, "carol@example.com").await, "url"));
    let mut late = server.browser();
    server.advance(30 * DAY - std::time::Duration::from_secs(60));
    let begun = text(show(&mut late, SIGN_UPS, &shown).await.response(), "id");
    server.advance(std::time::Duration::from_secs(60));
    assert_eq!(all(&shown).await, refusal("ticket_expired_code"));
    let finish = late.override_method("PATCH", &format!("{SIGN_UPS}/{begun}"), &[("password", PASSWORD)]).await;
    assert_eq!(finish.refusal(), (400, "ticket_expired_code"));
    assert_eq!(seats(&server, &acme).await, (0, 1));
}

/// CVE-2026-1529: what a link says of organization, address and role is not believed; it names an invitation, and shows that it is the one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_a_link_can_be_changed() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut ada, "Beta").await);
    let carols = ticket(&text(&invited(&server, &acme, "carol@example.com").await, "url"));
    let admins = server.backend().post(&path(&beta), json!({ "email_address": "dan@example.com", "role": "org:admin" })).await.ok().clone();
    let dans = ticket(&text(&admins, "url"));
    let ((carols_id, carols_secret), (dans_id, _)) = (carols.split_once('.').expect("two parts"), dans.split_once('.').expect("two parts"));
    let sign_in_token = server.backend().post("/v1/sign_in_tokens", json!({ "user_id": ada.user_id().await })).await.ok().clone();
    let (of_ada, ada_secret) = (text(&sign_in_token, "id"), text(&sign_in_token, "token"));
    let ada_secret = ada_secret.split_once('.').expect("two parts").1;
    for forged in [
        format!("{dans_id}.{carols_secret}"),
        format!("{carols_id}.{ada_secret}"),
        format!("{of_ada}.{carols_secret}"),
        format!("{carols_id}."),
        carols_id.to_owned(),
        format!("{carols_id}.{}", carols_secret.to_uppercase()),
        format!("{carols_id}.{}", "0".repeat(64)),
        format!("orginv_222222222222222222222222222.{carols_secret}"),
        "eyJhbGciOiJub25lIn0.eyJvcmciOiJvcmdfMSIsImVtbCI6Im1hbGxvcnlAZXhhbXBsZS5jb20ifQ.".to_owned(),
    ] {
        let mut browser = server.browser();
        for reply in [show(&mut browser, SIGN_UPS, &forged).await, show(&mut browser, SIGN_INS, &forged).await, follow(&mut browser, &forged).await] {
            assert_eq!(reply.refusal(), (400, "ticket_invalid_code"), "{forged}");
        }
    }
    // Words beside the ticket change nothing about it.
    let mut mallory = server.browser();
    let form = [("strategy", "ticket"), ("ticket", carols.as_str()), ("email_address", "mallory@example.com"), ("password", PASSWORD)];
    assert_eq!(mallory.post(SIGN_UPS, &form).await.param(), "email_address");
    let link = format!("/v1/tickets/accept?ticket={carols}&role=org:admin&email_address=mallory@example.com&organization_id={beta}");
    assert!(mallory.get(&link).await.location().ends_with("__clerk_status=sign_up"));
    assert_eq!(mallory.get(&format!("/v1/tickets/accept?ticket={carols}&redirect_url=https://evil.example/")).await.refusal().0, 422);
    let form = [("strategy", "ticket"), ("ticket", carols.as_str()), ("role", "org:admin"), ("organization_id", &beta), ("password", PASSWORD)];
    assert_eq!(mallory.post(SIGN_UPS, &form).await.response()["status"], "complete");
    let memberships = mallory.get("/v1/me").await.response()["organization_memberships"].clone();
    assert_eq!(memberships.as_array().map(Vec::len), Some(1));
    assert_eq!((&memberships[0]["role"], &memberships[0]["organization"]["id"]), (&json!("org:member"), &json!(acme)));
    // A ticket of one instance is nothing in another.
    assert_eq!(follow(&mut server.neighbours_browser(), &dans).await.refusal(), (400, "ticket_invalid_code"));
    assert_eq!(show(&mut server.neighbours_browser(), SIGN_UPS, &dans).await.refusal(), (400, "ticket_invalid_code"));
}

/// E3: whoever invites learns nothing of who has an account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inviting_does_not_tell_who_has_an_account() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut bob, "Beta").await);
    // Nothing that stands against Bob's joining shows either: he belongs to an organization that wants him for itself.
    server.backend().patch(&format!("/v1/organizations/{beta}"), json!({ "exclusive_membership": true })).await.ok();
    let shape = |reply: &Reply, email: &str| {
        let mut body = reply.response().clone();
        body["id"] = Value::Null;
        (reply.status, body.to_string().replace(email, "EMAIL"))
    };
    let (known, unknown) = (address("bob"), "nobody-yet@example.com");
    let (one, two) = (invite(&mut ada, &acme, &known, "org:member").await, invite(&mut ada, &acme, unknown, "org:member").await);
    assert_eq!(shape(&one, &known), shape(&two, unknown));
    let again = [invite(&mut ada, &acme, &known, "org:member").await, invite(&mut ada, &acme, unknown, "org:member").await];
    assert_eq!(
        again[0].text.replace(&known, "EMAIL").len() - again[0].text.matches("clerk_trace_id").count(),
        again[1].text.replace(unknown, "EMAIL").len() - 1
    );
    let listed = ada.get(&path(&acme)).await.response()["data"].clone();
    let fields = |entry: &Value| entry.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&listed[0]), fields(&listed[1]));
    // It is refused when it is accepted, to him alone, and the invitation waits on.
    let accept = format!("/v1/me/organization_invitations/{}/accept", text(one.response(), "id"));
    assert_eq!(bob.post(&accept, &[]).await.refusal(), (403, "organization_membership_exclusive"));
    assert_eq!(seats(&server, &acme).await, (2, 1));
}
