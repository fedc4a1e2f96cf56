//! Roles and permissions: what an application's backend makes of them, and what members' tokens say then.

use super::{claims, enter, found, fresh_claims, join, server, server_with, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Api, TestServer};

pub const ROLES: &str = "/v1/organization_roles";
pub const PERMISSIONS: &str = "/v1/organization_permissions";
const READ: &str = "org:sys_memberships:read";
const MANAGE: &str = "org:sys_memberships:manage";
const DELETE: &str = "org:sys_profile:delete";

/// Makes a permission; its id.
pub async fn permission(backend: &Api, key: &str) -> String {
    text(backend.post(PERMISSIONS, json!({ "name": key, "key": key })).await.ok(), "id")
}

/// Makes a role; its id.
pub async fn role(backend: &Api, key: &str, permissions: &[&str]) -> String {
    let body = json!({ "name": key, "key": key, "permissions": permissions, "include_in_initial_role_set": true });
    text(backend.post(ROLES, body).await.ok(), "id")
}

/// The id of the permission or the role with this key.
pub async fn id_of(backend: &Api, list: &str, key: &str) -> String {
    let all = backend.get(&format!("{list}?limit=500")).await.ok()["data"].as_array().expect("a list").clone();
    text(all.iter().find(|one| one["key"] == key).unwrap_or_else(|| panic!("{key} in {all:?}")), "id")
}

pub fn keys(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|one| text(one, "key")).collect()
}

