//! Tokens of this server, held against the crate that applications verify them with.

use super::organizations::{self, claims, enter, found, join};
use insula_verify::{Check, Fetched, Freshness, Refusal, Session, Verifier};
use serde_json::{Value, json};
use std::time::Duration;
use store::Database;
use testkit::{Browser, TestServer};

/// Reads the keys at the instance's own door, by the server's clock.
fn verifier_of(server: &TestServer, publishable_key: &str, door: &Browser) -> Verifier {
    let door = door.clone();
    let source = move || {
        let mut door = door.clone();
        async move { Fetched::Ok(door.get("/.well-known/jwks.json").await.bytes) }
    };
    let clock: Database = server.database.clone();
    let now = move || Duration::from_millis(clock.now().millis().unsigned_abs());
    Verifier::fetching(publishable_key, source, Freshness::default()).expect("a publishable key").clock(now)
}

fn verifier(server: &TestServer) -> Verifier {
    verifier_of(server, &server.home.tenant.publishable_key, &server.browser())
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

async fn session_of(verifier: &Verifier, browser: &mut Browser) -> Session {
    verifier.verify(&browser.token().await).await.expect("a session")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_the_server_is_a_session() {
    let server = TestServer::start().await;
    let verifier = verifier(&server).authorized_parties(["http://localhost:3000"]);
    let mut ada = server.signed_in("ada").await;
    let token = ada.token().await;
    let session = verifier.verify(&token).await.expect("a session");
    assert_eq!((&session.user_id, &session.session_id), (&ada.user_id().await, &ada.session_id().await));
    assert_eq!((session.authorized_party.as_deref(), session.organization_id()), (Some("http://localhost:3000"), None));
    assert!(session.has(&Check::reverification(insula_verify::Reverification::StrictMfa)), "just now");
    server.advance(Duration::from_secs(64));
    assert!(verifier.verify(&token).await.is_ok());
    server.advance(Duration::from_secs(1));
    assert_eq!(verifier.verify(&token).await.err(), Some(Refusal::Expired));

    // The neighbour's keys are others, and so is what a backend without a page asks for.
    let foreign = server.signed_in_next_door("ada").await.token().await;
    assert_eq!(verifier.verify(&foreign).await.err(), Some(Refusal::UnknownKey));
    let made = server.backend().post(&format!("/v1/sessions/{}/tokens", ada.session_id().await), json!({})).await.ok().clone();
    assert_eq!(verifier.verify(&text(&made, "jwt")).await.err(), Some(Refusal::Party));
    assert!(self::verifier(&server).verify(&text(&made, "jwt")).await.is_ok());
}

/// J4: what the same key signs for other purposes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_and_handshakes_are_no_sessions() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    server.backend().post("/v1/jwt_templates", json!({ "name": "hasura", "claims": { "aud": "hasura" } })).await.ok();
    let session = ada.session_id().await;
    let template = text(ada.post(&format!("/v1/client/sessions/{session}/tokens/hasura"), &[]).await.ok(), "jwt");
    assert_eq!(verifier(&server).verify(&template).await.err(), Some(Refusal::Kind));
    assert_eq!(verifier(&server).verify(&handshake(&mut ada).await).await.err(), Some(Refusal::Kind));
}

/// J6: no token is refused around a rotation, and after a revocation none is accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_is_not_noticed() {
    let server = TestServer::start().await;
    let verifier = verifier(&server);
    let mut ada = server.signed_in("ada").await;
    session_of(&verifier, &mut ada).await;
    let keys = format!("/v1/platform/applications/{}/instances/development/signing_keys", server.home.tenant.instance.application);
    server.platform().post(&format!("{keys}/rotate"), json!({})).await.ok();
    let mut kids = Vec::new();
    for _ in 0..40 {
        server.advance(Duration::from_secs(300));
        server.run_jobs().await;
        let token = ada.token().await;
        verifier.verify(&token).await.expect("a session");
        kids.push(token.split('.').next().expect("a header").to_owned());
    }
    kids.dedup();
    assert_eq!(kids.len(), 2, "it has changed over");

    let token = ada.token().await;
    let key = text(&server.platform().get(&keys).await.ok()[0], "id");
    server.platform().post(&format!("{keys}/{key}/revoke"), json!({})).await.ok();
    let fresh = ada.token().await;
    server.advance(Duration::from_secs(10));
    verifier.verify(&fresh).await.expect("the first token of an unknown key fetches it");
    assert_eq!(verifier.verify(&token).await.err(), Some(Refusal::UnknownKey), "what was revoked went with the same look");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_counts_for_a_minute_at_most() {
    let server = TestServer::start().await;
    let verifier = verifier(&server);
    let mut ada = server.signed_in("ada").await;
    let path = format!("/v1/sessions/{}/tokens", ada.session_id().await);
    let long = text(server.backend().post(&path, json!({ "expires_in_seconds": 3600 })).await.ok(), "jwt");
    verifier.verify(&long).await.expect("a session");
    let keys = format!("/v1/platform/applications/{}/instances/development/signing_keys", server.home.tenant.instance.application);
    let key = text(&server.platform().get(&keys).await.ok()[0], "id");
    server.platform().post(&format!("{keys}/{key}/revoke"), json!({})).await.ok();
    server.advance(Duration::from_secs(60));
    verifier.verify(&long).await.expect("nobody waits for the look in the background");
    for _ in 0..20_000 {
        if verifier.verify(&long).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(verifier.verify(&long).await.err(), Some(Refusal::UnknownKey));
}

/// The table of `has()`, with the server's own tokens in the states that it can bring about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_may_is_in_the_next_token() {
    let table: Value = serde_json::from_str(include_str!("../../../verify/tests/has.json")).expect("JSON");
    let server = organizations::server().await;
    let (backend, verifier) = (server.backend(), verifier(&server));
    let mut ids = Vec::new();
    for key in ["org:invoices:create", "org:invoices:read", "org:reports:read"] {
        ids.push(text(backend.post("/v1/organization_permissions", json!({ "name": key, "key": key })).await.ok(), "id"));
    }
    let body = json!({ "name": "Accountant", "key": "org:accountant", "permissions": [ids[0], ids[2]], "include_in_initial_role_set": true });
    backend.post("/v1/organization_roles", body).await.ok();
    let roles = backend.get("/v1/organization_roles?limit=10").await.ok()["data"].as_array().expect("a list").clone();
    for (role, permissions) in [("org:member", &ids[2..]), ("org:admin", &ids[..])] {
        let role = text(roles.iter().find(|one| one["key"] == role).expect("a role"), "id");
        for permission in permissions {
            backend.post(&format!("/v1/organization_roles/{role}/permissions/{permission}"), json!({})).await.ok();
        }
    }
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    for (state, role) in [("admin", "org:admin"), ("accountant", "org:accountant"), ("member", "org:member"), ("personal", "")] {
        let mut bob = server.signed_in(&format!("bob-{state}")).await;
        if !role.is_empty() {
            join(&server, &acme, &mut bob, role).await;
            enter(&mut bob, &acme).await.response();
        }
        let session = session_of(&verifier, &mut bob).await;
        for (name, case) in table["cases"].as_object().expect("cases") {
            let check = serde_json::from_value::<Check>(case["asked"].clone());
            let granted = case["granted"].as_array().expect("names").contains(&json!(state));
            assert_eq!(check.is_ok_and(|check| session.has(&check)), granted, "{state}: {name}");
        }
        if state == "member" {
            assert!(session.in_organization(&acme).is_ok() && session.in_organization("acme").is_ok());
            let path = format!("/v1/organizations/{acme}/memberships/{}", session.user_id);
            backend.delete(&path).await.ok();
            let after = session_of(&verifier, &mut bob).await;
            assert_eq!((after.organization_id(), after.in_organization(&acme)), (None, Err(Refusal::Organization)), "gone with the next token");
        }
    }
    let beta = found(&mut ada, "Beta").await;
    enter(&mut ada, &beta).await.response();
    let session = session_of(&verifier, &mut ada).await;
    assert_eq!((session.in_organization(&acme), session.organization_id()), (Err(Refusal::Organization), Some(beta.as_str())), "an admin there, too");
}

/// S2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_has_to_choose_is_nobodys() {
    let server = organizations::server_with(json!({ "force_organization_selection": true })).await;
    let mut ada = server.browser();
    ada.sign_up("ada").await;
    let token = ada.token().await;
    assert_eq!(verifier(&server).verify(&token).await.err(), Some(Refusal::Pending));
    assert!(verifier(&server).accepting_pending().verify(&token).await.is_ok());
    let acme = found(&mut ada, "Acme").await;
    enter(&mut ada, &acme).await.response();
    assert_eq!(session_of(&verifier(&server), &mut ada).await.owner_id(), acme);
}

