//! Development browsers: how a development application on another site than the server keeps its client without a cookie.

use super::{LOCAL_APP, SIGN_INS, encoded, header, live_browser, live_server, params};
use serde_json::Value;
use testkit::{Browser, PASSWORD, Reply, TestServer, address};

async fn new_dev_browser(browser: &mut Browser) -> String {
    let reply = browser.post("/v1/dev_browser", &[]).await;
    reply.ok()["id"].as_str().expect("an id").to_owned()
}

/// The new secret that an answer brings, in the field that the SDK looks at.
fn rotated(reply: &Reply) -> String {
    assert_eq!(reply.response()["status"], "complete");
    let fresh = header(reply, "clerk-db-jwt");
    assert!(fresh.starts_with("dvb_"), "{fresh}");
    fresh.to_owned()
}

/// Posts as a browser that refuses every cookie.
async fn post(browser: &mut Browser, dev_browser: &str, path: &str, form: &[(&str, &str)]) -> Reply {
    browser.cookies.clear();
    let reply = browser.post(&format!("{path}?__clerk_db_jwt={}", encoded(dev_browser)), form).await;
    browser.cookies.clear();
    reply
}

async fn client(browser: &mut Browser, dev_browser: &str) -> Reply {
    browser.get(&format!("/v1/client?__clerk_db_jwt={}", encoded(dev_browser))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dev_browser_stands_for_the_client_where_there_is_no_cookie() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut browser = server.browser();
    let dev = new_dev_browser(&mut browser).await;
    assert_eq!(client(&mut browser, &dev).await.response(), &Value::Null, "nothing has happened yet");
    let begun = post(&mut browser, &dev, SIGN_INS, &[("identifier", &address("ada"))]).await;
    assert_eq!(client(&mut browser, &dev).await.response()["sign_in"]["id"], begun.response()["id"]);
    let path = format!("{SIGN_INS}/{}/attempt_first_factor", super::id(&begun));
    let done = post(&mut browser, &dev, &path, &[("strategy", "password"), ("password", PASSWORD)]).await;
    let dev = rotated(&done);
    let shown = client(&mut browser, &dev).await;
    assert_eq!(shown.response()["sessions"][0]["id"], done.response()["created_session_id"]);
}

/// CVE-2024-28197: whoever has planted a development browser must not share what its victim signs in to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dev_browser_that_was_planted_before_the_sign_in_is_worthless_after_it() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let (mut mallory, mut victim) = (server.browser(), server.browser());
    let planted = new_dev_browser(&mut mallory).await;
    post(&mut mallory, &planted, "/v1/client", &[]).await.ok();
    let done = post(&mut victim, &planted, SIGN_INS, &[("identifier", &address("ada")), ("password", PASSWORD)]).await;
    let fresh = rotated(&done);
    assert_ne!(fresh, planted);
    assert_eq!(client(&mut mallory, &planted).await.refusal(), (401, "dev_browser_unauthenticated"));
    assert_eq!(client(&mut victim, &fresh).await.response()["sessions"].as_array().map(Vec::len), Some(1));
}

/// Whoever made the link to a handshake must not have named the development browser of whoever followed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_dev_browser_is_not_bound_to_whoever_is_signed_in() {
    let server = TestServer::start().await;
    let mut mallory = server.browser();
    let planted = new_dev_browser(&mut mallory).await;
    let mut ada = server.signed_in("ada").await;
    ada.origin = None;
    let path = format!("/v1/client/handshake?format=nonce&__clerk_db_jwt={}&redirect_url={}", encoded(&planted), encoded(LOCAL_APP));
    assert_eq!(ada.get(&path).await.status.as_u16(), 307);
    assert_eq!(client(&mut mallory, &planted).await.response(), &Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_dev_browser_is_told_to_get_a_new_one() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let dev = new_dev_browser(&mut browser).await;
    let theirs = new_dev_browser(&mut server.neighbours_browser()).await;
    for unknown in [&dev[..dev.len() - 1], "dvb_000000000000000000000000000.00", "x", &theirs] {
        let reply = client(&mut browser, unknown).await;
        assert_eq!(reply.refusal(), (401, "dev_browser_unauthenticated"), "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_knows_no_dev_browsers() {
    let server = live_server().await;
    let mut browser = live_browser(&server);
    assert_eq!(browser.post("/v1/dev_browser", &[]).await.refusal(), (404, "resource_not_found"));
    assert_eq!(client(&mut browser, "dvb_000000000000000000000000000.00").await.response(), &Value::Null, "the parameter means nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_gives_the_application_a_dev_browser_of_the_same_client() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let reply = ada.get(&format!("/v1/client/handshake?format=nonce&redirect_url={}", encoded(LOCAL_APP))).await;
    let nonce = params(reply.location(), "__clerk_handshake_nonce").remove(0);
    let payload = server.backend().get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await;
    let directives = payload.ok()["directives"].as_array().expect("directives").clone();
    let cookie = directives.iter().filter_map(Value::as_str).find_map(|d| d.strip_prefix("__clerk_db_jwt=")).expect("a dev browser");
    let dev = cookie.split(';').next().expect("its value").to_owned();
    let suffixed = format!("__clerk_db_jwt_{}={dev};", server.home.tenant.cookie_suffix);
    assert!(directives.iter().any(|d| d.as_str().is_some_and(|d| d.starts_with(&suffixed))), "the suffixed one is the same");
    let mut elsewhere = server.browser();
    assert_eq!(client(&mut elsewhere, &dev).await.response()["sessions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_with_an_unknown_dev_browser_gives_a_new_one_instead_of_refusing() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let reply = browser.get(&format!("/v1/client/handshake?__clerk_db_jwt=gone&redirect_url={}", encoded(LOCAL_APP))).await;
    assert_eq!(reply.status.as_u16(), 307);
    let token = params(reply.location(), "__clerk_handshake").remove(0);
    let handshake = super::claims(&token)["handshake"].as_array().expect("directives").clone();
    assert!(handshake.iter().filter_map(Value::as_str).any(|d| d.starts_with("__clerk_db_jwt=dvb_")), "{handshake:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dev_browser_goes_with_its_client() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let dev = new_dev_browser(&mut browser).await;
    post(&mut browser, &dev, "/v1/client", &[]).await.ok();
    browser.post(&format!("/v1/client?_method=DELETE&__clerk_db_jwt={}", encoded(&dev)), &[]).await.ok();
    assert_eq!(client(&mut browser, &dev).await.refusal(), (401, "dev_browser_unauthenticated"));
}
