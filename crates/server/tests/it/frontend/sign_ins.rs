//! Signing in: the attempt, its identifier and its first factors. Guessing is in `lockout`, forgetting in `password_reset`.

use super::{SIGN_INS, another, attempt_sign_in, ban, begin_sign_in, client_cookie, id, server_with, sign_up_by_mail};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{PASSWORD, TestServer, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifier_and_password_sign_in_at_once() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut ada = server.browser();
    let reply = ada.sign_in("ada", PASSWORD).await;
    let (sign_in, client) = (reply.response(), &reply.body["client"]);
    assert_eq!((sign_in["object"].as_str(), sign_in["status"].as_str()), (Some("sign_in_attempt"), Some("complete")));
    assert_eq!((&client["sessions"][0]["id"], &client["sign_in"]), (&sign_in["created_session_id"], &Value::Null));
    assert_eq!(client["last_active_session_id"], sign_in["created_session_id"]);
    assert_eq!(client["last_authentication_strategy"], "password");
    assert!(client["sessions"][0]["last_active_token"]["jwt"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identifier_first_and_the_password_afterwards() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut ada = server.browser();
    let begun = ada.post(SIGN_INS, &[("identifier", &address("ada"))]).await;
    assert_eq!(begun.response()["status"], "needs_first_factor");
    assert_eq!((&begun.response()["identifier"], &begun.response()["supported_identifiers"]), (&json!(address("ada")), &json!(["email_address"])));
    assert_eq!(begun.response()["first_factor_verification"], Value::Null, "nothing was prepared");
    assert_eq!(begun.body["client"]["sign_in"]["id"], begun.response()["id"]);
    assert_eq!(ada.get(&format!("{SIGN_INS}/{}", id(&begun))).await.response(), begun.response());
    let done = attempt_sign_in(&mut ada, &id(&begun), &[("strategy", "password"), ("password", PASSWORD)]).await;
    assert_eq!(done.response()["status"], "complete");
    assert_eq!(done.response()["first_factor_verification"]["status"], "verified");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_factors_name_their_addresses_without_giving_them_away() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let email = ada.get("/v1/me").await.response()["primary_email_address_id"].clone();
    let begun = server.browser().post(SIGN_INS, &[("identifier", &address("ada"))]).await;
    let factors = begun.response()["supported_first_factors"].as_array().expect("factors");
    let strategies: Vec<&str> = factors.iter().filter_map(|f| f["strategy"].as_str()).collect();
    assert_eq!(strategies, ["password", "email_code", "reset_password_email_code"]);
    for factor in &factors[1..] {
        assert_eq!((&factor["email_address_id"], &factor["primary"]), (&email, &json!(true)));
        assert_eq!(factor["safe_identifier"], "a***@example.com");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identifier_is_known_however_it_is_written() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    for identifier in [address("ADA"), format!(" {} ", address("Ada")), address("ada").to_uppercase()] {
        let reply = server.browser().post(SIGN_INS, &[("identifier", &identifier), ("password", PASSWORD)]).await;
        assert_eq!((&reply.response()["status"], &reply.response()["identifier"]), (&json!("complete"), &json!(identifier.trim())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_identifier_is_not_found() {
    let server = TestServer::start().await;
    server.signed_in_next_door("ada").await;
    for identifier in [address("ada"), "nobody".to_owned(), "a@b@c.example".to_owned(), "x".repeat(5_000)] {
        for form in [&[("identifier", identifier.as_str())][..], &[("identifier", identifier.as_str()), ("password", PASSWORD)][..]] {
            let reply = server.browser().post(SIGN_INS, form).await;
            assert_eq!((reply.refusal(), reply.param()), ((422, "form_identifier_not_found"), "identifier"), "{identifier:.40}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_leaves_an_attempt_to_go_on_with() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut ada = server.browser();
    let refused = ada.sign_in("ada", "wrong password").await;
    assert_eq!((refused.refusal(), refused.param()), ((422, "form_password_incorrect"), "password"));
    let attempt = &refused.body["meta"]["client"]["sign_in"];
    assert_eq!(attempt["status"], "needs_first_factor");
    let attempt = attempt["id"].as_str().expect("an attempt").to_owned();
    let again = attempt_sign_in(&mut ada, &attempt, &[("strategy", "password"), ("password", "wrong again")]).await;
    assert_eq!((again.refusal(), again.param()), ((422, "form_password_incorrect"), "password"));
    let right = attempt_sign_in(&mut ada, &attempt, &[("strategy", "password"), ("password", PASSWORD)]).await;
    assert_eq!(right.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_identifier_the_attempt_waits_for_one() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let begun = ada.post(SIGN_INS, &[]).await;
    assert_eq!((&begun.response()["status"], &begun.response()["supported_first_factors"]), (&json!("needs_identifier"), &Value::Null));
    let attempt = attempt_sign_in(&mut ada, &id(&begun), &[("strategy", "password"), ("password", PASSWORD)]).await;
    assert_eq!(attempt.status.as_u16(), 422);
    let alone = ada.post(SIGN_INS, &[("password", PASSWORD)]).await;
    assert_eq!((alone.refusal(), alone.param()), ((422, "form_param_missing"), "identifier"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_in_with_the_code_that_was_mailed() {
    let server = TestServer::start().await;
    sign_up_by_mail(&server, &mut server.browser(), "ada@example.com").await;
    let mut ada = server.browser();
    let id = begin_sign_in(&mut ada, "ada@example.com").await;
    let prepared = ada.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await;
    let verification = &prepared.response()["first_factor_verification"];
    assert_eq!((&verification["status"], &verification["strategy"], &verification["attempts"]), (&json!("unverified"), &json!("email_code"), &json!(0)));
    let code = server.code("ada@example.com").await;
    let wrong = attempt_sign_in(&mut ada, &id, &[("strategy", "email_code"), ("code", &another(&code))]).await;
    assert_eq!((wrong.refusal(), wrong.param()), ((422, "form_code_incorrect"), "code"));
    let done = attempt_sign_in(&mut ada, &id, &[("strategy", "email_code"), ("code", &code)]).await;
    assert_eq!(done.response()["status"], "complete");
    assert_eq!(done.body["client"]["last_authentication_strategy"], "email_code");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strategy_that_mails_a_code_can_be_prepared_with_the_identifier() {
    let server = TestServer::start().await;
    sign_up_by_mail(&server, &mut server.browser(), "ada@example.com").await;
    let mut ada = server.browser();
    let begun = ada.post(SIGN_INS, &[("identifier", "ada@example.com"), ("strategy", "email_code")]).await;
    assert_eq!(begun.response()["first_factor_verification"]["status"], "unverified");
    let code = server.code("ada@example.com").await;
    let done = attempt_sign_in(&mut ada, &id(&begun), &[("strategy", "email_code"), ("code", &code)]).await;
    assert_eq!(done.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_goes_to_the_address_that_was_chosen_and_to_the_users_own_only() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut bob = server.browser();
    sign_up_by_mail(&server, &mut bob, "bob@example.com").await;
    let bobs = bob.get("/v1/me").await.response()["primary_email_address_id"].as_str().expect("an id").to_owned();
    let own = ada.get("/v1/me").await.response()["primary_email_address_id"].as_str().expect("an id").to_owned();
    let mut browser = server.browser();
    let id = begin_sign_in(&mut browser, &address("ada")).await;
    let prepare = format!("{SIGN_INS}/{id}/prepare_first_factor");
    server.world.inbox.clear();
    for foreign in [bobs.as_str(), "idn_000000000000000000000000000", "nonsense"] {
        let reply = browser.post(&prepare, &[("strategy", "email_code"), ("email_address_id", foreign)]).await;
        assert_eq!(reply.status.as_u16(), 422, "{foreign}");
    }
    server.run_jobs().await;
    assert!(server.world.inbox.caught(None).is_empty());
    browser.post(&prepare, &[("strategy", "email_code"), ("email_address_id", &own)]).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_codes_do_not_sign_in_only_the_password_does() {
    let server = server_with(json!({ "auth_email": { "code_sign_in": false } })).await;
    server.signed_in("ada").await;
    let mut ada = server.browser();
    let id = begin_sign_in(&mut ada, &address("ada")).await;
    let refused = ada.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await;
    assert_eq!(refused.refusal(), (422, "strategy_for_user_invalid"));
}

/// CVE-2026-29193: where passwords were off, whoever had one came in by it, because only the page had been told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_passwords_are_off_no_path_takes_one() {
    let server = TestServer::start().await;
    let mut inside = server.signed_in("ada").await;
    let (mut begun, mut fresh) = (server.browser(), server.browser());
    let attempt = begin_sign_in(&mut begun, &address("ada")).await;
    server.set(server.home.tenant.id(), json!({ "auth_password": { "enabled": false, "required": false } })).await;
    for reply in [
        fresh.sign_in("ada", PASSWORD).await,
        attempt_sign_in(&mut begun, &attempt, &[("strategy", "password"), ("password", PASSWORD)]).await,
        fresh.post(SIGN_INS, &[("identifier", &address("ada")), ("strategy", "password"), ("password", PASSWORD)]).await,
        fresh.post("/v1/client/sign_ups", &[("email_address", "new@example.com"), ("password", PASSWORD)]).await,
        inside.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", "another password entirely")]).await,
    ] {
        assert_eq!(reply.status.as_u16() / 100, 4, "{}", reply.text);
    }
    let shown = begun.get(&format!("{SIGN_INS}/{attempt}")).await.response().clone();
    let factors: Vec<_> = shown["supported_first_factors"].as_array().expect("factors").iter().map(|factor| factor["strategy"].clone()).collect();
    assert_eq!((&shown["status"], factors), (&json!("needs_first_factor"), vec![json!("email_code")]));
    assert_eq!(server.browser().get("/v1/client").await.response(), &serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strategy_that_is_not_offered_is_refused() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut ada = server.browser();
    let id = begin_sign_in(&mut ada, &address("ada")).await;
    for strategy in ["phone_code", "oauth_google", "passkey", "totp", "nonsense"] {
        for reply in [
            ada.post(SIGN_INS, &[("identifier", &address("ada")), ("strategy", strategy)]).await,
            ada.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", strategy)]).await,
            attempt_sign_in(&mut ada, &id, &[("strategy", strategy), ("code", "424242"), ("password", PASSWORD)]).await,
        ] {
            assert_eq!(reply.refusal(), (422, "strategy_for_user_invalid"), "{strategy}");
        }
    }
    let without = attempt_sign_in(&mut ada, &id, &[("password", PASSWORD)]).await;
    assert_eq!((without.refusal(), without.param()), ((422, "form_param_missing"), "strategy"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_username_signs_in_where_usernames_are_on_and_only_there() {
    let server = server_with(json!({ "auth_username": "optional" })).await;
    let mut ada = server.signed_in("ada").await;
    ada.override_method("PATCH", "/v1/me", &[("username", "Ada_L")]).await.ok();
    let reply = server.browser().post(SIGN_INS, &[("identifier", "ada_l"), ("password", PASSWORD)]).await;
    assert_eq!((&reply.response()["status"], &reply.response()["supported_identifiers"]), (&json!("complete"), &json!(["email_address", "username"])));
    server.set(server.home.tenant.id(), json!({ "auth_username": "off" })).await;
    let reply = server.browser().post(SIGN_INS, &[("identifier", "ada_l"), ("password", PASSWORD)]).await;
    assert_eq!(reply.refusal(), (422, "form_identifier_not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_was_not_proven_identifies_nobody() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.post("/v1/me/email_addresses", &[("email_address", "other@example.com")]).await.ok();
    let reply = server.browser().post(SIGN_INS, &[("identifier", "other@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(reply.refusal(), (422, "form_identifier_not_found"));
    let begun = server.browser().post(SIGN_INS, &[("identifier", &address("ada"))]).await;
    assert_eq!(begun.response()["supported_first_factors"].as_array().map(Vec::len), Some(3), "nor does it get codes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_attempt_of_another_client_does_not_exist() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let id = begin_sign_in(&mut server.browser(), &address("ada")).await;
    let mut eve = server.browser();
    let form = [("strategy", "password"), ("password", PASSWORD)];
    assert_eq!(attempt_sign_in(&mut eve, &id, &form).await.refusal(), (401, "authentication_invalid"), "without a client");
    begin_sign_in(&mut eve, &address("ada")).await;
    for reply in [
        eve.get(&format!("{SIGN_INS}/{id}")).await,
        eve.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", "email_code")]).await,
        attempt_sign_in(&mut eve, &id, &form).await,
        eve.post(&format!("{SIGN_INS}/{id}/reset_password"), &[("password", "another password")]).await,
    ] {
        assert_eq!(reply.refusal(), (404, "resource_not_found"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_given_up_after_a_day_and_used_once() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut ada = server.browser();
    let id = begin_sign_in(&mut ada, &address("ada")).await;
    server.advance(Duration::from_secs(86_400));
    assert_eq!(ada.get(&format!("{SIGN_INS}/{id}")).await.response()["status"], "abandoned");
    let form = [("strategy", "password"), ("password", PASSWORD)];
    assert_eq!(attempt_sign_in(&mut ada, &id, &form).await.status.as_u16(), 422);
    let id = begin_sign_in(&mut ada, &address("ada")).await;
    attempt_sign_in(&mut ada, &id, &form).await.ok();
    assert_eq!(attempt_sign_in(&mut ada, &id, &form).await.status.as_u16(), 422);
    assert_eq!(ada.sessions().await.len(), 1);
}

/// The pages redirect on this code instead of showing an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_single_session_mode_whoever_is_signed_in_cannot_sign_in() {
    let server = TestServer::start().await;
    server.signed_in("bob").await;
    let mut ada = server.signed_in("ada").await;
    for (name, password) in [("bob", PASSWORD), ("bob", "wrong password"), ("nobody", PASSWORD)] {
        assert_eq!(ada.sign_in(name, password).await.refusal(), (400, "session_exists"));
    }
    assert_eq!(ada.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_begun_before_somebody_signed_in_adds_no_second_session() {
    let server = TestServer::start().await;
    server.signed_in("bob").await;
    server.signed_in("ada").await;
    let mut browser = server.browser();
    let early = begin_sign_in(&mut browser, &address("bob")).await;
    browser.sign_in("ada", PASSWORD).await.ok();
    let late = attempt_sign_in(&mut browser, &early, &[("strategy", "password"), ("password", PASSWORD)]).await;
    assert_eq!(late.refusal(), (400, "session_exists"));
    assert_eq!(browser.sessions().await.len(), 1);
}

/// CVE-2024-28197: a session that was set before somebody signed in was theirs afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_that_was_planted_before_the_sign_in_is_worthless_after_it() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut mallory = server.browser();
    let attempt = begin_sign_in(&mut mallory, &address("ada")).await;
    let mut victim = server.browser();
    victim.cookies = mallory.cookies.clone();
    attempt_sign_in(&mut victim, &attempt, &[("strategy", "password"), ("password", PASSWORD)]).await.ok();
    assert_ne!(client_cookie(&victim), client_cookie(&mallory));
    assert_eq!(mallory.get("/v1/client").await.response(), &Value::Null);
    assert_eq!(mallory.get(&format!("{SIGN_INS}/{attempt}")).await.status.as_u16(), 401);
    assert_eq!(victim.sessions().await.len(), 1);
}

/// CVE-2025-53942, CVE-2024-46999, CVE-2024-47000: whoever was deactivated came in by another way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_user_comes_in_by_no_way_and_stays_in_by_none() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (user, session) = (ada.user_id().await, ada.session_id().await);
    ban(&server, &user).await;
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (403, "user_banned"));
    assert_eq!(server.browser().sign_in("ada", "wrong password").await.code(), "form_password_incorrect", "only who proves it learns of it");
    for strategy in ["email_code", "reset_password_email_code"] {
        let mut browser = server.browser();
        let id = begin_sign_in(&mut browser, &address("ada")).await;
        browser.post(&format!("{SIGN_INS}/{id}/prepare_first_factor"), &[("strategy", strategy)]).await;
        let mut reply = attempt_sign_in(&mut browser, &id, &[("strategy", strategy), ("code", "424242")]).await;
        if reply.status.is_success() {
            reply = browser.post(&format!("{SIGN_INS}/{id}/reset_password"), &[("password", "a whole new password")]).await;
        }
        assert_eq!(reply.refusal(), (403, "user_banned"), "{strategy}");
        assert!(browser.sessions().await.is_empty());
    }
    let base = format!("/v1/client/sessions/{session}");
    for reply in [ada.post(&format!("{base}/tokens"), &[]).await, ada.post(&format!("{base}/touch"), &[]).await, ada.get("/v1/me").await] {
        assert_eq!(reply.refusal(), (403, "user_banned"));
    }
    for session in ada.sessions().await {
        assert_eq!(session["last_active_token"], Value::Null, "the client gives no token away either");
    }
}
