//! Users come to be, and are shown.

use super::{NOBODY, assert_refusal, count, create_user, id};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_created_as_the_backend_says() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let reply = backend
        .post(
            "/v1/users",
            json!({
                "external_id": "crm-17", "first_name": "Ada", "last_name": "Lovelace", "locale": "en-GB",
                "email_address": ["Ada@Example.com", "ada@lovelace.example"], "username": "Ada_L", "password": "a poetical science",
                "public_metadata": { "plan": "gold" }, "private_metadata": { "risk": 3 }, "unsafe_metadata": { "theme": "dark" },
                "delete_self_enabled": false, "create_organization_enabled": false, "create_organizations_limit": 7,
                "legal_accepted_at": "2024-02-29T23:59:59.123+02:00", "created_at": "2012-10-20T07:15:20.902Z",
                "skip_legal_checks": true, "banned": false, "locked": false,
            }),
        )
        .await;
    let user = reply.ok();
    assert_eq!(user["object"], "user");
    assert!(id(user).starts_with("user_"));
    for (field, value) in [
        ("external_id", json!("crm-17")),
        ("first_name", json!("Ada")),
        ("last_name", json!("Lovelace")),
        ("locale", json!("en-GB")),
        ("username", json!("Ada_L")),
        ("password_enabled", json!(true)),
        ("public_metadata", json!({ "plan": "gold" })),
        ("private_metadata", json!({ "risk": 3 })),
        ("unsafe_metadata", json!({ "theme": "dark" })),
        ("delete_self_enabled", json!(false)),
        ("create_organization_enabled", json!(false)),
        ("create_organizations_limit", json!(7)),
        ("legal_accepted_at", json!(1_709_243_999_123_i64)),
        ("created_at", json!(1_350_717_320_902_i64)),
        ("banned", json!(false)),
        ("locked", json!(false)),
        ("last_sign_in_at", Value::Null),
        ("two_factor_enabled", json!(false)),
    ] {
        assert_eq!(user[field], value, "{field}");
    }
    assert!(!reply.text.contains("a poetical science") && !reply.text.contains("argon2"), "no password, no digest");
    assert_eq!(backend.get(&format!("/v1/users/{}", id(user))).await.ok(), user, "what is created is what is shown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_address_is_primary_and_all_are_verified_by_the_backends_word() {
    let server = TestServer::start().await;
    let user = server
        .backend()
        .post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["b@example.com", "a@example.com", "c@example.com"] }))
        .await
        .ok()
        .clone();
    let emails = user["email_addresses"].as_array().expect("addresses");
    assert_eq!(emails.len(), 3);
    let primary = emails.iter().find(|e| e["email_address"] == "b@example.com").expect("the first address");
    assert_eq!(user["primary_email_address_id"], primary["id"]);
    for email in emails {
        assert_eq!(email["verification"]["status"], "verified");
        assert_eq!(email["verification"]["strategy"], "admin");
        assert_eq!(email["object"], "email_address");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_taken_in_every_spelling() {
    let server = TestServer::start().await;
    let backend = server.backend();
    create_user(&backend, "Ada@Example.com").await;
    create_user(&backend, "ada@BÜCHER.example").await;
    for spelling in [
        "Ada@Example.com",
        "ada@example.com",
        "ADA@EXAMPLE.COM",
        "  ada@example.com ",
        "ada@bücher.example",
        "ada@xn--bcher-kva.example",
        "Ada@XN--BCHER-KVA.example",
    ] {
        let reply = backend
            .post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["free@example.com", spelling], "username": "newcomer" }))
            .await;
        assert_eq!(reply.refusal(), (422, "form_identifier_exists"), "{spelling}");
        assert_eq!(reply.param(), "email_address");
    }
    let twice = backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["one@example.com", "ONE@example.com"] })).await;
    assert_eq!(twice.refusal(), (422, "form_identifier_exists"), "one user cannot have one address twice");
    assert_eq!(count(&backend).await, 2, "a refused user leaves nothing behind");
    backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["free@example.com"], "username": "newcomer" })).await.ok();
    create_user(&server.neighbours_backend(), "ada@example.com").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usernames_and_external_ids_are_unique() {
    let server = TestServer::start().await;
    let backend = server.backend();
    backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": "ada_l", "external_id": "crm-1" })).await.ok();
    let reply = backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": "ADA_L" })).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_identifier_exists"), "username"));
    let reply = backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": "grace", "external_id": "crm-1" })).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_identifier_exists"), "external_id"));
    backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": "grace", "external_id": "CRM-1" })).await.ok();
    for (username, code) in [
        ("abc", "form_username_invalid_length"),
        ("аdmin", "form_username_invalid_character"),
        ("12345", "form_username_invalid_character"),
        ("a@b.c", "form_username_invalid_character"),
    ] {
        let reply = backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": username })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), "username"), "{username}");
    }
    assert_eq!(count(&backend).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_at_once_one_gets_the_address() {
    let server = TestServer::start().await;
    let mut tasks = Vec::new();
    for index in 0..16 {
        let backend = server.backend();
        let email = if index % 2 == 0 { "race@example.com" } else { "RACE@example.com" };
        tasks.push(tokio::spawn(async move { backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": [email] })).await }));
    }
    let mut created = 0;
    for task in tasks {
        let reply = task.await.expect("an answer");
        if reply.status == StatusCode::OK {
            created += 1;
        } else {
            assert_eq!(reply.refusal(), (422, "form_identifier_exists"));
        }
    }
    assert_eq!(created, 1);
    assert_eq!(count(&server.backend()).await, 1);
}

/// CVE-2025-61928: a body that names fields which only the server may write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_not_the_callers_to_write_is_refused_by_name() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for field in [
        "id",
        "user_id",
        "instance_id",
        "pool_id",
        "role",
        "is_admin",
        "verified",
        "email_verified",
        "totp_enabled",
        "two_factor_enabled",
        "password_enabled",
        "failed_attempts",
        "locked_until",
        "last_sign_in_at",
        "last_active_at",
        "updated_at",
        "organization_memberships",
        "email_addresses",
        "primary_email_address_id",
        "image_url",
        "quota",
        "__proto__",
        "constructor",
        "EMAIL_ADDRESS",
        "email_address[]",
        " email_address",
        "",
    ] {
        let reply = backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["eve@example.com"], field: "x" })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), field));
        assert_refusal(&reply, field);
    }
    assert_eq!(count(&backend).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_the_wrong_type_is_refused_by_name() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for (field, value) in [
        ("email_address", json!("ada@example.com")),
        ("email_address", json!({ "0": "ada@example.com" })),
        ("email_address", json!([["ada@example.com"]])),
        ("email_address", json!([null])),
        ("email_address", json!([1])),
        ("email_address", json!(["ada"])),
        ("email_address", json!([""])),
        ("username", json!(["ada_l"])),
        ("first_name", json!({ "$ne": null })),
        ("first_name", json!(7)),
        ("first_name", json!("x".repeat(257))),
        ("last_name", json!("a\r\nBcc: all")),
        ("last_name", json!("a\u{202e}b\u{0007}")),
        ("locale", json!(true)),
        ("external_id", json!(17)),
        ("external_id", json!("x".repeat(257))),
        ("password", json!(12_345_678)),
        ("password", json!(["a", "b"])),
        ("public_metadata", json!([])),
        ("public_metadata", json!("{}")),
        ("private_metadata", json!(1)),
        ("unsafe_metadata", json!(true)),
        ("banned", json!("true")),
        ("banned", json!(1)),
        ("locked", json!("false")),
        ("delete_self_enabled", json!("no")),
        ("skip_password_checks", json!(1)),
        ("create_organizations_limit", json!("5")),
        ("create_organizations_limit", json!(1.5)),
        ("create_organizations_limit", json!(-1)),
        ("create_organizations_limit", json!(1e30)),
        ("legal_accepted_at", json!(1_700_000_000)),
        ("created_at", json!("yesterday")),
        ("created_at", json!("2026-02-29T00:00:00Z")),
        ("created_at", json!("2026-01-01")),
        ("email_address_identification_status", json!("verified")),
        ("email_address_identification_status", json!(["reserved", "verified"])),
        ("email_address_identification_status", json!(["sure"])),
    ] {
        let mut body = json!({ "email_address": ["ada@example.com"], "password": "a poetical science" });
        body[field] = value.clone();
        let reply = backend.post("/v1/users", body).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} = {value}: {}", reply.text);
        assert_eq!(reply.param(), field, "{field} = {value}: {}", reply.text);
    }
    assert_eq!(count(&backend).await, 0);
}