/// The instance's events of roles and permissions, by kind: kind and subject.
async fn events(server: &TestServer) -> Vec<(String, String)> {
    let rows: Vec<(String, String)> = server
        .inside(server.home.tenant.id(), store::Access::Read, |tx| {
            Box::pin(async move { tx.list(store::sql!("select type, subject from events where instance_id = $1 order by type, id limit 500"), &[]).await })
        })
        .await;
    rows.into_iter().filter(|(kind, _)| kind.starts_with("role") || kind.starts_with("permission")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_come_change_and_go() {
    let server = server().await;
    let backend = server.backend();
    let listed = backend.get(ROLES).await.ok().clone();
    assert_eq!((keys(&listed["data"]), &listed["total_count"]), (vec!["org:member".to_owned(), "org:admin".to_owned()], &json!(2)));
    let may = permission(&backend, "org:invoices:create").await;
    let read = id_of(&backend, PERMISSIONS, READ).await;
    server.advance(std::time::Duration::from_secs(1));
    let body = json!({ "name": " Accountant ", "key": "org:accountant", "description": "Counts", "permissions": [may, read, may] });
    let made = backend.post(ROLES, body).await.ok().clone();
    assert_eq!(
        (&made["object"], &made["name"], &made["description"], &made["is_creator_eligible"]),
        (&json!("role"), &json!("Accountant"), &json!("Counts"), &json!(false))
    );
    assert_eq!(keys(&made["permissions"]), [READ, "org:invoices:create"], "system permissions first");
    let path = format!("{ROLES}/{}", text(&made, "id"));
    assert_eq!(backend.get(&path).await.ok(), &made);
    assert_eq!(keys(&backend.get(ROLES).await.ok()["data"])[0], "org:accountant", "newest first");
    for (query, expected) in [
        ("query=ACCOUNT", vec!["org:accountant"]),
        (&*format!("query={}", text(&made, "id")), vec!["org:accountant"]),
        ("query=nobody", vec![]),
        ("order_by=name&limit=2", vec!["org:accountant", "org:admin"]),
        ("order_by=-key&limit=1&offset=1", vec!["org:admin"]),
        ("order_by=%2Bcreated_at&limit=1", vec!["org:admin"]),
    ] {
        assert_eq!(keys(&backend.get(&format!("{ROLES}?{query}")).await.ok()["data"]), expected, "{query}");
    }
    assert_eq!(backend.get(&format!("{ROLES}?order_by=age")).await.param(), "order_by");
    // What is `null` or absent stays; a list takes the place of what was there.
    let changed = backend.patch(&path, json!({ "name": "Bookkeeper", "key": "org:bookkeeper", "description": null, "permissions": null })).await.ok().clone();
    assert_eq!((&changed["name"], &changed["key"], &changed["description"]), (&json!("Bookkeeper"), &json!("org:bookkeeper"), &json!("")));
    assert_eq!(keys(&changed["permissions"]).len(), 2);
    assert_eq!(keys(&backend.patch(&path, json!({ "permissions": [] })).await.ok()["permissions"]), [""; 0]);
    assert_eq!(keys(&backend.post(&format!("{path}/permissions/{may}"), json!({})).await.ok()["permissions"]), ["org:invoices:create"]);
    let again = backend.post(&format!("{path}/permissions/{may}"), json!({})).await;
    assert_eq!(again.refusal(), (409, "organization_role_permission_association_exists"));
    assert_eq!(keys(&backend.delete(&format!("{path}/permissions/{may}")).await.ok()["permissions"]), [""; 0]);
    assert_eq!(backend.delete(&format!("{path}/permissions/{may}")).await.status.as_u16(), 404);
    assert_eq!(backend.delete(&path).await.ok(), &json!({ "object": "role", "id": made["id"], "deleted": true }));
    for gone in [backend.get(&path).await, backend.delete(&path).await, backend.patch(&path, json!({})).await] {
        assert_eq!(gone.status.as_u16(), 404);
    }
    let told: Vec<String> = events(&server).await.into_iter().filter(|(_, subject)| made["id"] == **subject).map(|(kind, _)| kind).collect();
    assert_eq!(told, ["role.created", "role.deleted", "role.updated", "role.updated", "role.updated", "role.updated"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_checked_and_unique() {
    let server = server().await;
    let backend = server.backend();
    let named = |key: &str| json!({ "name": "X", "key": key });
    for key in ["accountant", "org:", "org:Accountant", "org:a:b", "org:a b", "org:é", &format!("org:{}", "a".repeat(65))] {
        assert_eq!(
            (backend.post(ROLES, named(key)).await.refusal(), backend.post(ROLES, named(key)).await.param()),
            ((422, "form_param_value_invalid"), "key"),
            "{key}"
        );
    }
    for key in ["org:invoices", "org:invoices:", "org:a:b:c", "org:Invoices:read", "org:sys_invoices:read", "org:sys_:a"] {
        let refused = backend.post(PERMISSIONS, named(key)).await;
        assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "key"), "{key}");
    }
    let may = permission(&backend, "org:invoices:read").await;
    permission(&backend, "org:invoices:create").await;
    for (path, key) in [(ROLES, "org:admin"), (PERMISSIONS, "org:invoices:read")] {
        let taken = backend.post(path, named(key)).await;
        assert_eq!((taken.refusal(), taken.param()), ((422, "form_identifier_exists"), "key"));
    }
    let member = format!("{ROLES}/{}", id_of(&backend, ROLES, "org:member").await);
    assert_eq!(backend.patch(&member, json!({ "key": "org:admin" })).await.refusal(), (422, "form_identifier_exists"));
    assert_eq!(backend.patch(&format!("{PERMISSIONS}/{may}"), json!({ "key": "org:invoices:create" })).await.refusal(), (422, "form_identifier_exists"));
    assert_eq!(backend.patch(&format!("{PERMISSIONS}/{may}"), json!({ "key": "org:sys_domains:read" })).await.param(), "key");
    for (body, param) in [
        (json!({ "key": "org:a" }), "name"),
        (json!({ "name": "A" }), "key"),
        (json!({ "name": "A", "key": "org:a", "permissions": ["perm_222222222222222222222222222"] }), "permissions"),
        (json!({ "name": "A", "key": "org:a", "permissions": ["org:invoices:read"] }), "permissions"),
        (json!({ "name": "A", "key": "org:a", "permissions": "all" }), "permissions"),
        (json!({ "name": "A\n", "key": "org:a", "color": 1 }), "color"),
        (json!({ "name": "a".repeat(257), "key": "org:a" }), "name"),
        (json!({ "name": "A", "key": "org:a", "description": "a".repeat(1_025) }), "description"),
    ] {
        assert_eq!(backend.post(ROLES, body.clone()).await.param(), param, "{body}");
    }
    assert_eq!(backend.get(ROLES).await.ok()["total_count"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permissions_come_change_and_go() {
    let server = server().await;
    let backend = server.backend();
    let system = backend.get(&format!("{PERMISSIONS}?limit=500")).await.ok().clone();
    assert_eq!(system["total_count"], 11);
    assert!(system["data"].as_array().expect("a list").iter().all(|one| one["type"] == "system"));
    let manage = id_of(&backend, PERMISSIONS, MANAGE).await;
    let refusal = (403, "organization_system_permission_not_modifiable");
    assert_eq!(backend.patch(&format!("{PERMISSIONS}/{manage}"), json!({ "name": "Mine" })).await.refusal(), refusal);
    assert_eq!(backend.delete(&format!("{PERMISSIONS}/{manage}")).await.refusal(), refusal);
    let made = backend.post(PERMISSIONS, json!({ "name": "Read", "key": "org:reports:read", "description": "All of them" })).await.ok().clone();
    assert_eq!((&made["object"], &made["type"], &made["description"]), (&json!("permission"), &json!("user"), &json!("All of them")));
    let (id, path) = (text(&made, "id"), format!("{PERMISSIONS}/{}", text(&made, "id")));
    assert_eq!(backend.get(&path).await.ok(), &made);
    assert_eq!(keys(&backend.get(&format!("{PERMISSIONS}?query=reports")).await.ok()["data"]), ["org:reports:read"]);
    let analyst = role(&backend, "org:analyst", &[&id]).await;
    let changed = backend.patch(&path, json!({ "key": "org:reports:see", "name": "See" })).await.ok().clone();
    assert_eq!((&changed["key"], &changed["name"], &changed["description"]), (&json!("org:reports:see"), &json!("See"), &json!("All of them")));
    assert_eq!(keys(&backend.get(&format!("{ROLES}/{analyst}")).await.ok()["permissions"]), ["org:reports:see"]);
    assert_eq!(backend.delete(&path).await.ok(), &json!({ "object": "permission", "id": id, "deleted": true }));
    assert_eq!(keys(&backend.get(&format!("{ROLES}/{analyst}")).await.ok()["permissions"]), [""; 0]);
    assert_eq!((backend.get(&path).await.status.as_u16(), backend.delete(&path).await.status.as_u16()), (404, 404));
    let told: Vec<String> = events(&server).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(told, ["permission.created", "permission.deleted", "permission.updated", "role.created", "role.updated"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_token_has_what_a_role_allows_now() {
    let server = server().await;
    let backend = server.backend();
    let node = server.another_node().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    join(&server, &acme, &mut bob, "org:member").await;
    enter(&mut bob, &acme).await.response();
    assert_eq!(fresh_claims(&mut bob).await["o"], json!({ "id": acme, "slg": "acme", "rol": "member" }));
    assert!(fresh_claims(&mut bob).await.get("fea").is_none(), "the system's permissions are in no token");
    let mut there = bob.clone().at(&node.browser());
    assert_eq!(fresh_claims(&mut there).await["o"]["per"], json!(null));

    let member = format!("{ROLES}/{}", id_of(&backend, ROLES, "org:member").await);
    let create = permission(&backend, "org:invoices:create").await;
    backend.post(&format!("{member}/permissions/{create}"), json!({})).await.ok();
    let (fresh, shown) = (fresh_claims(&mut bob).await, bob.get("/v1/me").await.response()["organization_memberships"][0].clone());
    assert_eq!((&fresh["o"]["per"], &fresh["o"]["fpm"], &fresh["fea"]), (&json!("create"), &json!("1"), &json!("o:invoices")));
    assert!(shown["permissions"].as_array().expect("a list").contains(&json!("org:invoices:create")), "{shown}");
    server.advance(std::time::Duration::from_secs(11));
    assert_eq!(fresh_claims(&mut there).await["o"]["per"], "create", "another server within ten seconds");

    backend.patch(&format!("{PERMISSIONS}/{create}"), json!({ "key": "org:bills:make" })).await.ok();
    let fresh = fresh_claims(&mut bob).await;
    assert_eq!((&fresh["o"]["per"], &fresh["fea"]), (&json!("make"), &json!("o:bills")));
    backend.patch(&member, json!({ "key": "org:fellow" })).await.ok();
    assert_eq!(fresh_claims(&mut bob).await["o"]["rol"], "fellow");
    assert_eq!(backend.get("/v1/instance/organization_settings").await.ok()["domains_default_role"], "org:fellow", "settings follow the key");
    backend.delete(&format!("{PERMISSIONS}/{create}")).await.ok();
    assert_eq!(fresh_claims(&mut bob).await["o"], json!({ "id": acme, "slg": "acme", "rol": "fellow" }));
    // What one may do in the organization's own pages changes at once too.
    let read = id_of(&backend, PERMISSIONS, READ).await;
    let path = format!("/v1/organizations/{acme}/memberships");
    bob.get(&path).await.response();
    backend.delete(&format!("{member}/permissions/{read}")).await.ok();
    // The list of members is for whoever belongs to the organization; that of roles asks for the permission.
    assert_eq!(bob.get(&format!("/v1/organizations/{acme}/roles")).await.refusal(), (403, "missing_organization_permission"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_needed_stays() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    let guest = role(&backend, "org:guest", &[]).await;
    join(&server, &acme, &mut bob, "org:guest").await;
    let refusal = (422, "organization_role_in_use");
    for key in ["org:admin", "org:member", "org:guest"] {
        let id = id_of(&backend, ROLES, key).await;
        assert_eq!(backend.delete(&format!("{ROLES}/{id}")).await.refusal(), refusal, "{key}");
    }
    backend.patch(&format!("/v1/organizations/{acme}/memberships/{}", bob.user_id().await), json!({ "role": "org:member" })).await.ok();
    backend.delete(&format!("{ROLES}/{guest}")).await.ok();
    assert_eq!(keys(&ada.get(&format!("/v1/organizations/{acme}/roles")).await.response()["data"]), ["org:admin", "org:member"]);
    let gone = backend.patch(&format!("/v1/organizations/{acme}/memberships/{}", bob.user_id().await), json!({ "role": "org:guest" })).await;
    assert_eq!((gone.status.as_u16(), gone.param()), (404, "role"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creators_and_managers_keep_what_they_need() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    let (read, manage, delete) =
        (id_of(&backend, PERMISSIONS, READ).await, id_of(&backend, PERMISSIONS, MANAGE).await, id_of(&backend, PERMISSIONS, DELETE).await);
    let admin = format!("{ROLES}/{}", id_of(&backend, ROLES, "org:admin").await);
    for needed in [&read, &manage, &delete] {
        let refused = backend.delete(&format!("{admin}/permissions/{needed}")).await;
        assert_eq!((refused.refusal(), refused.param()), ((422, "organization_missing_creator_role_permissions"), "permission_id"));
    }
    let refused = backend.patch(&admin, json!({ "permissions": [read, manage] })).await;
    assert_eq!((refused.code(), refused.param()), ("organization_missing_creator_role_permissions", "permissions"));
    // What creators do not need can go, and comes again.
    let domains = id_of(&backend, PERMISSIONS, "org:sys_domains:read").await;
    backend.delete(&format!("{admin}/permissions/{domains}")).await.ok();
    assert!(!keys(&backend.get(&admin).await.ok()["permissions"]).contains(&"org:sys_domains:read".to_owned()));

    // A manager alone in an organization keeps the permission; beside an admin, the role can lose it.
    let manager = format!("{ROLES}/{}", role(&backend, "org:manager", &[&read, &manage]).await);
    let bobs = bob.user_id().await;
    join(&server, &acme, &mut bob, "org:manager").await;
    let adas = ada.user_id().await;
    ada.override_method("PATCH", &format!("/v1/organizations/{acme}/memberships/{adas}"), &[("role", "org:member")]).await.response();
    let refusal = (422, "organization_minimum_permissions_needed");
    assert_eq!(backend.delete(&format!("{manager}/permissions/{manage}")).await.refusal(), refusal);
    assert_eq!(backend.patch(&manager, json!({ "permissions": [] })).await.refusal(), refusal);
    assert_eq!(backend.patch(&format!("/v1/organizations/{acme}/memberships/{bobs}"), json!({ "role": "org:member" })).await.refusal(), refusal);
    backend.patch(&format!("/v1/organizations/{acme}/memberships/{adas}"), json!({ "role": "org:admin" })).await.ok();
    backend.delete(&format!("{manager}/permissions/{manage}")).await.ok();
    assert_eq!(
        bob.override_method("DELETE", &format!("/v1/organizations/{acme}/memberships/{adas}"), &[]).await.refusal(),
        (403, "missing_organization_permission")
    );
}

/// P5: a role loses the permission while the only other one who has it is demoted: one of the two is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_role_and_an_admin_that_go_at_once_leave_somebody() {
    let server = server().await;
    let backend = server.backend();
    let (read, manage) = (id_of(&backend, PERMISSIONS, READ).await, id_of(&backend, PERMISSIONS, MANAGE).await);
    let manager = format!("{ROLES}/{}", role(&backend, "org:manager", &[&read]).await);
    for round in 0..8 {
        let (mut ada, mut bob) = (server.signed_in(&format!("ada{round}")).await, server.signed_in(&format!("bob{round}")).await);
        backend.patch(&manager, json!({ "permissions": [read, manage] })).await.ok();
        let id = found(&mut ada, "Acme").await;
        join(&server, &id, &mut bob, "org:manager").await;
        let adas = format!("/v1/organizations/{id}/memberships/{}", ada.user_id().await);
        let (one, two) = (server.backend(), server.backend());
        let taken = format!("{manager}/permissions/{manage}");
        let role = tokio::spawn(async move { one.delete(&taken).await.status.as_u16() });
        let admin = tokio::spawn(async move { two.patch(&adas, json!({ "role": "org:member" })).await.status.as_u16() });
        let statuses = [role.await.expect("an answer"), admin.await.expect("an answer")];
        let path = format!("/v1/organizations/{id}?include_missing_member_with_elevated_permissions=true");
        assert_eq!(backend.get(&path).await.ok()["missing_member_with_elevated_permissions"], false, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        server.backend().delete(&format!("/v1/organizations/{id}")).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_at_once_find_as_much_room_as_there_is() {
    let server = server_with(json!({ "max_allowed_roles": 7, "max_allowed_permissions": 4, "max_role_sets_allowed": 3 })).await;
    for (path, what, room) in [(ROLES, "roles", 5), (PERMISSIONS, "permissions", 4), (super::role_sets::SETS, "role sets", 2)] {
        let tasks: Vec<_> = (0..64)
            .map(|number| {
                let backend = server.backend();
                let key = match path {
                    PERMISSIONS => format!("org:thing{number}:do"),
                    ROLES => format!("org:role{number}"),
                    _ => format!("role_set:set{number}"),
                };
                let mut body = json!({ "name": "X", "key": key });
                if path == super::role_sets::SETS {
                    body["roles"] = json!(["org:admin"]);
                    body["default_role_key"] = json!("org:admin");
                    body["creator_role_key"] = json!("org:admin");
                }
                tokio::spawn(async move { backend.post(path, body).await })
            })
            .collect();
        let mut made = 0;
        for task in tasks {
            let reply = task.await.expect("an answer");
            if reply.status.as_u16() == 200 {
                made += 1;
            } else {
                assert_eq!(reply.refusal(), (422, "resource_limit_reached"), "{}", reply.text);
            }
        }
        assert_eq!(made, room, "{what}");
    }
    let backend = server.backend();
    assert_eq!(backend.get(ROLES).await.ok()["total_count"], 7);
    assert_eq!(backend.get(PERMISSIONS).await.ok()["total_count"], 15);
    // Room that was made is room.
    let one = id_of(&backend, PERMISSIONS, &keys(&backend.get(PERMISSIONS).await.ok()["data"])[0]).await;
    backend.delete(&format!("{PERMISSIONS}/{one}")).await.ok();
    permission(&backend, "org:one:more").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_stays_small_enough_for_a_cookie() {
    let server = server_with(json!({ "max_allowed_permissions": 120 })).await;
    let backend = server.backend();
    let mut all = Vec::new();
    for number in 0..60 {
        all.push(permission(&backend, &format!("org:a_rather_long_feature_{number}:do")).await);
    }
    let greedy = json!({ "name": "Greedy", "key": "org:greedy", "permissions": all });
    let refused = backend.post(ROLES, greedy).await;
    assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "permissions"));
    // As many as fit: the token stays within a cookie, and has them all.
    let modest = role(&backend, "org:modest", &[]).await;
    let mut granted = BTreeSet::new();
    for (number, id) in all.iter().enumerate() {
        let reply = backend.post(&format!("{ROLES}/{modest}/permissions/{id}"), json!({})).await;
        if reply.status.as_u16() == 200 {
            granted.insert(format!("o:a_rather_long_feature_{number}"));
        } else {
            assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "permission_id"));
        }
    }
    assert!((30..60).contains(&granted.len()), "{}", granted.len());
    let mut ada = server.signed_in("ada").await;
    let slug = "a".repeat(64);
    let acme = text(ada.post("/v1/organizations", &[("name", "Acme"), ("slug", &slug)]).await.response(), "id");
    let mut bob = server.signed_in("bob").await;
    join(&server, &acme, &mut bob, "org:modest").await;
    enter(&mut bob, &acme).await.response();
    let token = bob.token().await;
    assert!(token.len() < 3_500, "{}", token.len());
    let said: BTreeSet<String> = text(&claims(&token), "fea").split(',').map(str::to_owned).collect();
    assert_eq!(said, granted);
    // A permission that all of a sudden has a longer name.
    let id = id_of(&backend, PERMISSIONS, "org:a_rather_long_feature_0:do").await;
    let longer = format!("org:{}:{}", "f".repeat(64), "d".repeat(64));
    let refused = backend.patch(&format!("{PERMISSIONS}/{id}"), json!({ "key": longer })).await;
    assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "key"));
    for number in 0..54 {
        all.push(permission(&backend, &format!("org:x:do{number}")).await);
    }
    let wide: Vec<&str> = all[60..].iter().map(String::as_str).collect();
    let refused = backend.post(ROLES, json!({ "name": "Wide", "key": "org:wide", "permissions": wide })).await;
    assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "permissions"));
    role(&backend, "org:wide", &wide[1..]).await;
}
