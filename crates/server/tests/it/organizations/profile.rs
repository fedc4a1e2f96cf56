//! An organization comes to be, changes, and goes.

use super::{found, join, server, server_with, text};
use serde_json::json;
use testkit::{TestServer, picture};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_creates_an_organization_is_its_admin() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let made = ada.post("/v1/organizations", &[("name", "Acme & Sons")]).await.response().clone();
    assert_eq!((text(&made, "name"), text(&made, "slug")), ("Acme & Sons".to_owned(), "acme-sons".to_owned()));
    assert_eq!((&made["members_count"], &made["has_image"], &made["max_allowed_memberships"]), (&json!(1), &json!(false), &json!(0)));
    assert!(made.get("private_metadata").is_none(), "members read no private metadata: {made}");

    let me = ada.get("/v1/me").await.response().clone();
    let membership = &me["organization_memberships"][0];
    assert_eq!((&membership["role"], &membership["organization"]["id"]), (&json!("org:admin"), &made["id"]));
    let permissions = membership["permissions"].as_array().expect("permissions");
    for key in ["org:sys_profile:manage", "org:sys_profile:delete", "org:sys_memberships:read", "org:sys_memberships:manage", "org:sys_domains:manage"] {
        assert!(permissions.contains(&json!(key)), "{key} in {permissions:?}");
    }
    let seen = server.backend().get("/v1/organizations/acme-sons").await.ok().clone();
    assert_eq!((&seen["id"], &seen["created_by"], &seen["private_metadata"]), (&made["id"], &me["id"], &json!({})));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_organizations_are_off_there_are_none() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    assert_eq!(ada.post("/v1/organizations", &[("name", "Acme")]).await.refusal(), (403, "organization_not_enabled_in_instance"));
    assert_eq!(server.backend().post("/v1/organizations", json!({ "name": "Acme" })).await.refusal(), (403, "organization_not_enabled_in_instance"));
    let environment = ada.get("/v1/environment").await;
    assert_eq!(environment.ok()["organization_settings"]["enabled"], false);
    assert_eq!(ada.get("/v1/me").await.response()["organization_memberships"], json!([]));
    // The switcher asks for these before it knows.
    for list in ["organization_invitations?status=pending", "organization_suggestions", "organization_memberships?paginated=true"] {
        assert_eq!(ada.get(&format!("/v1/me/{list}")).await.response(), &json!({ "data": [], "total_count": 0 }), "{list}");
    }
}

