//! JWT templates, and the tokens that come of them.

use super::{id, ids, text};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Browser, TestServer, address};

const PATH: &str = "/v1/jwt_templates";

async fn make(backend: &Api, name: &str, claims: Value) -> Value {
    backend.post(PATH, json!({ "name": name, "claims": claims })).await.ok().clone()
}

fn part(jwt: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(index).expect("a part")).expect("base64url")).expect("JSON")
}

async fn token(browser: &mut Browser, name: &str) -> String {
    let session = browser.session_id().await;
    text(browser.post(&format!("/v1/client/sessions/{session}/tokens/{name}"), &[]).await.ok(), "jwt")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_is_made_shown_changed_and_taken_away() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let made = make(&backend, "hasura", json!({ "role": "{{user.public_metadata.role || 'guest'}}" })).await;
    assert_eq!((&made["lifetime"], &made["allowed_clock_skew"], &made["signing_algorithm"]), (&json!(60), &json!(5), &json!("RS256")));
    assert_eq!(made["custom_signing_key"], false);
    let path = format!("{PATH}/{}", id(&made));
    assert_eq!(backend.get(&path).await.ok(), &made);
    server.advance(Duration::from_secs(2));
    let second = make(&backend, "convex", json!({ "aud": "convex" })).await;
    assert_eq!(ids(backend.get(PATH).await.ok()), [id(&second), id(&made)]);
    let counted = backend.get(&format!("{PATH}?paginated=true&limit=1")).await;
    assert_eq!((&counted.ok()["total_count"], ids(&counted.body["data"])), (&json!(2), vec![id(&second).as_str()]));
    let changed = backend.patch(&path, json!({ "name": "hasura2", "claims": { "x": 1 }, "lifetime": 300, "allowed_clock_skew": 0 })).await;
    assert_eq!((&changed.ok()["name"], &changed.body["claims"], &changed.body["lifetime"]), (&json!("hasura2"), &json!({ "x": 1 }), &json!(300)));
    let taken = backend.patch(&path, json!({ "name": "convex" })).await;
    assert_eq!((taken.refusal(), taken.param()), ((422, "form_identifier_exists"), "name"));
    assert_eq!(backend.delete(&path).await.ok(), &json!({ "object": "jwt_template", "id": made["id"], "deleted": true }));
    assert_eq!(backend.get(&path).await.refusal(), (404, "resource_not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shortcodes_keep_their_types_and_are_never_read_twice() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    backend.patch(&format!("/v1/users/{user}"), json!({ "first_name": "Ada", "external_id": "crm-1" })).await.ok();
    let metadata = json!({ "n": 7, "on": true, "list": ["a", { "b": 2 }], "evil": "{{user.id}}", "quote": "\"},\"sub\":\"x" });
    backend.patch(&format!("/v1/users/{user}/metadata"), json!({ "public_metadata": metadata, "private_metadata": { "secret": "s3cret" } })).await.ok();
    make(
        &backend,
        "all",
        json!({
            "aud": ["one", "two"],
            "plain": 1,
            "id": "{{user.id}}",
            "email": "{{ user.primary_email_address }}",
            "n": "{{user.public_metadata.n}}",
            "on": "{{user.public_metadata.on}}",
            "list": "{{user.public_metadata.list}}",
            "inner": "{{user.public_metadata.list.1.b}}",
            "missing": "{{user.public_metadata.no.such}}",
            "default": "{{user.last_name || user.public_metadata.no || 'Nobody'}}",
            "greeting": "Hello {{user.first_name}} {{user.last_name}}({{user.public_metadata.n}})!",
            "evil": "{{user.public_metadata.evil}}",
            "evil_text": "<{{user.public_metadata.evil}}>",
            "quote": "{{user.public_metadata.quote}}",
            "org": "{{org.id}}",
            "actor": "{{session.actor.sub || 'themselves'}}",
            "deep": { "er": ["{{user.external_id}}"] },
        }),
    )
    .await;
    let claims = part(&token(&mut ada, "all").await, 1);
    let wanted = json!({
        "aud": ["one", "two"],
        "plain": 1,
        "id": user,
        "email": address("ada"),
        "n": 7,
        "on": true,
        "list": ["a", { "b": 2 }],
        "inner": 2,
        "missing": null,
        "default": "Nobody",
        "greeting": "Hello Ada (7)!",
        "evil": "{{user.id}}",
        "evil_text": "<{{user.id}}>",
        "quote": "\"},\"sub\":\"x",
        "org": null,
        "actor": "themselves",
        "deep": { "er": ["crm-1"] },
    });
    for (name, value) in wanted.as_object().expect("an object") {
        assert_eq!(&claims[name], value, "{name}");
    }
    assert_eq!(claims["sub"], json!(user));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_token_is_signed_by_the_instance_and_is_no_session_token() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let body = json!({ "name": "short", "claims": { "aud": "x" }, "lifetime": 300, "allowed_clock_skew": 20 });
    backend.post(PATH, body).await.ok();
    let mut ada = server.signed_in("ada").await;
    let (session, jwt) = (ada.session_id().await, token(&mut ada, "short").await);
    let (header, claims) = (part(&jwt, 0), part(&jwt, 1));
    assert_eq!((&header["alg"], &header["cat"], &header["typ"]), (&json!("RS256"), &json!("cl_B7d4PD222AAA"), &json!("JWT")));
    let keys = backend.get("/v1/jwks").await.ok().clone();
    assert_eq!(keys["keys"][0]["kid"], header["kid"]);
    let at = claims["iat"].as_i64().expect("a time");
    assert_eq!((&claims["nbf"], &claims["exp"]), (&json!(at - 20), &json!(at + 300)));
    assert_eq!((&claims["iss"], &claims["azp"]), (&json!(server.home.tenant.issuer), &json!("http://localhost:3000")));
    assert!(claims.get("sid").is_none() && claims.get("v").is_none() && claims.get("fva").is_none());
    // CVE-2026-9097: a token of another type was taken for a session's.
    assert_eq!(backend.post("/v1/clients/verify", json!({ "token": jwt })).await.status, StatusCode::UNAUTHORIZED);

    let path = format!("/v1/sessions/{session}/tokens/short");
    let long = text(backend.post(&path, json!({ "expires_in_seconds": 3_600 })).await.ok(), "jwt");
    assert_eq!(part(&long, 1)["exp"].as_i64().expect("a time") - part(&long, 1)["iat"].as_i64().expect("a time"), 3_600);
    assert_eq!(part(&text(backend.post(&path, json!({})).await.ok(), "jwt"), 1).get("azp"), None);
    assert_eq!(backend.post(&path, json!({ "expires_in_seconds": 1 })).await.param(), "expires_in_seconds");
}

/// The last second that a token is good for.
fn ends(jwt: &str) -> i64 {
    part(jwt, 1)["exp"].as_i64().expect("a time")
}

/// Neither a template that says ten years nor a backend that asks for them: the session's end is the token's, and the end of patience too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_of_a_template_outlives_its_session() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let hers = json!({ "name": "hers", "claims": {}, "lifetime": 315_360_000, "signing_algorithm": "HS256", "custom_signing_key": true, "signing_key": "k".repeat(32) });
    for body in [json!({ "name": "long", "claims": {}, "lifetime": 315_360_000 }), hers] {
        backend.post(PATH, body).await.ok();
    }
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    for (policy, bound) in [(json!({}), "expire_at"), (json!({ "inactivity": 600 }), "abandon_at"), (json!({ "lifetime": 120 }), "expire_at")] {
        server.set(server.home.tenant.id(), json!({ "session": policy })).await;
        let shown = backend.get(&format!("/v1/sessions/{session}")).await.ok().clone();
        let end = shown[bound].as_i64().expect("a time") / 1_000;
        for name in ["long", "hers"] {
            assert_eq!(ends(&token(&mut ada, name).await), end, "{name} {policy}");
            let path = format!("/v1/sessions/{session}/tokens/{name}");
            for body in [json!({}), json!({ "expires_in_seconds": 315_360_000 })] {
                assert_eq!(ends(&text(backend.post(&path, body).await.ok(), "jwt")), end, "{name} {policy}");
            }
            let short = text(backend.post(&path, json!({ "expires_in_seconds": 30 })).await.ok(), "jwt");
            assert_eq!(ends(&short) - part(&short, 1)["iat"].as_i64().expect("a time"), 30, "what is shorter stays so");
        }
    }
}

/// Who looks in as somebody else for half an hour takes no token along that is good for longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impersonators_token_ends_with_the_impersonation() {
    let server = TestServer::start().await;
    let backend = server.backend();
    backend.post(PATH, json!({ "name": "long", "claims": {}, "lifetime": 315_360_000 })).await.ok();
    let user = server.signed_in("ada").await.user_id().await;
    let body = json!({ "user_id": user, "actor": { "sub": "user_of_support" } });
    let ticket = text(backend.post("/v1/actor_tokens", body).await.ok(), "token");
    let mut support = server.browser();
    support.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", &ticket)]).await.response();
    let jwt = token(&mut support, "long").await;
    assert_eq!(part(&jwt, 1)["act"]["sub"], "user_of_support");
    assert_eq!(ends(&jwt) - part(&jwt, 1)["iat"].as_i64().expect("a time"), 1_800);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_living_session_of_a_welcome_user_gets_a_token() {
    let server = TestServer::start().await;
    let backend = server.backend();
    make(&backend, "any", json!({})).await;
    let mut ada = server.signed_in("ada").await;
    let mut bob = server.signed_in("bob").await;
    let (session, user) = (ada.session_id().await, ada.user_id().await);
    let path = format!("/v1/client/sessions/{session}/tokens/any");
    assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/tokens/none"), &[]).await.refusal(), (404, "resource_not_found"));
    assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/tokens/%2e%2e%2fany"), &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(bob.post(&path, &[]).await.status, StatusCode::NOT_FOUND, "another client's session");
    assert_eq!(server.browser().post(&path, &[]).await.status, StatusCode::UNAUTHORIZED);
    ada.post(&path, &[]).await.ok();
    let by_backend = format!("/v1/sessions/{session}/tokens/any");
    backend.post(&by_backend, json!({})).await.ok();
    assert_eq!(backend.post(&format!("/v1/sessions/{session}/tokens/none"), json!({})).await.status, StatusCode::NOT_FOUND);
    backend.post(&format!("/v1/users/{user}/ban"), json!({})).await.ok();
    assert_eq!(ada.post(&path, &[]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(backend.post(&by_backend, json!({})).await.status, StatusCode::NOT_FOUND);
}

/// CVE-2024-29892: claims that are the server's to set. CVE-2022-29217: a public key as a shared secret. CVE-2015-9235: no algorithm at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_template_cannot_be_is_refused_by_name() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for claim in ["sub", "iss", "azp", "sid", "exp", "iat", "nbf", "jti", "act", "org_id", "o", "v", "fva"] {
        let reply = backend.post(PATH, json!({ "name": "x", "claims": { claim: "{{user.id}}" } })).await;
        assert_eq!((reply.refusal(), reply.param()), ((400, "jwt_template_reserved_claim"), "claims"), "{claim}");
    }
    let pem = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----";
    let own = |algorithm: &str, key: &str| json!({ "name": "x", "claims": {}, "custom_signing_key": true, "signing_algorithm": algorithm, "signing_key": key });
    for (body, code, param) in [
        (json!({ "claims": {} }), "form_param_missing", "name"),
        (json!({ "name": "x" }), "form_param_missing", "claims"),
        (json!({ "name": "x", "claims": "{}" }), "form_param_format_invalid", "claims"),
        (json!({ "name": "x", "claims": { "a": "{{user.password_digest}}" } }), "form_param_value_invalid", "claims"),
        (json!({ "name": "x", "claims": { "a": "{{user.private_metadata.secret}}" } }), "form_param_value_invalid", "claims"),
        (json!({ "name": "x", "claims": { "a": "y".repeat(8_192) } }), "form_param_value_invalid", "claims"),
        (json!({ "name": "x/y", "claims": {} }), "form_param_value_invalid", "name"),
        (json!({ "name": "..", "claims": {} }), "form_param_value_invalid", "name"),
        (json!({ "name": "", "claims": {} }), "form_param_value_invalid", "name"),
        (json!({ "name": "x".repeat(65), "claims": {} }), "form_param_value_invalid", "name"),
        (json!({ "name": "x", "claims": {}, "lifetime": 29 }), "form_param_value_invalid", "lifetime"),
        (json!({ "name": "x", "claims": {}, "lifetime": 315_360_001 }), "form_param_value_invalid", "lifetime"),
        (json!({ "name": "x", "claims": {}, "allowed_clock_skew": 301 }), "form_param_value_invalid", "allowed_clock_skew"),
        (json!({ "name": "x", "claims": {}, "custom_signing_key": true }), "form_param_missing", "signing_algorithm"),
        (json!({ "name": "x", "claims": {}, "custom_signing_key": true, "signing_algorithm": "HS256" }), "form_param_missing", "signing_key"),
        (json!({ "name": "x", "claims": {}, "signing_key": "x" }), "form_param_value_invalid", "signing_key"),
        (json!({ "name": "x", "claims": {}, "signing_algorithm": "HS256" }), "form_param_value_invalid", "signing_algorithm"),
        (own("none", "x"), "form_param_value_invalid", "signing_algorithm"),
        (own("hs256", &"x".repeat(32)), "form_param_value_invalid", "signing_algorithm"),
        (own("HS256", "short"), "form_param_value_invalid", "signing_key"),
        (own("HS512", &"x".repeat(63)), "form_param_value_invalid", "signing_key"),
        (own("HS256", pem), "form_param_value_invalid", "signing_key"),
        (own("RS256", pem), "form_param_value_invalid", "signing_key"),
        (own("ES256", "x"), "form_param_value_invalid", "signing_key"),
        (json!({ "name": "x", "claims": {}, "id": "jtmp_x" }), "form_param_unknown", "id"),
    ] {
        let reply = backend.post(PATH, body).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), param), "{}", reply.text);
    }
    assert_eq!(backend.get(PATH).await.ok(), &json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_signs_with_a_key_of_its_own() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let secret = "a shared secret of at least 32 bytes";
    let body =
        json!({ "name": "supabase", "claims": { "role": "authenticated" }, "custom_signing_key": true, "signing_algorithm": "HS256", "signing_key": secret });
    let made = backend.post(PATH, body).await;
    assert_eq!((&made.ok()["custom_signing_key"], &made.body["signing_algorithm"]), (&json!(true), &json!("HS256")));
    let rows = server.belongings(server.home.tenant.id()).await;
    assert!(!made.text.contains(secret) && rows.values().flatten().flatten().all(|value| !value.contains(secret)), "the key is sealed and never shown");
    let mut ada = server.signed_in("ada").await;
    for _ in 0..2 {
        let jwt = token(&mut ada, "supabase").await;
        let (signed, signature) = jwt.rsplit_once('.').expect("three parts");
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).expect("base64url")).expect("signed with the secret");
        let header = part(&jwt, 0);
        assert_eq!((&header["alg"], header.get("kid")), (&json!("HS256"), None), "it names no key of the instance");
        assert_eq!(backend.post("/v1/clients/verify", json!({ "token": jwt })).await.status, StatusCode::UNAUTHORIZED);
    }
    let path = format!("{PATH}/{}", id(&made.body));
    // What is not named stays; another algorithm needs another key; without a key of its own the instance signs again.
    backend.patch(&path, json!({ "lifetime": 90, "custom_signing_key": true })).await.ok();
    assert_eq!(part(&token(&mut ada, "supabase").await, 0)["alg"], "HS256");
    let other = backend.patch(&path, json!({ "custom_signing_key": true, "signing_algorithm": "HS512" })).await;
    assert_eq!((other.refusal(), other.param()), ((422, "form_param_missing"), "signing_key"));
    let back = backend.patch(&path, json!({ "custom_signing_key": false })).await;
    assert_eq!((&back.ok()["custom_signing_key"], &back.body["signing_algorithm"]), (&json!(false), &json!("RS256")));
    assert_eq!(part(&token(&mut ada, "supabase").await, 0)["alg"], "RS256");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_does_not_blow_up() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    backend.patch(&format!("/v1/users/{user}/metadata"), json!({ "public_metadata": { "x": "y".repeat(8_000) } })).await.ok();
    let claims: serde_json::Map<String, Value> = (0..100).map(|n| (format!("c{n}"), json!("{{user.public_metadata}}"))).collect();
    make(&backend, "bomb", Value::Object(claims)).await;
    let session = ada.session_id().await;
    assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/tokens/bomb"), &[]).await.refusal(), (400, "jwt_too_large"));
    // As much as a template may hold, in one text and in lists of lists.
    let shortcode = "{{user.public_metadata}}";
    make(&backend, "text_bomb", json!({ "c": shortcode.repeat(8_100 / shortcode.len()) })).await;
    let nested = (0..10).fold(json!(vec![shortcode; 200]), |inner, _| json!([inner]));
    make(&backend, "list_bomb", json!({ "c": nested })).await;
    for name in ["text_bomb", "list_bomb"] {
        assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/tokens/{name}"), &[]).await.refusal(), (400, "jwt_too_large"), "{name}");
    }
    make(&backend, "fits", json!({ "a": shortcode, "b": shortcode, "c": "x {{user.public_metadata}}" })).await;
    assert!(token(&mut ada, "fits").await.len() > 24_000);
    ada.token().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_is_given_once_however_many_ask() {
    let server = TestServer::start().await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let backend = server.backend();
            tokio::spawn(async move { backend.post(PATH, json!({ "name": "one", "claims": {} })).await.status })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.expect("an answer") == StatusCode::OK);
    }
    assert_eq!(made, 1);
    let neighbour = server.neighbours_backend();
    make(&neighbour, "one", json!({})).await;
    assert_eq!(ids(neighbour.get(PATH).await.ok()).len(), 1);
}
