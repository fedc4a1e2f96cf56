//! Names are what somebody can see, and read in one direction.

use serde_json::json;
use testkit::{Reply, Setup, TestServer};

/// Nothing but characters that nobody sees.
const UNSEEN: [&str; 8] = ["\u{200b}\u{200b}", "\u{2060}", "\u{ad}", "\u{feff}", "\u{3164}", "\u{200d}", " \u{200c} ", "\u{2800}\u{fe0f}"];
/// Marks that turn around what follows: what is read is not what stands there.
const TURNED: [&str; 3] = ["Acme\u{202e}moc.live", "\u{2066}Acme\u{2069}", "\u{202a}Acme"];
/// Letters and signs that are made of several, with joiners among them.
const SEEN: [&str; 4] = ["می‌خواهم", "👩‍🔬 Lab", "שלום", "ﷺ क्‍ष"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_nobody_can_see_or_read_is_none() {
    let server = TestServer::start_with(Setup { settings: json!({ "organization_settings": { "enabled": true } }), ..Setup::default() }).await;
    let (backend, platform, mut ada) = (server.backend(), server.platform(), server.signed_in("ada").await);
    let user = format!("/v1/users/{}", ada.user_id().await);
    let organization = super::text(backend.post("/v1/organizations", json!({ "name": "Acme" })).await.ok(), "id");
    let config = format!("{}/config", crate::platform::home(&server));
    for name in UNSEEN.into_iter().chain(TURNED) {
        let refused = |reply: Reply, param: &str, what: &str| {
            assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{what}: {name:?}: {}", reply.text);
        };
        refused(backend.post("/v1/organizations", json!({ "name": name })).await, "name", "organization");
        refused(backend.patch(&format!("/v1/organizations/{organization}"), json!({ "name": name })).await, "name", "organization's change");
        refused(ada.post("/v1/organizations", &[("name", name)]).await, "name", "a user's organization");
        refused(backend.patch(&user, json!({ "first_name": name })).await, "first_name", "user");
        refused(ada.override_method("PATCH", "/v1/me", &[("last_name", name)]).await, "last_name", "user themselves");
        refused(server.browser().post("/v1/client/sign_ups", &[("first_name", name)]).await, "first_name", "sign-up");
        let new = json!({ "email_address": ["new@example.com"], "skip_password_requirement": true, "last_name": name });
        refused(backend.post("/v1/users", new).await, "last_name", "new user");
        refused(backend.post("/v1/organization_roles", json!({ "name": name, "key": "org:guest" })).await, "name", "role");
        refused(backend.post("/v1/organization_permissions", json!({ "name": name, "key": "org:reports:read" })).await, "name", "permission");
        refused(backend.post("/v1/role_sets", json!({ "name": name, "roles": ["org:admin"] })).await, "name", "role set");
        refused(platform.post(crate::platform::PATH, json!({ "name": name })).await, "name", "application");
        refused(platform.post("/v1/platform/plans", json!({ "name": name })).await, "name", "plan");
        let sender = json!({ "messages": { "sender": { "name": name } } });
        refused(platform.patch(&config, sender).await, "messages.sender.name", "sender");
    }
    for name in SEEN {
        assert_eq!(backend.post("/v1/organizations", json!({ "name": name })).await.ok()["name"], name);
        assert_eq!(backend.patch(&user, json!({ "first_name": name })).await.ok()["first_name"], name);
        assert_eq!(platform.patch(&config, json!({ "messages": { "sender": { "name": name } } })).await.status, 200, "{name}");
    }
    // An empty name takes it away, as before.
    assert_eq!(backend.patch(&user, json!({ "first_name": "" })).await.ok()["first_name"], json!(null));
}
