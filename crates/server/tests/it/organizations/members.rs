//! Who belongs to an organization, and who may say so.

use super::{found, join, server, text};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_add_promote_and_remove_members() {
    let server = server().await;
    let (mut ada, mut bob, mut eve) = (server.signed_in("ada").await, server.signed_in("bob").await, server.signed_in("eve").await);
    let id = found(&mut ada, "Acme").await;
    let (bobs, eves) = (bob.user_id().await, eve.user_id().await);
    let path = format!("/v1/organizations/{id}/memberships");

    let added = ada.post(&path, &[("user_id", &bobs), ("role", "org:member")]).await.response().clone();
    assert_eq!((&added["role"], &added["role_name"], &added["public_user_data"]["user_id"]), (&json!("org:member"), &json!("Member"), &json!(bobs)));
    assert_eq!(ada.post(&path, &[("user_id", &bobs), ("role", "org:member")]).await.refusal(), (400, "already_a_member_in_organization"));
    assert_eq!(ada.post(&path, &[("user_id", &eves), ("role", "org:emperor")]).await.param(), "role");
    assert_eq!(ada.post(&path, &[("user_id", "user_222222222222222222222222222"), ("role", "org:member")]).await.status.as_u16(), 404);
    assert_eq!(bob.post(&path, &[("user_id", &eves), ("role", "org:admin")]).await.refusal(), (403, "missing_organization_permission"));

    // Whoever is no member finds nothing, and cannot tell it from what never was.
    let (theirs, none) = (eve.get(&path).await, eve.get("/v1/organizations/org_222222222222222222222222222/memberships").await);
    assert_eq!((theirs.status, theirs.code()), (none.status, none.code()));
    assert_eq!(theirs.status.as_u16(), 404);

    let listed = bob.get(&format!("{path}?paginated=true&limit=1")).await.response().clone();
    assert_eq!((listed["data"].as_array().map(Vec::len), &listed["total_count"]), (Some(1), &json!(2)));
    assert_eq!(bob.get(&format!("{path}?role=org:admin")).await.response()[0]["public_user_data"]["user_id"], json!(ada.user_id().await));
    assert_eq!(bob.get(&format!("{path}?query=BOB&paginated=true")).await.response()["total_count"], 1);

    let bobs_place = format!("{path}/{bobs}");
    assert_eq!(bob.override_method("PATCH", &bobs_place, &[("role", "org:admin")]).await.refusal(), (403, "missing_organization_permission"));
    assert_eq!(ada.override_method("PATCH", &bobs_place, &[("role", "org:admin")]).await.response()["role"], "org:admin");
    assert_eq!(bob.override_method("PATCH", &format!("{path}/{eves}"), &[("role", "org:member")]).await.status.as_u16(), 404);
    assert_eq!(bob.override_method("DELETE", &format!("{path}/{}", ada.user_id().await), &[]).await.response()["role"], "org:admin");
    assert_eq!(ada.get(&path).await.status.as_u16(), 404, "removed at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_can_always_manage_the_members() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    join(&server, &id, &mut bob, "org:member").await;
    let (own, adas) = (format!("/v1/me/organization_memberships/{id}"), format!("/v1/organizations/{id}/memberships/{}", ada.user_id().await));
    let refusal = (422, "organization_minimum_permissions_needed");
    assert_eq!(ada.override_method("DELETE", &own, &[]).await.refusal(), refusal);
    assert_eq!(ada.override_method("PATCH", &adas, &[("role", "org:member")]).await.refusal(), refusal);
    assert_eq!(server.backend().delete(&adas).await.refusal(), refusal);
    assert_eq!(ada.override_method("DELETE", "/v1/me", &[]).await.refusal(), refusal, "with another member left behind");
    assert_eq!(bob.override_method("DELETE", &own, &[]).await.response()["deleted"], true);
    // Nobody is left behind: whoever is alone may go.
    ada.override_method("DELETE", "/v1/me", &[]).await.ok();
    assert_eq!(server.backend().get(&format!("/v1/organizations/{id}")).await.ok()["members_count"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_admins_who_demote_each_other_at_once_leave_one() {
    let server = server().await;
    for round in 0..10 {
        let (mut ada, mut bob) = (server.signed_in(&format!("ada{round}")).await, server.signed_in(&format!("bob{round}")).await);
        let id = found(&mut ada, "Acme").await;
        join(&server, &id, &mut bob, "org:admin").await;
        let path = format!("/v1/organizations/{id}/memberships");
        let (adas, bobs) = (format!("{path}/{}", ada.user_id().await), format!("{path}/{}", bob.user_id().await));
        let one = tokio::spawn(async move { ada.override_method("PATCH", &bobs, &[("role", "org:member")]).await.status });
        let two = tokio::spawn(async move { bob.override_method("PATCH", &adas, &[("role", "org:member")]).await.status });
        let statuses = [one.await.expect("an answer"), two.await.expect("an answer")];
        let admins = server.backend().get(&format!("{path}?role=org:admin")).await.ok()["total_count"].clone();
        assert_eq!(admins, 1, "{statuses:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_list_memberships_and_keep_metadata() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut bob, "Beta").await);
    let bobs = bob.user_id().await;
    let path = format!("/v1/organizations/{acme}/memberships");
    server.advance(std::time::Duration::from_secs(1));
    let made = backend.post(&path, json!({ "user_id": bobs, "role": "org:member", "public_metadata": { "desk": 4 }, "private_metadata": { "wage": 1 } })).await;
    assert_eq!((&made.ok()["public_metadata"], &made.ok()["private_metadata"]), (&json!({ "desk": 4 }), &json!({ "wage": 1 })));
    let all = backend.get("/v1/organization_memberships?order_by=-created_at").await.ok().clone();
    assert_eq!((&all["total_count"], &all["data"][0]["id"]), (&json!(3), &made.ok()["id"]));
    let bobs_own = backend.get(&format!("/v1/users/{bobs}/organization_memberships")).await.ok().clone();
    let of: Vec<_> = bobs_own["data"].as_array().expect("a list").iter().map(|m| text(&m["organization"], "id")).collect();
    assert_eq!((of, &bobs_own["total_count"]), (vec![acme.clone(), beta], &json!(2)));
    let find = async |query: &str| backend.get(&format!("{path}?{query}")).await.ok()["total_count"].clone();
    for (query, count) in [
        (format!("user_id={bobs}"), 1),
        (format!("user_id=-{bobs}"), 1),
        (format!("email_address={}", testkit::address("bob").replace('+', "%2B")), 1),
        ("role=org:nobody".to_owned(), 0),
        ("role=org:admin&role=org:member".to_owned(), 2),
        ("created_at_after=99999999999999".to_owned(), 0),
        ("phone_number=123".to_owned(), 0),
    ] {
        assert_eq!(find(&query).await, count, "{query}");
    }
    assert_eq!(backend.get(&format!("{path}?order_by=age")).await.param(), "order_by");
    let merged = backend.patch(&format!("{path}/{bobs}/metadata"), json!({ "public_metadata": { "desk": null, "floor": 2 } })).await;
    assert_eq!(merged.ok()["public_metadata"], json!({ "floor": 2 }));
    assert_eq!(bob.get("/v1/me").await.response()["organization_memberships"][1]["public_metadata"], json!({ "floor": 2 }));
    assert!(bob.get("/v1/me").await.response()["organization_memberships"][1].get("private_metadata").is_none());
    assert_eq!(backend.patch(&format!("{path}/{bobs}"), json!({ "role": "org:admin" })).await.ok()["role"], "org:admin");
    assert_eq!(backend.delete(&format!("{path}/{bobs}")).await.ok()["public_user_data"]["user_id"], json!(bobs));
    assert_eq!(backend.delete(&format!("{path}/{bobs}")).await.status.as_u16(), 404);
}

/// Nobody belongs to an organization without having said so, unless the application's backend says it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_invite_and_do_not_conscript() {
    let server = super::server_with(json!({ "direct_members": false })).await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    let path = format!("/v1/organizations/{id}/memberships");
    let refused = ada.post(&path, &[("user_id", &bob.user_id().await), ("role", "org:member")]).await;
    assert_eq!(refused.refusal(), (403, "organization_direct_members_not_enabled"));
    assert!(!refused.text.contains("bob"), "and nothing is told of them");
    assert_eq!(bob.get("/v1/me").await.response()["organization_memberships"], json!([]));
    join(&server, &id, &mut bob, "org:member").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gives_more_than_they_have_or_takes_from_whoever_has_more() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut eve, mut bob) = (server.signed_in("ada").await, server.signed_in("eve").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    let helper = backend.post("/v1/organization_roles", json!({ "name": "Helper", "key": "org:helper" })).await.ok().clone();
    let all = backend.get("/v1/organization_permissions?limit=100").await.ok()["data"].clone();
    for key in ["org:sys_memberships:read", "org:sys_memberships:manage"] {
        let permission = all.as_array().expect("a list").iter().find(|permission| permission["key"] == key).expect("a permission").clone();
        backend.post(&format!("/v1/organization_roles/{}/permissions/{}", text(&helper, "id"), text(&permission, "id")), json!({})).await.ok();
    }
    backend.post("/v1/role_sets/role_set:default/roles", json!({ "role_keys": ["org:helper"] })).await.ok();
    join(&server, &id, &mut eve, "org:helper").await;
    join(&server, &id, &mut bob, "org:member").await;
    let place = |user: &str| format!("/v1/organizations/{id}/memberships/{user}");
    let (adas, eves, bobs) = (place(&ada.user_id().await), place(&eve.user_id().await), place(&bob.user_id().await));
    let refusal = (403, "organization_role_above_own");
    assert_eq!(eve.override_method("PATCH", &eves, &[("role", "org:admin")]).await.refusal(), refusal);
    assert_eq!(eve.override_method("PATCH", &bobs, &[("role", "org:admin")]).await.refusal(), refusal);
    assert_eq!(eve.override_method("PATCH", &adas, &[("role", "org:member")]).await.refusal(), refusal);
    assert_eq!(eve.override_method("DELETE", &adas, &[]).await.refusal(), refusal);
    let mut mallory = server.signed_in("mallory").await;
    let path = format!("/v1/organizations/{id}/memberships");
    assert_eq!(eve.post(&path, &[("user_id", &mallory.user_id().await), ("role", "org:admin")]).await.refusal(), refusal);
    let invitations = format!("/v1/organizations/{id}/invitations");
    assert_eq!(eve.post(&invitations, &[("email_address", "friend@example.com"), ("role", "org:admin")]).await.refusal(), refusal);
    // What is not above them is theirs to do.
    eve.override_method("DELETE", &bobs, &[]).await.response();
    eve.override_method("DELETE", &eves, &[]).await.response();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_find_each_other_by_what_they_are_shown() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    join(&server, &id, &mut bob, "org:member").await;
    server
        .backend()
        .post("/v1/email_addresses", json!({ "user_id": bob.user_id().await, "email_address": "hidden@secret.example", "verified": true }))
        .await
        .ok();
    bob.post("/v1/me/email_addresses", &[("email_address", "unproven@secret.example")]).await.response();
    let mut find =
        async |text: &str| ada.get(&format!("/v1/organizations/{id}/memberships?paginated=true&query={text}")).await.response()["total_count"].clone();
    assert_eq!((find("bob").await, find("secret").await, find("hidden").await, find("unproven").await), (json!(1), json!(0), json!(0), json!(0)));
}

/// Whoever impersonates a member changes nobody's membership: not the user's, and not their own to stay for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impersonators_change_no_memberships() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    join(&server, &id, &mut bob, "org:admin").await;
    let token = server.backend().post("/v1/actor_tokens", json!({ "user_id": ada.user_id().await, "actor": { "sub": "user_of_support" } })).await;
    let mut support = server.browser();
    let ticket = text(token.ok(), "token");
    support.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", &ticket)]).await.response();
    let mut mallory = server.signed_in("mallory").await;
    let path = format!("/v1/organizations/{id}/memberships");
    let refusal = (403, "action_for_session_not_authorized");
    assert_eq!(support.post(&path, &[("user_id", &mallory.user_id().await), ("role", "org:admin")]).await.refusal(), refusal);
    for user in [ada.user_id().await, bob.user_id().await] {
        assert_eq!(support.override_method("PATCH", &format!("{path}/{user}"), &[("role", "org:member")]).await.refusal(), refusal);
        assert_eq!(support.override_method("DELETE", &format!("{path}/{user}"), &[]).await.refusal(), refusal);
    }
}
