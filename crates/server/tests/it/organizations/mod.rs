//! Organizations: what members, backends and strangers see of them and can do with them.

mod active;
mod defaults;
mod domains;
mod domains_owned;
mod elsewhere;
mod ends;
mod enrolment;
mod held;
pub mod invitations;
mod limits;
mod members;
pub mod pools;
mod pools_alike;
mod profile;
mod requests;
mod role_sets;
mod roles;
mod told;

pub use pools::isolated;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use testkit::{Browser, Setup, TestServer};

/// A server whose home instance and neighbour have organizations.
pub async fn server() -> TestServer {
    server_with(json!({})).await
}

/// The same with further settings of organizations.
pub async fn server_with(settings: Value) -> TestServer {
    let server = TestServer::start_with(Setup::default()).await;
    let mut all = json!({ "enabled": true, "direct_members": true });
    for (key, value) in settings.as_object().expect("an object") {
        all[key] = value.clone();
    }
    for home in [server.home.tenant.id(), server.neighbour.tenant.id()] {
        server.set(home, json!({ "organization_settings": all })).await;
    }
    server
}

/// Creates an organization; its id.
pub async fn found(browser: &mut Browser, name: &str) -> String {
    text(browser.post("/v1/organizations", &[("name", name)]).await.response(), "id")
}

/// Makes somebody a member by the backend's word.
pub async fn join(server: &TestServer, organization: &str, browser: &mut Browser, role: &str) {
    let user = browser.user_id().await;
    server.backend().post(&format!("/v1/organizations/{organization}/memberships"), json!({ "user_id": user, "role": role })).await.ok();
}

/// Puts the browser's session into an organization, or into none.
pub async fn enter(browser: &mut Browser, organization: &str) -> testkit::Reply {
    let session = browser.session_id().await;
    browser.post(&format!("/v1/client/sessions/{session}/touch"), &[("active_organization_id", organization), ("intent", "select_org")]).await
}

/// The claims of a token, unchecked.
pub fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).expect("claims");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).expect("base64url")).expect("JSON")
}

/// The claims of a fresh token of the browser's session.
pub async fn fresh_claims(browser: &mut Browser) -> Value {
    claims(&browser.token().await)
}

pub fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("{field} in {body}")).to_owned()
}
