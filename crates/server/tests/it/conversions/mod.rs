//! Conversions: the users of an instance go over to another kind of pools, with all that they are.

mod depart;
mod gate;
mod isolate;
mod random;
mod share;
mod tables;

use crate::organizations::{self, text};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{PASSWORD, Reply, TestServer, address};

/// A server whose home instance has organizations and usernames.
pub async fn server() -> TestServer {
    let server = organizations::server_with(json!({ "domains_enabled": true })).await;
    server.set(server.home.tenant.id(), json!({ "auth_username": "optional" })).await;
    server
}

/// Where the home instance's conversions are.
pub fn path(server: &TestServer) -> String {
    format!("/v1/platform/applications/{}/instances/{}/conversions", server.home.tenant.instance.application, server.home.tenant.id())
}

/// Makes a plan.
pub async fn plan(server: &TestServer, wanted: &Value) -> Value {
    let mut body = wanted.clone();
    body["dry_run"] = json!(true);
    server.platform().post(&path(server), body).await.ok().clone()
}

/// Confirms a plan by its fingerprint.
pub async fn confirm(server: &TestServer, wanted: &Value, fingerprint: &Value) -> Reply {
    let mut body = wanted.clone();
    body["fingerprint"] = fingerprint.clone();
    server.platform().post(&path(server), body).await
}

/// A conversion as it is now.
pub async fn shown(server: &TestServer, id: &Value) -> Value {
    server.platform().get(&format!("{}/{}", path(server), id.as_str().expect("an id"))).await.ok().clone()
}

/// After this time nobody is inside any more who came in before the instance was closed.
pub fn settle(server: &TestServer) {
    server.advance(Duration::from_secs(60));
}

/// Runs jobs until none is due.
pub async fn run(server: &TestServer) {
    while server.run_jobs().await > 0 {}
}

/// Plans, confirms and does it; the conversion at its end, whose numbers are those of the plan.
pub async fn convert(server: &TestServer, wanted: &Value) -> Value {
    let plan = plan(server, wanted).await;
    let begun = confirm(server, wanted, &plan["fingerprint"]).await;
    assert_eq!(begun.status.as_u16(), 201, "{}", begun.text);
    settle(server);
    run(server).await;
    let done = shown(server, &begun.body["id"]).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["plan"]["numbers"], plan["numbers"], "planned before and planned at last");
    assert_eq!(done["done"]["numbers"], plan["numbers"], "done and planned");
    assert_eq!(done["done"]["ends"], done["plan"]["ends"], "ended and planned");
    done
}

/// Creates an organization by the backend's word.
pub async fn organization(server: &TestServer, name: &str) -> Value {
    server.backend().post("/v1/organizations", json!({ "name": name })).await.ok().clone()
}

/// A user as the backend sees them.
pub async fn user(server: &TestServer, id: &str) -> Value {
    server.backend().get(&format!("/v1/users/{id}")).await.ok().clone()
}

/// A member's role in an organization, by the backend's word; none where they are no member.
pub async fn role(server: &TestServer, organization: &Value, user: &str) -> Option<String> {
    let path = format!("/v1/organizations/{}/memberships?user_id={user}", organization["id"].as_str().expect("an id"));
    let found = server.backend().get(&path).await.ok()["data"].clone();
    found[0]["role"].as_str().map(str::to_owned)
}

/// A user of the backend's making, in these organizations; their id.
pub async fn made(server: &TestServer, name: &str, organizations: &[(&Value, &str)]) -> String {
    let body = json!({ "email_address": [address(name)], "username": format!("{name}{name}"), "password": PASSWORD, "external_id": format!("ext-{name}"),
        "public_metadata": { "of": name }, "private_metadata": { "secret": name }, "unsafe_metadata": { "own": name } });
    let user = text(server.backend().post("/v1/users", body).await.ok(), "id");
    for (organization, role) in organizations {
        // Which one they have belonged to for the longest time is told by the clock.
        server.advance(Duration::from_secs(1));
        let path = format!("/v1/organizations/{}/memberships", text(organization, "id"));
        server.backend().post(&path, json!({ "user_id": user, "role": role })).await.ok();
    }
    user
}

/// The ticket of the invitation that was mailed to an address.
pub async fn invited(server: &TestServer, to: &str) -> String {
    run(server).await;
    let mail = server.world.inbox.caught(Some(to))[0].mail.text.clone();
    let ticket = mail.split("ticket=").nth(1).and_then(|rest| rest.split(|c: char| c.is_whitespace() || c == '&').next());
    ticket.expect("a ticket").to_owned()
}
