//! Session tokens: what they claim, for whom, and how long.

use super::{APP, claims, encoded, jwt_part, live_browser, live_server, params, sign_up_by_mail};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::TestServer;

/// The host that a publishable key names.
fn host_of(publishable_key: &str) -> String {
    let (_, encoded) = publishable_key.rsplit_once('_').expect("three parts");
    let text = String::from_utf8(STANDARD_NO_PAD.decode(encoded).expect("base64")).expect("text");
    text.strip_suffix('$').expect("a dollar at its end").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_says_who_where_and_for_how_long() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (session, user) = (ada.session_id().await, ada.user_id().await);
    server.advance(Duration::from_millis(1_234));
    let reply = ada.post(&format!("/v1/client/sessions/{session}/tokens"), &[("organization_id", "")]).await;
    assert_eq!((&reply.ok()["object"], reply.ok().get("response")), (&json!("token"), None), "no envelope");
    let jwt = reply.ok()["jwt"].as_str().expect("a token").to_owned();
    let (header, claims, now) = (jwt_part(&jwt, 0), claims(&jwt), server.database.now().seconds());
    assert_eq!((&header["alg"], &header["typ"], &header["cat"]), (&json!("RS256"), &json!("JWT"), &json!("cl_B7d4PD111AAA")));
    assert_eq!(claims["iss"], format!("https://{}", host_of(&server.home.tenant.publishable_key)));
    assert_eq!((&claims["sub"], &claims["sid"], &claims["azp"]), (&json!(user), &json!(session), &json!("http://localhost:3000")));
    assert_eq!((&claims["iat"], &claims["exp"], &claims["nbf"]), (&json!(now), &json!(now + 60), &json!(now - 10)));
    assert_eq!((&claims["v"], &claims["sts"], &claims["fva"]), (&json!(2), &json!("active"), &json!([0, -1])));
    assert!(claims.get("o").is_none(), "no organization is active");
    let again = super::claims(&ada.token().await);
    assert_ne!(claims["jti"], again["jti"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_age_of_the_first_factor_grows_by_the_minute() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    server.advance(Duration::from_secs(359));
    assert_eq!(claims(&ada.token().await)["fva"], json!([5, -1]));
}

/// A token that is older than `__client_uat` makes the backend ask for a handshake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_older_than_the_last_change_of_its_client() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    for _ in 0..3 {
        server.advance(Duration::from_millis(999));
        let reply = if ada.cookies.is_empty() { ada.sign_up("ada").await } else { ada.sign_in("ada", testkit::PASSWORD).await };
        let client = &reply.body["client"];
        let issued = claims(client["sessions"][0]["last_active_token"]["jwt"].as_str().expect("a token"))["iat"].as_i64();
        assert!(client["updated_at"].as_i64().map(|at| at / 1_000) <= issued, "{client}");
        ada.override_method("DELETE", "/v1/client/sessions", &[]).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_without_an_origin_is_for_the_page_that_referred_to_it() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.origin = None;
    let azp = |reply: &testkit::Reply| claims(reply.response()["sessions"][0]["last_active_token"]["jwt"].as_str().expect("a token")).get("azp").cloned();
    assert_eq!(azp(&ada.get("/v1/client").await), None, "nobody asked");
    ada.headers.push(("referer".to_owned(), "https://shop.example:8443/a/page?secret=1#x".to_owned()));
    assert_eq!(azp(&ada.get("/v1/client").await), Some(json!("https://shop.example:8443")));
    ada.headers[0].1 = "javascript:alert(1)".to_owned();
    assert_eq!(azp(&ada.get("/v1/client").await), None);
}

/// The redirect of a navigation keeps the referrer of whoever linked to the application: the token is for the application nevertheless.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshakes_token_is_for_the_application_wherever_the_visitor_came_from() {
    let server = live_server().await;
    let mut ada = live_browser(&server);
    sign_up_by_mail(&server, &mut ada, "ada@example.com").await;
    ada.origin = None;
    for referer in [None, Some("https://news.example/item?id=1")] {
        ada.headers = referer.map(|r| ("referer".to_owned(), r.to_owned())).into_iter().collect();
        let reply = ada.get(&format!("/v1/client/handshake?format=nonce&redirect_url={}", encoded(&format!("{APP}/page")))).await;
        let nonce = params(reply.location(), "__clerk_handshake_nonce").remove(0);
        let handshake = server.backend().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.ok()["directives"].clone();
        let session = handshake
            .as_array()
            .expect("directives")
            .iter()
            .filter_map(Value::as_str)
            .find_map(|d| d.strip_prefix("__session="))
            .expect("a session")
            .to_owned();
        assert_eq!(claims(session.split(';').next().expect("a token"))["azp"], APP, "{referer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_takes_its_own_tokens_and_no_others() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (session, token) = (ada.session_id().await, ada.token().await);
    let theirs = server.signed_in_next_door("ada").await.token().await;
    let verified = server.backend().post("/v1/clients/verify", json!({ "token": token })).await;
    assert_eq!(verified.ok()["session_ids"], json!([session]));
    assert_eq!(server.neighbours_backend().post("/v1/clients/verify", json!({ "token": token })).await.status.as_u16(), 401);
    assert_eq!(server.backend().post("/v1/clients/verify", json!({ "token": theirs })).await.status.as_u16(), 401);
    server.advance(Duration::from_secs(120));
    assert_eq!(server.backend().post("/v1/clients/verify", json!({ "token": token })).await.status.as_u16(), 401, "its time is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_no_cookie_and_a_cookie_no_token() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (name, secret) = super::client_cookie(&ada);
    let token = ada.token().await;
    let mut browser = server.browser();
    browser.cookies.insert(name, token);
    assert_eq!(browser.get("/v1/client").await.response(), &Value::Null);
    assert_eq!(server.backend().post("/v1/clients/verify", json!({ "token": secret })).await.status.as_u16(), 401);
}
