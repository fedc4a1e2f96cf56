//! Signing up: the attempt and what comes of it. Its single fields are in `sign_up_fields`, its codes in `codes`.

use super::{SIGN_UPS, attempt_sign_up, begin_sign_up, client_cookie, id, live_browser, live_server, prepare_sign_up, server_with, sign_up_by_mail};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{PASSWORD, TestServer, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_up_with_the_code_that_was_mailed() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let begun = ada.post(SIGN_UPS, &[("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
    let sign_up = begun.response();
    assert_eq!((sign_up["object"].as_str(), sign_up["status"].as_str()), (Some("sign_up_attempt"), Some("missing_requirements")));
    assert_eq!((&sign_up["missing_fields"], &sign_up["unverified_fields"]), (&json!([]), &json!(["email_address"])));
    assert_eq!(begun.body["client"]["sign_up"]["id"], sign_up["id"]);
    prepare_sign_up(&mut ada, &id(&begun)).await.ok();
    let done = attempt_sign_up(&mut ada, &id(&begun), &server.code("ada@example.com").await).await;
    let (sign_up, client) = (done.response(), &done.body["client"]);
    assert_eq!(sign_up["status"], "complete");
    assert_eq!((&sign_up["unverified_fields"], &sign_up["missing_fields"]), (&json!([]), &json!([])));
    assert_eq!((&client["sign_up"], &client["sessions"][0]["id"]), (&Value::Null, &sign_up["created_session_id"]));
    assert_eq!(client["last_active_session_id"], sign_up["created_session_id"]);
    let user = &client["sessions"][0]["user"];
    assert_eq!(user["id"], sign_up["created_user_id"]);
    assert_eq!(
        (&user["email_addresses"][0]["verification"]["status"], &user["email_addresses"][0]["id"]),
        (&json!("verified"), &user["primary_email_address_id"])
    );
    assert_eq!(ada.sign_in("nobody", PASSWORD).await.code(), "session_exists", "somebody is signed in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_a_user_before_the_address_is_proven() {
    let server = TestServer::start().await;
    let mut mallory = server.browser();
    begin_sign_up(&mut mallory, "ada@example.com").await;
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 0);
    let reply = server.browser().post("/v1/client/sign_ins", &[("identifier", "ada@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(reply.refusal(), (422, "form_identifier_not_found"));
    let mut ada = server.browser();
    sign_up_by_mail(&server, &mut ada, "ada@example.com").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_address_takes_the_fixed_code_and_gets_no_mail() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let id = begin_sign_up(&mut ada, &address("ada")).await;
    prepare_sign_up(&mut ada, &id).await.ok();
    server.run_jobs().await;
    assert!(server.world.inbox.caught(None).is_empty());
    assert_eq!(attempt_sign_up(&mut ada, &id, "424242").await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_live_instance_test_addresses_and_the_fixed_code_are_nothing_special() {
    let server = live_server().await;
    let mut ada = live_browser(&server);
    let id = begin_sign_up(&mut ada, &address("ada")).await;
    prepare_sign_up(&mut ada, &id).await.ok();
    let code = server.code(&address("ada")).await;
    assert_ne!(code, "424242");
    assert_eq!(attempt_sign_up(&mut ada, &id, "424242").await.refusal(), (422, "form_code_incorrect"));
    assert_eq!(attempt_sign_up(&mut ada, &id, &code).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_test_mode_the_fixed_code_is_nothing_special_either() {
    let server = server_with(json!({ "test_mode": false })).await;
    let mut ada = server.browser();
    let id = begin_sign_up(&mut ada, &address("ada")).await;
    prepare_sign_up(&mut ada, &id).await.ok();
    assert_ne!(server.code(&address("ada")).await, "424242");
    assert_eq!(attempt_sign_up(&mut ada, &id, "424242").await.refusal(), (422, "form_code_incorrect"));
}

/// The SDK's page takes an unverified `email_code` for a code that was sent, and would never ask for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_a_code_was_asked_for_there_is_no_verification() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let begun = ada.post(SIGN_UPS, &[("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
    assert!(begun.response()["verifications"]["email_address"]["strategy"].is_null());
    let prepared = prepare_sign_up(&mut ada, &id(&begun)).await;
    let verification = &prepared.response()["verifications"]["email_address"];
    assert_eq!((verification["status"].as_str(), verification["strategy"].as_str()), (Some("unverified"), Some("email_code")));
    assert_eq!((verification["next_action"].as_str(), &verification["supported_strategies"]), (Some("needs_attempt"), &json!(["email_code"])));
    assert_eq!(verification["expire_at"], server.database.now().millis() + 600_000);
    assert_eq!(prepared.body["client"]["sign_up"], *prepared.response(), "the client beside it says the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_named_and_can_be_added_later() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let begun = ada.post(SIGN_UPS, &[]).await;
    assert_eq!(begun.response()["missing_fields"], json!(["email_address", "password"]));
    let path = format!("{SIGN_UPS}/{}", id(&begun));
    let named = ada.override_method("PATCH", &path, &[("email_address", &address("ada"))]).await;
    assert_eq!((&named.response()["missing_fields"], &named.response()["unverified_fields"]), (&json!(["password"]), &json!(["email_address"])));
    prepare_sign_up(&mut ada, &id(&begun)).await.ok();
    let proven = attempt_sign_up(&mut ada, &id(&begun), "424242").await;
    assert_eq!((&proven.response()["status"], &proven.response()["missing_fields"]), (&json!("missing_requirements"), &json!(["password"])));
    assert_eq!(proven.response()["verifications"]["email_address"]["status"], "verified");
    assert_eq!(proven.body["client"]["sessions"], json!([]), "nobody is signed in yet");
    let done = ada.override_method("PATCH", &path, &[("password", PASSWORD)]).await;
    assert_eq!(done.response()["status"], "complete");
    assert_eq!(done.body["client"]["sessions"][0]["id"], done.response()["created_session_id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_address_must_be_proven_anew() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let sign_up = id(&ada.post(SIGN_UPS, &[("email_address", &address("ada"))]).await);
    prepare_sign_up(&mut ada, &sign_up).await.ok();
    attempt_sign_up(&mut ada, &sign_up, "424242").await.ok();
    let path = format!("{SIGN_UPS}/{sign_up}");
    let moved = ada.override_method("PATCH", &path, &[("email_address", "victim@example.com"), ("password", PASSWORD)]).await;
    assert_eq!((&moved.response()["status"], &moved.response()["unverified_fields"]), (&json!("missing_requirements"), &json!(["email_address"])));
    assert!(moved.response()["verifications"]["email_address"]["strategy"].is_null());
    assert_eq!(attempt_sign_up(&mut ada, &sign_up, "424242").await.status.as_u16(), 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complete_sign_up_takes_no_more_changes() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let done = ada.sign_up("ada").await;
    let path = format!("{SIGN_UPS}/{}", id(&done));
    assert_eq!(ada.get(&path).await.response()["status"], "complete");
    assert_eq!(ada.override_method("PATCH", &path, &[("first_name", "Eve")]).await.status.as_u16(), 422);
    assert_eq!(prepare_sign_up(&mut ada, &id(&done)).await.status.as_u16(), 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_up_is_given_up_after_a_day() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let id = begin_sign_up(&mut ada, &address("ada")).await;
    server.advance(Duration::from_secs(86_399));
    assert_eq!(ada.get(&format!("{SIGN_UPS}/{id}")).await.response()["status"], "missing_requirements");
    server.advance(Duration::from_secs(1));
    assert_eq!(ada.get(&format!("{SIGN_UPS}/{id}")).await.response()["status"], "abandoned");
    assert_eq!(prepare_sign_up(&mut ada, &id).await.status.as_u16(), 422);
    assert_eq!(ada.get("/v1/client").await.response()["sign_up"], Value::Null);
    ada.sign_up("ada").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sign_up_of_another_client_does_not_exist() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let sign_up = begin_sign_up(&mut ada, &address("ada")).await;
    prepare_sign_up(&mut ada, &sign_up).await.ok();
    let mut eve = server.browser();
    assert_eq!(attempt_sign_up(&mut eve, &sign_up, "424242").await.refusal(), (401, "authentication_invalid"), "without a client");
    begin_sign_up(&mut eve, &address("eve")).await;
    let path = format!("{SIGN_UPS}/{sign_up}");
    for reply in [
        eve.get(&path).await,
        eve.override_method("PATCH", &path, &[("password", "another password")]).await,
        prepare_sign_up(&mut eve, &sign_up).await,
        attempt_sign_up(&mut eve, &sign_up, "424242").await,
    ] {
        assert_eq!(reply.refusal(), (404, "resource_not_found"));
    }
    assert_eq!(attempt_sign_up(&mut ada, &sign_up, "424242").await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_prove_one_address_the_first_gets_it() {
    let server = TestServer::start().await;
    let (mut first, mut second) = (server.browser(), server.browser());
    let (a, b) = (begin_sign_up(&mut first, &address("ada")).await, begin_sign_up(&mut second, &address("ada")).await);
    prepare_sign_up(&mut first, &a).await.ok();
    prepare_sign_up(&mut second, &b).await.ok();
    assert_eq!(attempt_sign_up(&mut first, &a, "424242").await.response()["status"], "complete");
    let late = attempt_sign_up(&mut second, &b, "424242").await;
    assert_eq!((late.refusal(), late.param()), ((422, "form_identifier_exists"), "email_address"));
    assert!(second.sessions().await.is_empty());
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_can_sign_up_at_two_instances() {
    let server = TestServer::start().await;
    let mut here = server.signed_in("ada").await;
    let mut there = server.signed_in_next_door("ada").await;
    assert_ne!(here.user_id().await, there.user_id().await);
}

/// CVE-2024-49757: where nobody was to sign up, whoever knew the path did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_signs_up_where_sign_ups_are_restricted() {
    let server = server_with(json!({ "sign_up": { "mode": "restricted" } })).await;
    let mut ada = server.browser();
    let reply = ada.post(SIGN_UPS, &[("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(reply.refusal(), (403, "sign_up_mode_restricted"));
    server.run_jobs().await;
    assert!(server.world.inbox.caught(None).is_empty());
}

/// CVE-2026-29193, CVE-2024-49757: a policy held at the first step and not at the next ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ups_that_were_under_way_end_when_they_become_restricted() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let sign_up = begin_sign_up(&mut ada, &address("ada")).await;
    prepare_sign_up(&mut ada, &sign_up).await.ok();
    server.set(server.home.tenant.id(), json!({ "sign_up": { "mode": "restricted" } })).await;
    assert_eq!(attempt_sign_up(&mut ada, &sign_up, "424242").await.refusal(), (403, "sign_up_mode_restricted"));
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 0);
}

/// The pages redirect on this code instead of showing an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_single_session_mode_whoever_is_signed_in_cannot_sign_up() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let reply = ada.post(SIGN_UPS, &[("email_address", "bob@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(reply.refusal(), (400, "session_exists"));
    assert_eq!(reply.body["meta"]["client"]["sessions"].as_array().map(Vec::len), Some(1));
}

/// CVE-2024-28197: a session that was set before somebody signed in was theirs afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_that_was_planted_before_the_sign_up_is_worthless_after_it() {
    let server = TestServer::start().await;
    let mut mallory = server.browser();
    mallory.post("/v1/client", &[]).await.ok();
    let mut victim = server.browser();
    victim.cookies = mallory.cookies.clone();
    victim.sign_up("ada").await;
    assert_ne!(client_cookie(&victim), client_cookie(&mallory));
    assert_eq!(mallory.get("/v1/client").await.response(), &Value::Null);
    assert_eq!(victim.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_sign_up_takes_the_place_of_the_former_one() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    begin_sign_up(&mut ada, &address("ada")).await;
    let second = begin_sign_up(&mut ada, &address("lovelace")).await;
    assert_eq!(ada.get("/v1/client").await.response()["sign_up"]["id"], second);
}
