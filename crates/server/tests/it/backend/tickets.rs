//! Sign-in tokens, actor tokens and the links that carry them.

use super::{NOBODY, create_user, id, text};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, PASSWORD, Reply, TestServer, address};

const SIGN_INS: &str = "/v1/client/sign_ins";

async fn sign_in_token(server: &TestServer, user: &str) -> Value {
    server.backend().post("/v1/sign_in_tokens", json!({ "user_id": user })).await.ok().clone()
}

async fn actor_token(server: &TestServer, user: &str) -> Value {
    let body = json!({ "user_id": user, "actor": { "sub": "user_of_support", "reason": "ticket 7" } });
    server.backend().post("/v1/actor_tokens", body).await.ok().clone()
}

async fn show(browser: &mut Browser, token: &Value) -> Reply {
    browser.post(SIGN_INS, &[("strategy", "ticket"), ("ticket", &text(token, "token"))]).await
}

fn claims(jwt: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).expect("claims")).expect("base64url")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_token_lets_its_user_in_once() {
    let server = TestServer::start().await;
    let ada = create_user(&server.backend(), "ada@example.com").await;
    let made = sign_in_token(&server, &ada).await;
    assert_eq!((&made["object"], &made["status"], &made["user_id"]), (&json!("sign_in_token"), &json!("pending"), &json!(ada)));
    assert!(text(&made, "url").starts_with(&format!("{}/v1/tickets/accept?ticket=", server.home.tenant.frontend_url)));
    let mut browser = server.browser();
    let done = show(&mut browser, &made).await;
    assert_eq!((&done.response()["status"], &done.response()["first_factor_verification"]["strategy"]), (&json!("complete"), &json!("ticket")));
    assert_eq!(browser.user_id().await, ada);
    assert_eq!(claims(&browser.token().await).get("act"), None);
    assert_eq!(show(&mut server.browser(), &made).await.refusal(), (400, "sign_in_token_already_used_code"));
    let late = server.backend().post(&format!("/v1/sign_in_tokens/{}/revoke", id(&made)), json!({})).await;
    assert_eq!(late.refusal(), (400, "sign_in_token_cannot_be_revoked_code"));
}

/// CVE-2026-27855: a one-time secret that was good for two.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_who_show_a_ticket_at_once_one_comes_in() {
    let server = TestServer::start().await;
    let ada = create_user(&server.backend(), "ada@example.com").await;
    let made = sign_in_token(&server, &ada).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (mut browser, made) = (server.browser(), made.clone());
            tokio::spawn(async move { show(&mut browser, &made).await })
        })
        .collect();
    let mut inside = 0;
    for task in tasks {
        let reply = task.await.expect("an answer");
        if reply.status == StatusCode::OK {
            inside += 1;
        } else {
            assert_eq!(reply.refusal(), (400, "sign_in_token_already_used_code"));
        }
    }
    assert_eq!(inside, 1);
    let sessions = server.backend().get(&format!("/v1/sessions?user_id={ada}&paginated=true")).await;
    assert_eq!(sessions.ok()["total_count"], 1);
}

