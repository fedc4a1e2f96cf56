//! What holds for every request and every answer of this door.

use super::{LOCAL_APP, SIGN_INS, SIGN_UPS, header};
use http::Method;
use serde_json::{Value, json};
use testkit::{Browser, PASSWORD, Reply, TestServer, address};

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

/// An error in the contract's shape, which a page of our own origin can read.
fn assert_is_a_proper_error(reply: &Reply, status: u16) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
    assert_eq!(header(reply, "content-type"), "application/json", "{}", reply.text);
    let error = &reply.body["errors"][0];
    assert!(["code", "message", "long_message"].iter().all(|field| error[field].as_str().is_some_and(|text| !text.is_empty())), "{}", reply.text);
    assert!(error["meta"].is_object(), "{}", reply.text);
    assert!(reply.body["clerk_trace_id"].as_str().is_some_and(|trace| trace.starts_with("trc_")), "{}", reply.text);
    assert_eq!(header(reply, "access-control-allow-origin"), LOCAL_APP, "{}", reply.text);
    assert_eq!(header(reply, "access-control-allow-credentials"), "true");
}

/// Each way in which a request can be refused: in front of the router, by the router, while it is read, by the work, by a verdict.
async fn refusals(server: &TestServer) -> Vec<(u16, Reply)> {
    let mut ada = server.signed_in("ada").await;
    let mut nobody = server.browser();
    vec![
        (404, nobody.get("/v1/nothing").await),
        (405, nobody.send(Method::DELETE, "/v1/environment", None, String::new()).await),
        (405, nobody.override_method("BREW", "/v1/client", &[]).await),
        (401, nobody.get("/v1/me").await),
        (404, ada.get("/v1/client/sessions/nonsense").await),
        (422, nobody.post(SIGN_UPS, &[("email_address", "nonsense")]).await),
        (422, nobody.post(SIGN_UPS, &[("password", "short")]).await),
        (422, nobody.post(SIGN_INS, &[("identifier", "nobody")]).await),
        (422, nobody.sign_in("ada", "wrong password").await),
        (400, nobody.send(Method::POST, SIGN_INS, Some("application/json"), "{".to_owned()).await),
        (400, ada.sign_in("ada", PASSWORD).await),
        (422, ada.override_method("PATCH", "/v1/me", &[("unsafe_metadata", "{}")]).await),
        (422, ada.get("/v1/client/handshake").await),
        (401, server.browser().get("/v1/client?__clerk_db_jwt=unknown").await),
    ]
}

/// Without the CORS fields, the SDK sees a broken network instead of an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_is_json_that_the_page_can_read_and_the_log_can_find() {
    let server = TestServer::start().await;
    let mut traces = Vec::new();
    for (status, reply) in refusals(&server).await {
        assert_is_a_proper_error(&reply, status);
        traces.push(reply.body["clerk_trace_id"].clone());
    }
    let count = traces.len();
    traces.sort_by_key(ToString::to_string);
    traces.dedup();
    assert_eq!(traces.len(), count, "each request has its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_change_tells_the_client_as_it_is() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let reply = ada.sign_in("ada", PASSWORD).await;
    assert_eq!(reply.body["meta"]["client"]["sessions"][0]["id"], session);
}

