//! E-mail addresses of users, by the backend's word.

use super::{NOBODY, create_user, id};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, TestServer, address};

const PATH: &str = "/v1/email_addresses";

async fn add(backend: &Api, user: &str, email: &str, more: Value) -> Value {
    let mut body = json!({ "user_id": user, "email_address": email });
    more.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
    backend.post(PATH, body).await.ok().clone()
}

async fn primary(backend: &Api, user: &str) -> Value {
    backend.get(&format!("/v1/users/{user}")).await.ok()["primary_email_address_id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_added_shown_changed_and_taken_away() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, "ada@example.com").await;
    let first = primary(&backend, &ada).await;
    let added = add(&backend, &ada, "ada.two@example.com", json!({})).await;
    assert_eq!((&added["object"], &added["verification"]), (&json!("email_address"), &Value::Null));
    let path = format!("{PATH}/{}", id(&added));
    assert_eq!(backend.get(&path).await.ok(), &added);

    let not_proven = backend.patch(&path, json!({ "primary": true })).await;
    assert_eq!((not_proven.refusal(), not_proven.param()), ((422, "primary_identifier_not_verified"), "primary"));
    let changed = backend.patch(&path, json!({ "verified": true, "primary": true })).await;
    assert_eq!((&changed.ok()["verification"]["status"], &changed.body["verification"]["strategy"]), (&json!("verified"), &json!("admin")));
    assert_eq!(primary(&backend, &ada).await, added["id"]);
    assert_eq!(backend.patch(&path, json!({ "verified": false })).await.refusal(), (422, "primary_identifier_not_verified"));
    let kept = backend.patch(&path, json!({ "primary": false })).await;
    assert_eq!((kept.refusal(), kept.param()), ((422, "form_param_value_invalid"), "primary"));

    let gone = backend.delete(&path).await;
    assert_eq!(gone.ok(), &json!({ "object": "email_address", "id": added["id"], "deleted": true }));
    assert_eq!(primary(&backend, &ada).await, first, "another that is proven takes its place");
    assert_eq!(backend.get(&path).await.status, StatusCode::NOT_FOUND);
    let last = backend.delete(&format!("{PATH}/{}", first.as_str().expect("an id"))).await;
    assert_eq!(last.refusal(), (403, "last_required_identification_deletion_failed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_proven_address_claims_its_place() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let (ada, bob) = (create_user(&backend, "ada@example.com").await, create_user(&backend, "bob@example.com").await);
    let hers = add(&backend, &ada, "shared@example.com", json!({})).await;
    let his = add(&backend, &bob, "shared@example.com", json!({ "verified": true })).await;
    let late = backend.patch(&format!("{PATH}/{}", id(&hers)), json!({ "verified": true })).await;
    assert_eq!((late.refusal(), late.param()), ((422, "form_identifier_exists"), "email_address"));
    for more in [json!({}), json!({ "verified": true })] {
        let mut body = json!({ "user_id": ada, "email_address": "BOB@example.com" });
        more.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
        assert_eq!(backend.post(PATH, body).await.refusal(), (422, "form_identifier_exists"));
    }
    // Doubted, it claims nothing any more.
    backend.patch(&format!("{PATH}/{}", id(&his)), json!({ "verified": false })).await.ok();
    backend.patch(&format!("{PATH}/{}", id(&hers)), json!({ "verified": true })).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_by_name() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, "ada@example.com").await;
    for (body, code, param) in [
        (json!({ "email_address": "a@example.com" }), "form_param_missing", "user_id"),
        (json!({ "user_id": ada }), "form_param_missing", "email_address"),
        (json!({ "user_id": ada, "email_address": "no address" }), "form_param_format_invalid", "email_address"),
        (json!({ "user_id": ada, "email_address": "a@example.com", "verified": "yes" }), "form_param_format_invalid", "verified"),
        (json!({ "user_id": ada, "email_address": "a@example.com", "id": "idn_x" }), "form_param_unknown", "id"),
        (
            json!({ "user_id": ada, "email_address": "a@example.com", "notify_primary_email_address_changed": "yes" }),
            "form_param_format_invalid",
            "notify_primary_email_address_changed",
        ),
    ] {
        let reply = backend.post(PATH, body).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), param));
    }
    assert_eq!(backend.post(PATH, json!({ "user_id": NOBODY, "email_address": "a@example.com" })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(backend.get(&format!("{PATH}/idn_x")).await.status, StatusCode::NOT_FOUND);
    for n in 1..10 {
        add(&backend, &ada, &format!("ada{n}@example.com"), json!({})).await;
    }
    assert_eq!(backend.post(PATH, json!({ "user_id": ada, "email_address": "eleventh@example.com" })).await.refusal(), (422, "resource_limit_reached"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_replaces_all_others() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, "ada@example.com").await;
    create_user(&backend, "bob@example.com").await;
    add(&backend, &ada, "ada.two@example.com", json!({ "verified": true })).await;
    let path = format!("/v1/users/{ada}/email_address");
    assert_eq!(backend.put(&path, json!({ "email_address": "bob@example.com" })).await.refusal(), (422, "form_identifier_exists"));
    let all = backend.get(&format!("/v1/users/{ada}")).await.ok()["email_addresses"].as_array().expect("a list").len();
    assert_eq!(all, 2, "a refusal changes nothing");
    let replaced = backend.put(&path, json!({ "email_address": "ada.three@example.com" })).await;
    assert_eq!(replaced.ok()["verification"]["status"], "verified");
    let user = backend.get(&format!("/v1/users/{ada}")).await.ok().clone();
    assert_eq!((user["email_addresses"].as_array().expect("a list").len(), &user["primary_email_address_id"]), (1, &replaced.body["id"]));
    let doubtful = backend.put(&path, json!({ "email_address": "ada.three@example.com", "identification_status": "unverified" })).await;
    assert_eq!(doubtful.ok()["verification"], Value::Null);
    assert_eq!(primary(&backend, &ada).await, Value::Null);
    for status in ["reserved", "sure"] {
        let reply = backend.put(&path, json!({ "email_address": "x@example.com", "identification_status": status })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "identification_status"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_the_backend_asks_for_proves_the_address() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, "ada@example.com").await;
    let added = add(&backend, &ada, "proof@example.com", json!({})).await;
    let path = format!("{PATH}/{}", id(&added));
    let prepared = backend.post(&format!("{path}/prepare_verification"), json!({})).await.ok().clone();
    assert_eq!((&prepared["status"], &prepared["attempts"], &prepared["strategy"]), (&json!("unverified"), &json!(0), &json!("email_code")));
    let code = server.code("proof@example.com").await;
    let attempt = |verification: String, code: String| {
        let (backend, path) = (backend.clone(), format!("{path}/attempt_verification"));
        async move { backend.post(&path, json!({ "verification_id": verification, "code": code })).await }
    };
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let tried = attempt(id(&prepared), wrong.to_owned()).await;
    assert_eq!((&tried.ok()["status"], &tried.body["attempts"]), (&json!("unverified"), &json!(1)), "a wrong code is an answer");
    assert_eq!(attempt(format!("once_{}", "2".repeat(27)), code.clone()).await.status, StatusCode::NOT_FOUND);
    let right = attempt(id(&prepared), code.clone()).await;
    assert_eq!((&right.ok()["status"], &right.body["id"]), (&json!("verified"), &prepared["id"]));
    assert_eq!(backend.get(&path).await.ok()["verification"]["strategy"], "email_code");
    assert_eq!(attempt(id(&prepared), code).await.refusal(), (422, "verification_already_verified"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_code_and_time_end_a_code() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, &address("ada")).await;
    let email = primary(&backend, &ada).await.as_str().expect("an id").to_owned();
    let prepare = format!("{PATH}/{email}/prepare_verification");
    let attempt = format!("{PATH}/{email}/attempt_verification");
    // An address that is proven already can be asked again: nothing about it changes.
    let (first, second) = (id(backend.post(&prepare, json!({})).await.ok()), id(backend.post(&prepare, json!({})).await.ok()));
    assert_eq!(backend.post(&attempt, json!({ "verification_id": first, "code": "424242" })).await.status, StatusCode::NOT_FOUND);
    server.advance(Duration::from_secs(601));
    let late = backend.post(&attempt, json!({ "verification_id": second, "code": "424242" })).await;
    assert_eq!(late.ok()["status"], "expired");
    let third = id(backend.post(&prepare, json!({})).await.ok());
    for _ in 0..5 {
        backend.post(&attempt, json!({ "verification_id": third, "code": "000000" })).await.ok();
    }
    let exhausted = backend.post(&attempt, json!({ "verification_id": third, "code": "424242" })).await;
    assert_eq!(exhausted.ok()["status"], "failed");
}
