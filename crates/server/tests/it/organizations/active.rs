//! The organization that a session is in, and its tokens.

use super::{claims, enter, found, fresh_claims, join, server, server_with, text};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_in_one_organization_or_in_none() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut bob, "Beta").await);
    join(&server, &beta, &mut ada, "org:member").await;
    assert!(fresh_claims(&mut ada).await.get("o").is_none(), "the personal account");

    let shown = enter(&mut ada, &acme).await.response().clone();
    assert_eq!((&shown["last_active_organization_id"], &shown["status"], &shown["tasks"]), (&json!(acme), &json!("active"), &json!(null)));
    assert_eq!(claims(&text(&shown["last_active_token"], "jwt"))["o"], json!({ "id": acme, "slg": "acme", "rol": "admin" }));
    assert_eq!(fresh_claims(&mut ada).await["o"]["id"], json!(acme));
    // By its slug too, and it is the other one at once.
    enter(&mut ada, "beta").await.response();
    assert_eq!(fresh_claims(&mut ada).await["o"], json!({ "id": beta, "slg": "beta", "rol": "member" }));
    // A token for one that the session is not in, and for none.
    let session = ada.session_id().await;
    let path = format!("/v1/client/sessions/{session}/tokens");
    let of = async |ada: &mut testkit::Browser, id: &str| ada.post(&path, &[("organization_id", id)]).await;
    assert_eq!(claims(&text(of(&mut ada, &acme).await.ok(), "jwt"))["o"]["rol"], "admin");
    assert!(claims(&text(of(&mut ada, "").await.ok(), "jwt")).get("o").is_none());
    assert_eq!(fresh_claims(&mut ada).await["o"]["id"], json!(beta), "the session stays where it is");

    let refusal = (404, "organization_not_found_or_unauthorized");
    assert_eq!(of(&mut bob, &acme).await.status.as_u16(), 404);
    assert_eq!(enter(&mut bob, &acme).await.refusal(), refusal);
    assert_eq!(enter(&mut bob, "acme").await.refusal(), refusal);
    assert_eq!(enter(&mut bob, "org_222222222222222222222222222").await.refusal(), refusal);
    enter(&mut ada, "").await.response();
    assert!(fresh_claims(&mut ada).await.get("o").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_or_demoted_has_a_new_token_at_once() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    join(&server, &id, &mut bob, "org:admin").await;
    enter(&mut bob, &id).await.response();
    assert_eq!(fresh_claims(&mut bob).await["o"]["rol"], "admin");
    let bobs = format!("/v1/organizations/{id}/memberships/{}", bob.user_id().await);
    ada.override_method("PATCH", &bobs, &[("role", "org:member")]).await.response();
    assert_eq!(fresh_claims(&mut bob).await["o"]["rol"], "member");
    ada.override_method("DELETE", &bobs, &[]).await.response();
    assert!(fresh_claims(&mut bob).await.get("o").is_none());
    let client = bob.get("/v1/client").await.response().clone();
    assert_eq!(client["sessions"][0]["last_active_organization_id"], json!(null));
    assert!(claims(&text(&client["sessions"][0]["last_active_token"], "jwt")).get("o").is_none());
    // Whoever comes back is not in it until they enter it.
    join(&server, &id, &mut bob, "org:member").await;
    assert!(fresh_claims(&mut bob).await.get("o").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_lets_go_within_ten_seconds() {
    let server = server().await;
    let node = server.another_node().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let id = found(&mut ada, "Acme").await;
    join(&server, &id, &mut bob, "org:member").await;
    enter(&mut bob, &id).await.response();
    let mut there = bob.clone().at(&node.browser());
    assert_eq!(fresh_claims(&mut there).await["o"]["id"], json!(id));
    ada.override_method("DELETE", &format!("/v1/organizations/{id}/memberships/{}", bob.user_id().await), &[]).await.response();
    server.advance(Duration::from_secs(11));
    assert!(fresh_claims(&mut there).await.get("o").is_none());
}

/// CVE-2024-45042, CVE-2025-64103, CVE-2026-9091: a session whose last step was still to come (there a second factor, here an organization) was taken for a
/// whole one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_an_organization_must_be_chosen_nobody_is_active_without() {
    let server = server_with(json!({ "force_organization_selection": true })).await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.get("/v1/client").await.response()["sessions"][0].clone();
    assert_eq!((&session["status"], &session["tasks"]), (&json!("pending"), &json!([{ "key": "choose-organization" }])));
    assert_eq!(fresh_claims(&mut ada).await["sts"], "pending");
    let pending = server.backend().get("/v1/sessions?status=pending&paginated=true").await.ok()["total_count"].clone();
    let active = server.backend().get("/v1/sessions?status=active&paginated=true").await.ok()["total_count"].clone();
    assert_eq!((pending, active), (json!(1), json!(0)));
    // A template's token says nothing of a task, and other services would take it.
    let backend = server.backend();
    backend.post("/v1/jwt_templates", json!({ "name": "other", "claims": {} })).await.ok();
    let token = format!("sessions/{}/tokens/other", ada.session_id().await);
    assert_eq!(ada.post(&format!("/v1/client/{token}"), &[]).await.refusal(), (403, "session_pending"));
    assert_eq!(backend.post(&format!("/v1/{token}"), json!({})).await.refusal(), (403, "session_pending"));
    let id = found(&mut ada, "Acme").await;
    let entered = enter(&mut ada, &id).await.response().clone();
    ada.post(&format!("/v1/client/{token}"), &[]).await.ok();
    backend.post(&format!("/v1/{token}"), json!({})).await.ok();
    assert_eq!((&entered["status"], &entered["tasks"]), (&json!("active"), &json!(null)));
    assert_eq!(fresh_claims(&mut ada).await["sts"], "active");
    // Whoever asks for the personal account stays.
    assert_eq!(enter(&mut ada, "").await.response()["last_active_organization_id"], json!(id));
    let path = format!("/v1/client/sessions/{}/tokens", ada.session_id().await);
    assert_eq!(claims(&text(ada.post(&path, &[("organization_id", "")]).await.ok(), "jwt"))["o"]["id"], json!(id));
}

/// S9: what a user has in the personal account is untouched when organizations become a must, and the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_must_takes_effect_at_the_next_request() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    assert_eq!(fresh_claims(&mut ada).await["sts"], "active");
    let home = server.home.tenant.id();
    server.set(home, json!({ "organization_settings": { "enabled": true, "force_organization_selection": true } })).await;
    assert_eq!(ada.get("/v1/client").await.response()["sessions"][0]["status"], "pending");
    assert_eq!(fresh_claims(&mut ada).await["sts"], "pending");
    server.set(home, json!({ "organization_settings": { "enabled": true, "force_organization_selection": false } })).await;
    assert_eq!(ada.get("/v1/client").await.response()["sessions"][0]["status"], "active");
}