/// With anything behind it, the backend SDKs read the body as text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_plain_json_that_nobody_keeps() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for path in ["/v1/client", "/v1/environment", "/v1/me", "/v1/me/sessions/active", "/v1/health"] {
        let reply = ada.get(path).await;
        assert_eq!((header(&reply, "content-type"), header(&reply, "x-content-type-options")), ("application/json", "nosniff"), "{path}");
        assert_eq!(header(&reply, "cache-control"), "no-store", "{path}");
    }
    let reply = ada.get("/v1/client").await;
    assert_eq!(header(&reply, "access-control-allow-origin"), LOCAL_APP);
    assert_eq!(header(&reply, "access-control-allow-credentials"), "true");
    let vary: Vec<&str> = reply.headers.get_all("vary").iter().filter_map(|v| v.to_str().ok()).collect();
    assert!(vary.join(",").contains("Origin"), "{vary:?}");
    for exposed in ["Authorization", "Clerk-Db-Jwt", "Retry-After", "X-Country"] {
        assert!(header(&reply, "access-control-expose-headers").contains(exposed), "{exposed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_that_nobody_knows_are_ignored() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let query =
        "__clerk_api_version=2026-05-12&_clerk_js_version=6.29.3&_clerk_retry_attempt=1&__domain=x&__clerk_testing_token=x&rotating_token_nonce=x&%ff=%00&=&&a";
    ada.get(&format!("/v1/client?{query}")).await.ok();
    ada.get(&format!("/v1/me?_clerk_session_id=nonsense&{query}")).await;
    let id = ada.session_id().await;
    ada.post(&format!("/v1/client/sessions/{id}/touch?{query}"), &[("nobody_knows_this", "1"), ("", "")]).await.ok();
}

/// Switches of other doors are unknown names here: whatever a browser says of them, the same is checked, and the same is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_passed_over_spares_no_check() {
    let server = TestServer::start().await;
    let switches = [
        ("skip_password_checks", "true"),
        ("skip_password_requirement", "true"),
        ("skip_legal_checks", "true"),
        ("email_address_verified", "true"),
        ("verified", "true"),
        ("status", "complete"),
        ("public_metadata", "{\"role\":\"admin\"}"),
        ("private_metadata", "{\"role\":\"admin\"}"),
        ("role", "org:admin"),
        ("external_id", "someone"),
        ("create_organizations_limit", "0"),
        ("bypass_client_trust", "true"),
        ("captcha_token", "x"),
        ("captcha_error", "x"),
    ];
    let with = |form: &[(&'static str, &'static str)]| -> Vec<(&'static str, &'static str)> { form.iter().chain(&switches).copied().collect() };
    let mut eve = server.browser();
    let weak = eve.post(SIGN_UPS, &with(&[("email_address", "eve+clerk_test@example.com"), ("password", "12345678")])).await;
    assert_eq!((weak.status.as_u16(), weak.param()), (422, "password"));
    let begun = eve.post(SIGN_UPS, &with(&[("email_address", "eve+clerk_test@example.com"), ("password", PASSWORD)])).await;
    assert_eq!((&begun.response()["status"], &begun.response()["unverified_fields"]), (&json!("missing_requirements"), &json!(["email_address"])));
    let path = format!("{SIGN_UPS}/{}", begun.response()["id"].as_str().expect("an id"));
    eve.post(&format!("{path}/prepare_verification"), &with(&[("strategy", "email_code")])).await.response();
    let wrong = eve.post(&format!("{path}/attempt_verification"), &with(&[("strategy", "email_code"), ("code", "000000")])).await;
    assert_eq!(wrong.status.as_u16(), 422);
    eve.post(&format!("{path}/attempt_verification"), &with(&[("strategy", "email_code"), ("code", "424242")])).await.response();
    let made = server.backend().get("/v1/users").await.ok()[0].clone();
    assert_eq!((&made["public_metadata"], &made["private_metadata"], &made["external_id"]), (&json!({}), &json!({}), &Value::Null));
    let wrong = server.browser().post(SIGN_INS, &with(&[("identifier", "eve+clerk_test@example.com"), ("password", "not this one")])).await;
    assert_eq!((wrong.status.as_u16(), wrong.param()), (422, "password"));
}

/// A proof that nobody here can check is refused by its name, and so is what would be stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_dropped_is_refused_by_name() {
    let server = TestServer::start().await;
    let mut nobody = server.browser();
    for (path, names) in
        [(SIGN_INS, ["token", "proof_token", "trusted_device_id"].as_slice()), (SIGN_UPS, ["token", "proof_token", "phone_number", "web3_wallet"].as_slice())]
    {
        for name in names {
            let reply = nobody.post(path, &[("identifier", &address("ada")), (name, "x")]).await;
            assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), *name), "{path}");
        }
    }
    let mut ada = server.signed_in("ada").await;
    for name in ["unsafe_metadata", "public_metadata", "private_metadata", "primary_phone_number_id", "primary_web3_wallet_id"] {
        let reply = ada.override_method("PATCH", "/v1/me", &[("first_name", "Ada"), (name, "{}")]).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), name));
    }
}

