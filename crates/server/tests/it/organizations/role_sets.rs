//! Role sets: which roles organizations have, and what becomes of members when one goes.

use super::{
    enter, found, fresh_claims, join,
    roles::{PERMISSIONS, ROLES, id_of, keys, permission, role},
    server, text,
};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Browser, TestServer};

pub const SETS: &str = "/v1/role_sets";

/// Makes a set whose creators are admins; its id.
async fn set(backend: &Api, key: &str, roles: &[&str], newcomer: &str) -> String {
    let body = json!({ "name": key, "key": key, "roles": roles, "default_role_key": newcomer, "creator_role_key": "org:admin" });
    text(backend.post(SETS, body).await.ok(), "id")
}

async fn found_with(backend: &Api, name: &str, set: &str, creator: &mut Browser) -> String {
    let creator = creator.user_id().await;
    text(backend.post("/v1/organizations", json!({ "name": name, "role_set_key": set, "created_by": creator })).await.ok(), "id")
}

async fn role_in(backend: &Api, organization: &str, browser: &mut Browser) -> Value {
    let path = format!("/v1/organizations/{organization}/memberships?user_id={}", browser.user_id().await);
    backend.get(&path).await.ok()["data"][0]["role"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_come_and_change() {
    let server = server().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let first = backend.get(SETS).await.ok().clone();
    assert_eq!((keys(&first["data"]), &first["total_count"]), (vec!["role_set:default".to_owned()], &json!(1)));
    assert_eq!((&first["data"][0]["type"], &first["data"][0]["default_role"]["key"]), (&json!("initial"), &json!("org:member")));
    found(&mut ada, "Acme").await;
    role(&backend, "org:guest", &[]).await;
    server.advance(Duration::from_secs(1));

    let body = json!({ "name": "Big customers", "roles": ["org:admin", "org:guest"], "default_role_key": "org:guest", "creator_role_key": "org:admin" });
    let made = backend.post(SETS, body.clone()).await.ok().clone();
    assert_eq!((&made["key"], &made["type"], &made["object"]), (&json!("role_set:big_customers"), &json!("custom"), &json!("role_set")));
    assert_eq!(keys(&made["roles"]), ["org:admin", "org:guest"]);
    assert_eq!((&made["creator_role"]["key"], &made["role_set_migration"]), (&json!("org:admin"), &json!(null)));
    assert_eq!(backend.post(SETS, body).await.ok()["key"], "role_set:big_customers_2", "a key that is made is made anew");
    let found = found_with(&backend, "Beta", "role_set:big_customers", &mut ada).await;
    for name in [text(&made, "id"), "role_set:big_customers".to_owned(), "role_set%3Abig_customers".to_owned()] {
        let read = backend.get(&format!("{SETS}/{name}")).await.ok().clone();
        assert_eq!(read["id"], made["id"]);
        assert_eq!((&read["roles"][0]["members_count"], &read["roles"][0]["has_members"]), (&json!(1), &json!(true)));
        assert_eq!((&read["roles"][1]["members_count"], &read["roles"][1]["has_members"]), (&json!(0), &json!(false)));
    }
    assert_eq!(keys(&backend.get(&format!("{SETS}?query=big&order_by=key&limit=1")).await.ok()["data"]), ["role_set:big_customers"]);
    let path = format!("{SETS}/role_set:big_customers");
    assert_eq!(keys(&ada.get(&format!("/v1/organizations/{found}/roles")).await.response()["data"]), ["org:admin", "org:guest"]);

    let more = backend.post(&format!("{path}/roles"), json!({ "role_keys": ["org:member", "org:guest"], "default_role_key": "org:member" })).await.ok().clone();
    assert_eq!((keys(&more["roles"]).len(), &more["default_role"]["key"]), (3, &json!("org:member")));
    let change =
        json!({ "name": "Large", "key": "role_set:large", "description": "x", "type": "initial", "default_role_key": "org:guest", "creator_role_key": null });
    let changed = backend.patch(&path, change).await.ok().clone();
    assert_eq!((&changed["key"], &changed["type"], &changed["default_role"]["key"]), (&json!("role_set:large"), &json!("initial"), &json!("org:guest")));
    assert_eq!(backend.get(&format!("{SETS}/role_set:default")).await.ok()["type"], "custom", "only one is the initial one");
    let settings = backend.get("/v1/instance/organization_settings").await.ok().clone();
    assert_eq!((&settings["initial_role_set_key"], &settings["domains_default_role"]), (&json!("role_set:large"), &json!("org:guest")));
    assert_eq!(backend.get(&path).await.status.as_u16(), 404, "under its old key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_set_is_refused() {
    let server = server().await;
    let backend = server.backend();
    role(&backend, "org:guest", &[]).await;
    let good =
        json!({ "name": "Big", "key": "role_set:big", "roles": ["org:admin", "org:guest"], "default_role_key": "org:guest", "creator_role_key": "org:admin" });
    let many: Vec<String> = (0..11).map(|_| "org:admin".to_owned()).collect();
    for (field, value, param) in [
        ("name", json!(null), "name"),
        ("name", json!(" "), "name"),
        ("key", json!("big"), "key"),
        ("key", json!("role_set:Big"), "key"),
        ("key", json!("role_set:default"), "key"),
        ("roles", json!([]), "roles"),
        ("roles", json!(many), "roles"),
        ("roles", json!(["org:nobody"]), "roles"),
        ("roles", json!(["org:guest"]), "creator_role_key"),
        ("default_role_key", json!("org:member"), "default_role_key"),
        ("default_role_key", json!(null), "default_role_key"),
        ("creator_role_key", json!("org:guest"), "creator_role_key"),
        ("type", json!("first"), "type"),
        ("color", json!(1), "color"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let refused = backend.post(SETS, body).await;
        assert_eq!(refused.param(), param, "{field}: {}", refused.text);
    }
    assert_eq!(backend.get(SETS).await.ok()["total_count"], 1);
    backend.post(SETS, good).await.ok();
    let path = format!("{SETS}/role_set:big");
    for (body, param) in [
        (json!({ "type": "custom" }), "type"),
        (json!({ "creator_role_key": "org:guest" }), "creator_role_key"),
        (json!({ "default_role_key": "org:member" }), "default_role_key"),
        (json!({ "key": "role_set:default" }), "key"),
        (json!({ "roles": [] }), "roles"),
    ] {
        assert_eq!(backend.patch(&path, body.clone()).await.param(), param, "{body}");
    }
    for (body, param) in [
        (json!({ "role_keys": [] }), "role_keys"),
        (json!({ "role_keys": ["org:nobody"] }), "role_keys"),
        (json!({ "role_keys": ["org:member"], "creator_role_key": "org:member" }), "creator_role_key"),
    ] {
        assert_eq!(backend.post(&format!("{path}/roles"), body.clone()).await.param(), param, "{body}");
    }
    for (body, param) in [
        (json!({ "role_key": "org:guest" }), "to_role_key"),
        (json!({ "role_key": "org:guest", "to_role_key": "org:guest" }), "to_role_key"),
        (json!({ "role_key": "org:guest", "to_role_key": "org:member" }), "to_role_key"),
        (json!({ "role_key": "org:member", "to_role_key": "org:guest" }), "role_key"),
    ] {
        assert_eq!(backend.post(&format!("{path}/roles/replace"), body.clone()).await.param(), param, "{body}");
    }
    let refused = backend.post(&format!("{path}/roles/replace"), json!({ "role_key": "org:admin", "to_role_key": "org:guest" })).await;
    assert_eq!(refused.refusal(), (422, "organization_missing_creator_role_permissions"));
    for (body, param) in [
        (json!({}), "dest_role_set_key"),
        (json!({ "dest_role_set_key": "role_set:none" }), "dest_role_set_key"),
        (json!({ "dest_role_set_key": "role_set:big" }), "dest_role_set_key"),
        (json!({ "dest_role_set_key": "role_set:default", "reassignment_mappings": { "org:guest": 1 } }), "reassignment_mappings"),
        (json!({ "dest_role_set_key": "role_set:default", "reassignment_mappings": { "org:nobody": "org:member" } }), "reassignment_mappings"),
        (json!({ "dest_role_set_key": "role_set:default", "reassignment_mappings": { "org:guest": "org:nobody" } }), "reassignment_mappings"),
        (json!({ "dest_role_set_key": "role_set:default", "reassignment_mappings": { "org:admin": "org:member" } }), "reassignment_mappings"),
    ] {
        assert_eq!(backend.post(&format!("{path}/replace"), body.clone()).await.param(), param, "{body}");
    }
    for gone in [backend.get(&format!("{SETS}/role_set:none")).await, backend.get(&format!("{SETS}/rset_222222222222222222222222222")).await] {
        assert_eq!(gone.refusal(), (404, "resource_not_found"));
    }
    assert_eq!(keys(&backend.get(&path).await.ok()["roles"]), ["org:admin", "org:guest"], "nothing has changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_replaced_in_the_organizations_of_its_set_alone() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let create = permission(&backend, "org:invoices:create").await;
    let guest = role(&backend, "org:guest", &[]).await;
    role(&backend, "org:clerk", &[&create]).await;
    set(&backend, "role_set:big", &["org:admin", "org:guest", "org:clerk"], "org:guest").await;
    let (acme, beta) = (found_with(&backend, "Acme", "role_set:big", &mut ada).await, found(&mut ada, "Beta").await);
    for id in [&acme, &beta] {
        join(&server, id, &mut bob, "org:guest").await;
    }
    enter(&mut bob, &acme).await.response();
    assert_eq!(fresh_claims(&mut bob).await["o"]["rol"], "guest");
    let replaced =
        backend.post(&format!("{SETS}/role_set:big/roles/replace"), json!({ "role_key": "org:guest", "to_role_key": "org:clerk" })).await.ok().clone();
    assert_eq!(keys(&replaced["roles"]), ["org:admin", "org:clerk"]);
    assert_eq!((&replaced["default_role"]["key"], &replaced["role_set_migration"]), (&json!("org:clerk"), &json!(null)));
    let fresh = fresh_claims(&mut bob).await;
    assert_eq!((&fresh["o"]["rol"], &fresh["o"]["per"]), (&json!("clerk"), &json!("create")));
    assert_eq!(role_in(&backend, &beta, &mut bob).await, "org:guest", "another set's organizations keep it");
    let refused = backend
        .post(&format!("/v1/organizations/{acme}/memberships"), json!({ "user_id": server.signed_in("eve").await.user_id().await, "role": "org:guest" }))
        .await;
    assert_eq!((refused.status.as_u16(), refused.param()), (404, "role"));
    assert_eq!(backend.delete(&format!("{ROLES}/{guest}")).await.refusal(), (422, "organization_role_in_use"));
    server.run_jobs().await;
}

/// Whoever has read the set before it changed, and made somebody a member after: the last look a minute later finds them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joined_beside_a_replacement_is_found_later() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let guest: foundation::RoleId = foundation::Id::parse(&role(&backend, "org:guest", &[]).await).expect("an id");
    let acme = found(&mut ada, "Acme").await;
    join(&server, &acme, &mut bob, "org:member").await;
    let replace = json!({ "role_key": "org:guest", "to_role_key": "org:member" });
    backend.post(&format!("{SETS}/role_set:default/roles/replace"), replace).await.ok();
    let bobs: foundation::UserId = foundation::Id::parse(&bob.user_id().await).expect("an id");
    let (guest, bobs) = (&guest, &bobs);
    let late = server.inside(server.home.tenant.id(), store::Access::Write, |tx| {
        Box::pin(async move { tx.change(store::sql!("update memberships set role_id = $3 where instance_id = $1 and user_id = $2"), &[bobs, guest]).await })
    });
    assert_eq!(late.await, 1);
    assert_eq!(role_in(&backend, &acme, &mut bob).await, "org:guest");
    server.run_jobs().await;
    assert_eq!(role_in(&backend, &acme, &mut bob).await, "org:guest", "not yet");
    server.advance(Duration::from_secs(61));
    server.run_jobs().await;
    assert_eq!(role_in(&backend, &acme, &mut bob).await, "org:member");
}

/// Members of an organization, more than one transaction changes.
async fn crowd(server: &TestServer, organization: &str, role: &str, count: usize) {
    let backend = server.backend();
    for number in 0..count {
        let made = backend.post("/v1/users", json!({ "external_id": format!("{role}{number}"), "email_address": [format!("p{number}.{}@example.com", &role[4..])], "skip_password_requirement": true })).await;
        let body = json!({ "user_id": made.ok()["id"], "role": role });
        backend.post(&format!("/v1/organizations/{organization}/memberships"), body).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_members_are_moved_by_a_job() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (read, manage) = (id_of(&backend, PERMISSIONS, "org:sys_memberships:read").await, id_of(&backend, PERMISSIONS, "org:sys_memberships:manage").await);
    role(&backend, "org:manager", &[&read, &manage]).await;
    let acme = found(&mut ada, "Acme").await;
    let beta = found(&mut bob, "Beta").await;
    crowd(&server, &acme, "org:manager", 230).await;
    let path = format!("{SETS}/role_set:default");
    let replace = json!({ "role_key": "org:manager", "to_role_key": "org:member" });
    let begun = backend.post(&format!("{path}/roles/replace"), replace.clone()).await.ok().clone();
    let migration = &begun["role_set_migration"];
    assert_eq!(
        (&migration["object"], &migration["status"], &migration["trigger_type"]),
        (&json!("role_set_migration"), &json!("in_progress"), &json!("role_removal"))
    );
    assert_eq!((&migration["migrated_members"], &migration["mappings"]), (&json!(100), &json!({ "org:manager": "org:member" })));
    assert_eq!(ada.get(&format!("/v1/organizations/{acme}/roles")).await.response()["has_role_set_migration"], true);
    assert_eq!(
        backend.post(&format!("{path}/roles/replace"), json!({ "role_key": "org:member", "to_role_key": "org:admin" })).await.refusal(),
        (422, "form_invalid_state")
    );
    assert_eq!(backend.patch(&path, json!({ "name": "X" })).await.refusal(), (422, "form_invalid_state"));
    let manager = id_of(&backend, ROLES, "org:manager").await;
    assert_eq!(backend.delete(&format!("{ROLES}/{manager}")).await.refusal(), (422, "organization_role_in_use"));
    // Whoever is to lose the permission counts as somebody who has lost it: the only admin stays.
    let adas = format!("/v1/organizations/{acme}/memberships/{}", ada.user_id().await);
    assert_eq!(backend.patch(&adas, json!({ "role": "org:member" })).await.refusal(), (422, "organization_minimum_permissions_needed"));
    server.run_jobs().await;
    let done = backend.get(&path).await.ok().clone();
    assert_eq!((&done["role_set_migration"], keys(&done["roles"])), (&json!(null), vec!["org:admin".to_owned(), "org:member".to_owned()]));
    assert_eq!(done["roles"][1]["members_count"], 230);
    assert_eq!(ada.get(&format!("/v1/organizations/{acme}/roles")).await.response()["has_role_set_migration"], false);
    let updates: i64 = server
        .inside(server.home.tenant.id(), store::Access::Read, |tx| {
            Box::pin(async move {
                tx.count(store::sql!("select count(*) from events where instance_id = $1 and type = 'organizationMembership.updated'"), &[]).await
            })
        })
        .await;
    assert_eq!(updates, 230, "each member is told of once");
    backend.delete(&format!("{ROLES}/{manager}")).await.ok();
    assert_eq!(role_in(&backend, &beta, &mut bob).await, "org:admin");
    // A last look finds nobody, and ends.
    server.advance(Duration::from_secs(61));
    server.run_jobs().await;
    assert_eq!(server.run_jobs().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_without_which_nobody_manages_is_not_replaced() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (read, manage) = (id_of(&backend, PERMISSIONS, "org:sys_memberships:read").await, id_of(&backend, PERMISSIONS, "org:sys_memberships:manage").await);
    role(&backend, "org:manager", &[&read, &manage]).await;
    let acme = found(&mut ada, "Acme").await;
    join(&server, &acme, &mut bob, "org:manager").await;
    backend.patch(&format!("/v1/organizations/{acme}/memberships/{}", ada.user_id().await), json!({ "role": "org:member" })).await.ok();
    let path = format!("{SETS}/role_set:default/roles/replace");
    let refused = backend.post(&path, json!({ "role_key": "org:manager", "to_role_key": "org:member" })).await;
    assert_eq!(refused.refusal(), (422, "organization_minimum_permissions_needed"));
    assert_eq!(role_in(&backend, &acme, &mut bob).await, "org:manager");
    backend.post(&path, json!({ "role_key": "org:manager", "to_role_key": "org:admin" })).await.ok();
    assert_eq!(role_in(&backend, &acme, &mut bob).await, "org:admin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_is_replaced_with_its_members_roles() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    role(&backend, "org:guest", &[]).await;
    let acme = found(&mut ada, "Acme").await;
    join(&server, &acme, &mut bob, "org:member").await;
    let new = set(&backend, "role_set:new", &["org:admin", "org:guest"], "org:guest").await;
    let path = format!("{SETS}/role_set:default/replace");
    let refused = backend.post(&path, json!({ "dest_role_set_key": "role_set:new" })).await;
    assert_eq!((refused.status.as_u16(), refused.param()), (422, "reassignment_mappings"));
    assert!(refused.text.contains("org:member"), "{}", refused.text);
    let old = text(backend.get(&format!("{SETS}/role_set:default")).await.ok(), "id");
    let gone = backend.post(&path, json!({ "dest_role_set_key": "role_set:new", "reassignment_mappings": { "org:member": "org:guest" } })).await;
    assert_eq!(gone.ok(), &json!({ "object": "role_set", "id": old, "deleted": true }));
    assert_eq!(backend.get(&format!("{SETS}/{old}")).await.status.as_u16(), 404);
    let now = backend.get(&format!("{SETS}/{new}")).await.ok().clone();
    assert_eq!((&now["type"], &now["roles"][1]["members_count"]), (&json!("initial"), &json!(1)));
    assert_eq!((role_in(&backend, &acme, &mut ada).await, role_in(&backend, &acme, &mut bob).await), (json!("org:admin"), json!("org:guest")));
    assert_eq!(keys(&ada.get(&format!("/v1/organizations/{acme}/roles")).await.response()["data"]), ["org:admin", "org:guest"]);
    assert_eq!(backend.get(&format!("{SETS}/{new}")).await.ok()["role_set_migration"], json!(null));
    found(&mut ada, "Another").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_set_of_many_organizations_is_replaced_by_a_job() {
    let server = server().await;
    let backend = server.backend();
    role(&backend, "org:guest", &[]).await;
    for number in 0..120 {
        backend.post("/v1/organizations", json!({ "name": format!("Acme {number}") })).await.ok();
    }
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    crowd(&server, &acme, "org:member", 120).await;
    set(&backend, "role_set:new", &["org:admin", "org:guest"], "org:guest").await;
    let path = format!("{SETS}/role_set:default");
    let body = json!({ "dest_role_set_key": "role_set:new", "reassignment_mappings": { "org:member": "org:guest" } });
    backend.post(&format!("{path}/replace"), body.clone()).await.ok();
    let under_way = backend.get(&path).await.ok().clone();
    assert_eq!((&under_way["role_set_migration"]["trigger_type"], &under_way["type"]), (&json!("role_set_deletion"), &json!("custom")));
    assert_eq!(backend.post(&format!("{path}/replace"), body).await.refusal(), (422, "form_invalid_state"));
    assert_eq!(backend.patch(&format!("{SETS}/role_set:new"), json!({ "name": "X" })).await.refusal(), (422, "form_invalid_state"));
    // Organizations that still have the old set go by the new one's roles.
    assert_eq!(keys(&ada.get(&format!("/v1/organizations/{acme}/roles")).await.response()["data"]), ["org:admin", "org:guest"]);
    server.run_jobs().await;
    assert_eq!(backend.get(&path).await.status.as_u16(), 404);
    let now = backend.get(&format!("{SETS}/role_set:new")).await.ok().clone();
    assert_eq!((&now["roles"][1]["members_count"], &now["role_set_migration"]), (&json!(120), &json!(null)));
    let left: i64 = server
        .inside(server.home.tenant.id(), store::Access::Read, |tx| {
            Box::pin(async move { tx.count(store::sql!("select count(distinct role_set_id) from organizations where instance_id = $1"), &[]).await })
        })
        .await;
    assert_eq!(left, 1);
}
