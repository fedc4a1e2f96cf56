//! The addresses of the user who is signed in.

use super::{another, id, server_with};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, Reply, TestServer, address};

const PATH: &str = "/v1/me/email_addresses";

async fn add(browser: &mut Browser, email: &str) -> String {
    id(&browser.post(PATH, &[("email_address", email)]).await)
}

async fn prepare(browser: &mut Browser, id: &str) -> Reply {
    browser.post(&format!("{PATH}/{id}/prepare_verification"), &[("strategy", "email_code")]).await
}

async fn attempt(browser: &mut Browser, id: &str, code: &str) -> Reply {
    browser.post(&format!("{PATH}/{id}/attempt_verification"), &[("code", code)]).await
}

/// Adds an address and proves it.
async fn add_proven(browser: &mut Browser, email: &str) -> String {
    let id = add(browser, email).await;
    prepare(browser, &id).await.ok();
    attempt(browser, &id, "424242").await.ok();
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_added_proven_and_made_the_primary_one() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let added = ada.post(PATH, &[("email_address", "Ada@Work.example")]).await;
    assert_eq!((&added.response()["object"], &added.response()["email_address"]), (&json!("email_address"), &json!("Ada@Work.example")));
    assert_eq!(added.response()["verification"], Value::Null, "no code was asked for yet");
    let own = id(&added);
    let early = ada.override_method("PATCH", "/v1/me", &[("primary_email_address_id", &own)]).await;
    assert_eq!(early.status.as_u16(), 422, "only a proven one can be primary");
    let prepared = prepare(&mut ada, &own).await;
    assert_eq!(
        (&prepared.response()["verification"]["status"], &prepared.response()["verification"]["strategy"]),
        (&json!("unverified"), &json!("email_code"))
    );
    let code = server.code("Ada@Work.example").await;
    let wrong = attempt(&mut ada, &own, &another(&code)).await;
    assert_eq!((wrong.refusal(), wrong.param()), ((422, "form_code_incorrect"), "code"));
    let proven = attempt(&mut ada, &own, &code).await;
    assert_eq!(proven.response()["verification"]["status"], "verified");
    let me = ada.override_method("PATCH", "/v1/me", &[("primary_email_address_id", &own)]).await;
    assert_eq!(me.response()["primary_email_address_id"], own);
    assert_eq!(server.browser().post(super::SIGN_INS, &[("identifier", "ada@work.example")]).await.response()["status"], "needs_first_factor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_are_listed_without_an_envelope_and_shown_with_one() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    server.advance(Duration::from_secs(1));
    let own = add(&mut ada, "ada@work.example").await;
    let list = ada.get(PATH).await;
    let emails: Vec<&str> = list.ok().as_array().expect("a bare list").iter().filter_map(|e| e["email_address"].as_str()).collect();
    assert_eq!(emails, [address("ada").as_str(), "ada@work.example"]);
    assert_eq!(ada.get(&format!("{PATH}/{own}")).await.response()["id"], own);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_address_or_is_taken_is_not_added() {
    let server = TestServer::start().await;
    server.signed_in("eve").await;
    let mut ada = server.signed_in("ada").await;
    for (email, code) in [
        ("nonsense", "form_param_format_invalid"),
        ("a@evil.example@example.com", "form_param_format_invalid"),
        (&address("EVE"), "form_identifier_exists"),
        (&address("ada"), "form_identifier_exists"),
        ("", "form_param_missing"),
    ] {
        let reply = ada.post(PATH, &[("email_address", email)]).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), "email_address"), "{email}");
    }
    add(&mut ada, "ada@work.example").await;
    let twice = ada.post(PATH, &[("email_address", "ADA@work.example")]).await;
    assert_eq!((twice.refusal(), twice.param()), ((422, "form_identifier_exists"), "email_address"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_somebody_else_has_proven_meanwhile_is_theirs() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut eve = server.signed_in("eve").await;
    let shared = address("shared");
    let (adas, eves) = (add(&mut ada, &shared).await, add(&mut eve, &shared).await);
    prepare(&mut ada, &adas).await.ok();
    prepare(&mut eve, &eves).await.ok();
    attempt(&mut ada, &adas, "424242").await.ok();
    let late = attempt(&mut eve, &eves, "424242").await;
    assert_eq!((late.refusal(), late.param()), ((422, "form_identifier_exists"), "email_address"));
    assert_ne!(eve.get(&format!("{PATH}/{eves}")).await.response()["verification"]["status"], "verified");
    let primary = eve.override_method("PATCH", "/v1/me", &[("primary_email_address_id", &eves)]).await;
    assert_eq!(primary.status.as_u16(), 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_nobody_has_proven_keeps_nobody_from_signing_up() {
    let server = TestServer::start().await;
    let mut mallory = server.signed_in("mallory").await;
    let theirs = add(&mut mallory, &address("ada")).await;
    prepare(&mut mallory, &theirs).await.ok();
    let mut ada = server.signed_in("ada").await;
    assert_eq!(attempt(&mut mallory, &theirs, "424242").await.refusal(), (422, "form_identifier_exists"));
    assert_ne!(ada.user_id().await, mallory.user_id().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_are_counted_and_old_ones_expire() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let own = add(&mut ada, "ada@work.example").await;
    assert_eq!(attempt(&mut ada, &own, "424242").await.refusal(), (422, "verification_missing"));
    prepare(&mut ada, &own).await.ok();
    let code = server.code("ada@work.example").await;
    for _ in 0..5 {
        assert_eq!(attempt(&mut ada, &own, &another(&code)).await.refusal(), (422, "form_code_incorrect"));
    }
    assert_eq!(attempt(&mut ada, &own, &code).await.refusal(), (422, "verification_failed"));
    let shown = ada.get(&format!("{PATH}/{own}")).await;
    assert_eq!((&shown.response()["verification"]["status"], &shown.response()["verification"]["attempts"]), (&json!("failed"), &json!(5)));
    prepare(&mut ada, &own).await.ok();
    let code = server.code("ada@work.example").await;
    server.advance(Duration::from_secs(600));
    assert_eq!(attempt(&mut ada, &own, &code).await.refusal(), (422, "verification_expired"));
    assert_eq!(ada.get(&format!("{PATH}/{own}")).await.response()["verification"]["status"], "expired");
}

/// CVE-2024-32868: asking again gave new tries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_an_address_and_adding_it_again_gives_no_new_codes() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut sent = 0;
    for _ in 0..4 {
        let own = add(&mut ada, "victim@example.com").await;
        for _ in 0..4 {
            sent += usize::from(prepare(&mut ada, &own).await.status.is_success());
        }
        ada.override_method("DELETE", &format!("{PATH}/{own}"), &[]).await.ok();
    }
    assert_eq!(sent, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proven_address_needs_no_further_proof() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let own = add_proven(&mut ada, &address("lovelace")).await;
    assert_eq!(prepare(&mut ada, &own).await.refusal(), (422, "verification_already_verified"));
    assert_eq!(attempt(&mut ada, &own, "424242").await.refusal(), (422, "verification_already_verified"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_codes_prove_an_address_here() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let own = add(&mut ada, "ada@work.example").await;
    let path = format!("{PATH}/{own}/prepare_verification");
    for strategy in ["email_link", "enterprise_sso", "admin"] {
        assert_eq!(ada.post(&path, &[("strategy", strategy)]).await.param(), "strategy", "{strategy}");
    }
    assert_eq!(ada.post(&path, &[]).await.refusal(), (422, "form_param_missing"));
    server.run_jobs().await;
    assert!(server.world.inbox.caught(None).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_removed_and_free_again() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let own = add_proven(&mut ada, &address("lovelace")).await;
    let removed = ada.override_method("DELETE", &format!("{PATH}/{own}"), &[]).await;
    assert_eq!((&removed.response()["id"], &removed.response()["deleted"]), (&json!(own), &json!(true)));
    assert_eq!(ada.get(&format!("{PATH}/{own}")).await.refusal(), (404, "resource_not_found"));
    assert_eq!(server.browser().post(super::SIGN_INS, &[("identifier", &address("lovelace"))]).await.code(), "form_identifier_not_found");
    server.signed_in("lovelace").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_primary_address_goes_another_takes_its_place() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let first = ada.get("/v1/me").await.response()["primary_email_address_id"].as_str().expect("an id").to_owned();
    add(&mut ada, "unproven@example.com").await;
    let second = add_proven(&mut ada, &address("lovelace")).await;
    ada.override_method("DELETE", &format!("{PATH}/{first}"), &[]).await.ok();
    assert_eq!(ada.get("/v1/me").await.response()["primary_email_address_id"], second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_proven_address_stays() {
    let server = server_with(json!({ "auth_username": "optional" })).await;
    let mut ada = server.signed_in("ada").await;
    ada.override_method("PATCH", "/v1/me", &[("username", "lovelace")]).await.ok();
    let first = ada.get("/v1/me").await.response()["primary_email_address_id"].as_str().expect("an id").to_owned();
    let unproven = add(&mut ada, "unproven@example.com").await;
    let refused = ada.override_method("DELETE", &format!("{PATH}/{first}"), &[]).await;
    assert_eq!(refused.refusal(), (403, "last_required_identification_deletion_failed"));
    ada.override_method("DELETE", &format!("{PATH}/{unproven}"), &[]).await.ok();
    server.set(server.home.tenant.id(), json!({ "auth_email": { "required": false } })).await;
    ada.override_method("DELETE", &format!("{PATH}/{first}"), &[]).await.ok();
    let me = ada.get("/v1/me").await;
    assert_eq!((&me.response()["primary_email_address_id"], &me.response()["email_addresses"]), (&Value::Null, &json!([])), "a username is enough here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_ten_addresses_at_most() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for number in 1..10 {
        add(&mut ada, &format!("ada{number}@example.com")).await;
    }
    let reply = ada.post(PATH, &[("email_address", "ada10@example.com")]).await;
    assert_eq!(reply.refusal(), (422, "resource_limit_reached"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_of_another_user_does_not_exist() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut neighbour = server.signed_in_next_door("ada").await;
    let mut eve = server.signed_in("eve").await;
    for id in [add(&mut ada, "ada@work.example").await, add(&mut neighbour, "ada@work.example").await, "idn_x".to_owned()] {
        let path = format!("{PATH}/{id}");
        for reply in
            [eve.get(&path).await, eve.override_method("DELETE", &path, &[]).await, prepare(&mut eve, &id).await, attempt(&mut eve, &id, "424242").await]
        {
            assert_eq!(reply.refusal(), (404, "resource_not_found"), "{id}");
        }
        let primary = eve.override_method("PATCH", "/v1/me", &[("primary_email_address_id", &id)]).await;
        assert_eq!((primary.status.as_u16(), primary.param()), (422, "primary_email_address_id"), "{id}");
    }
    assert_eq!(ada.get(PATH).await.ok().as_array().map(Vec::len), Some(2));
}
