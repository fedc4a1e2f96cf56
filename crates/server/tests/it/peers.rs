//! Mistakes that others have made, each with what must happen here.

use http::StatusCode;
use serde_json::{Value, json};
use store::Bounds;
use testkit::{PASSWORD, Setup, TestServer, address};

/// CVE-2026-33496 (and GHSA-qvp4): what was remembered for one tenant answered the same question of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_of_one_instance_answers_no_other() {
    let server = TestServer::start_with(Setup { bounds: Bounds::DEFAULT, ..Setup::default() }).await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let tokens = format!("/v1/client/sessions/{session}/tokens");
    let secret = ada.cookies.values().next().expect("a cookie").clone();
    for name in ["bob", "carol", "dave"] {
        ada.get("/v1/client").await.ok();
        ada.post(&tokens, &[]).await.ok();
        server.backend().get(&format!("/v1/sessions/{session}")).await.ok();
        let mut next_door = server.signed_in_next_door(name).await;
        let cookie = next_door.cookies.keys().next().expect("a cookie").clone();
        next_door.cookies.insert(cookie, secret.clone());
        assert_eq!(next_door.get("/v1/client").await.response(), &Value::Null, "the same credential at the same path");
        assert_eq!(next_door.post(&tokens, &[]).await.status, StatusCode::UNAUTHORIZED);
        let keys = server.neighbours_backend().get("/v1/jwks").await.ok()["keys"].clone();
        assert_ne!(server.backend().get("/v1/jwks").await.ok()["keys"], keys);
        ada.post(&tokens, &[]).await.ok();
    }
}

/// CVE-2025-41115: an application's own id for one user was taken for the server's id of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_id_is_never_taken_for_an_id() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let (ada_id, session) = (ada.user_id().await, ada.session_id().await);
    let body = json!({ "email_address": ["mallory@example.com"], "skip_password_requirement": true, "external_id": ada_id });
    let mallory = backend.post("/v1/users", body).await.ok()["id"].as_str().expect("an id").to_owned();
    assert_eq!(backend.get(&format!("/v1/users/{ada_id}")).await.ok()["id"], json!(ada_id));
    let found = backend.get(&format!("/v1/users?user_id={ada_id}")).await;
    assert_eq!(found.ok().as_array().map(|all| all.iter().map(|u| u["id"].clone()).collect::<Vec<_>>()), Some(vec![json!(ada_id)]));
    let found = backend.get(&format!("/v1/users?external_id={ada_id}")).await;
    assert_eq!(found.ok()[0]["id"], json!(mallory));
    backend.delete(&format!("/v1/users/{mallory}")).await.ok();
    assert_eq!(backend.get(&format!("/v1/sessions/{session}")).await.ok()["status"], "active", "it was mallory who was deleted");
    ada.token().await;
}

/// CVE-2025-67717: another tenant's users were counted along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_are_of_one_instance() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let totals = async || {
        let mut all = Vec::new();
        for path in [
            "/v1/users/count",
            "/v1/clients?paginated=true",
            "/v1/sessions?paginated=true&status=active",
            "/v1/redirect_urls?paginated=true",
            "/v1/jwt_templates?paginated=true",
        ] {
            let reply = server.backend().get(path).await;
            all.push((path, reply.status.as_u16(), reply.body["total_count"].clone()));
        }
        all
    };
    let before = totals().await;
    for name in ["bob", "carol", "dave"] {
        server.signed_in_next_door(name).await;
    }
    server.neighbours_backend().post("/v1/redirect_urls", json!({ "url": "https://a.example/x" })).await.ok();
    server.neighbours_backend().post("/v1/jwt_templates", json!({ "name": "t", "claims": {} })).await.ok();
    assert_eq!(totals().await, before);
}

