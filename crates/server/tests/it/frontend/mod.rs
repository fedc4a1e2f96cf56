//! The Frontend API: one file for each noun, and one for each rule that all nouns share.

mod client;
mod code_budgets;
mod codes;
mod conventions;
mod dev_browsers;
mod email_addresses;
mod enumeration;
mod environment;
mod handshake;
mod hosts;
mod images;
mod impersonation;
mod lockout;
mod me;
mod multi_session;
mod native;
mod origins;
mod password_reset;
mod passwords;
mod proxies;
mod rates;
mod rates_of_tokens;
mod redirects;
mod remove_password;
mod session_life;
mod sessions;
mod sign_ins;
mod sign_up_fields;
mod sign_ups;
mod slow_uploads;
mod tokens;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::instances::Environment;
use serde_json::{Value, json};
use testkit::{Browser, PASSWORD, Reply, Setup, TestServer};
use url::Url;

/// The origin of the application of live instances.
const APP: &str = "https://app.example";
/// The origin of the application of development instances, as browsers send it.
const LOCAL_APP: &str = "http://localhost:3000";

const SIGN_UPS: &str = "/v1/client/sign_ups";
const SIGN_INS: &str = "/v1/client/sign_ins";

/// A server whose instances are for production, and let one application in.
async fn live_server() -> TestServer {
    TestServer::start_with(Setup { environment: Environment::Production, settings: json!({ "allowed_origins": [APP] }), ..Setup::default() }).await
}

/// A server with these settings.
async fn server_with(settings: Value) -> TestServer {
    TestServer::start_with(Setup { settings, ..Setup::default() }).await
}

/// A browser at the application of a live instance.
fn live_browser(server: &TestServer) -> Browser {
    let mut browser = server.browser();
    browser.origin = Some(APP.to_owned());
    browser
}

/// The id of what an answer shows.
fn id(reply: &Reply) -> String {
    reply.response()["id"].as_str().expect("an id").to_owned()
}

/// Begins a sign-up with an address and everybody's password; its id.
async fn begin_sign_up(browser: &mut Browser, email: &str) -> String {
    id(&browser.post(SIGN_UPS, &[("email_address", email), ("password", PASSWORD)]).await)
}

/// Begins a sign-in; its id.
async fn begin_sign_in(browser: &mut Browser, identifier: &str) -> String {
    id(&browser.post(SIGN_INS, &[("identifier", identifier)]).await)
}

/// Asks for a sign-up's code.
async fn prepare_sign_up(browser: &mut Browser, id: &str) -> Reply {
    browser.post(&format!("{SIGN_UPS}/{id}/prepare_verification"), &[("strategy", "email_code")]).await
}

/// Tries a sign-up's code.
async fn attempt_sign_up(browser: &mut Browser, id: &str, code: &str) -> Reply {
    browser.post(&format!("{SIGN_UPS}/{id}/attempt_verification"), &[("strategy", "email_code"), ("code", code)]).await
}

/// Tries a sign-in's first factor.
async fn attempt_sign_in(browser: &mut Browser, id: &str, form: &[(&str, &str)]) -> Reply {
    browser.post(&format!("{SIGN_INS}/{id}/attempt_first_factor"), form).await
}

/// Signs somebody up with the code that was really mailed.
async fn sign_up_by_mail(server: &TestServer, browser: &mut Browser, email: &str) -> Reply {
    let id = begin_sign_up(browser, email).await;
    prepare_sign_up(browser, &id).await.ok();
    let code = server.code(email).await;
    let reply = attempt_sign_up(browser, &id, &code).await;
    assert_eq!(reply.response()["status"], "complete");
    reply
}

/// A code that is another one.
fn another(code: &str) -> String {
    let first = if code.starts_with('0') { '1' } else { '0' };
    format!("{first}{}", &code[1..])
}

/// A part of a JWT: 0 for its header, 1 for its claims. The signature is not looked at.
fn jwt_part(jwt: &str, part: usize) -> Value {
    let text = jwt.split('.').nth(part).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

/// What a JWT claims.
pub fn claims(jwt: &str) -> Value {
    jwt_part(jwt, 1)
}

/// The values of a parameter in the query of a URL, in order.
fn params(url: &str, name: &str) -> Vec<String> {
    let url = Url::parse(url).unwrap_or_else(|e| panic!("{url}: {e}"));
    url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
}

/// Text, ready to stand in a query.
fn encoded(text: &str) -> String {
    Url::parse_with_params("a:", [("b", text)]).expect("a URL").query().and_then(|q| q.strip_prefix("b=")).unwrap_or_default().to_owned()
}

/// The name and the only value of the client's cookie.
fn client_cookie(browser: &Browser) -> (String, String) {
    let mut found = browser.cookies.iter().filter(|(name, _)| name.starts_with("__client") && !name.starts_with("__client_uat"));
    let (name, value) = found.next().expect("a client's cookie");
    assert!(found.next().is_none(), "one cookie only");
    (name.clone(), value.clone())
}

/// The `Set-Cookie` fields of an answer.
fn set_cookies(reply: &Reply) -> Vec<String> {
    reply.headers.get_all(http::header::SET_COOKIE).iter().map(|v| v.to_str().expect("a cookie").to_owned()).collect()
}

/// A field of the header.
fn header<'r>(reply: &'r Reply, name: &str) -> &'r str {
    reply.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// Bans a user, past every door.
pub async fn ban(server: &TestServer, user: &str) {
    let (instance, user) = (server.home.tenant.id(), user.to_owned());
    server
        .inside(instance, store::Access::Write, |tx| {
            let user = user.clone();
            Box::pin(async move { tx.change(store::sql!("update users set banned = true where instance_id = $1 and id = $2"), &[&user]).await.map(drop) })
        })
        .await;
}
