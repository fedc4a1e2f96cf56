//! What a sign-up is given: each field with what it may be.

use super::{SIGN_UPS, attempt_sign_up, id, prepare_sign_up, server_with};
use http::Method;
use serde_json::json;
use testkit::{PASSWORD, Reply, TestServer, address};

async fn sign_up(server: &TestServer, form: &[(&str, &str)]) -> Reply {
    server.browser().post(SIGN_UPS, form).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_fields_are_absent() {
    let server = TestServer::start().await;
    let form = [
        ("email_address", "ada@example.com"),
        ("password", PASSWORD),
        ("phone_number", ""),
        ("username", ""),
        ("first_name", ""),
        ("web3_wallet", ""),
        ("ticket", ""),
    ];
    let reply = sign_up(&server, &form).await;
    assert_eq!((&reply.response()["missing_fields"], &reply.response()["first_name"]), (&json!([]), &json!(null)));
    let reply = sign_up(&server, &[("email_address", ""), ("password", "")]).await;
    assert_eq!(reply.response()["missing_fields"], json!(["email_address", "password"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_address_is_refused_however_it_is_written() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    for email in [address("ada"), address("ada").to_uppercase(), format!("  {} ", address("Ada"))] {
        let reply = sign_up(&server, &[("email_address", &email), ("password", PASSWORD)]).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_identifier_exists"), "email_address"), "{email}");
    }
    let mut other = server.browser();
    let begun = other.post(SIGN_UPS, &[("password", PASSWORD)]).await;
    let reply = other.override_method("PATCH", &format!("{SIGN_UPS}/{}", id(&begun)), &[("email_address", &address("ada"))]).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_identifier_exists"), "email_address"));
    assert_eq!(reply.body["meta"]["client"]["sign_up"]["id"], id(&begun), "the attempt goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_password_is_refused_with_its_reason() {
    let server = TestServer::start().await;
    for (password, code) in [
        ("short1!", "form_password_length_too_short"),
        ("Password123!", "form_password_pwned"),
        ("aaaaaaaaaaaa", "form_password_pwned"),
        (&"horse battery ".repeat(10), "form_password_length_too_long"),
        (&"x".repeat(5_000), "form_password_length_too_long"),
    ] {
        let reply = sign_up(&server, &[("email_address", "ada@example.com"), ("password", password)]).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), "password"), "{password:.20}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_counts_characters_and_may_be_long() {
    let server = TestServer::start().await;
    for password in ["äöüßé€xy", &"horse battery 12".repeat(8)] {
        sign_up(&server, &[("email_address", "ada@example.com"), ("password", password)]).await.ok();
    }
    let strict = server_with(json!({ "auth_password": { "min_length": 15 } })).await;
    let reply = sign_up(&strict, &[("password", "fourteen chars")]).await;
    assert_eq!(reply.refusal(), (422, "form_password_length_too_short"));
}

/// CVE-2026-40574: addresses that two readers read differently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_address_is_refused() {
    let server = TestServer::start().await;
    for email in [
        "ada",
        "@example.com",
        "ada@",
        "a@evil.example@example.com",
        "\"a@b\"@example.com",
        "ada@example.com.",
        "ada@127.0.0.1",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada @example.com",
    ] {
        let reply = sign_up(&server, &[("email_address", email), ("password", PASSWORD)]).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_format_invalid"), "email_address"), "{email}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strategy_that_is_not_offered_is_refused_instead_of_ignored() {
    let server = TestServer::start().await;
    for strategy in ["oauth_google", "phone_code", "enterprise_sso", "email_link", "nonsense"] {
        let reply = sign_up(&server, &[("strategy", strategy), ("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "strategy"), "{strategy}");
    }
    let mut ada = server.browser();
    let begun = ada.post(SIGN_UPS, &[("email_address", &address("ada")), ("password", PASSWORD)]).await;
    for step in ["prepare_verification", "attempt_verification"] {
        let path = format!("{SIGN_UPS}/{}/{step}", id(&begun));
        assert_eq!(ada.post(&path, &[("strategy", "phone_code"), ("code", "424242")]).await.param(), "strategy", "{step}");
        let without = ada.post(&path, &[("code", "424242")]).await;
        assert_eq!((without.refusal(), without.param()), ((422, "form_param_missing"), "strategy"), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsafe_metadata_goes_to_the_user() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let form = [("email_address", address("ada")), ("password", PASSWORD.to_owned()), ("unsafe_metadata", r#"{"theme":{"dark":true}}"#.to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let begun = ada.post(SIGN_UPS, &form).await;
    prepare_sign_up(&mut ada, &id(&begun)).await.ok();
    let done = attempt_sign_up(&mut ada, &id(&begun), "424242").await;
    assert_eq!(done.body["client"]["sessions"][0]["user"]["unsafe_metadata"], json!({ "theme": { "dark": true } }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsafe_metadata_must_be_a_json_object_of_eight_kilobytes_at_most() {
    let server = TestServer::start().await;
    let just = json!({ "a": "x".repeat(8_192 - 8) }).to_string();
    assert_eq!(just.len(), 8_192);
    sign_up(&server, &[("unsafe_metadata", &just)]).await.ok();
    let large = json!({ "a": "x".repeat(8_192 - 7) }).to_string();
    let reply = sign_up(&server, &[("unsafe_metadata", &large)]).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_exceeds_allowed_size"), "unsafe_metadata"));
    let deep = format!("{}1{}", r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
    for text in ["{", "[1]", "null", "\"x\"", r#"{"a":1,"a":2}"#, r#"{"a":1e400}"#, r#"{"a":"\u0000"}"#, &deep] {
        let reply = sign_up(&server, &[("unsafe_metadata", text)]).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "unsafe_metadata"), "{text:.40}");
    }
}

/// CVE-2025-61928: fields that are the server's to write were taken from the request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_writes_what_is_not_theirs_to_write() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let email = address("ada");
    let forged = [
        ("email_address", email.as_str()),
        ("password", PASSWORD),
        ("public_metadata", r#"{"role":"admin"}"#),
        ("private_metadata", r#"{"role":"admin"}"#),
        ("external_id", "1"),
        ("created_at", "1"),
        ("email_verified_at", "1"),
        ("status", "complete"),
        ("role", "admin"),
        ("user_id", "user_000000000000000000000000000"),
    ];
    let begun = ada.post(SIGN_UPS, &forged).await;
    assert_eq!(begun.response()["status"], "missing_requirements");
    prepare_sign_up(&mut ada, &id(&begun)).await.ok();
    let user = attempt_sign_up(&mut ada, &id(&begun), "424242").await.response()["created_user_id"].as_str().expect("a user").to_owned();
    let user = server.backend().get(&format!("/v1/users/{user}")).await;
    assert_eq!((&user.ok()["public_metadata"], &user.ok()["private_metadata"], &user.ok()["external_id"]), (&json!({}), &json!({}), &json!(null)));
    assert_eq!(user.ok()["created_at"], server.database.now().millis());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_short_and_plain() {
    let server = TestServer::start().await;
    let reply = sign_up(&server, &[("first_name", "Zoë"), ("last_name", "<b>O'Neil</b>")]).await;
    assert_eq!((&reply.response()["first_name"], &reply.response()["last_name"]), (&json!("Zoë"), &json!("<b>O'Neil</b>")));
    for (param, name) in [("first_name", "a\r\nb"), ("last_name", "a\0b"), ("first_name", &"x".repeat(257))] {
        let reply = sign_up(&server, &[(param, name)]).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_username_is_asked_for_where_it_is_required() {
    let server = server_with(json!({ "auth_username": "required" })).await;
    let mut ada = server.browser();
    let begun = ada.post(SIGN_UPS, &[("email_address", &address("ada")), ("password", PASSWORD)]).await;
    assert_eq!(begun.response()["missing_fields"], json!(["username"]));
    let path = format!("{SIGN_UPS}/{}", id(&begun));
    for (username, code) in [
        ("abc", "form_username_invalid_length"),
        ("ada lovelace", "form_username_invalid_character"),
        ("12345", "form_username_invalid_character"),
        ("аdmin", "form_username_invalid_character"),
    ] {
        let reply = ada.override_method("PATCH", &path, &[("username", username)]).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), "username"), "{username}");
    }
    ada.override_method("PATCH", &path, &[("username", "Ada_L")]).await.ok();
    prepare_sign_up(&mut ada, &id(&begun)).await.ok();
    assert_eq!(attempt_sign_up(&mut ada, &id(&begun), "424242").await.response()["username"], "Ada_L");
    let reply = sign_up(&server, &[("username", "ADA_L")]).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_identifier_exists"), "username"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_are_no_addresses_a_username_is_enough() {
    let server = server_with(json!({ "auth_username": "required", "auth_email": { "enabled": false, "required": false } })).await;
    let reply = sign_up(&server, &[("username", "ada_l"), ("password", PASSWORD)]).await;
    assert_eq!(reply.response()["status"], "complete");
    let refused = sign_up(&server, &[("username", "bobby"), ("password", PASSWORD), ("email_address", "bob@example.com")]).await;
    assert_eq!((refused.status.as_u16(), refused.param()), (422, "email_address"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_given_twice_is_no_text() {
    let server = TestServer::start().await;
    let reply = sign_up(&server, &[("email_address", "ada@example.com"), ("email_address", "eve@example.com")]).await;
    assert_eq!((reply.status.as_u16(), reply.param()), (422, "email_address"));
    let body = json!({ "email_address": ["ada@example.com"], "password": PASSWORD }).to_string();
    let reply = server.browser().send(Method::POST, SIGN_UPS, Some("application/json"), body).await;
    assert_eq!((reply.status.as_u16(), reply.param()), (422, "email_address"));
}
