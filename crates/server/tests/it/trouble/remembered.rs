//! What is remembered never outlives what it was made from: every change is obeyed by the next call on this node, and within ten seconds on others.

use super::{fragile_server, tokens_path};
use crate::frontend::{ban, claims};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use store::Bounds;
use testkit::{Browser, Line, PASSWORD, Setup, TestServer, Way};

/// The token that the client's answer shows for its first session.
fn shown_token(client: &Value) -> String {
    client["sessions"][0]["last_active_token"]["jwt"].as_str().expect("a token").to_owned()
}

/// Ways in which a session ends, by those who may end it.
const ENDINGS: [&str; 14] = [
    "end",
    "remove",
    "remove all",
    "forget the client",
    "revoke by the backend",
    "revoke by its user elsewhere",
    "password changed elsewhere",
    "password set by the backend",
    "user deleted by the backend",
    "user deletes themselves elsewhere",
    "user banned",
    "user banned by the backend",
    "another sign-in",
    "application deleted",
];

async fn bring_about(server: &TestServer, ending: &str, ada: &mut Browser, elsewhere: &mut Browser) {
    let (session, user) = (ada.session_id().await, ada.user_id().await);
    let backend = server.backend();
    // The call to be obeyed comes from a copy of the browser, which keeps its cookie.
    let mut acting = ada.clone();
    let reply = match ending {
        "end" => acting.post(&format!("/v1/client/sessions/{session}/end"), &[]).await,
        "remove" => acting.post(&format!("/v1/client/sessions/{session}/remove"), &[]).await,
        "remove all" => acting.override_method("DELETE", "/v1/client/sessions", &[]).await,
        "forget the client" => acting.override_method("DELETE", "/v1/client", &[]).await,
        "revoke by the backend" => backend.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await,
        "revoke by its user elsewhere" => elsewhere.post(&format!("/v1/me/sessions/{session}/revoke"), &[]).await,
        "password changed elsewhere" => {
            let form = [("current_password", PASSWORD), ("new_password", "another good horse"), ("sign_out_of_other_sessions", "true")];
            elsewhere.post("/v1/me/change_password", &form).await
        }
        "password set by the backend" => {
            backend.patch(&format!("/v1/users/{user}"), json!({ "password": "another good horse", "sign_out_of_other_sessions": true })).await
        }
        "user deleted by the backend" => backend.delete(&format!("/v1/users/{user}")).await,
        "user deletes themselves elsewhere" => elsewhere.override_method("DELETE", "/v1/me", &[]).await,
        "user banned" => {
            ban(server, &user).await;
            return;
        }
        "user banned by the backend" => backend.post(&format!("/v1/users/{user}/ban"), json!({})).await,
        "another sign-in" => {
            acting.override_method("DELETE", "/v1/client/sessions", &[]).await.ok();
            acting.sign_in("ada", PASSWORD).await
        }
        "application deleted" => server.platform().delete(&format!("/v1/platform/applications/{}", server.home.tenant.instance.application)).await,
        other => panic!("{other}"),
    };
    assert!(reply.status.is_success(), "{ending}: {}", reply.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_end_of_a_session_is_obeyed_by_the_next_call() {
    for ending in ENDINGS {
        let server = TestServer::start().await;
        let mut ada = server.signed_in("ada").await;
        let mut elsewhere = server.browser();
        elsewhere.sign_in("ada", PASSWORD).await.ok();
        let path = tokens_path(&mut ada).await;
        for _ in 0..2 {
            ada.post(&path, &[]).await.ok();
            ada.get("/v1/client").await.ok();
        }
        bring_about(&server, ending, &mut ada, &mut elsewhere).await;
        let reply = ada.post(&path, &[]).await;
        assert!(reply.status.is_client_error(), "{ending}: {} {}", reply.status, reply.text);
        let client = ada.get("/v1/client").await;
        let token = client.body["response"]["sessions"].as_array().and_then(|s| s.iter().find(|s| !s["last_active_token"].is_null()));
        assert!(token.is_none(), "{ending}: {}", client.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_change_is_shown_by_the_next_call() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let look = async |ada: &mut Browser| ada.get("/v1/client").await.response().clone();
    let before = look(&mut ada).await;
    assert_eq!(look(&mut ada).await, before, "nothing has changed, not even the token");

    server.backend().patch(&format!("/v1/users/{user}"), json!({ "first_name": "Augusta" })).await.ok();
    assert_eq!(look(&mut ada).await["sessions"][0]["user"]["first_name"], "Augusta");
    server.backend().patch(&format!("/v1/users/{user}/metadata"), json!({ "public_metadata": { "plan": "gold" } })).await.ok();
    assert_eq!(look(&mut ada).await["sessions"][0]["user"]["public_metadata"], json!({ "plan": "gold" }));
    ada.post("/v1/me/email_addresses", &[("email_address", "lovelace+clerk_test@example.com")]).await.ok();
    assert_eq!(look(&mut ada).await["sessions"][0]["user"]["email_addresses"].as_array().map(Vec::len), Some(2));
    ada.post("/v1/client/sign_ins", &[("identifier", "nobody@example.com")]).await;
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "last_name": "King" })).await.ok();
    assert_eq!(look(&mut ada).await["sessions"][0]["user"]["last_name"], "King");

    let environment = async |ada: &mut Browser| ada.get("/v1/environment").await.ok().clone();
    assert_eq!(environment(&mut ada).await["auth_config"]["single_session_mode"], true);
    server.set(server.home.tenant.id(), json!({ "session": { "multi": true } })).await;
    assert_eq!(environment(&mut ada).await["auth_config"]["single_session_mode"], false);
    let application = format!("/v1/platform/applications/{}", server.home.tenant.instance.application);
    server.platform().patch(&application, json!({ "name": "Analytical Engine" })).await.ok();
    assert_eq!(environment(&mut ada).await["display_config"]["application_name"], "Analytical Engine");
    server.backend().get("/v1/users/count").await.ok();
    server.platform().delete(&application).await.ok();
    assert_eq!(server.backend().get("/v1/users/count").await.status, StatusCode::UNAUTHORIZED, "the secret key has ended");
    assert_eq!(ada.get("/v1/environment").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.get("/.well-known/jwks.json").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_node_obeys_within_ten_seconds() {
    let (here, mut ada) = {
        let server = TestServer::start().await;
        let ada = server.signed_in("ada").await;
        (server, ada)
    };
    let there = here.another_node().await;
    let (path, session) = (tokens_path(&mut ada).await, ada.session_id().await);
    ada.post(&path, &[]).await.ok();
    there.backend().post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
    here.advance(Duration::from_secs(10));
    assert_eq!(ada.post(&path, &[]).await.refusal().0, 401);
    assert_eq!(ada.get("/v1/client").await.response()["sessions"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_told_to_remember_nothing_obeys_every_node_at_once() {
    let bounds = store::Bounds { fresh: Duration::ZERO, outage: Duration::ZERO, ..fragile_bounds() };
    let here = TestServer::start_with(Setup { bounds, ..Setup::default() }).await;
    let mut ada = here.signed_in("ada").await;
    let there = here.another_node().await;
    let (path, session) = (tokens_path(&mut ada).await, ada.session_id().await);
    ada.post(&path, &[]).await.ok();
    there.backend().post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok();
    assert_eq!(ada.post(&path, &[]).await.refusal().0, 401);
}

fn fragile_bounds() -> store::Bounds {
    store::Bounds { wait: Duration::from_secs(30), ..store::Bounds::DEFAULT }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_is_shown_again_for_ten_seconds_while_it_states_the_truth() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let look = async |ada: &mut Browser| shown_token(ada.get("/v1/client").await.response());
    let first = look(&mut ada).await;
    server.advance(Duration::from_secs(9));
    assert_eq!(look(&mut ada).await, first);
    server.advance(Duration::from_secs(2));
    let second = look(&mut ada).await;
    assert_ne!(second, first, "it has less than fifty seconds left");
    ada.origin = Some("http://localhost:4000".to_owned());
    assert_eq!(claims(&look(&mut ada).await)["azp"], "http://localhost:4000", "each page has its own");
    ada.origin = Some("http://localhost:3000".to_owned());
    server.advance(Duration::from_secs(48));
    let old = look(&mut ada).await;
    assert_eq!(claims(&old)["fva"], json!([0, -1]));
    server.advance(Duration::from_secs(2));
    let new = look(&mut ada).await;
    assert_eq!(claims(&new)["fva"], json!([1, -1]), "the old one does not state the age that it has now");
    // No token is older than what `__client_uat` says.
    server.advance(Duration::from_secs(1));
    let session = ada.session_id().await;
    ada.post(&format!("/v1/client/sessions/{session}/end"), &[]).await.ok();
    ada.sign_in("ada", PASSWORD).await.ok();
    let client = ada.get("/v1/client").await.response().clone();
    let issued = claims(&shown_token(&client))["iat"].as_i64();
    assert!(client["updated_at"].as_i64().map(|at| at / 1_000) <= issued, "{client}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_remembered_past_the_end_of_a_session() {
    let server = TestServer::start_with(Setup { settings: json!({ "session": { "lifetime": 60 } }), ..Setup::default() }).await;
    let mut ada = server.signed_in("ada").await;
    let path = tokens_path(&mut ada).await;
    server.advance(Duration::from_secs(59));
    ada.post(&path, &[]).await.ok();
    ada.get("/v1/client").await.ok();
    server.advance(Duration::from_secs(1));
    assert_eq!(ada.post(&path, &[]).await.refusal().0, 401);
    assert_eq!(ada.get("/v1/client").await.response()["sessions"], json!([]));
}

/// What was remembered for one credential is not shown to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_remembered_session_is_the_credentials_that_showed_it() {
    let server = fragile_server().await;
    let mut ada = server.signed_in("ada").await;
    let path = tokens_path(&mut ada).await;
    ada.post(&path, &[]).await.ok();
    let mut bob = server.signed_in("bob").await;
    assert_eq!(bob.post(&path, &[]).await.refusal().0, 404);
    assert_eq!(server.browser().post(&path, &[]).await.refusal().0, 401);
    let mut eve = ada.clone();
    eve.cookies.values_mut().for_each(|value| value.push('0'));
    assert_eq!(eve.post(&path, &[]).await.refusal().0, 401);
    let mut next_door = server.neighbours_browser();
    next_door.cookies.clone_from(&ada.cookies);
    assert_eq!(next_door.send(Method::POST, &path, None, String::new()).await.refusal().0, 401);
}

/// One tenant asks for more than there is room for: the others go on from memory as if it were not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_fills_the_memory_drives_out_nothing_of_another() {
    let bounds = Bounds { memory: 256 << 10, ..Bounds::DEFAULT };
    let server = TestServer::start_with(Setup { bounds, way: Way::Proxied, ..Setup::default() }).await;
    let mut ada = server.signed_in("ada").await;
    let path = tokens_path(&mut ada).await;
    ada.get("/v1/client").await.ok();
    ada.post(&path, &[]).await.ok();
    ada.get("/v1/environment").await.ok();
    let mut loud = server.signed_in_next_door("loud").await;
    for port in 3_001..=3_600 {
        loud.origin = Some(format!("http://localhost:{port}"));
        loud.get("/v1/client").await.ok();
    }
    let taken = server.trouble(Line::Hangs).await;
    ada.get("/v1/client").await.ok();
    ada.post(&path, &[]).await.ok();
    ada.get("/v1/environment").await.ok();
    loud.get("/v1/client").await.ok();
    loud.origin = Some("http://localhost:3001".to_owned());
    assert_eq!(loud.get("/v1/client").await.status, StatusCode::SERVICE_UNAVAILABLE, "what is lost is their own");
    drop(taken);
}