/// CVE-2026-54693, CVE-2026-27946: a user could say of their own address that it is verified.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_verifies_their_own_address_by_saying_so() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let said = [("email_address", "ceo@example.com"), ("verified", "true"), ("verification", r#"{"status":"verified"}"#), ("primary", "true")];
    let added = ada.post("/v1/me/email_addresses", &said).await;
    let id = if added.status.is_success() {
        assert_ne!(added.response()["verification"]["status"], "verified");
        added.response()["id"].clone()
    } else {
        assert_eq!(added.code(), "form_param_unknown");
        ada.post("/v1/me/email_addresses", &said[..1]).await.response()["id"].clone()
    };
    let id = id.as_str().expect("an id");
    assert!(!ada.override_method("PATCH", "/v1/me", &[("primary_email_address_id", id)]).await.status.is_success());
    assert!(!ada.override_method("PATCH", &format!("/v1/me/email_addresses/{id}"), &[("verified", "true")]).await.status.is_success());
    let shown = server.backend().get(&format!("/v1/email_addresses/{id}")).await.ok().clone();
    assert_ne!(shown["verification"]["status"], "verified");
    let reply = server.browser().post("/v1/client/sign_ins", &[("identifier", "ceo@example.com")]).await;
    assert_eq!(reply.refusal(), (422, "form_identifier_not_found"));
}

/// A reset for one address was mailed to another that folds to the same letters (dotless i, Kelvin sign, full width, sharp s).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_fold_alike_are_not_the_same_address() {
    let server = TestServer::start().await;
    for name in ["mike", "strasse"] {
        server.signed_in(name).await;
    }
    let (mike, strasse) = (address("mike"), address("strasse"));
    for other in [
        mike.replace('i', "\u{131}"),
        mike.replace('i', "\u{130}"),
        mike.replace('k', "\u{212a}"),
        mike.replace('m', "\u{ff4d}"),
        mike.replace('e', "\u{435}"),
        mike.replace('i', "i\u{200b}"),
        mike.replace('i', "i\u{307}"),
        strasse.replace("ss", "\u{df}"),
        strasse.replace('s', "\u{17f}"),
    ] {
        let reply = server.browser().post("/v1/client/sign_ins", &[("identifier", &other)]).await;
        assert!(matches!(reply.code(), "form_identifier_not_found" | "form_param_format_invalid"), "{other}: {}", reply.text);
        let found = server.backend().get(&format!("/v1/users?email_address={}", form_urlencoded::byte_serialize(other.as_bytes()).collect::<String>())).await;
        assert_eq!(found.ok(), &json!([]), "{other}");
    }
    server.backend().post("/v1/users", json!({ "username": "kelvin", "skip_password_requirement": true })).await.ok();
    assert_eq!(server.backend().get("/v1/users?username=%E2%84%AAelvin").await.ok(), &json!([]));
    let known = server.browser().post("/v1/client/sign_ins", &[("identifier", &mike.to_uppercase())]).await;
    assert_eq!(known.response()["status"], "needs_first_factor");
}

/// CVE-2025-64484: an underscore in a header's name made it the one that only proxies may send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_with_an_underscore_is_another_header() {
    let server = TestServer::start().await;
    let key = server.home.secret_key.expose().to_owned();
    let mut browser = server.browser().by_host("localhost:7080");
    browser.origin = Some("http://localhost:3000".to_owned());
    browser.headers = vec![("clerk_secret_key".to_owned(), key.clone()), ("clerk_proxy_url".to_owned(), "http://localhost:3000/__clerk".to_owned())];
    let reply = browser.get("/v1/environment").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND, "without the real header nobody says which instance it is: {}", reply.text);
    browser.headers[0].0 = "clerk-secret-key".to_owned();
    browser.get("/v1/environment").await.ok();
}

/// CVE-2019-8400, CVE-2024-41658, CVE-2026-29191: what the caller has written came back as a page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_sent_comes_back_as_a_page() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [
        format!("/v1/{evil}"),
        format!("/v1/client/sign_ins/{evil}"),
        format!("/v1/client/handshake?redirect_url={evil}&format={evil}"),
        format!("/v1/client/handshake?redirect_url=javascript:{evil}"),
        format!("/v1/tickets/accept?ticket={evil}&redirect_url={evil}"),
        format!("/v1/client?error={evil}&error_description={evil}&__clerk_hs_reason={evil}"),
        format!("/v1/me/sessions/{evil}"),
    ] {
        for reply in [ada.get(&path).await, ada.post(&path, &[("<script>alert(1)</script>", "<img src=x onerror=alert(1)>"), ("password", PASSWORD)]).await] {
            let header = |name: &str| reply.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
            assert!(reply.text.is_empty() || header("content-type").starts_with("application/json"), "{path}: {}", header("content-type"));
            assert!(reply.text.is_empty() || header("x-content-type-options") == "nosniff", "{path}");
            assert!(!reply.location().to_lowercase().contains("script"), "{path}: {}", reply.location());
        }
    }
}
