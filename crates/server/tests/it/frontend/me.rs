//! The user who is signed in. Their password is in `passwords`, their addresses in `email_addresses`.

use super::server_with;
use http::Method;
use serde_json::{Value, json};
use testkit::{PASSWORD, TestServer, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_see_themselves() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let reply = ada.get("/v1/me").await;
    let user = reply.response();
    assert_eq!((&user["object"], &user["password_enabled"], &user["banned"], &user["locked"]), (&json!("user"), &json!(true), &json!(false), &json!(false)));
    assert_eq!(user["email_addresses"][0]["email_address"], address("ada"));
    assert!(user["image_url"].is_string() && user["profile_image_url"].is_string(), "the pages append to it");
    assert!(user.get("private_metadata").is_none(), "that is the backend's");
    assert!(!reply.text.contains("argon2"));
    assert_eq!(reply.body["client"]["sessions"][0]["user"]["id"], user["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_nobody() {
    let server = TestServer::start().await;
    let mut nobody = server.browser();
    for (method, path) in [
        ("GET", "/v1/me"),
        ("PATCH", "/v1/me"),
        ("DELETE", "/v1/me"),
        ("GET", "/v1/me/sessions"),
        ("GET", "/v1/me/sessions/active"),
        ("GET", "/v1/me/email_addresses"),
        ("POST", "/v1/me/email_addresses"),
        ("POST", "/v1/me/change_password"),
    ] {
        let form = "email_address=a%40example.com&new_password=a+whole+new+password".to_owned();
        let send = |form: String| (Some("application/x-www-form-urlencoded"), form);
        let (kind, form) = if method == "GET" { (None, String::new()) } else { send(form) };
        let reply = nobody.send(method.parse::<Method>().expect("a method"), path, kind, form).await;
        assert_eq!(reply.refusal(), (401, "authentication_invalid"), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_changed_kept_and_cleared() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let names = |reply: &testkit::Reply| (reply.response()["first_name"].clone(), reply.response()["last_name"].clone());
    let both = ada.override_method("PATCH", "/v1/me", &[("first_name", "Ada"), ("last_name", "Lovelace")]).await;
    assert_eq!(names(&both), (json!("Ada"), json!("Lovelace")));
    assert_eq!(both.body["client"]["sessions"][0]["user"]["first_name"], "Ada");
    let one = ada.override_method("PATCH", "/v1/me", &[("first_name", "Augusta")]).await;
    assert_eq!(names(&one), (json!("Augusta"), json!("Lovelace")), "what is absent stays");
    let cleared = ada.override_method("PATCH", "/v1/me", &[("last_name", "")]).await;
    assert_eq!(names(&cleared), (json!("Augusta"), Value::Null), "an empty value takes it away");
    assert_eq!(names(&ada.get("/v1/me").await), (json!("Augusta"), Value::Null));
    let long = ada.override_method("PATCH", "/v1/me", &[("first_name", &"x".repeat(257))]).await;
    assert_eq!((long.status.as_u16(), long.param()), (422, "first_name"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_username_is_changed_where_usernames_are_on() {
    let server = server_with(json!({ "auth_username": "optional" })).await;
    let mut ada = server.signed_in("ada").await;
    let mut eve = server.signed_in("eve").await;
    let reply = ada.override_method("PATCH", "/v1/me", &[("username", "Ada_L")]).await;
    assert_eq!(reply.response()["username"], "Ada_L");
    assert_eq!(ada.override_method("PATCH", "/v1/me", &[("username", "ada_l")]).await.response()["username"], "ada_l", "one's own is not taken");
    let taken = eve.override_method("PATCH", "/v1/me", &[("username", "ADA_L")]).await;
    assert_eq!((taken.refusal(), taken.param()), ((422, "form_identifier_exists"), "username"));
    assert_eq!(eve.override_method("PATCH", "/v1/me", &[("username", "a b c d")]).await.refusal(), (422, "form_username_invalid_character"));
    ada.override_method("PATCH", "/v1/me", &[("username", "lovelace")]).await.ok();
    assert_eq!(eve.override_method("PATCH", "/v1/me", &[("username", "ada_l")]).await.response()["username"], "ada_l", "what was given up is free");
    let off = TestServer::start().await;
    let refused = off.signed_in("ada").await.override_method("PATCH", "/v1/me", &[("username", "ada_l")]).await;
    assert_eq!((refused.status.as_u16(), refused.param()), (422, "username"));
}

/// CVE-2026-27946: users proved their own addresses by writing that they had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_do_not_write_what_is_not_theirs() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let before = ada.get("/v1/me").await.response().clone();
    for (param, value) in [("unsafe_metadata", "{\"a\":1}"), ("public_metadata", "{\"role\":\"admin\"}"), ("private_metadata", "{\"a\":1}")] {
        let reply = ada.override_method("PATCH", "/v1/me", &[(param, value)]).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param));
    }
    for (param, value) in [
        ("banned", "false"),
        ("external_id", "1"),
        ("created_at", "1"),
        ("delete_self_enabled", "false"),
        ("create_organizations_limit", "1000"),
        ("email_addresses", "[{\"email_address\":\"eve@example.com\",\"verified\":true}]"),
        ("password", "a whole new password"),
        ("password_digest", "x"),
        ("user_id", "user_000000000000000000000000000"),
    ] {
        ada.override_method("PATCH", "/v1/me", &[(param, value)]).await;
    }
    let after = ada.get("/v1/me").await;
    for field in before.as_object().expect("a user").keys().filter(|field| *field != "updated_at") {
        assert_eq!(after.response()[field], before[field], "{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_merge_their_own_metadata_and_nothing_else() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let path = "/v1/me/metadata";
    let first = ada.override_method("PATCH", path, &[("unsafe_metadata", r#"{"theme":{"dark":true},"a":1}"#)]).await;
    assert_eq!(first.response()["unsafe_metadata"], json!({ "theme": { "dark": true }, "a": 1 }));
    let merged = ada.override_method("PATCH", path, &[("unsafe_metadata", r#"{"theme":{"size":2},"a":null}"#)]).await;
    assert_eq!(merged.response()["unsafe_metadata"], json!({ "theme": { "dark": true, "size": 2 } }));
    for (form, param) in [
        (vec![("unsafe_metadata", r#"{"b":1}"#), ("public_metadata", "{}")], "public_metadata"),
        (vec![("unsafe_metadata", r#"{"b":1}"#), ("private_metadata", "{}")], "private_metadata"),
        (vec![("unsafe_metadata", "[]")], "unsafe_metadata"),
        (vec![], "unsafe_metadata"),
    ] {
        let refused = ada.override_method("PATCH", path, &form).await;
        assert_eq!((refused.status.as_u16(), refused.param()), (422, param));
    }
    let half = json!({ "x": "x".repeat(5_000) }).to_string();
    ada.override_method("PATCH", path, &[("unsafe_metadata", &half)]).await.ok();
    let other = json!({ "y": "y".repeat(5_000) }).to_string();
    let refused = ada.override_method("PATCH", path, &[("unsafe_metadata", &other)]).await;
    assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_exceeds_allowed_size"), "unsafe_metadata"), "the sum counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_account_is_gone_with_all_its_sessions() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut phone = server.browser();
    phone.sign_in("ada", PASSWORD).await.ok();
    let user = ada.user_id().await;
    let reply = ada.override_method("DELETE", "/v1/me", &[]).await;
    assert_eq!((&reply.response()["object"], &reply.response()["id"], &reply.response()["deleted"]), (&json!("user"), &json!(user), &json!(true)));
    assert_eq!(reply.body["client"]["sessions"], json!([]));
    for browser in [&mut ada, &mut phone] {
        assert!(browser.sessions().await.is_empty());
        assert_eq!(browser.get("/v1/me").await.refusal(), (401, "authentication_invalid"));
    }
    assert_eq!(server.backend().get(&format!("/v1/users/{user}")).await.status.as_u16(), 404);
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (422, "form_identifier_not_found"));
    let mut next = server.signed_in("ada").await;
    assert_ne!(next.user_id().await, user, "the address is free, the id is not used again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_users_do_not_delete_themselves_they_cannot() {
    let server = server_with(json!({ "user_actions": { "delete_self": false } })).await;
    let mut ada = server.signed_in("ada").await;
    assert_eq!(ada.override_method("DELETE", "/v1/me", &[]).await.refusal(), (403, "user_delete_self_not_enabled"));
    assert_eq!(ada.sessions().await.len(), 1);
    let server = TestServer::start().await;
    let mut eve = server.signed_in("eve").await;
    let path = format!("/v1/users/{}", eve.user_id().await);
    server.backend().patch(&path, json!({ "delete_self_enabled": false })).await.ok();
    assert_eq!(eve.override_method("DELETE", "/v1/me", &[]).await.refusal(), (403, "user_delete_self_not_enabled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_backend_changes_the_user_sees_at_once() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let path = format!("/v1/users/{}/metadata", ada.user_id().await);
    server.backend().patch(&path, json!({ "public_metadata": { "plan": "pro" }, "private_metadata": { "note": "canary" } })).await.ok();
    let reply = ada.get("/v1/client").await;
    assert_eq!(reply.response()["sessions"][0]["user"]["public_metadata"], json!({ "plan": "pro" }));
    assert!(!reply.text.contains("canary"));
}