/// CVE-2026-40574: addresses whose domain two readers could see differently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_could_be_read_two_ways_is_refused() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for address in [
        "a@evil.com@corp.com",
        "\"a@b\"@c.com",
        "a(comment)@b.com",
        "a@b.com.",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@localhost",
        "a b@c.com",
        "a@b_c.com",
        "ä@b.com",
        "a..b@c.com",
        "a@b.com\r\nBcc: x@y.z",
        "a@exa\u{200b}mple..com",
        "@b.com",
        "a@",
    ] {
        let reply = backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": [address] })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_format_invalid"), "email_address"), "{address:?}");
    }
    assert_eq!(count(&backend).await, 0);
}

/// Nothing is promised in silence: what cannot be done yet is refused, not dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_cannot_do_yet_is_refused_and_not_ignored() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for (field, value) in [
        ("phone_number", json!(["+15555550100"])),
        ("web3_wallet", json!(["0x0"])),
        ("password_digest", json!("$2y$10$abcdefghijklmnopqrstuv")),
        ("totp_secret", json!("JBSWY3DPEHPK3PXP")),
        ("backup_codes", json!(["a"])),
        ("email_address_identification_status", json!(["reserved"])),
    ] {
        let reply = backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["ada@example.com"], field: value })).await;
        assert_eq!((reply.status, reply.param()), (StatusCode::UNPROCESSABLE_ENTITY, field), "{}", reply.text);
    }
    backend
        .post(
            "/v1/users",
            json!({ "skip_password_requirement": true, "email_address": ["ada@example.com"], "phone_number": [], "backup_codes": [], "email_address_identification_status": ["verified"] }),
        )
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_needs_something_to_be_known_by_unless_the_backend_waives_it() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for body in [json!({}), json!({ "first_name": "Ada" }), json!({ "email_address": [], "username": null }), json!({ "username": "" })] {
        assert_eq!(backend.post("/v1/users", body.clone()).await.refusal(), (422, "form_param_missing"), "{body}");
    }
    let user = backend.post("/v1/users", json!({ "skip_password_requirement": true, "first_name": "Ada", "skip_user_requirement": true })).await.ok().clone();
    assert_eq!(user["primary_email_address_id"], Value::Null);
    assert_eq!(user["email_addresses"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_can_be_created_banned_or_locked() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for (flag, code) in [("banned", "user_banned"), ("locked", "user_locked")] {
        let email = format!("{flag}+clerk_test@example.com");
        let user = backend.post("/v1/users", json!({ "email_address": [email], "password": testkit::PASSWORD, flag: true })).await.ok().clone();
        assert_eq!(user[flag], true);
        let reply = server.browser().sign_in(flag, testkit::PASSWORD).await;
        assert_eq!(reply.refusal(), (403, code), "the right password does not help");
        assert_eq!(backend.get(&format!("/v1/users/{}", id(&user))).await.ok()[flag], true);
    }
    server.advance(Duration::from_secs(3_601));
    assert_eq!(server.browser().sign_in("locked", testkit::PASSWORD).await.response()["status"], "complete", "a lock ends, a ban does not");
    assert_eq!(server.browser().sign_in("banned", testkit::PASSWORD).await.refusal(), (403, "user_banned"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_at_once_are_counted_exactly() {
    let server = TestServer::start().await;
    let mut tasks = Vec::new();
    for index in 0..16 {
        let backend = server.backend();
        tasks.push(tokio::spawn(async move { create_user(&backend, &format!("u{index}@example.com")).await }));
    }
    for task in tasks {
        task.await.expect("created");
    }
    assert_eq!(count(&server.backend()).await, 16);
    assert_eq!(server.backend().get("/v1/users?limit=500").await.ok().as_array().expect("a list").len(), 16);
    assert_eq!(count(&server.neighbours_backend()).await, 0, "nobody else's count moves");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_names_nobody_here_is_not_found_whatever_it_looks_like() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let theirs = create_user(&server.neighbours_backend(), "ada@example.com").await;
    let mut answers = Vec::new();
    for name in [
        NOBODY,
        &theirs,
        "user_",
        "user_x",
        "me",
        "count%00",
        "%00",
        "%ff",
        "..%2fcount",
        "sess_2NNEqL2nrIRdJ194ndJqAHwEfxC",
        "2NNEqL2nrIRdJ194ndJqAHwEfxC",
        "%27%20or%201=1--",
        "user_%D0%B0",
        &"x".repeat(5_000),
    ] {
        let reply = backend.get(&format!("/v1/users/{name}")).await;
        assert_eq!(reply.refusal(), (404, "resource_not_found"), "{name}");
        answers.push(reply.body["errors"].clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "nobody learns which of them exists elsewhere");
}

/// What has no effect is refused by name; what a user is anyway may be said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trust_in_devices_cannot_be_bypassed_where_there_is_none() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = super::create_user(&backend, "ada@example.com").await;
    let new = json!({ "email_address": ["bob@example.com"], "skip_password_requirement": true });
    for (param, value, code) in [
        ("bypass_client_trust", json!(true), Some("form_param_value_invalid")),
        ("bypass_client_trust", json!("yes"), Some("form_param_format_invalid")),
        ("bypass_client_trust", json!(false), None),
        ("skip_legal_checks", json!("yes"), Some("form_param_format_invalid")),
        ("skip_legal_checks", json!(true), None),
    ] {
        let mut body = new.clone();
        (body[param], body["email_address"]) = (value.clone(), json!([format!("{param}-{}@example.com", value.to_string().replace('"', ""))]));
        let replies = [backend.post("/v1/users", body).await, backend.patch(&format!("/v1/users/{ada}"), json!({ param: value })).await];
        for reply in replies {
            match code {
                Some(code) => assert_eq!((reply.refusal(), reply.param()), ((422, code), param)),
                None => assert_eq!(reply.ok()["bypass_client_trust"], false),
            }
        }
    }
}