/// Turned off, organizations are nowhere to be seen at the frontend, also for those who are in one; turned on again, all is as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organizations_that_are_turned_off_are_hidden_and_come_back() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let id = found(&mut ada, "Acme").await;
    super::enter(&mut ada, &id).await.response();
    let claims = |client: &serde_json::Value| {
        let jwt = client["sessions"][0]["last_active_token"]["jwt"].as_str().expect("a token").to_owned();
        super::claims(&jwt)
    };
    for enabled in [true, false, true] {
        server.backend().patch("/v1/instance/organization_settings", json!({ "enabled": enabled })).await.ok();
        // After this time what was remembered is read anew.
        server.advance(std::time::Duration::from_secs(30));
        let expected = usize::from(enabled);
        let count = |user: &serde_json::Value| user["organization_memberships"].as_array().expect("a list").len();
        assert_eq!(count(ada.get("/v1/me").await.response()), expected);
        let client = ada.get("/v1/client").await.response().clone();
        assert_eq!(count(&client["sessions"][0]["user"]), expected);
        assert_eq!(claims(&client).get("o").is_some(), enabled);
        assert_eq!(super::fresh_claims(&mut ada).await.get("o").is_some(), enabled);
        assert_eq!(ada.get("/v1/me/organization_memberships?paginated=true").await.response()["total_count"], expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_names_and_slugs_are_refused_by_name() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let long = "x".repeat(257);
    for (form, param) in [
        (vec![("slug", "acme")], "name"),
        (vec![("name", "   ")], "name"),
        (vec![("name", long.as_str())], "name"),
        (vec![("name", "Ac\u{202e}me")], "name"),
        (vec![("name", "Acme"), ("slug", "a")], "slug"),
        (vec![("name", "Acme"), ("slug", "Acme")], "slug"),
        (vec![("name", "Acme"), ("slug", "-acme")], "slug"),
        (vec![("name", "Acme"), ("slug", "ac--me")], "slug"),
        (vec![("name", "Acme"), ("slug", "org_222222222222222222222222222")], "slug"),
    ] {
        let reply = ada.post("/v1/organizations", &form).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{form:?} {}", reply.text);
    }
    found(&mut ada, "Acme").await;
    let taken = ada.post("/v1/organizations", &[("name", "Other"), ("slug", "acme")]).await;
    assert_eq!((taken.refusal(), taken.param()), ((422, "form_identifier_exists"), "slug"));
    // One that is made of the name finds its own way.
    let second = ada.post("/v1/organizations", &[("name", "Acme")]).await.response().clone();
    assert!(text(&second, "slug").starts_with("acme-"), "{second}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slugs_can_be_done_without() {
    let server = server_with(json!({ "slug_disabled": true })).await;
    let mut ada = server.signed_in("ada").await;
    assert_eq!(ada.post("/v1/organizations", &[("name", "Acme")]).await.response()["slug"], "");
    assert_eq!(ada.post("/v1/organizations", &[("name", "Acme"), ("slug", "acme")]).await.param(), "slug");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_change_the_profile_and_members_do_not() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    join(&server, &id, &mut bob, "org:member").await;
    let path = format!("/v1/organizations/{id}");
    let changed = ada.override_method("PATCH", &path, &[("name", "Acme Ltd"), ("slug", "acme-ltd")]).await.response().clone();
    assert_eq!((text(&changed, "name"), text(&changed, "slug")), ("Acme Ltd".to_owned(), "acme-ltd".to_owned()));
    let reply = bob.override_method("PATCH", &path, &[("name", "Bob's")]).await;
    assert_eq!(reply.refusal(), (403, "missing_organization_permission"));
    assert_eq!(reply.body["errors"][0]["meta"]["permissions"], json!(["org:sys_profile:manage"]));
    assert_eq!(bob.get(&path).await.response()["name"], "Acme Ltd");

    let with_logo = ada.override_method("DELETE", &format!("{path}/logo"), &[]).await;
    assert_eq!(with_logo.refusal(), (404, "resource_not_found"), "there is no logo yet");
    let logo = ada.upload(&format!("{path}/logo?_method=PUT"), &picture()).await.response().clone();
    assert_eq!(logo["has_image"], true);
    let url = text(&logo, "image_url");
    assert!(ada.get(url.split_once("/v1/").map(|(_, rest)| format!("/v1/{rest}")).expect("a path").as_str()).await.status.is_success());
    assert_eq!(bob.upload(&format!("{path}/logo?_method=PUT"), &picture()).await.refusal(), (403, "missing_organization_permission"));
    ada.override_method("DELETE", &format!("{path}/logo"), &[]).await.response();
    assert_eq!(ada.get(&path).await.response()["has_image"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_organization_leaves_nothing_behind() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    join(&server, &id, &mut bob, "org:member").await;
    super::enter(&mut bob, &id).await.response();
    let path = format!("/v1/organizations/{id}");
    assert_eq!(bob.override_method("DELETE", &path, &[]).await.refusal(), (403, "missing_organization_permission"));
    server.backend().patch(&path, json!({ "admin_delete_enabled": false })).await.ok();
    assert_eq!(ada.override_method("DELETE", &path, &[]).await.refusal(), (403, "organization_admin_delete_not_enabled"));
    server.backend().patch(&path, json!({ "admin_delete_enabled": true })).await.ok();
    assert_eq!(ada.override_method("DELETE", &path, &[]).await.response(), &json!({ "object": "organization", "id": id, "deleted": true }));

    assert_eq!(bob.get("/v1/me").await.response()["organization_memberships"], json!([]));
    assert_eq!(bob.get("/v1/client").await.response()["sessions"][0]["last_active_organization_id"], json!(null));
    assert!(super::fresh_claims(&mut bob).await.get("o").is_none());
    assert_eq!(server.backend().get(&path).await.status.as_u16(), 404);
    assert_eq!(server.backend().get("/v1/organizations").await.ok(), &json!({ "data": [], "total_count": 0 }));
    // Its slug is free again, its id is not.
    assert_ne!(found(&mut ada, "Acme").await, id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_keep_metadata_and_list_organizations() {
    let server = server().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let ada_id = ada.user_id().await;
    for name in ["Beta", "alpha", "Gamma"] {
        let made = backend.post("/v1/organizations", json!({ "name": name, "created_by": ada_id, "public_metadata": { "tier": 1, "deep": { "a": 1 } } })).await;
        assert_eq!(made.ok()["members_count"], 1);
        server.advance(std::time::Duration::from_secs(1));
    }
    backend.post("/v1/organizations", json!({ "name": "Nobody's" })).await.ok();
    let names = async |query: &str| {
        let reply = backend.get(&format!("/v1/organizations?{query}")).await.ok().clone();
        reply["data"].as_array().expect("a list").iter().map(|o| text(o, "name")).collect::<Vec<_>>()
    };
    assert_eq!(names("order_by=name").await, ["alpha", "Beta", "Gamma", "Nobody's"]);
    assert_eq!(names("order_by=-members_count&limit=1").await.len(), 1);
    assert_eq!(names(&format!("user_id={ada_id}&order_by=-created_at")).await, ["Gamma", "alpha", "Beta"]);
    assert_eq!(names(&format!("user_id=-{ada_id}")).await, ["Nobody's"]);
    assert_eq!(names("query=ALP").await, ["alpha"]);
    assert_eq!(names("query=%25").await, [""; 0]);
    assert_eq!(names("organization_id=org_222222222222222222222222222").await, [""; 0]);
    assert_eq!(backend.get("/v1/organizations?order_by=age").await.param(), "order_by");
    let lacking = backend.get("/v1/organizations/nobodys?include_missing_member_with_elevated_permissions=true").await;
    let lacking = if lacking.status.is_success() {
        lacking
    } else {
        backend.get("/v1/organizations/nobody-s?include_missing_member_with_elevated_permissions=true").await
    };
    assert_eq!(lacking.ok()["missing_member_with_elevated_permissions"], true);

    let merged = backend.patch("/v1/organizations/alpha/metadata", json!({ "public_metadata": {} })).await;
    assert_eq!(merged.status.as_u16(), 404, "metadata goes by id");
    let id = text(backend.get("/v1/organizations/alpha").await.ok(), "id");
    let path = format!("/v1/organizations/{id}/metadata");
    let merged = backend.patch(&path, json!({ "public_metadata": { "tier": null, "deep": { "b": 2 } }, "private_metadata": { "crm": 7 } })).await;
    assert_eq!((&merged.ok()["public_metadata"], &merged.ok()["private_metadata"]), (&json!({ "deep": { "a": 1, "b": 2 } }), &json!({ "crm": 7 })));
    assert_eq!(backend.put(&path, json!({ "public_metadata": { "only": true } })).await.ok()["public_metadata"], json!({ "only": true }));
    let large = backend.patch(&path, json!({ "private_metadata": { "x": "y".repeat(9_000) } })).await;
    assert_eq!((large.status.as_u16(), large.param()), (422, "private_metadata"));
    assert_eq!(backend.patch(&format!("/v1/organizations/{id}"), json!({ "public_metadata": {} })).await.param(), "public_metadata");
    assert_eq!(backend.post("/v1/organizations", json!({ "name": "X", "created_by": "user_222222222222222222222222222" })).await.status.as_u16(), 404);
    assert_eq!(backend.post("/v1/organizations", json!({ "name": "X", "max_allowed_memberships": -1 })).await.param(), "max_allowed_memberships");
}