/// The pools of an instance share its keys: the issuer tells them apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pools_token_is_one_at_its_own_verifier_alone() {
    let (server, acme, beta) = organizations::isolated().await;
    let doors: Vec<(Verifier, String)> = [(&acme, "acme"), (&beta, "beta")]
        .map(|(organization, name)| {
            (verifier_of(&server, &text(&organization["user_pool"], "publishable_key"), &server.browser().in_pool(name)), name.to_owned())
        })
        .into();
    let whole = verifier(&server);
    for (own, (verifier, name)) in doors.iter().enumerate() {
        let mut bob = server.browser().in_pool(name);
        bob.sign_up("bob").await;
        let token = bob.token().await;
        let session = verifier.verify(&token).await.expect("a session");
        assert_eq!(session.organization_id(), Some([&acme, &beta][own]["id"].as_str().expect("an id")));
        assert_eq!(doors[1 - own].0.verify(&token).await.err(), Some(Refusal::Issuer));
        assert_eq!(whole.verify(&token).await.err(), Some(Refusal::Issuer));
    }
}

/// The cookies that a handshake brings, as a page's backend reads them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookies_of_a_handshake_are_read() {
    let server = TestServer::start().await;
    let (mut ada, mut nobody) = (server.signed_in("ada").await, server.browser());
    let user = ada.user_id().await;
    let mut seen = Vec::new();
    for browser in [&mut ada, &mut nobody] {
        let handshake = claims(&handshake(browser).await);
        let directives = handshake["handshake"].as_array().expect("cookies").iter().filter_map(Value::as_str);
        let pairs: Vec<&str> = directives.filter_map(|cookie| cookie.split(';').next()).collect();
        let mut headers = http::HeaderMap::new();
        headers.insert("cookie", pairs.join("; ").parse().expect("a header"));
        seen.push(verifier(&server).verify_request(&headers).await.map(|session| session.user_id));
    }
    assert_eq!(seen, [Ok(user), Err(Refusal::Missing)]);
}

/// What a handshake sends in an address.
async fn handshake(browser: &mut Browser) -> String {
    browser.origin = None;
    let back = "http%3A%2F%2Flocalhost%3A3000%2F";
    let reply = browser.get(&format!("/v1/client/handshake?redirect_url={back}&format=token&suffixed_cookies=true")).await;
    let token = reply.location().split("__clerk_handshake=").nth(1).and_then(|rest| rest.split('&').next());
    token.unwrap_or_else(|| panic!("no handshake: {}", reply.text)).to_owned()
}
