//! Users change.

use super::{NOBODY, assert_refusal, create_user, id, ids, text};
use serde_json::{Value, json};
use testkit::{TestServer, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_changes_and_what_is_absent_stays() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let body = json!({
        "skip_password_requirement": true, "email_address": ["ada@example.com"], "username": "ada_l", "first_name": "Ada", "last_name": "Lovelace", "locale": "en", "external_id": "crm-1",
        "public_metadata": { "a": 1 },
    });
    let before = backend.post("/v1/users", body).await.ok().clone();
    let path = format!("/v1/users/{}", id(&before));
    for (field, value, shown) in [
        ("first_name", json!("Augusta"), json!("Augusta")),
        ("last_name", json!("King"), json!("King")),
        ("locale", json!("en-GB"), json!("en-GB")),
        ("external_id", json!("crm-2"), json!("crm-2")),
        ("username", json!("augusta"), json!("augusta")),
        ("delete_self_enabled", json!(false), json!(false)),
        ("create_organization_enabled", json!(false), json!(false)),
        ("create_organizations_limit", json!(3), json!(3)),
        ("legal_accepted_at", json!("2026-01-01T00:00:00Z"), json!(1_767_225_600_000_i64)),
        ("created_at", json!("2012-10-20T07:15:20.902Z"), json!(1_350_717_320_902_i64)),
    ] {
        let earlier = backend.get(&path).await.ok().clone();
        let later = backend.patch(&path, json!({ field: value })).await.ok().clone();
        assert_eq!(later[field], shown, "{field}");
        let mut expected = earlier.clone();
        expected[field] = shown;
        // The avatar shows the initials.
        for told in ["updated_at", "image_url", "profile_image_url"] {
            expected[told] = later[told].clone();
        }
        assert_eq!(later, expected, "{field} alone has changed");
        assert_eq!(backend.get(&path).await.ok(), &later);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn null_takes_a_field_away() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let body = json!({
        "skip_password_requirement": true, "email_address": ["ada@example.com"], "username": "ada_l", "first_name": "Ada", "last_name": "Lovelace", "locale": "en", "external_id": "crm-1",
    });
    let path = format!("/v1/users/{}", id(backend.post("/v1/users", body).await.ok()));
    for field in ["first_name", "last_name", "locale", "external_id", "username"] {
        assert_eq!(backend.patch(&path, json!({ field: null })).await.ok()[field], Value::Null, "{field}");
    }
    backend.patch(&path, json!({ "username": "ada_l", "first_name": "Ada" })).await.ok();
    let user = backend.patch(&path, json!({ "username": "", "first_name": "" })).await.ok().clone();
    assert_eq!((&user["username"], &user["first_name"]), (&Value::Null, &Value::Null), "empty text is none");
    backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": "ada_l", "external_id": "crm-1" })).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_taken_cannot_be_taken_over() {
    let server = TestServer::start().await;
    let backend = server.backend();
    backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": "grace", "external_id": "crm-1" })).await.ok();
    let ada = id(backend
        .post("/v1/users", json!({ "skip_password_requirement": true, "username": "ada_l", "external_id": "crm-2", "first_name": "Ada" }))
        .await
        .ok());
    let path = format!("/v1/users/{ada}");
    for (field, value) in [("username", "GRACE"), ("external_id", "crm-1")] {
        let reply = backend.patch(&path, json!({ field: value, "first_name": "Eve" })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_identifier_exists"), field));
    }
    let user = backend.get(&path).await.ok().clone();
    assert_eq!((text(&user, "username"), text(&user, "first_name"), text(&user, "external_id")), ("ada_l".to_owned(), "Ada".to_owned(), "crm-2".to_owned()));
    backend.patch(&path, json!({ "username": "Ada_L", "external_id": "crm-2" })).await.ok();
    assert_eq!(ids(backend.get("/v1/users?username=ada_l").await.ok()), [ada], "one's own name in another case is free to oneself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_primary_address_is_an_own_and_proven_one() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let path = format!("/v1/users/{user}");
    let unproven = id(ada.post("/v1/me/email_addresses", &[("email_address", "new+clerk_test@example.com")]).await.response());
    let bob = id(backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["bob@example.com"] })).await.ok());
    let bobs = text(backend.get(&format!("/v1/users/{bob}")).await.ok(), "primary_email_address_id");
    let theirs = create_user(&server.neighbours_backend(), &address("ada")).await;
    let theirs = text(server.neighbours_backend().get(&format!("/v1/users/{theirs}")).await.ok(), "primary_email_address_id");
    let before = backend.get(&path).await.ok()["primary_email_address_id"].clone();
    for wrong in [&unproven, &bobs, &theirs, "idn_x", "idn_2NNEqL2nrIRdJ194ndJqAHwEfxC", &user] {
        let reply = backend.patch(&path, json!({ "primary_email_address_id": wrong, "first_name": "Eve" })).await;
        assert_eq!(reply.status, 422, "{wrong}: {}", reply.text);
        assert_refusal(&reply, wrong);
    }
    assert_eq!(backend.get(&path).await.ok()["primary_email_address_id"], before);
    ada.post(&format!("/v1/me/email_addresses/{unproven}/prepare_verification"), &[("strategy", "email_code")]).await.response();
    ada.post(&format!("/v1/me/email_addresses/{unproven}/attempt_verification"), &[("code", "424242")]).await.response();
    let reply = backend.patch(&path, json!({ "primary_email_address_id": unproven })).await;
    assert_eq!(reply.ok()["primary_email_address_id"], json!(unproven), "once proven it can be");
}

/// CVE-2025-61928; and metadata has operations of its own since 2026-05-12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_names_only_what_may_change() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let path = format!("/v1/users/{}", create_user(&backend, "ada@example.com").await);
    let before = backend.get(&path).await.ok().clone();
    for field in [
        "public_metadata",
        "private_metadata",
        "unsafe_metadata",
        "id",
        "email_address",
        "banned",
        "locked",
        "role",
        "pool_id",
        "last_sign_in_at",
        "updated_at",
        "password_enabled",
        "__proto__",
    ] {
        let reply = backend.patch(&path, json!({ "first_name": "Eve", field: {} })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), field));
    }
    for field in ["primary_phone_number_id", "primary_web3_wallet_id", "profile_image_id", "password_digest", "totp_secret", "backup_codes"] {
        let reply = backend.patch(&path, json!({ "first_name": "Eve", field: "x" })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, field), "not there yet, so not taken in silence");
    }
    assert_eq!(backend.get(&path).await.ok(), &before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_changes_a_user_who_is_not_there() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let theirs = create_user(&server.neighbours_backend(), "ada@example.com").await;
    let before = server.neighbours_backend().get(&format!("/v1/users/{theirs}")).await.ok().clone();
    for user in [NOBODY, &theirs, "user_x", "me"] {
        let path = format!("/v1/users/{user}");
        for reply in [
            backend.patch(&path, json!({ "first_name": "Eve", "password": "a poetical science" })).await,
            backend.patch(&format!("{path}/metadata"), json!({ "public_metadata": { "a": 1 } })).await,
            backend.put(&format!("{path}/metadata"), json!({ "public_metadata": { "a": 1 } })).await,
            backend.delete(&path).await,
        ] {
            assert_eq!(reply.refusal(), (404, "resource_not_found"), "{user}");
        }
    }
    assert_eq!(server.neighbours_backend().get(&format!("/v1/users/{theirs}")).await.ok(), &before);
}
