//! What everybody may know about an instance.

use super::{jwt_part, live_browser, live_server, server_with};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use testkit::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_comes_without_an_envelope() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let reply = browser.get("/v1/environment").await;
    let environment = reply.ok();
    assert!(environment["response"].is_null() && environment["client"].is_null());
    assert_eq!(environment["display_config"]["instance_environment_type"], "development");
    assert_eq!(environment["display_config"]["branded"], false);
    assert_eq!(environment["auth_config"]["single_session_mode"], true);
    for attribute in
        ["email_address", "phone_number", "username", "first_name", "last_name", "password", "web3_wallet", "authenticator_app", "backup_code", "passkey"]
    {
        assert!(environment["user_settings"]["attributes"][attribute]["enabled"].is_boolean(), "{attribute}");
    }
    let patched = browser.override_method("PATCH", "/v1/environment", &[]).await;
    assert_eq!(patched.ok(), environment, "development instances ask with PATCH");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_follows_the_settings() {
    let server = server_with(json!({ "auth_username": "required", "sign_up": { "mode": "restricted" }, "session": { "multi": true } })).await;
    let reply = server.browser().get("/v1/environment").await;
    let settings = &reply.ok()["user_settings"];
    assert_eq!((&settings["attributes"]["username"]["enabled"], &settings["attributes"]["username"]["required"]), (&json!(true), &json!(true)));
    assert_eq!(settings["sign_up"]["mode"], "restricted");
    assert_eq!(settings["sign_up"]["captcha_enabled"], false);
    assert_eq!(reply.ok()["auth_config"]["single_session_mode"], false);
    let theirs = server.neighbours_browser().get("/v1/environment").await;
    assert_ne!(theirs.ok()["auth_config"]["id"], reply.ok()["auth_config"]["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_says_production() {
    let server = live_server().await;
    let reply = live_browser(&server).get("/v1/environment").await;
    assert_eq!(reply.ok()["display_config"]["instance_environment_type"], "production");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_signed_with_the_published_key_and_with_no_other_instances() {
    let server = TestServer::start().await;
    let token = server.signed_in("ada").await.token().await;
    let reply = server.browser().get("/.well-known/jwks.json").await;
    let keys = reply.ok()["keys"].as_array().expect("keys").clone();
    let header = jwt_part(&token, 0);
    let key = keys.iter().find(|k| k["kid"] == header["kid"]).expect("the token's key");
    assert_eq!((key["kty"].as_str(), key["alg"].as_str(), key["use"].as_str(), key["e"].as_str()), (Some("RSA"), Some("RS256"), Some("sig"), Some("AQAB")));
    let modulus = URL_SAFE_NO_PAD.decode(key["n"].as_str().expect("a modulus")).expect("base64url");
    assert_eq!(modulus.len(), 256, "other sizes are not read by the SDKs");
    assert!(key.get("d").is_none() && key.get("p").is_none(), "nothing private");
    let theirs = server.neighbours_browser().get("/.well-known/jwks.json").await;
    for other in theirs.ok()["keys"].as_array().expect("keys") {
        assert!(keys.iter().all(|k| k["kid"] != other["kid"] && k["n"] != other["n"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_healthy_under_its_own_name_only() {
    let server = TestServer::start().await;
    assert_eq!(server.browser().get("/v1/health").await.ok()["status"], "healthy");
    let mut nobody = server.browser().by_host("nobody-abc234.localhost:7080");
    assert_eq!(nobody.get("/v1/health").await.refusal(), (404, "resource_not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_come_from_the_cdn_and_from_nowhere_else() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    browser.origin = None;
    let reply = browser.get("/npm/@clerk/clerk-js@6/dist/clerk.browser.js").await;
    assert_eq!((reply.status.as_u16(), reply.location()), (307, "https://cdn.example/npm/@clerk/clerk-js@6/dist/clerk.browser.js"));
    assert_eq!(super::header(&reply, "access-control-allow-origin"), "*", "the loader asks anonymously from every page");
    for path in [
        "/npm/@clerk/clerk-js@6/dist/%2e%2e/%2e%2e/secret",
        "/npm/@clerk/clerk-js@6/package.json",
        "/npm/@evil/clerk-js@6/dist/a.js",
        "/npm/@clerk/clerk-js/dist/a.js",
    ] {
        let reply = browser.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.location()), (404, ""), "{path}");
    }
}
