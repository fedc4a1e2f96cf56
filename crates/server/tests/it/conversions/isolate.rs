//! One pool for all becomes a pool for each organization.

use super::{confirm, convert, invited, made, organization, path, plan, role, run, server, settle, shown, user};
use crate::organizations::{claims, join, text};
use serde_json::{Value, json};
use testkit::{PASSWORD, picture};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_goes_into_the_pool_of_their_organization_with_all_that_they_are() {
    let server = server().await;
    let (acme, beta) = (organization(&server, "Acme").await, organization(&server, "Beta").await);
    let ada = made(&server, "ada", &[(&acme, "org:admin")]).await;
    let bob = made(&server, "bob", &[(&beta, "org:member")]).await;
    let before = (user(&server, &ada).await, user(&server, &bob).await);
    let done = convert(&server, &json!({ "kind": "to_isolated" })).await;
    assert_eq!((&done["done"]["numbers"]["users_moved"], &done["done"]["numbers"]["pools_made"]), (&json!(2), &json!(2)));
    for (mut now, mut was) in [(user(&server, &ada).await, before.0), (user(&server, &bob).await, before.1)] {
        for field in ["last_active_at", "last_sign_in_at"] {
            (now[field], was[field]) = (Value::Null, Value::Null);
        }
        assert_eq!(now, was, "the same id, addresses, external id and metadata");
    }
    assert_eq!((role(&server, &acme, &ada).await.as_deref(), role(&server, &beta, &bob).await.as_deref()), (Some("org:admin"), Some("org:member")));
    // By their password, at the door of their organization and at no other.
    let mut here = server.browser().in_pool("acme");
    assert_eq!(here.sign_in("ada", PASSWORD).await.response()["status"], "complete");
    let token = claims(&here.token().await);
    assert_eq!((&token["sub"], &token["o"]["id"], &token["o"]["rol"]), (&json!(ada), &acme["id"], &json!("admin")));
    assert_eq!(server.browser().in_pool("beta").sign_in("ada", PASSWORD).await.status.as_u16(), 422);
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (400, "user_pool_required"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_in_two_organizations_and_in_none_stand_in_the_way_until_somebody_decides() {
    let server = server().await;
    let (acme, beta) = (organization(&server, "Acme").await, organization(&server, "Beta").await);
    let both = made(&server, "both", &[(&acme, "org:admin"), (&beta, "org:member")]).await;
    let none = made(&server, "none", &[]).await;
    let wanted = json!({ "kind": "to_isolated" });
    let found = plan(&server, &wanted).await;
    assert_eq!(found["confirmable"], false);
    assert_eq!(
        found["conflicts"],
        json!([
            { "kind": "user_in_several_organizations", "total": 1, "blocks": true, "first": [{ "user_id": both, "organization_ids": [acme["id"], beta["id"]] }] },
            { "kind": "user_in_no_organization", "total": 1, "blocks": true, "first": [{ "user_id": none }] },
        ])
    );
    let refused = confirm(&server, &wanted, &found["fingerprint"]).await;
    assert_eq!(refused.refusal(), (409, "conversion_conflicts"));
    assert_eq!(refused.body["errors"][0]["meta"]["report"]["conflicts"], found["conflicts"]);
    assert_eq!(server.browser().sign_in("both", PASSWORD).await.response()["status"], "complete", "the instance is open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_in_several_organizations_comes_to_be_once_more_for_each_further_one() {
    let server = server().await;
    let (acme, beta) = (organization(&server, "Acme").await, organization(&server, "Beta").await);
    let both = made(&server, "both", &[(&acme, "org:admin"), (&beta, "org:member")]).await;
    server.backend().upload(&format!("/v1/users/{both}/profile_image"), &picture()).await.ok();
    server.backend().post(&format!("/v1/users/{both}/ban"), json!({})).await.ok();
    let none = made(&server, "none", &[]).await;
    let wanted = json!({ "kind": "to_isolated", "users_in_several_organizations": "copy", "users_in_no_organization": "delete" });
    let done = convert(&server, &wanted).await;
    let numbers = &done["done"]["numbers"];
    assert_eq!((&numbers["users_copied"], &numbers["copies"], &numbers["users_deleted"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(server.backend().get(&format!("/v1/users/{none}")).await.status.as_u16(), 404);
    let copies = server.platform().get(&format!("{}/{}/copies", path(&server), text(&done, "id"))).await.ok().clone();
    assert_eq!((&copies["total_count"], &copies["data"][0]["user_id"], &copies["data"][0]["organization_id"]), (&json!(1), &json!(both), &beta["id"]));
    let copy = text(&copies["data"][0], "copy_user_id");
    assert_eq!((role(&server, &acme, &both).await.as_deref(), role(&server, &beta, &both).await), (Some("org:admin"), None));
    assert_eq!((role(&server, &beta, &copy).await.as_deref(), role(&server, &acme, &copy).await), (Some("org:member"), None));
    let (first, second) = (user(&server, &both).await, user(&server, &copy).await);
    assert_eq!((&first["external_id"], &second["external_id"]), (&json!("ext-both"), &Value::Null), "an external id is one user's");
    for field in ["username", "public_metadata", "private_metadata", "unsafe_metadata", "banned", "has_image", "password_enabled", "created_at"] {
        assert_eq!(first[field], second[field], "{field}");
    }
    assert_eq!(second["has_image"], true);
    assert_ne!(first["image_url"], second["image_url"]);
    assert_eq!(first["email_addresses"][0]["email_address"], second["email_addresses"][0]["email_address"]);
    assert_eq!(second["primary_email_address_id"], second["email_addresses"][0]["id"]);
    assert_ne!(second["primary_email_address_id"], first["primary_email_address_id"]);
    for (id, pool) in [(&both, "acme"), (&copy, "beta")] {
        server.backend().post(&format!("/v1/users/{id}/unban"), json!({})).await.ok();
        let mut browser = server.browser().in_pool(pool);
        assert_eq!(browser.sign_in("both", PASSWORD).await.response()["status"], "complete");
        assert_eq!(browser.user_id().await, *id);
    }
    let unknown = server.platform().get(&format!("{}/{}/copies?organization_id={}", path(&server), text(&done, "id"), text(&acme, "id"))).await;
    assert_eq!(unknown.ok()["total_count"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_and_tickets_and_invitations_stay_good() {
    let server = server().await;
    let acme = organization(&server, "Acme").await;
    let mut ada = server.signed_in("ada").await;
    join(&server, &text(&acme, "id"), &mut ada, "org:member").await;
    let (user, session) = (ada.user_id().await, ada.session_id().await);
    let token = server.backend().post("/v1/sign_in_tokens", json!({ "user_id": user })).await.ok().clone();
    let invitations = format!("/v1/organizations/{}/invitations", text(&acme, "id"));
    server.backend().post(&invitations, json!({ "email_address": "eve@example.com", "role": "org:member" })).await.ok();
    let ticket = invited(&server, "eve@example.com").await;
    // A code that the backend has sent to an address is good after the move too.
    let address_id = text(&super::user(&server, &user).await["email_addresses"][0], "id");
    let done = convert(&server, &json!({ "kind": "to_isolated" })).await;
    assert_eq!(
        (&done["done"]["ends"]["sessions"], &done["done"]["numbers"]["invitations"], &done["done"]["numbers"]["sign_in_tokens"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(server.backend().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "revoked");
    assert_eq!(text(&super::user(&server, &user).await["email_addresses"][0], "id"), address_id);
    assert_eq!(ada.clone().at(&server.browser().in_pool("acme")).get("/v1/client").await.response(), &Value::Null, "no device knows the new door");
    let mut browser = server.browser().in_pool("acme");
    let form = [("strategy", "ticket"), ("ticket", token["token"].as_str().expect("a token"))];
    assert_eq!(browser.post("/v1/client/sign_ins", &form).await.response()["status"], "complete");
    assert_eq!(browser.user_id().await, user);
    // The link that was mailed leads to the old door, and on from there.
    let link = format!("/v1/tickets/accept?ticket={ticket}&redirect_url=http%3A%2F%2Flocalhost%3A3000%2Fwelcome");
    let led_on = server.browser().get(&link).await;
    let pool = server.backend().get("/v1/organizations/acme").await.ok()["user_pool"]["frontend_api_url"].clone();
    assert!(
        led_on.status.as_u16() == 303
            && led_on.location().starts_with(&format!("{}/v1/tickets/accept?ticket={ticket}&redirect_url=http", pool.as_str().expect("a URL"))),
        "{}",
        led_on.location()
    );
    assert_eq!(server.browser().get("/v1/tickets/accept?ticket=orginv_222222222222222222222222222.00").await.refusal().0, 400);
    let mut eve = server.browser().in_pool("acme");
    let followed = eve.get(&link).await;
    assert!(followed.location().contains("__clerk_status=sign_up"), "{}", followed.location());
    let reply = eve.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", &ticket), ("password", PASSWORD)]).await;
    assert_eq!(reply.response()["status"], "complete", "{}", reply.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_that_has_changed_is_confirmed_anew() {
    let server = server().await;
    let acme = organization(&server, "Acme").await;
    made(&server, "ada", &[(&acme, "org:admin")]).await;
    let wanted = json!({ "kind": "to_isolated" });
    let old = plan(&server, &wanted).await;
    made(&server, "bob", &[(&acme, "org:member")]).await;
    let refused = confirm(&server, &wanted, &old["fingerprint"]).await;
    assert_eq!((refused.refusal(), refused.param()), ((409, "conversion_stale"), "fingerprint"));
    let fresh = refused.body["errors"][0]["meta"]["report"].clone();
    assert_eq!((&fresh["numbers"]["users_moved"], fresh["fingerprint"] == old["fingerprint"]), (&json!(2), false));
    let begun = confirm(&server, &wanted, &fresh["fingerprint"]).await;
    assert_eq!(begun.status.as_u16(), 201, "{}", begun.text);
    // Somebody who was inside already changes something: nothing is moved, and the report says what is different.
    server
        .inside(server.home.tenant.id(), store::Access::Write, |tx| {
            let tenant = server.home.tenant.clone();
            Box::pin(async move {
                let new = domain::users::NewUser::default();
                let by = domain::identifiers::VerifiedBy::Admin;
                domain::users::create(tx, tenant.instance.pool, domain::audit::Actor::Server, &new, by).await.map(drop)
            })
        })
        .await;
    settle(&server);
    run(&server).await;
    let refused = shown(&server, &begun.body["id"]).await;
    assert_eq!((&refused["status"], &refused["plan"]["conflicts"][0]["total"]), (&json!("refused"), &json!(1)));
    assert_eq!(refused["plan"]["conflicts"][0]["first"], json!([]), "what is kept names nobody");
    assert_ne!(refused["fingerprint"], fresh["fingerprint"]);
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete", "open again, and as it was");
}
