//! A live instance beside the development instance of the same application: what its application can do behind its proxy, and that nothing
//! of the development instance, which everybody may enter, opens it.

mod cookies;
mod sibling;

use domain::applications::NewInstance;
use http::header;
use testkit::{Browser, Home, Reply, TestServer};

/// Where the live application's proxy is.
const PROXY: &str = "https://shop.example/__clerk";
/// Its origin.
const SHOP: &str = "https://shop.example";

/// A browser at the live application, behind the proxy that its SDK brings along.
fn proxied(server: &TestServer, home: &Home) -> Browser {
    let mut browser = server.browser().by_host("localhost:7080");
    browser.origin = Some(SHOP.to_owned());
    browser.headers.push(("clerk-secret-key".to_owned(), home.secret_key.expose().to_owned()));
    browser.headers.push(("clerk-proxy-url".to_owned(), PROXY.to_owned()));
    browser
}

/// Signs somebody up with the code that was really mailed.
async fn sign_up(server: &TestServer, browser: &mut Browser, email: &str) -> Reply {
    let made = browser.post("/v1/client/sign_ups", &[("email_address", email), ("password", testkit::PASSWORD)]).await;
    let id = made.response()["id"].as_str().expect("an id").to_owned();
    browser.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await.ok();
    let code = server.code(email).await;
    let done = browser.post(&format!("/v1/client/sign_ups/{id}/attempt_verification"), &[("strategy", "email_code"), ("code", &code)]).await;
    assert_eq!(done.response()["status"], "complete");
    done
}

fn set_cookies(reply: &Reply) -> Vec<&str> {
    reply.headers.get_all(header::SET_COOKIE).iter().map(|cookie| cookie.to_str().expect("text")).collect()
}

/// A live instance that is no sibling of anybody, but another application's.
fn nobodys() -> NewInstance {
    NewInstance { environment: domain::instances::Environment::Production, label: Some("other".to_owned()), domain: None, proxy_url: None, clone_of: None }
}
