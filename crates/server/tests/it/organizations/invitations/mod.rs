//! Invitations: who may invite whom, and what is shown of it.

mod limits;
mod tickets;

use super::{found, join, server, server_with, text};
use serde_json::{Value, json};
use std::time::Duration;
use store::{Access, sql};
use testkit::{Browser, Reply, TestServer, address};

pub const DAY: Duration = Duration::from_secs(86_400);

/// The path of an organization's invitations.
pub fn path(organization: &str) -> String {
    format!("/v1/organizations/{organization}/invitations")
}

/// Invites an address by a member's word.
pub async fn invite(browser: &mut Browser, organization: &str, email: &str, role: &str) -> Reply {
    browser.post(&path(organization), &[("email_address", email), ("role", role)]).await
}

/// Invites an address by the backend's word; the invitation with its link.
pub async fn invited(server: &TestServer, organization: &str, email: &str) -> Value {
    let body = json!({ "email_address": email, "role": "org:member", "redirect_url": "http://localhost:3000/join" });
    server.backend().post(&path(organization), body).await.ok().clone()
}

/// The ticket in a link.
pub fn ticket(url: &str) -> String {
    url.split_once("ticket=").unwrap_or_else(|| panic!("no ticket in {url}")).1.split('&').next().expect("a ticket").to_owned()
}

/// How many seats are kept, how many members there are.
pub async fn seats(server: &TestServer, organization: &str) -> (i64, i64) {
    let shown = server.backend().get(&format!("/v1/organizations/{organization}")).await.ok().clone();
    let number = |field: &str| shown[field].as_i64().unwrap_or_else(|| panic!("{field} in {shown}"));
    (number("pending_invitations_count"), number("members_count"))
}

