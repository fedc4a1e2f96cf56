//! Native applications: the client's secret travels in `Authorization`, and no cookie does.

use super::{SIGN_INS, client_cookie, header, set_cookies};
use serde_json::Value;
use testkit::{Browser, PASSWORD, Reply, TestServer, address};

/// An application on a phone: no origin, no cookies.
fn phone(server: &TestServer) -> Browser {
    let mut phone = server.browser();
    phone.origin = None;
    phone.headers.push(("x-mobile".to_owned(), "1".to_owned()));
    phone
}

/// Keeps the secret that an answer brought, as the SDK does.
fn keep(phone: &mut Browser, reply: &Reply) {
    let secret = header(reply, "authorization");
    assert!(!secret.is_empty(), "{}", reply.text);
    phone.headers.retain(|(name, _)| name != "authorization");
    phone.headers.push(("authorization".to_owned(), secret.to_owned()));
}

async fn client(phone: &mut Browser) -> Value {
    phone.get("/v1/client?_is_native=1").await.response().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_native_application_signs_in_without_cookie_or_origin() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut phone = phone(&server);
    phone.headers.push(("authorization".to_owned(), String::new()));
    assert_eq!(client(&mut phone).await, Value::Null, "the first call shows an empty one");
    let begun = phone.post(&format!("{SIGN_INS}?_is_native=1"), &[("identifier", &address("ada"))]).await;
    keep(&mut phone, &begun);
    let path = format!("{SIGN_INS}/{}/attempt_first_factor?_is_native=1", super::id(&begun));
    let before = phone.clone();
    let done = phone.post(&path, &[("strategy", "password"), ("password", PASSWORD)]).await;
    assert_eq!(done.response()["status"], "complete");
    keep(&mut phone, &done);
    assert!(set_cookies(&begun).is_empty() && set_cookies(&done).is_empty());
    assert_eq!(client(&mut phone).await["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(client(&mut before.clone()).await, Value::Null, "signing in has changed the secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browsers_cookie_is_nothing_to_a_native_call_and_a_native_secret_nothing_to_a_browsers() {
    let server = TestServer::start().await;
    let ada = server.signed_in("ada").await;
    let (_, secret) = client_cookie(&ada);
    let mut with_cookie = ada.clone();
    assert_eq!(client(&mut with_cookie).await, Value::Null);
    let mut with_header = server.browser();
    with_header.headers.push(("authorization".to_owned(), secret.clone()));
    assert_eq!(with_header.get("/v1/client").await.response(), &Value::Null);
    let mut native = phone(&server);
    native.headers.push(("authorization".to_owned(), secret));
    assert_eq!(client(&mut native).await["sessions"].as_array().map(Vec::len), Some(1), "the secret itself is the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_native_client_sets_no_cookie() {
    let server = TestServer::start().await;
    let mut phone = phone(&server);
    let made = phone.post("/v1/client?_is_native=1", &[]).await;
    keep(&mut phone, &made);
    let gone = phone.post("/v1/client?_is_native=1&_method=DELETE", &[]).await;
    assert_eq!(gone.response(), &Value::Null);
    assert!(set_cookies(&gone).is_empty());
    assert_eq!(client(&mut phone).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bearer_or_a_neighbours_secret_is_no_client() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (_, secret) = client_cookie(&ada);
    let (_, theirs) = client_cookie(&server.signed_in_next_door("ada").await);
    for shown in [format!("Bearer {secret}"), ada.token().await, theirs, server.home.secret_key.expose().to_owned(), "x".to_owned()] {
        let mut phone = phone(&server);
        phone.headers.push(("authorization".to_owned(), shown.clone()));
        assert_eq!(client(&mut phone).await, Value::Null, "{shown:.20}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_native_application_signs_in_to_a_live_instance() {
    let server = super::live_server().await;
    let mut phone = phone(&server);
    let made = phone.post("/v1/client/sign_ups?_is_native=1", &[("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
    keep(&mut phone, &made);
    let path = format!("/v1/client/sign_ups/{}", super::id(&made));
    phone.post(&format!("{path}/prepare_verification?_is_native=1"), &[("strategy", "email_code")]).await.ok();
    let code = server.code("ada@example.com").await;
    let done = phone.post(&format!("{path}/attempt_verification?_is_native=1"), &[("strategy", "email_code"), ("code", &code)]).await;
    assert_eq!(done.response()["status"], "complete");
    keep(&mut phone, &done);
    assert!(set_cookies(&made).is_empty() && set_cookies(&done).is_empty());
    assert_eq!(client(&mut phone).await["sessions"].as_array().map(Vec::len), Some(1));
    let session = client(&mut phone).await["sessions"][0]["id"].as_str().expect("a session").to_owned();
    let ended = phone.post(&format!("/v1/client/sessions/{session}/end?_is_native=1"), &[]).await;
    assert!(ended.status.is_success() && set_cookies(&ended).is_empty(), "{}", ended.text);
}

/// A page says where it is from, and that counts whatever else it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_cannot_pose_as_native_at_a_live_instance() {
    let server = super::live_server().await;
    let mut ada = super::live_browser(&server);
    super::sign_up_by_mail(&server, &mut ada, "ada@example.com").await;
    let (_, secret) = client_cookie(&ada);
    for origin in ["https://evil.example", "null", "file://", "http://localhost:3000", "chrome-extension://abcdef"] {
        let mut page = ada.clone();
        page.origin = Some(origin.to_owned());
        page.headers.push(("x-mobile".to_owned(), "1".to_owned()));
        for path in ["/v1/client?_is_native=1", &format!("{SIGN_INS}?_is_native=1")] {
            assert_eq!(page.post(path, &[("identifier", "ada@example.com")]).await.refusal(), (400, "origin_invalid"), "{origin} {path}");
        }
        // Not even with the secret itself.
        page.headers.push(("authorization".to_owned(), secret.clone()));
        assert_eq!(page.get("/v1/client?_is_native=1").await.refusal(), (400, "origin_invalid"), "{origin}");
    }
    // Its own page may say so, and leaves its cookie at home by it.
    assert_eq!(client(&mut ada).await, Value::Null);
    let made = ada.post("/v1/client?_is_native=1", &[]).await;
    assert!(set_cookies(&made).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_can_be_closed_to_native_applications() {
    for live in [false, true] {
        let server = if live { super::live_server().await } else { TestServer::start().await };
        let mut phone = phone(&server);
        let made = phone.post("/v1/client?_is_native=1", &[]).await;
        keep(&mut phone, &made);
        server.set(server.home.tenant.id(), serde_json::json!({ "native_api": { "enabled": false } })).await;
        for path in ["/v1/client?_is_native=1", "/v1/environment?_is_native=1"] {
            assert_eq!(phone.get(path).await.refusal(), (403, "native_api_disabled"), "{path}");
        }
        assert_eq!(phone.post(&format!("{SIGN_INS}?_is_native=1"), &[("identifier", "x@example.com")]).await.refusal(), (403, "native_api_disabled"));
        let mut page = if live { super::live_browser(&server) } else { server.browser() };
        let environment = page.get("/v1/environment").await;
        assert_eq!(environment.ok()["auth_config"]["native_settings"]["api_enabled"], false);
        page.post("/v1/client", &[]).await.ok();
    }
}
