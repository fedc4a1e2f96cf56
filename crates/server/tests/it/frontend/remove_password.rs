//! Taking a password away: by whoever knows it, where there is another way in.

use super::server_with;
use serde_json::{Value, json};
use testkit::{PASSWORD, TestServer, address};

const PATH: &str = "/v1/me/remove_password";

async fn server() -> TestServer {
    server_with(json!({ "auth_password": { "required": false } })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_taken_away_and_a_code_still_signs_in() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let (mut phone, before) = (server.browser(), ada.cookies.clone());
    phone.sign_in("ada", PASSWORD).await.response();
    let reply = ada.post(PATH, &[("current_password", PASSWORD)]).await;
    assert_eq!((&reply.response()["object"], &reply.response()["password_enabled"]), (&json!("user"), &json!(false)));
    assert_ne!(ada.cookies, before, "the client's secret changes with what proves its user");
    assert_eq!((ada.get("/v1/me").await.status.as_u16(), phone.get("/v1/me").await.status.as_u16()), (200, 200), "sessions go on");
    let mut later = server.browser();
    assert!(!later.sign_in("ada", PASSWORD).await.status.is_success());
    let id = later.post("/v1/client/sign_ins", &[("identifier", &address("ada")), ("strategy", "email_code")]).await.response()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let done = later.post(&format!("/v1/client/sign_ins/{id}/attempt_first_factor"), &[("strategy", "email_code"), ("code", "424242")]).await;
    assert_eq!(done.response()["status"], "complete");
    assert_eq!(ada.post(PATH, &[("current_password", PASSWORD)]).await.refusal(), (400, "no_password_set"));
    let all = server.belongings(server.home.tenant.id()).await;
    assert!(all["audit"].iter().any(|row| row.iter().any(|cell| cell == "\"user.password_remove\"" || cell.contains("user.password_remove"))));
    assert!(all["events"].iter().any(|row| row.iter().any(|cell| cell.contains("\"password_enabled\":false"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_must_be_right_and_wrong_ones_count() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let before = ada.cookies.clone();
    for form in [&[("current_password", "wrong password")][..], &[("current_password", "")], &[]] {
        let reply = ada.post(PATH, form).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_password_incorrect"), "current_password"), "{form:?}");
    }
    assert_eq!(ada.cookies, before);
    for _ in 3..10 {
        ada.post(PATH, &[("current_password", "wrong password")]).await;
    }
    assert_eq!(ada.post(PATH, &[("current_password", PASSWORD)]).await.refusal(), (403, "user_locked"));
    assert_eq!(ada.get("/v1/me").await.response()["password_enabled"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_required_or_the_only_way_in_stays() {
    let only_way = json!({ "auth_password": { "required": false }, "auth_email": { "code_sign_in": false } });
    for settings in [json!({}), only_way] {
        let server = server_with(settings.clone()).await;
        let mut ada = server.signed_in("ada").await;
        assert_eq!(ada.post(PATH, &[("current_password", PASSWORD)]).await.refusal(), (403, "password_required"), "{settings}");
        assert_eq!(ada.post(PATH, &[("current_password", "wrong")]).await.refusal(), (403, "password_required"), "and nothing is guessed there");
        assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
    }
    let server = server_with(json!({ "auth_password": { "required": false }, "auth_username": "optional", "auth_email": { "required": false } })).await;
    let made = server.backend().post("/v1/users", json!({ "username": "grace", "password": PASSWORD })).await;
    assert!(made.status.is_success(), "{}", made.text);
    let mut grace = server.browser();
    grace.post("/v1/client/sign_ins", &[("identifier", "grace"), ("password", PASSWORD)]).await.response();
    assert_eq!(grace.post(PATH, &[("current_password", PASSWORD)]).await.refusal(), (403, "password_required"), "no address to send a code to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_is_not_signed_in_takes_anything_away() {
    let server = server().await;
    assert_eq!(server.browser().post(PATH, &[("current_password", PASSWORD)]).await.refusal(), (401, "authentication_invalid"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_says_what_is_true() {
    let server = TestServer::start().await;
    let tenant = &server.home.tenant;
    let reply = server.browser().get("/.well-known/openid-configuration").await;
    let found = reply.ok();
    assert_eq!((&found["issuer"], &found["id_token_signing_alg_values_supported"]), (&json!(tenant.issuer), &json!(["RS256"])));
    let keys = found["jwks_uri"].as_str().and_then(|url| url.strip_prefix(tenant.frontend_url.as_str())).expect("an address at its own door");
    assert!(server.browser().get(keys).await.ok()["keys"].is_array());
    for list in ["grant_types_supported", "response_types_supported", "scopes_supported"] {
        assert_eq!(found[list], json!([]), "nothing is offered that is not there");
    }
    let mut ada = server.signed_in("ada").await;
    let claims = super::claims(&ada.token().await);
    assert_eq!(claims["iss"], found["issuer"]);
    let supported = found["claims_supported"].as_array().expect("a list");
    assert!(claims.as_object().expect("claims").keys().all(|name| supported.contains(&Value::from(name.as_str()))), "{claims}");
    let theirs = server.neighbours_browser().get("/.well-known/openid-configuration").await;
    assert_ne!(theirs.ok()["issuer"], found["issuer"]);
}