/// Turning organizations off while everybody must choose one: nobody is stuck before a choice that is not there any more. When they are on again, so is the must.
/// CVE-2026-9791: what was turned off was still claimed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_organizations_nobody_waits_for_one_and_no_token_names_one() {
    let server = server_with(json!({ "force_organization_selection": true })).await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let acme = found(&mut ada, "Acme").await;
    enter(&mut ada, &acme).await.response();
    assert_eq!(fresh_claims(&mut ada).await["o"]["id"], json!(acme));
    assert_eq!(fresh_claims(&mut bob).await["sts"], "pending");
    let settings = "/v1/instance/organization_settings";
    assert_eq!(server.backend().patch(settings, json!({ "enabled": false })).await.ok()["enabled"], false);
    for browser in [&mut ada, &mut bob] {
        let session = browser.get("/v1/client").await.response()["sessions"][0].clone();
        assert_eq!((&session["status"], &session["tasks"], &session["last_active_organization_id"]), (&json!("active"), &json!(null), &json!(null)));
        let shown = claims(&text(&session["last_active_token"], "jwt"));
        let fetched = fresh_claims(browser).await;
        for claims in [shown, fetched] {
            assert_eq!((&claims["sts"], claims.get("o"), claims.get("fea")), (&json!("active"), None, None), "{claims}");
        }
        assert_eq!(browser.post("/v1/organizations", &[("name", "Another")]).await.status.as_u16(), 403);
    }
    let environment = bob.get("/v1/environment").await.ok()["organization_settings"].clone();
    assert_eq!((&environment["enabled"], environment.get("force_organization_selection")), (&json!(false), None));
    server.backend().patch(settings, json!({ "enabled": true })).await.ok();
    assert_eq!(fresh_claims(&mut bob).await["sts"], "pending");
    assert_eq!(fresh_claims(&mut ada).await["o"]["id"], json!(acme), "who was in one is in it again");
}