/// The types of the home instance's events that begin like this, and their data, oldest first.
pub async fn events(server: &TestServer, of: &str) -> Vec<(String, Value)> {
    let home = server.home.tenant.id();
    let all: Vec<(String, String)> =
        server.inside(home, Access::Read, |tx| Box::pin(tx.list(sql!("select type, data from events where instance_id = $1 order by id"), &[]))).await;
    all.into_iter().filter(|(kind, _)| kind.starts_with(of)).map(|(kind, data)| (kind, serde_json::from_str(&data).expect("JSON"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn managers_invite_list_and_revoke() {
    let server = server().await;
    let (mut ada, mut bob, mut eve) = (server.signed_in("ada").await, server.signed_in("bob").await, server.signed_in("eve").await);
    let acme = found(&mut ada, "Acme").await;
    join(&server, &acme, &mut bob, "org:member").await;

    let made = invite(&mut ada, &acme, "Carol@Example.com", "org:admin").await.response().clone();
    assert_eq!(
        (&made["email_address"], &made["role"], &made["role_name"], &made["status"]),
        (&json!("Carol@Example.com"), &json!("org:admin"), &json!("Admin"), &json!("pending"))
    );
    assert_eq!((&made["organization_id"], &made["url"]), (&json!(acme), &Value::Null), "whoever invites does not get the link");
    assert_eq!(made["expires_at"].as_i64().unwrap() - made["created_at"].as_i64().unwrap(), 30 * 86_400_000);
    assert_eq!(seats(&server, &acme).await, (1, 2));

    let again = invite(&mut ada, &acme, "carol@example.com", "org:member").await;
    assert_eq!((again.refusal(), again.param()), ((400, "duplicate_record"), "email_address"));
    assert_eq!(again.body["errors"][0]["meta"]["email_addresses"], json!(["carol@example.com"]));
    let member = invite(&mut ada, &acme, &address("bob"), "org:member").await;
    assert_eq!(member.refusal(), (400, "already_a_member_in_organization"));
    assert!(text(&member.body["errors"][0], "long_message").contains(&address("bob")), "the SDK reads the address from it");
    assert_eq!(invite(&mut ada, &acme, "dan@example.com", "org:emperor").await.param(), "role");
    assert_eq!(ada.post(&path(&acme), &[("email_address", "nobody"), ("role", "org:member")]).await.param(), "email_address");
    assert_eq!(ada.post(&path(&acme), &[("email_address", "dan@example.com")]).await.param(), "role");
    assert_eq!(ada.post(&path(&acme), &[("role", "org:member")]).await.param(), "email_address");

    // Members who may not, and strangers who may not even know.
    assert_eq!(invite(&mut bob, &acme, "dan@example.com", "org:member").await.refusal(), (403, "missing_organization_permission"));
    assert_eq!(bob.get(&path(&acme)).await.refusal(), (403, "missing_organization_permission"));
    assert_eq!(bob.get(&format!("{}/pending", path(&acme))).await.refusal(), (403, "missing_organization_permission"));
    let revoke = format!("{}/{}/revoke", path(&acme), text(&made, "id"));
    assert_eq!(bob.post(&revoke, &[]).await.refusal(), (403, "missing_organization_permission"));
    for reply in [invite(&mut eve, &acme, "dan@example.com", "org:member").await, eve.get(&path(&acme)).await, eve.post(&revoke, &[]).await] {
        assert_eq!(reply.status.as_u16(), 404);
    }

    assert_eq!(ada.get(&path(&acme)).await.response()["total_count"], 1);
    assert_eq!(ada.get(&format!("{}?status=pending,revoked", path(&acme))).await.response()["data"][0]["id"], made["id"]);
    assert_eq!(ada.get(&format!("{}?status=accepted", path(&acme))).await.response(), &json!({ "data": [], "total_count": 0 }));
    assert_eq!(ada.get(&format!("{}?status=completed", path(&acme))).await.response()["total_count"], 0);
    assert_eq!(ada.get(&format!("{}?status=odd", path(&acme))).await.param(), "status");
    assert_eq!(ada.get(&format!("{}/pending", path(&acme))).await.response()[0]["id"], made["id"]);

    let revoked = ada.post(&revoke, &[]).await.response().clone();
    assert_eq!((&revoked["status"], &revoked["role"], &revoked["id"]), (&json!("revoked"), &json!("org:admin"), &made["id"]));
    assert_eq!(seats(&server, &acme).await, (0, 2), "its seat is free");
    assert_eq!(ada.post(&revoke, &[]).await.refusal(), (400, "organization_invitation_not_pending"));
    assert_eq!(seats(&server, &acme).await, (0, 2), "once");
    invite(&mut ada, &acme, "carol@example.com", "org:member").await.response();
    let mut kinds: Vec<String> = events(&server, "organizationInvitation").await.into_iter().map(|(kind, _)| kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["organizationInvitation.created", "organizationInvitation.created", "organizationInvitation.revoked"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_are_invited_at_once_or_nobody() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    let bulk = format!("{}/bulk", path(&acme));
    let form = [("email_address", "b@example.com"), ("email_address", "c@example.com"), ("role", "org:member"), ("notify", "false")];
    let made = ada.post(&bulk, &form).await.response().clone();
    assert_eq!((made.as_array().map(Vec::len), &made[1]["email_address"]), (Some(2), &json!("c@example.com")));
    server.run_jobs().await;
    assert!(server.world.inbox.caught(Some("b@example.com")).is_empty(), "nobody is told");

    let clash = ada.post(&bulk, &[("email_address", "d@example.com"), ("email_address", "C@example.com"), ("role", "org:member")]).await;
    assert_eq!((clash.refusal(), &clash.body["errors"][0]["meta"]["email_addresses"]), ((400, "duplicate_record"), &json!(["C@example.com"])));
    let twice = ada.post(&bulk, &[("email_address", "d@example.com"), ("email_address", "D@example.com"), ("role", "org:member")]).await;
    assert_eq!(twice.refusal(), (400, "duplicate_record"));
    let many: Vec<String> = (0..11).map(|n| format!("m{n}@example.com")).collect();
    let mut form: Vec<(&str, &str)> = many.iter().map(|email| ("email_address", email.as_str())).collect();
    form.push(("role", "org:member"));
    assert_eq!(ada.post(&bulk, &form).await.param(), "email_address");
    assert_eq!(ada.post(&bulk, &[("role", "org:member")]).await.param(), "email_address");
    assert_eq!(seats(&server, &acme).await, (2, 1), "none of a refused list");

    let backend = server.backend();
    let list = json!([{ "email_address": "x@example.com", "role": "org:admin" }, { "email_address": "y@example.com", "role": "org:member" }]);
    let made = backend.post(&bulk, list).await.ok().clone();
    assert_eq!((&made["total_count"], &made["data"][0]["role"]), (&json!(2), &json!("org:admin")));
    assert!(text(&made["data"][1], "url").contains("/v1/tickets/accept?ticket=orginv_"));
    for (body, param) in [
        (json!([]), "email_address"),
        (json!([{ "email_address": "z@example.com", "role": "org:nobody" }]), "role"),
        (json!([{ "email_address": "z@example.com" }]), "role"),
        (json!([{ "email_address": "z@example.com", "role": "org:member", "colour": "red" }]), "colour"),
    ] {
        assert_eq!(backend.post(&bulk, body.clone()).await.param(), param, "{body}");
    }
    for body in [json!({}), json!([1]), json!("x")] {
        assert_eq!(backend.post(&bulk, body).await.status.as_u16(), 400);
    }
    assert_eq!(seats(&server, &acme).await, (4, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_invite_with_metadata_and_see_all() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut bob, "Beta").await);
    let (adas, bobs) = (ada.user_id().await, bob.user_id().await);
    let body = json!({ "email_address": "carol@example.com", "role": "org:member", "inviter_user_id": adas, "expires_in_days": 7, "notify": false,
        "public_metadata": { "desk": 4 }, "private_metadata": { "wage": 1 }, "redirect_url": "http://localhost:3000/welcome" });
    let made = backend.post(&path(&acme), body.clone()).await.ok().clone();
    assert_eq!((&made["inviter_id"], &made["public_inviter_data"]["user_id"]), (&json!(adas), &json!(adas)));
    assert_eq!((&made["public_metadata"], &made["private_metadata"]), (&json!({ "desk": 4 }), &json!({ "wage": 1 })));
    assert_eq!(made["expires_at"].as_i64().unwrap() - made["created_at"].as_i64().unwrap(), 7 * 86_400_000);
    assert!(text(&made, "url").starts_with(&format!("{}/v1/tickets/accept?ticket=orginv_", server.home.tenant.frontend_url)));

    let one = format!("{}/{}", path(&acme), text(&made, "id"));
    let shown = backend.get(&one).await.ok().clone();
    assert_eq!((&shown["id"], &shown["url"]), (&made["id"], &Value::Null), "the link is told once");
    assert!(ada.get(&path(&acme)).await.response()["data"][0].get("private_metadata").is_none());
    assert_eq!(backend.get(&format!("{}/{}", path(&beta), text(&made, "id"))).await.status.as_u16(), 404, "another organization's");
    for (field, value) in [
        ("inviter_user_id", json!(bobs)),
        ("inviter_user_id", json!("user_222222222222222222222222222")),
        ("expires_in_days", json!(0)),
        ("expires_in_days", json!(366)),
        ("expires_in_days", json!("many")),
        ("redirect_url", json!("javascript:alert(1)")),
        ("redirect_url", json!("https://evil.example/")),
        ("public_metadata", json!({ "x": "y".repeat(9_000) })),
        ("notify", json!("perhaps")),
        ("role", json!("org:nobody")),
        ("colour", json!(1)),
    ] {
        let mut bad = body.clone();
        bad["email_address"] = json!("dan@example.com");
        bad[field] = value.clone();
        assert_eq!(backend.post(&path(&acme), bad).await.param(), field, "{value}");
    }

    server.advance(Duration::from_secs(1));
    invited(&server, &beta, &address("ada")).await;
    let all = backend.get("/v1/organization_invitations").await.ok().clone();
    assert_eq!((&all["total_count"], &all["data"][0]["public_organization_data"]["name"]), (&json!(2), &json!("Beta")));
    for (query, count) in [
        ("query=CAROL", 1),
        ("query=%25", 0),
        ("status=pending", 2),
        ("status=accepted&status=revoked", 0),
        ("order_by=email_address", 2),
        ("order_by=-created_at&limit=1", 2),
    ] {
        assert_eq!(backend.get(&format!("/v1/organization_invitations?{query}")).await.ok()["total_count"], count, "{query}");
    }
    assert_eq!(backend.get("/v1/organization_invitations?order_by=%2Bemail_address").await.ok()["data"][0]["email_address"], json!(address("ada")));
    assert_eq!(backend.get("/v1/organization_invitations?order_by=age").await.param(), "order_by");
    assert_eq!(backend.get(&format!("{}?email_address=Carol@example.com&status=pending", path(&acme))).await.ok()["total_count"], 1);
    assert_eq!(backend.get(&format!("{}?email_address=dan@example.com", path(&acme))).await.ok()["total_count"], 0);
    assert_eq!(backend.get(&format!("{}/pending?limit=1", path(&acme))).await.ok()["total_count"], 1);
    let hers = backend.get(&format!("/v1/users/{adas}/organization_invitations?status=pending")).await.ok().clone();
    assert_eq!((&hers["total_count"], &hers["data"][0]["public_organization_data"]["id"]), (&json!(1), &json!(beta)));
    assert_eq!(backend.get("/v1/users/user_222222222222222222222222222/organization_invitations").await.status.as_u16(), 404);

    let revoke = format!("{one}/revoke");
    assert_eq!(backend.post(&revoke, json!({ "requesting_user_id": bobs })).await.param(), "requesting_user_id");
    assert_eq!(backend.post(&revoke, json!({ "requesting_user_id": adas })).await.ok()["status"], "revoked");
    assert_eq!(backend.post(&revoke, json!({})).await.refusal(), (400, "organization_invitation_not_pending"));
    assert_eq!(backend.post(&format!("{}/{}/revoke", path(&beta), text(&made, "id")), json!({})).await.status.as_u16(), 404);
    let told = events(&server, "organizationInvitation.revoked").await;
    assert_eq!((told.len(), &told[0].1["private_metadata"], &told[0].1["inviter_id"]), (1, &json!({ "wage": 1 }), &json!(adas)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_proven_the_address_accepts_and_nobody_else() {
    let server = server().await;
    let (mut ada, mut bob, mut eve) = (server.signed_in("ada").await, server.signed_in("bob").await, server.signed_in("eve").await);
    let acme = found(&mut ada, "Acme").await;
    let body = json!({ "email_address": address("bob"), "role": "org:member", "public_metadata": { "desk": 4 }, "private_metadata": { "wage": 1 } });
    let made = server.backend().post(&path(&acme), body).await.ok().clone();
    let listed = bob.get("/v1/me/organization_invitations?status=pending").await.response().clone();
    assert_eq!((&listed["total_count"], &listed["data"][0]["public_organization_data"]["name"]), (&json!(1), &json!("Acme")));
    assert_eq!((&listed["data"][0]["url"], listed["data"][0].get("private_metadata")), (&Value::Null, None));
    assert_eq!(eve.get("/v1/me/organization_invitations").await.response()["total_count"], 0);

    let accept = format!("/v1/me/organization_invitations/{}/accept", text(&made, "id"));
    let (theirs, none) = (eve.post(&accept, &[]).await, eve.post("/v1/me/organization_invitations/orginv_222222222222222222222222222/accept", &[]).await);
    assert_eq!((theirs.refusal(), none.refusal()), ((404, "resource_not_found"), (404, "resource_not_found")));
    // An address that was only written down proves nothing.
    let added = eve.post("/v1/me/email_addresses", &[("email_address", "frank@example.com")]).await;
    added.response();
    let franks = text(&invited(&server, &acme, "frank@example.com").await, "id");
    assert_eq!(eve.post(&format!("/v1/me/organization_invitations/{franks}/accept"), &[]).await.status.as_u16(), 404);
    assert_eq!(eve.get("/v1/me/organization_invitations").await.response()["total_count"], 0);

    let accepted = bob.post(&accept, &[]).await.response().clone();
    assert_eq!((&accepted["status"], &accepted["public_organization_data"]["id"]), (&json!("accepted"), &json!(acme)));
    assert_eq!(bob.post(&accept, &[]).await.refusal(), (400, "organization_invitation_already_accepted"));
    assert_eq!(seats(&server, &acme).await, (1, 2), "his seat is a member's now, Frank's is kept");
    let members = server.backend().get(&format!("/v1/organizations/{acme}/memberships?role=org:member")).await.ok().clone();
    assert_eq!((&members["data"][0]["public_metadata"], &members["data"][0]["private_metadata"]), (&json!({ "desk": 4 }), &json!({ "wage": 1 })));
    let bobs = bob.user_id().await;
    let told = events(&server, "organizationInvitation.accepted").await;
    assert_eq!((told.len(), &told[0].1["user_id"], &told[0].1["status"]), (1, &json!(bobs), &json!("accepted")));
    assert_eq!(bob.get("/v1/me/organization_invitations?status=accepted").await.response()["total_count"], 1);

    // The user and the organization can go with all of this.
    server.backend().delete(&format!("/v1/users/{bobs}")).await.ok();
    assert_eq!(seats(&server, &acme).await, (1, 1));
    ada.override_method("DELETE", &format!("/v1/organizations/{acme}"), &[]).await.ok();
    assert_eq!(server.backend().get("/v1/organization_invitations").await.ok()["total_count"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_became_a_member_meanwhile_stays_one_as_they_are() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    let made = invite(&mut ada, &acme, &address("bob"), "org:admin").await.response().clone();
    join(&server, &acme, &mut bob, "org:member").await;
    assert_eq!(seats(&server, &acme).await, (1, 2));
    let accept = format!("/v1/me/organization_invitations/{}/accept", text(&made, "id"));
    assert_eq!(bob.post(&accept, &[]).await.response()["status"], "accepted");
    assert_eq!(seats(&server, &acme).await, (0, 2));
    let bobs = bob.get("/v1/me/organization_memberships?paginated=true").await.response().clone();
    assert_eq!((&bobs["total_count"], &bobs["data"][0]["role"]), (&json!(1), &json!("org:member")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_is_over_at_the_hour_and_its_seat_is_free() {
    let server = server_with(json!({ "max_allowed_memberships": 2 })).await;
    let (mut ada, _) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    let made = invite(&mut ada, &acme, &address("bob"), "org:member").await.response().clone();
    assert_eq!(invite(&mut ada, &acme, "dan@example.com", "org:member").await.refusal(), (403, "organization_membership_quota_exceeded"));
    let accept = format!("/v1/me/organization_invitations/{}/accept", text(&made, "id"));
    server.advance(30 * DAY);
    // Sessions are over as well: Ada and Bob come in anew.
    let (mut ada, mut bob) = (server.browser(), server.browser());
    ada.sign_in("ada", testkit::PASSWORD).await.response();
    bob.sign_in("bob", testkit::PASSWORD).await.response();
    assert_eq!(bob.post(&accept, &[]).await.refusal(), (400, "ticket_expired_code"));
    assert_eq!(seats(&server, &acme).await, (0, 1), "it is not counted before anybody has swept");
    assert_eq!(ada.get(&format!("{}?status=expired", path(&acme))).await.response()["data"][0]["status"], "expired");
    assert_eq!(ada.get(&format!("{}?status=pending", path(&acme))).await.response()["total_count"], 0);
    let revoke = format!("{}/{}/revoke", path(&acme), text(&made, "id"));
    let refused = ada.post(&revoke, &[]).await;
    assert_eq!(refused.refusal(), (400, "organization_invitation_not_pending"));
    assert!(text(&refused.body["errors"][0], "long_message").contains("expired"));
    // The same address again, on the same seat.
    let again = invite(&mut ada, &acme, &address("bob"), "org:member").await.response().clone();
    assert_eq!(seats(&server, &acme).await, (1, 1));
    bob.post(&format!("/v1/me/organization_invitations/{}/accept", text(&again, "id")), &[]).await.response();
    assert_eq!(seats(&server, &acme).await, (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_says_who_invites_whereto_and_leads_there() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme <b>& Co</b> https://evil.example").await;
    ada.override_method("PATCH", "/v1/me", &[("first_name", "Ada"), ("last_name", "<i>Lovelace</i>")]).await.ok();
    invite(&mut ada, &acme, "carol@example.com", "org:member").await.response();
    server.run_jobs().await;
    let mail = server.world.inbox.caught(Some("carol@example.com"))[0].mail.clone();
    assert!(mail.subject.starts_with("You are invited to Acme"), "{}", mail.subject);
    for word in ["Ada", "Member", "30 days"] {
        assert!(mail.text.contains(word) && mail.html.contains(word), "{word}: {}", mail.text);
    }
    assert!(!mail.html.contains("<b>&") && !mail.html.contains("<i>Lovelace") && mail.html.contains("&lt;i&gt;Lovelace"), "names are text");
    assert!(!mail.html.contains("https://evil.example") && !mail.text.contains("https://evil.example"), "and no links");
    let url = mail.text.lines().find(|line| line.contains("/v1/tickets/accept?ticket=")).expect("a link").trim().to_owned();
    assert!(url.starts_with(&server.home.tenant.frontend_url), "{url}");
    let shown = ada.get(&path(&acme)).await;
    assert!(!shown.text.contains(&ticket(&url)), "nobody else is shown the ticket");
    // The words are the instance's to choose, but the link must stay.
    let home = server.home.tenant.id();
    let own =
        |text: &str| json!({ "organization_settings": { "enabled": true }, "messages": { "templates": { "organization_invitation": { "text": text } } } });
    server.set(home, own("Come to {{organization.name}}: {{action_url}}")).await;
    invite(&mut ada, &acme, "dan@example.com", "org:member").await.response();
    server.run_jobs().await;
    assert!(server.world.inbox.caught(Some("dan@example.com"))[0].mail.text.starts_with("Come to Acme"));
    let without = json!({ "kind": "organization_invitation", "text": "Come to {{organization.name}}" });
    assert_eq!(server.backend().post("/v1/instance/messages/preview", without).await.param(), "text");
}