/// A page can make any browser send a `GET`, with cookies: it must never change anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_method_is_taken_from_the_query_of_a_post_only() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.origin = None;
    for path in ["/v1/client?_method=DELETE", "/v1/client/sessions?_method=DELETE", "/v1/me?_method=DELETE", "/v1/me?_method=PATCH&first_name=Eve"] {
        let reply = ada.get(path).await;
        assert!(reply.status.is_success() || reply.status.as_u16() == 405, "{path} {}", reply.status);
    }
    assert_eq!(ada.get("/v1/me").await.response()["first_name"], Value::Null);
    ada.origin = Some(LOCAL_APP.to_owned());
    for method in ["GET", "HEAD", "OPTIONS", "CONNECT", "delete", ""] {
        let reply = ada.override_method(method, "/v1/me", &[]).await;
        assert_eq!(reply.status.as_u16(), 405, "{method}");
    }
    assert_eq!(ada.sessions().await.len(), 1);
    let direct = ada.send(Method::PATCH, "/v1/me", FORM, "first_name=Ada".to_owned()).await;
    assert_eq!(direct.response()["first_name"], "Ada", "the method itself does too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_a_form_or_json_and_nothing_else() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let body = json!({ "identifier": address("ada"), "password": PASSWORD }).to_string();
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        let reply = server.browser().send(Method::POST, SIGN_INS, Some(kind), body.clone()).await;
        assert_eq!(reply.response()["status"], "complete", "{kind}");
    }
    for kind in [None, Some("text/plain"), Some("multipart/form-data; boundary=x"), Some("application/xml"), Some("application/jsonp")] {
        let reply = server.browser().send(Method::POST, SIGN_INS, kind, body.clone()).await;
        assert_is_a_proper_error(&reply, 400);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_cannot_be_read_is_the_callers_fault() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let deep = "[".repeat(100_000);
    for json in [
        "{",
        "[]",
        "1",
        "null",
        "\"x\"",
        "{\"identifier\":\"a\",\"identifier\":\"b\"}",
        "{\"identifier\":1}",
        "{\"identifier\":\"\\ud800\"}",
        "{\"identifier\":{}}",
        "\u{feff}{}",
        &deep,
    ] {
        let reply = browser.send(Method::POST, SIGN_INS, Some("application/json"), json.to_owned()).await;
        assert!(matches!(reply.status.as_u16(), 400 | 422), "{json:.40} {}", reply.status);
    }
    let many = "a=1&".repeat(2_000);
    for form in ["identifier=%ff%fe", "identifier=%00", "identifier=a%00b", "%00=a&identifier=a", &many] {
        let reply = browser.send(Method::POST, SIGN_INS, FORM, form.to_owned()).await;
        assert!(matches!(reply.status.as_u16(), 400 | 422), "{form:.40} {}", reply.status);
    }
    for form in ["%", "%zz", "&&&", "=", "a", "identifier", "identifier=%"] {
        let reply = browser.send(Method::POST, SIGN_INS, FORM, form.to_owned()).await;
        assert!(!reply.status.is_server_error(), "{form} {}", reply.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_a_megabyte_at_most() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let just = format!("identifier={}", "a".repeat(1_024 * 1_024 - 11));
    assert_eq!(browser.send(Method::POST, SIGN_INS, FORM, just.clone()).await.refusal(), (422, "form_identifier_not_found"));
    let reply = browser.send(Method::POST, SIGN_INS, FORM, format!("{just}a")).await;
    assert_is_a_proper_error(&reply, 413);
}

/// CVE-2026-32130, CVE-2026-41248, CVE-2026-33494, CVE-2026-41059: a path that was written differently led past a check.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_is_read_in_one_way() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.get("/v1/me/").await.ok();
    for path in
        ["/v1//me", "/v1/./me", "/v1/x/../me", "/V1/me", "/v1/%6de", "/v1/me;a=b", "/v1/me%2f", "/v1/me%00", "//v1/me", "/v1/me/%2e%2e/client", "/v2/me", "/v1"]
    {
        let reply = ada.get(path).await;
        assert_eq!(reply.refusal(), (404, "resource_not_found"), "{path}");
    }
    let mut nobody = server.browser();
    for path in ["/v1/%6de", "/v1/me%2f", "/v1/me;a", "/v1//me"] {
        assert!(nobody.get(path).await.status.is_client_error(), "{path}");
    }
}

async fn cookie_header(browser: &mut Browser, value: String) -> Reply {
    browser.headers = vec![("cookie".to_owned(), value)];
    browser.get("/v1/client").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_cookies_are_in_nobodys_way() {
    let server = TestServer::start().await;
    let ada = server.signed_in("ada").await;
    let (name, value) = super::client_cookie(&ada);
    let mut browser = server.browser();
    for cookies in
        [format!("a=b; {name}={value}; __session=x; __client_uat=0"), format!("; ;=;a; {name}={value};"), format!("{name}={value}; x{name}=y; {name}x=z")]
    {
        let reply = cookie_header(&mut browser, cookies.clone()).await;
        assert_eq!(reply.response()["sessions"].as_array().map(Vec::len), Some(1), "{cookies}");
    }
    let flood = format!("{}{name}={value}", "a=b; ".repeat(20_000));
    assert!(!cookie_header(&mut browser, flood).await.status.is_server_error(), "an overflowing jar means signing in again, no more");
}