/// CVE-2025-12421: a token of another type was consumed. CVE-2026-27840: one that was cut or extended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_not_exactly_a_ticket_lets_nobody_in() {
    let server = TestServer::start().await;
    let mut eve = server.signed_in("eve").await;
    let ada = create_user(&server.backend(), "ada@example.com").await;
    let made = sign_in_token(&server, &ada).await;
    let token = text(&made, "token");
    let (ticket, secret) = token.split_once('.').expect("two parts");
    let testing = text(server.backend().post("/v1/testing_tokens", json!({})).await.ok(), "token");
    for shown in [
        ticket.to_owned(),
        format!("{ticket}."),
        format!(".{secret}"),
        secret.to_owned(),
        format!("{token}0"),
        token[..token.len() - 1].to_owned(),
        token.to_uppercase(),
        format!("{ticket}.{}", "0".repeat(64)),
        format!("{token}.{token}"),
        format!(" {token}"),
        testing,
        eve.token().await,
        eve.cookies.values().next().expect("a cookie").clone(),
        server.home.secret_key.expose().to_owned(),
        "x".repeat(5_000),
    ] {
        let reply = server.browser().post(SIGN_INS, &[("strategy", "ticket"), ("ticket", &shown)]).await;
        assert_eq!(reply.refusal(), (400, "ticket_invalid_code"), "{shown:.40}: {}", reply.text);
    }
    let nothing = server.browser().post(SIGN_INS, &[("strategy", "ticket")]).await;
    assert_eq!((nothing.refusal(), nothing.param()), ((422, "form_param_missing"), "ticket"));
    assert_eq!(show(&mut server.browser(), &made).await.response()["status"], "complete", "none of that has used it up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_of_one_instance_is_nothing_in_another() {
    let server = TestServer::start().await;
    let ada = create_user(&server.backend(), "ada@example.com").await;
    let made = sign_in_token(&server, &ada).await;
    assert_eq!(show(&mut server.neighbours_browser(), &made).await.refusal(), (400, "ticket_invalid_code"));
    let path = format!("/v1/tickets/accept?ticket={}&redirect_url=http://localhost:3000/", text(&made, "token"));
    assert_eq!(server.neighbours_browser().get(&path).await.refusal(), (400, "ticket_invalid_code"));
    let body = json!({ "user_id": ada });
    assert_eq!(server.neighbours_backend().post("/v1/sign_in_tokens", body).await.refusal(), (404, "resource_not_found"));
    let revoke = format!("/v1/sign_in_tokens/{}/revoke", id(&made));
    assert_eq!(server.neighbours_backend().post(&revoke, json!({})).await.refusal(), (404, "resource_not_found"));
    assert_eq!(show(&mut server.browser(), &made).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_ends_by_time_by_word_and_with_its_user() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, "ada@example.com").await;
    let short = backend.post("/v1/sign_in_tokens", json!({ "user_id": ada, "expires_in_seconds": 60 })).await.ok().clone();
    server.advance(Duration::from_secs(60));
    assert_eq!(show(&mut server.browser(), &short).await.refusal(), (400, "ticket_expired_code"));

    let revoked = sign_in_token(&server, &ada).await;
    let path = format!("/v1/sign_in_tokens/{}/revoke", id(&revoked));
    let answer = backend.post(&path, json!({})).await;
    assert_eq!((&answer.ok()["status"], answer.body.get("token")), (&json!("revoked"), None));
    assert_eq!(backend.post(&path, json!({})).await.refusal(), (400, "sign_in_token_cannot_be_revoked_code"));
    assert_eq!(show(&mut server.browser(), &revoked).await.refusal(), (400, "sign_in_token_revoked_code"));
    assert_eq!(backend.post(&format!("/v1/actor_tokens/{}/revoke", id(&revoked)), json!({})).await.status, StatusCode::NOT_FOUND);

    let orphaned = sign_in_token(&server, &ada).await;
    backend.delete(&format!("/v1/users/{ada}")).await.ok();
    assert_eq!(show(&mut server.browser(), &orphaned).await.refusal(), (400, "ticket_invalid_code"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_banned_or_locked_or_inside_already_keeps_the_ticket() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut browser = server.signed_in("ada").await;
    let ada = browser.user_id().await;
    let made = sign_in_token(&server, &ada).await;
    assert_eq!(show(&mut browser, &made).await.refusal(), (400, "identifier_already_signed_in"));
    for (act, undo, code) in [("ban", "unban", "user_banned"), ("lock", "unlock", "user_locked")] {
        backend.post(&format!("/v1/users/{ada}/{act}"), json!({})).await.ok();
        assert_eq!(show(&mut server.browser(), &made).await.refusal(), (403, code));
        backend.post(&format!("/v1/users/{ada}/{undo}"), json!({})).await.ok();
    }
    let mut bob = server.signed_in("bob").await;
    assert_eq!(show(&mut bob, &made).await.refusal(), (400, "session_exists"));
    assert_eq!(show(&mut server.browser(), &made).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_answers_a_sign_in_of_its_own_user_alone() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let bob = create_user(&server.backend(), &address("bob")).await;
    let made = sign_in_token(&server, &bob).await;
    let attempt = |identifier: String| {
        let (mut browser, token) = (server.browser(), text(&made, "token"));
        async move {
            let sign_in = id(browser.post(SIGN_INS, &[("identifier", &identifier)]).await.response());
            browser.post(&format!("{SIGN_INS}/{sign_in}/attempt_first_factor"), &[("strategy", "ticket"), ("ticket", &token)]).await
        }
    };
    assert_eq!(attempt(address("ada")).await.refusal(), (400, "ticket_invalid_code"));
    assert_eq!(attempt(address("bob")).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_impersonates_is_named_everywhere_and_stays_for_half_an_hour() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let before = server.backend().get(&format!("/v1/users/{user}")).await.ok()["last_sign_in_at"].clone();
    server.advance(Duration::from_secs(5));
    let made = actor_token(&server, &user).await;
    let actor = json!({ "sub": "user_of_support", "reason": "ticket 7" });
    assert_eq!((&made["object"], &made["actor"]), (&json!("actor_token"), &actor));
    let mut support = server.browser();
    show(&mut support, &made).await.response();
    let session = support.sessions().await[0].clone();
    assert_eq!((&session["actor"], &session["user"]["id"]), (&actor, &json!(user)));
    assert_eq!(session["factor_verification_age"], json!([-1, -1]), "they have proven nothing of hers");
    let lasts = session["expire_at"].as_i64().expect("a time") - session["created_at"].as_i64().expect("a time");
    assert_eq!(lasts, 1_800_000);
    let claimed = claims(&support.token().await);
    assert_eq!((&claimed["act"], &claimed["sub"]), (&actor, &json!(user)));
    let shown = server.backend().get(&format!("/v1/sessions/{}", id(&session))).await;
    assert_eq!(shown.ok()["actor"], actor);
    assert_eq!(server.backend().get(&format!("/v1/users/{user}")).await.ok()["last_sign_in_at"], before);
    let audit = server.belongings(server.home.tenant.id()).await["audit"].clone();
    assert!(audit.iter().any(|row| row.iter().any(|v| v == "session.create") && row.iter().any(|v| v.contains("user_of_support"))));
    ada.token().await;

    server.advance(Duration::from_secs(1_800));
    assert!(support.sessions().await.is_empty());
    assert_eq!(show(&mut server.browser(), &made).await.refusal(), (400, "actor_token_already_used_code"));
}

/// An impersonator looks, and cannot make the account their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impersonator_cannot_change_what_would_outlast_their_session() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let email = ada.get("/v1/me").await.response()["primary_email_address_id"].as_str().expect("an id").to_owned();
    let session = ada.session_id().await;
    let mut support = server.browser();
    let made = actor_token(&server, &user).await;
    show(&mut support, &made).await.response();
    support.get("/v1/me").await.response();
    let refusals = [
        support.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", "a brand new secret")]).await,
        support.post("/v1/me/email_addresses", &[("email_address", "support@example.com")]).await,
        support.post(&format!("/v1/me/email_addresses/{email}/prepare_verification"), &[("strategy", "email_code")]).await,
        support.override_method("DELETE", &format!("/v1/me/email_addresses/{email}"), &[]).await,
        support.override_method("DELETE", "/v1/me", &[]).await,
        support.override_method("PATCH", "/v1/me", &[("primary_email_address_id", &email)]).await,
        support.override_method("PATCH", "/v1/me", &[("first_name", "Eve")]).await,
        support.override_method("PATCH", "/v1/me/metadata", &[("unsafe_metadata", "{}")]).await,
        support.override_method("DELETE", "/v1/me/profile_image", &[]).await,
        support.post(&format!("/v1/me/sessions/{session}/revoke"), &[]).await,
    ];
    for reply in refusals {
        assert_eq!(reply.refusal(), (403, "action_for_session_not_authorized"), "{}", reply.text);
    }
    server.browser().sign_in("ada", PASSWORD).await.response();
    ada.token().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_by_name() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, "ada@example.com").await;
    for (path, body, code, param) in [
        ("/v1/sign_in_tokens", json!({}), "form_param_missing", "user_id"),
        ("/v1/sign_in_tokens", json!({ "user_id": ada, "expires_in_seconds": 0 }), "form_param_value_invalid", "expires_in_seconds"),
        ("/v1/sign_in_tokens", json!({ "user_id": ada, "expires_in_seconds": "60" }), "form_param_format_invalid", "expires_in_seconds"),
        ("/v1/sign_in_tokens", json!({ "user_id": ada, "org_id": "org_x" }), "form_param_value_invalid", "org_id"),
        ("/v1/sign_in_tokens", json!({ "user_id": ada, "actor": { "sub": "x" } }), "form_param_unknown", "actor"),
        ("/v1/actor_tokens", json!({ "user_id": ada }), "form_param_missing", "actor"),
        ("/v1/actor_tokens", json!({ "user_id": ada, "actor": {} }), "form_param_value_invalid", "actor"),
        ("/v1/actor_tokens", json!({ "user_id": ada, "actor": { "sub": "" } }), "form_param_value_invalid", "actor"),
        ("/v1/actor_tokens", json!({ "user_id": ada, "actor": { "sub": 7 } }), "form_param_value_invalid", "actor"),
        ("/v1/actor_tokens", json!({ "user_id": ada, "actor": { "sub": "x", "more": "y".repeat(1_024) } }), "form_param_value_invalid", "actor"),
        (
            "/v1/actor_tokens",
            json!({ "user_id": ada, "actor": { "sub": "x" }, "session_max_duration_in_seconds": -1 }),
            "form_param_value_invalid",
            "session_max_duration_in_seconds",
        ),
    ] {
        let reply = backend.post(path, body).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), param), "{path}");
    }
    for path in ["/v1/sign_in_tokens", "/v1/actor_tokens"] {
        let nobody = backend.post(path, json!({ "user_id": NOBODY, "actor": { "sub": "x" } })).await;
        assert!(matches!(nobody.refusal(), (404, "resource_not_found") | (422, "form_param_unknown")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_leads_to_the_application_and_uses_nothing_up() {
    let server = TestServer::start().await;
    let ada = create_user(&server.backend(), "ada@example.com").await;
    let made = sign_in_token(&server, &ada).await;
    let token = text(&made, "token");
    let link = format!("/v1/tickets/accept?ticket={token}");
    let nowhere = server.browser().get(&link).await;
    assert_eq!((nowhere.status, nowhere.location()), (StatusCode::SEE_OTHER, format!("{}/no-application", testkit::BASE_URL).as_str()));
    let page = super::raw(&server, http::Method::GET, "/no-application", &[], "").await;
    assert!(page.status == StatusCode::OK && page.text.contains("development_origin") && page.text.contains("redirect_url"), "{}", page.text);
    let given = server.browser().get(&format!("{link}&redirect_url=http://localhost:3000/sign-in?a=b")).await;
    assert_eq!(given.status, StatusCode::SEE_OTHER);
    assert_eq!(given.location(), format!("http://localhost:3000/sign-in?a=b&__clerk_ticket={token}&__clerk_status=sign_in"));
    assert_eq!(given.headers.get("referrer-policy").expect("a policy"), "no-referrer");
    // A ticket is not sent to places that nobody has named, even where a redirect may go there.
    for target in ["https://evil.example/", "//evil.example", "javascript:alert(1)"] {
        let path = format!("{link}&{}", form_urlencoded::Serializer::new(String::new()).append_pair("redirect_url", target).finish());
        assert_eq!(server.browser().get(&path).await.param(), "redirect_url", "{target}");
    }
    server.set(server.home.tenant.id(), json!({ "development_origin": "http://localhost:5173" })).await;
    let stored = server.browser().get(&link).await;
    assert_eq!(stored.location(), format!("http://localhost:5173/?__clerk_ticket={token}&__clerk_status=sign_in"));
    let mut browser = server.browser();
    show(&mut browser, &made).await.response();
    assert_eq!(browser.get(&link).await.refusal(), (400, "sign_in_token_already_used_code"));
    let second = sign_in_token(&server, &ada).await;
    let inside = browser.get(&format!("/v1/tickets/accept?ticket={}", text(&second, "token"))).await;
    assert!(inside.location().ends_with("&__clerk_status=complete"), "{}", inside.location());
    assert_eq!(browser.get("/v1/tickets/accept?ticket=x").await.refusal(), (400, "ticket_invalid_code"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_testing_token_is_of_one_instance_and_one_hour() {
    let server = TestServer::start().await;
    let made = server.backend().post("/v1/testing_tokens", json!({})).await.ok().clone();
    let token = foundation::Secret::new(text(&made, "token"));
    let now = made["expires_at"].as_i64().expect("a time") - 3_600;
    assert!(text(&made, "token").starts_with(&format!("{}-", now + 3_600)), "its time is in it");
    let (home, neighbour) = (server.home.tenant.id(), server.neighbour.tenant.id());
    let accepts = |instance, token: foundation::Secret| {
        let server = &server;
        async move {
            server
                .inside(instance, store::Access::Read, |tx| {
                    let token = token.clone();
                    Box::pin(async move { domain::testing_tokens::accepts(tx, &token).await })
                })
                .await
        }
    };
    assert!(accepts(home, token.clone()).await);
    assert!(!accepts(neighbour, token.clone()).await);
    let later = text(&made, "token").replacen(&(now + 3_600).to_string(), &(now + 7_200).to_string(), 1);
    for forged in [later.as_str(), "", "-", "x-y", "99999999999-", "9999999999999999999999-00"] {
        assert!(!accepts(home, foundation::Secret::new(forged)).await, "{forged}");
    }
    server.advance(Duration::from_secs(3_600));
    assert!(!accepts(home, token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_ticket_cannot_be_is_refused_by_name() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for user in ["user_2NNEqL2nrIRdJ194ndJqAHwEfxC", "nobody"] {
        for (path, body) in [
            ("/v1/sign_in_tokens", json!({ "user_id": user })),
            ("/v1/actor_tokens", json!({ "user_id": user, "actor": { "sub": "user_x" } })),
            ("/v1/sessions", json!({ "user_id": user })),
            ("/v1/email_addresses", json!({ "user_id": user, "email_address": "new@example.com" })),
        ] {
            let refused = backend.post(path, body).await;
            assert_eq!((refused.refusal(), refused.param()), ((404, "resource_not_found"), "user_id"), "{path}");
        }
    }
    let strange = backend.post("/v1/testing_tokens", json!({ "expires_in_seconds": 5 })).await;
    assert_eq!((strange.refusal(), strange.param()), ((422, "form_param_unknown"), "expires_in_seconds"));
    backend.post("/v1/testing_tokens", json!({})).await.ok();
}

/// What would be passed over is refused by name: a ticket without its strategy, and whatever else says who signs in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_goes_alone() {
    let server = TestServer::start().await;
    let user = server.signed_in("ada").await.user_id().await;
    let ticket = text(server.backend().post("/v1/sign_in_tokens", json!({ "user_id": user })).await.ok(), "token");
    for (form, param) in [
        (vec![("ticket", ticket.as_str())], "ticket"),
        (vec![("ticket", &ticket), ("identifier", "bob@example.com")], "ticket"),
        (vec![("ticket", &ticket), ("strategy", "password"), ("identifier", "bob@example.com"), ("password", "a password of bob 1")], "ticket"),
        (vec![("ticket", &ticket), ("strategy", "ticket"), ("identifier", "bob@example.com")], "identifier"),
        (vec![("ticket", &ticket), ("strategy", "ticket"), ("password", "a password of bob 1")], "password"),
    ] {
        let reply = server.browser().post(SIGN_INS, &form).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), param), "{form:?}");
    }
    let in_order = server.browser().post(SIGN_INS, &[("strategy", "ticket"), ("ticket", &ticket)]).await;
    assert_eq!(in_order.response()["status"], "complete", "none of that has used it up");
}
