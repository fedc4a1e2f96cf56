//! The caller's own client, and its cookie.

use super::{LOCAL_APP, client_cookie, set_cookies};
use http::Method;
use serde_json::Value;
use testkit::{PASSWORD, TestServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_without_a_cookie_has_no_client_yet() {
    let server = TestServer::start().await;
    let reply = server.browser().get("/v1/client").await;
    assert_eq!((reply.response(), &reply.body["client"]), (&Value::Null, &Value::Null));
    assert!(set_cookies(&reply).is_empty(), "looking makes no client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_made_once_and_known_again() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let made = browser.post("/v1/client", &[]).await;
    let client = made.response().clone();
    assert_eq!(client["object"], "client");
    assert_eq!((&client["sessions"], &client["sign_in"], &client["sign_up"]), (&serde_json::json!([]), &Value::Null, &Value::Null));
    let again = browser.override_method("PUT", "/v1/client", &[]).await;
    assert_eq!(again.response()["id"], client["id"]);
    assert!(set_cookies(&again).is_empty(), "the cookie it has is good");
    assert_eq!(browser.get("/v1/client").await.response()["id"], client["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_shows_its_session_with_user_and_token() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let reply = ada.get("/v1/client").await;
    let session = &reply.response()["sessions"][0];
    assert_eq!((session["object"].as_str(), session["status"].as_str()), (Some("session"), Some("active")));
    assert_eq!(reply.response()["last_active_session_id"], session["id"]);
    assert_eq!(session["user"]["email_addresses"][0]["email_address"], "ada+clerk_test@example.com");
    assert_eq!(session["public_user_data"]["identifier"], "ada+clerk_test@example.com");
    assert_eq!(session["last_active_token"]["jwt"].as_str().expect("a token").split('.').count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_is_for_the_server_alone_and_lives_long() {
    let server = TestServer::start().await;
    let cookies = set_cookies(&server.browser().post("/v1/client", &[]).await);
    let [cookie] = cookies.as_slice() else { panic!("one cookie: {cookies:?}") };
    let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
    for wanted in ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=34560000"] {
        assert!(attributes.contains(&wanted), "{wanted} in {cookie}");
    }
    assert!(!cookie.contains("Domain"), "nobody else's host gets it");
    assert!(!attributes.contains(&"Secure"), "on a laptop's http it would never come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_the_client_ends_its_sessions_and_takes_the_cookie() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let mut copy = ada.clone();
    let reply = ada.override_method("DELETE", "/v1/client", &[]).await;
    assert_eq!((reply.response(), &reply.body["client"]), (&Value::Null, &Value::Null));
    assert!(set_cookies(&reply)[0].contains("Max-Age=0"));
    assert!(ada.cookies.is_empty());
    assert_eq!(copy.get("/v1/client").await.response(), &Value::Null, "the old cookie is worthless");
    assert_eq!(copy.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await.refusal(), (401, "authentication_invalid"));
    assert_eq!(server.backend().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_no_client_is_no_fault() {
    let server = TestServer::start().await;
    let reply = server.browser().override_method("DELETE", "/v1/client", &[]).await;
    assert_eq!(reply.response(), &Value::Null);
}

/// CVE-2026-27840: a token that was cut short or made longer was taken for the whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_that_was_cut_or_stretched_is_no_cookie() {
    let server = TestServer::start().await;
    let ada = server.signed_in("ada").await;
    let (name, secret) = client_cookie(&ada);
    let (ksuid, random) = secret.split_once('.').expect("two parts");
    let mut flipped = secret.clone().into_bytes();
    let last = flipped.last_mut().expect("a letter");
    *last = if *last == b'0' { b'1' } else { b'0' };
    for forged in [
        secret[..secret.len() - 1].to_owned(),
        format!("{secret}0"),
        format!("{secret}.{random}"),
        secret.to_uppercase(),
        String::from_utf8(flipped).expect("ASCII"),
        ksuid.to_owned(),
        format!("{ksuid}."),
        format!("{ksuid}.%"),
        format!("client_{ksuid}.{random}"),
        "a".repeat(10_000),
    ] {
        let mut browser = server.browser();
        browser.cookies.insert(name.clone(), forged.clone());
        assert_eq!(browser.get("/v1/client").await.response(), &Value::Null, "{forged:.80}");
    }
    let mut browser = server.browser();
    browser.cookies.insert(name, secret);
    assert_eq!(browser.sessions().await.len(), 1, "the whole one is");
}

/// GHSA-pfrf: a session of one instance was taken at another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_of_the_neighbour_is_no_cookie_here() {
    let server = TestServer::start().await;
    let theirs = server.signed_in_next_door("ada").await;
    let mut ours = server.browser();
    ours.post("/v1/client", &[]).await.ok();
    let (name, _) = client_cookie(&ours);
    let (_, secret) = client_cookie(&theirs);
    for name in [name, "__client".to_owned()] {
        let mut browser = server.browser();
        browser.cookies.insert(name.clone(), secret.clone());
        assert_eq!(browser.get("/v1/client").await.response(), &Value::Null, "{name}");
        let mut browser = server.browser().by_host(&server.home.tenant.host);
        browser.cookies.insert(name.clone(), secret.clone());
        assert_eq!(browser.get("/v1/client").await.response(), &Value::Null, "{name} on the host");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_cookie_of_the_same_name_makes_both_worthless() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (name, _) = client_cookie(&ada);
    ada.headers.push(("cookie".to_owned(), format!("{name}=tossed")));
    assert_eq!(ada.get("/v1/client").await.response(), &Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_top_level_touch_renews_the_cookie_and_goes_back() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (name, secret) = client_cookie(&ada);
    ada.origin = None;
    let reply = ada.get(&format!("/v1/client/touch?redirect_url={}", super::encoded(&format!("{LOCAL_APP}/page?a=b")))).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (307, "http://localhost:3000/page?a=b"));
    assert!(set_cookies(&reply)[0].starts_with(&format!("{name}={secret};")));
    assert_eq!(ada.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_lost_its_cookie_starts_anew() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.cookies.clear();
    assert_eq!(ada.send(Method::GET, "/v1/me", None, String::new()).await.refusal(), (401, "authentication_invalid"));
    ada.sign_in("ada", PASSWORD).await.ok();
    assert_eq!(ada.sessions().await.len(), 1);
}
