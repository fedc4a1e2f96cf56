//! The instance: its keys and its settings.

use super::{assert_refusal, text};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::instances::Environment;
use http::Method;
use serde_json::{Value, json};
use testkit::{Setup, TestServer, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_set_holds_the_callers_own_public_keys_and_no_others() {
    let server = TestServer::start().await;
    let jwks = server.backend().get("/v1/jwks").await.ok().clone();
    let keys = jwks["keys"].as_array().expect("keys").clone();
    assert_eq!(keys.len(), 1);
    let key = &keys[0];
    assert_eq!((text(key, "kty"), text(key, "alg"), text(key, "use"), text(key, "e")), ("RSA".into(), "RS256".into(), "sig".into(), "AQAB".into()));
    assert_eq!(URL_SAFE_NO_PAD.decode(text(key, "n")).expect("base64url").len(), 256, "2048 bits, because SDKs accept no others");
    for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert_eq!(key[secret], Value::Null, "the private part {secret} stays here");
    }
    assert_eq!(server.browser().get("/.well-known/jwks.json").await.body, jwks, "the same as everybody may read");
    let theirs = server.neighbours_backend().get("/v1/jwks").await.ok().clone();
    assert_ne!((&theirs["keys"][0]["kid"], &theirs["keys"][0]["n"]), (&key["kid"], &key["n"]));
    assert_eq!(theirs["keys"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_shows_what_it_is() {
    let server = TestServer::start().await;
    let shown = server.backend().get("/v1/instance").await.ok().clone();
    assert_eq!(
        (text(&shown, "object"), text(&shown, "id"), text(&shown, "environment_type")),
        ("instance".into(), server.home.tenant.id().to_string(), "development".into())
    );
    assert_eq!(shown["allowed_origins"], json!([]));
    assert!(shown.as_object().expect("an object").contains_key("workspace_id"));
    assert!(!shown.to_string().contains("sk_test_"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_answers_without_a_body_and_touches_this_instance_alone() {
    let server = TestServer::start().await;
    let origins = json!(["https://app.example.com", "http://localhost:3000", "chrome-extension://abcdefghijklmnop", "capacitor://localhost"]);
    let reply = server.backend().patch("/v1/instance", json!({ "allowed_origins": origins })).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    assert_eq!(server.backend().get("/v1/instance").await.ok()["allowed_origins"], origins);
    assert_eq!(server.neighbours_backend().get("/v1/instance").await.ok()["allowed_origins"], json!([]));
    assert_eq!(server.backend().patch("/v1/instance", json!({})).await.status, 204);
    assert_eq!(server.backend().get("/v1/instance").await.ok()["allowed_origins"], origins, "what is absent stays");
    assert_eq!(server.backend().patch("/v1/instance", json!({ "allowed_origins": [] })).await.status, 204);
    assert_eq!(server.backend().get("/v1/instance").await.ok()["allowed_origins"], json!([]), "a list is replaced");
    let all = json!({
        "test_mode": true, "hibp": false, "support_email": "help@example.com", "clerk_js_version": "6.29.3",
        "development_origin": "http://localhost:3000", "cookieless_dev": true,
        "url_based_session_syncing": true, "preferred_sign_in_strategy_when_password_required": "otp",
    });
    assert_eq!(server.backend().patch("/v1/instance", all.clone()).await.status, 204);
    let nothing: serde_json::Map<String, Value> = all.as_object().expect("an object").keys().map(|name| (name.clone(), Value::Null)).collect();
    assert_eq!(server.backend().patch("/v1/instance", Value::Object(nothing)).await.status, 204, "the contract lets each be null");
    assert_eq!(server.backend().patch("/v1/instance", json!({ "preferred_sign_in_strategy_when_password_required": "" })).await.status, 204);
}

/// CVE-2026-29192: a tenant's own setting that runs code in its users' browsers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_origin_is_refused_and_nothing_is_changed() {
    let server = TestServer::start().await;
    let backend = server.backend();
    backend.patch("/v1/instance", json!({ "allowed_origins": ["https://app.example.com"] })).await;
    for origin in [
        "javascript:alert(1)",
        "JavaScript://app.example.com",
        "java\nscript://x",
        "data:text/html,x",
        "vbscript:x",
        "file:///",
        "file://localhost",
        "about:blank",
        "blob:https://app.example.com",
        "*",
        "null",
        "",
        "app.example.com",
        "//app.example.com",
        "https:app.example.com",
        "https:/app.example.com",
        "https://app.example.com/path",
        "https://app.example.com?q",
        "https://app.example.com/#",
        "https://user@app.example.com",
        "https://app.example.com:pw@evil.example",
        "https://app.example.com\\@evil.example",
        " https://app.example.com",
        "https://app.example.com\t",
        "https://app.example.com.",
        "https://",
        "https://app.example.com:99999",
        "https://*.example.com",
        "https://*",
        "http*://app.example.com",
        "mailto:a@b.example",
    ] {
        for (param, body) in [
            ("allowed_origins", json!({ "allowed_origins": ["https://fine.example", origin], "support_email": "x@example.com" })),
            ("development_origin", json!({ "development_origin": origin })),
        ] {
            // A single text is read without the spaces around it, and an empty one takes the development origin away.
            if param == "development_origin" && (origin.is_empty() || origin != origin.trim()) {
                continue;
            }
            let reply = backend.patch("/v1/instance", body).await;
            assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{param}: {origin:?}");
            assert_refusal(&reply, origin);
        }
    }
    for (param, value) in [
        ("allowed_origins", json!("https://app.example.com")),
        ("allowed_origins", json!([1])),
        ("support_email", json!("javascript:alert(1)")),
        ("support_email", json!("a@b@c.example")),
        ("clerk_js_version", json!("6/../../evil")),
        ("clerk_js_version", json!("6\"></script>")),
        ("preferred_sign_in_strategy_when_password_required", json!("magic")),
        ("test_mode", json!("true")),
        ("hibp", json!(1)),
    ] {
        let reply = backend.patch("/v1/instance", json!({ param: value })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{param} = {value}");
    }
    for field in ["id", "environment_type", "workspace_id", "pool", "limits", "auth_password", "session", "secret_key", "__proto__"] {
        let reply = backend.patch("/v1/instance", json!({ field: "production" })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), field));
    }
    assert_eq!(backend.get("/v1/instance").await.ok()["allowed_origins"], json!(["https://app.example.com"]));
}

/// CVE-2024-41657: an origin that is nobody's was somebody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_lets_in_exactly_the_origins_on_its_list() {
    let server = TestServer::start_with(Setup { environment: Environment::Production, ..Setup::default() }).await;
    let origins = json!(["https://app.example.com", "chrome-extension://abcdefghijklmnop", "capacitor://localhost"]);
    assert_eq!(server.backend().patch("/v1/instance", json!({ "allowed_origins": origins })).await.status, 204);
    let from = async |origin: &str| {
        let mut browser = server.browser();
        browser.origin = Some(origin.to_owned());
        let reply = browser.send(Method::POST, "/v1/client", Some("application/x-www-form-urlencoded"), String::new()).await;
        let echoed = reply.headers.get("access-control-allow-origin").map(|v| v.to_str().expect("text").to_owned());
        (reply.status.is_success(), echoed)
    };
    for origin in ["https://app.example.com", "chrome-extension://abcdefghijklmnop", "capacitor://localhost"] {
        assert_eq!(from(origin).await, (true, Some(origin.to_owned())));
    }
    for origin in [
        "null",
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://sub.app.example.com",
        "chrome-extension://other",
        "ionic://localhost",
        "capacitor://localhost.evil",
        "*",
    ] {
        // A web page may read that it is refused, and nothing else.
        let readable = origin.starts_with("http").then(|| origin.to_owned());
        assert_eq!(from(origin).await, (false, readable), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_test_mode_a_test_address_is_an_address_like_any_other() {
    let server = TestServer::start().await;
    let (mut before, mut after) = (server.browser(), server.browser());
    before.sign_up("ada").await;
    assert_eq!(server.backend().patch("/v1/instance", json!({ "test_mode": false })).await.status, 204);
    let form = [("email_address", &*address("bob")), ("password", testkit::PASSWORD)];
    let attempt = text(after.post("/v1/client/sign_ups", &form).await.response(), "id");
    after.post(&format!("/v1/client/sign_ups/{attempt}/prepare_verification"), &[("strategy", "email_code")]).await.response();
    let verify = format!("/v1/client/sign_ups/{attempt}/attempt_verification");
    assert_eq!(after.post(&verify, &[("strategy", "email_code"), ("code", "424242")]).await.refusal(), (422, "form_code_incorrect"));
    let code = server.code(&address("bob")).await;
    assert_eq!(after.post(&verify, &[("strategy", "email_code"), ("code", &code)]).await.response()["status"], "complete", "the mailed code works");
    server.neighbours_browser().sign_up("bob").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_has_no_test_mode_whatever_its_settings_say() {
    let setup = Setup {
        environment: Environment::Production,
        settings: json!({ "test_mode": true, "allowed_origins": ["http://localhost:3000"] }),
        ..Setup::default()
    };
    let server = TestServer::start_with(setup).await;
    let mut browser = server.browser();
    let attempt = text(browser.post("/v1/client/sign_ups", &[("email_address", &address("ada")), ("password", testkit::PASSWORD)]).await.response(), "id");
    browser.post(&format!("/v1/client/sign_ups/{attempt}/prepare_verification"), &[("strategy", "email_code")]).await.response();
    let reply = browser.post(&format!("/v1/client/sign_ups/{attempt}/attempt_verification"), &[("strategy", "email_code"), ("code", "424242")]).await;
    assert_eq!(reply.refusal(), (422, "form_code_incorrect"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_origins_has_one_bound_and_one_sentence() {
    let server = TestServer::start().await;
    let origins = |count: usize| (0..count).map(|n| format!("https://a{n}.example")).collect::<Vec<_>>();
    server.backend().patch("/v1/instance", json!({ "allowed_origins": origins(100) })).await;
    let config = format!("{}/config", crate::platform::home(&server));
    let mut sentences = std::collections::BTreeSet::new();
    for count in [101, 501] {
        let replies = [
            server.backend().patch("/v1/instance", json!({ "allowed_origins": origins(count) })).await,
            server.platform().patch(&config, json!({ "allowed_origins": origins(count) })).await,
        ];
        for refused in replies {
            assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "allowed_origins"));
            sentences.insert(refused.body["errors"][0]["long_message"].as_str().expect("a sentence").to_owned());
        }
    }
    assert_eq!(sentences.into_iter().collect::<Vec<_>>(), ["allowed_origins may have at most 100 entries."]);
}
