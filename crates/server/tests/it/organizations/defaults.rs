//! What a new organization could be called.

use super::domains::{ada_of_acme, add, affiliate};
use super::{found, server_with};
use serde_json::{Value, json};
use testkit::{Browser, PASSWORD, TestServer};

const DEFAULTS: &str = "/v1/me/organization_creation_defaults";

async fn suggested(browser: &mut Browser) -> Value {
    browser.get(DEFAULTS).await.response().clone()
}

async fn server() -> TestServer {
    server_with(json!({ "domains_enabled": true, "creation_defaults_enabled": true })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_made_of_the_address_and_the_slug_is_free() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    assert_eq!(suggested(&mut ada).await, json!({ "form": { "name": "Example", "slug": "example", "logo": null, "blur_hash": null }, "advisory": null }));
    found(&mut ada, "Example").await;
    let again = suggested(&mut ada).await;
    let slug = again["form"]["slug"].as_str().expect("a slug").to_owned();
    assert!(slug.starts_with("example-"), "{slug}");
    assert_eq!(ada.post("/v1/organizations", &[("name", "Example"), ("slug", &slug)]).await.response()["slug"], slug.as_str());
    // Whose mail is at a public provider is known by their own name, or by none.
    let new = json!({ "email_address": ["bob@gmail.com"], "password": PASSWORD, "first_name": "Bob" });
    server.backend().post("/v1/users", new).await.ok();
    let mut bob = server.browser();
    bob.post("/v1/client/sign_ins", &[("identifier", "bob@gmail.com"), ("password", PASSWORD)]).await.response();
    assert_eq!(suggested(&mut bob).await["form"]["name"], "Bob's Organization");
    assert_eq!(server.browser().get(DEFAULTS).await.status.as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_could_join_an_organization_is_told_so() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let domain = add(&mut ada, &acme, "example.com").await;
    affiliate(&mut ada, &domain, "boss+clerk_test@example.com").await;
    let mut bob = server.signed_in("bob").await;
    assert_eq!(suggested(&mut bob).await["advisory"], Value::Null, "an organization that only invites is not told of");
    ada.post(&format!("{domain}/update_enrollment_mode"), &[("enrollment_mode", "automatic_suggestion")]).await.response();
    let advisory = suggested(&mut bob).await["advisory"].clone();
    assert_eq!((&advisory["code"], &advisory["type"], &advisory["severity"]), (&json!("organization_already_exists"), &json!("warning"), &json!("warning")));
    assert_eq!(advisory["meta"], json!({ "organization_domain": "example.com", "organization_name": "Acme" }));
    assert_eq!(suggested(&mut ada).await["advisory"], Value::Null, "its members know it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_suggested_where_nobody_wants_it_or_nothing_can_be_created() {
    let server = server().await;
    let (mut ada, nothing) = (server.signed_in("ada").await, json!({ "form": null, "advisory": null }));
    let told = ada.get("/v1/environment").await.ok()["organization_settings"].clone();
    assert_eq!(told["organization_creation_defaults"], json!({ "enabled": true }));
    let user = ada.user_id().await;
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "create_organization_enabled": false })).await.ok();
    assert_eq!(suggested(&mut ada).await, nothing);
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "create_organization_enabled": true })).await.ok();
    server.set(server.home.tenant.id(), json!({ "organization_settings": { "creation_defaults_enabled": false } })).await;
    assert_eq!(suggested(&mut ada).await, nothing);
    assert_eq!(ada.get("/v1/environment").await.ok()["organization_settings"].get("organization_creation_defaults"), None);
    server
        .set(server.home.tenant.id(), json!({ "organization_settings": { "enabled": true, "creation_defaults_enabled": true, "slug_disabled": true } }))
        .await;
    assert_eq!(suggested(&mut ada).await["form"]["slug"], "");
}
