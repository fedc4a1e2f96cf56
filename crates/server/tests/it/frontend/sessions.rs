//! Sessions of the caller's own client: used, ended, expired. Their tokens are in `tokens`.

use super::server_with;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, PASSWORD, TestServer};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

async fn uat(browser: &mut Browser) -> i64 {
    browser.get("/v1/client").await.response()["updated_at"].as_i64().expect("a time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_can_be_looked_at_by_its_client() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let id = ada.session_id().await;
    let reply = ada.get(&format!("/v1/client/sessions/{id}")).await;
    let (session, now) = (reply.response(), server.database.now().millis());
    assert_eq!((&session["id"], &session["object"], &session["status"]), (&json!(id), &json!("session"), &json!("active")));
    assert_eq!((&session["created_at"], &session["expire_at"]), (&json!(now), &json!(now + 7 * 86_400_000)));
    assert!(session["abandon_at"].as_i64() >= session["expire_at"].as_i64());
    assert_eq!((&session["actor"], &session["tasks"], &session["last_active_organization_id"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!(session["factor_verification_age"], json!([0, -1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn touching_a_session_notes_that_it_is_in_use() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let id = ada.session_id().await;
    server.advance(Duration::from_secs(600));
    let reply = ada.post(&format!("/v1/client/sessions/{id}/touch"), &[("active_organization_id", ""), ("intent", "focus")]).await;
    assert_eq!(reply.response()["last_active_at"], server.database.now().millis());
    assert!(reply.response()["last_active_token"]["jwt"].is_string(), "it saves the SDK a request");
    assert_eq!(reply.body["client"]["last_active_session_id"], id);
    assert_eq!(reply.body["client"]["sessions"][0]["user"]["last_active_at"], server.database.now().millis());
}

/// `client.updated_at` is what `__client_uat` says: where it moved past a token, the backend would ask for a handshake again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_changes_when_somebody_comes_or_goes_and_not_by_use() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let id = ada.session_id().await;
    let arrived = uat(&mut ada).await;
    assert_eq!(arrived, server.database.now().millis());
    server.advance(Duration::from_secs(120));
    ada.post(&format!("/v1/client/sessions/{id}/touch"), &[]).await.ok();
    ada.token().await;
    ada.override_method("PATCH", "/v1/me", &[("first_name", "Ada")]).await.ok();
    assert_eq!(uat(&mut ada).await, arrived);
    server.advance(Duration::from_secs(120));
    ada.post(&format!("/v1/client/sessions/{id}/end"), &[]).await.ok();
    let gone = uat(&mut ada).await;
    assert_eq!(gone, server.database.now().millis());
    server.advance(Duration::from_secs(120));
    ada.sign_in("ada", "wrong password").await;
    assert_eq!(uat(&mut ada).await, gone, "trying is not coming");
    ada.sign_in("ada", PASSWORD).await.ok();
    assert_eq!(uat(&mut ada).await, server.database.now().millis());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_the_session_at_once() {
    for (verb, status) in [("end", "ended"), ("remove", "removed")] {
        let server = TestServer::start().await;
        let mut ada = server.signed_in("ada").await;
        let id = ada.session_id().await;
        let reply = ada.post(&format!("/v1/client/sessions/{id}/{verb}"), &[]).await;
        assert_eq!((&reply.response()["status"], &reply.response()["last_active_token"]), (&json!(status), &Value::Null));
        assert_eq!((&reply.body["client"]["sessions"], &reply.body["client"]["last_active_session_id"]), (&json!([]), &Value::Null));
        let again = ada.post(&format!("/v1/client/sessions/{id}/{verb}"), &[]).await;
        assert_eq!(again.response()["status"], status, "ending it twice is no fault");
        assert_eq!(ada.get("/v1/me").await.refusal(), (401, "authentication_invalid"));
        ada.sign_in("ada", PASSWORD).await.ok();
        assert_eq!(server.backend().get(&format!("/v1/sessions/{id}")).await.ok()["status"], status, "a closed one never opens again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_everybody_out_keeps_the_client() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (id, client) = (ada.session_id().await, ada.get("/v1/client").await.response()["id"].clone());
    let reply = ada.override_method("DELETE", "/v1/client/sessions", &[]).await;
    assert_eq!((&reply.response()["id"], &reply.response()["sessions"]), (&client, &json!([])));
    assert_eq!(ada.get("/v1/client").await.response()["id"], client);
    assert_eq!(server.backend().get(&format!("/v1/sessions/{id}")).await.ok()["status"], "removed");
}

/// With 422 the SDK would show an error, with 404 nothing would happen: only 401 makes it look again and sign out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_session_is_answered_with_401_however_it_died() {
    for how in ["end", "remove", "revoke", "expire", "delete", "delete self"] {
        let server = TestServer::start().await;
        let mut ada = server.signed_in("ada").await;
        let (id, user) = (ada.session_id().await, ada.user_id().await);
        match how {
            "revoke" => drop(server.backend().post(&format!("/v1/sessions/{id}/revoke"), json!({})).await.ok().clone()),
            "expire" => server.advance(WEEK),
            "delete" => drop(server.backend().delete(&format!("/v1/users/{user}")).await.ok().clone()),
            "delete self" => drop(ada.override_method("DELETE", "/v1/me", &[]).await.ok().clone()),
            verb => drop(ada.post(&format!("/v1/client/sessions/{id}/{verb}"), &[]).await.ok().clone()),
        }
        for verb in ["tokens", "touch"] {
            let reply = ada.post(&format!("/v1/client/sessions/{id}/{verb}"), &[]).await;
            assert_eq!(reply.refusal(), (401, "authentication_invalid"), "{verb} after {how}");
        }
        assert_eq!(ada.get("/v1/me").await.refusal(), (401, "authentication_invalid"), "{how}");
        assert!(ada.sessions().await.is_empty(), "{how}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lives_for_seven_days_however_much_it_is_used() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let id = ada.session_id().await;
    for _ in 0..7 {
        ada.post(&format!("/v1/client/sessions/{id}/touch"), &[]).await.ok();
        server.advance(Duration::from_secs(86_399));
    }
    ada.token().await;
    server.advance(Duration::from_secs(7));
    assert_eq!(ada.post(&format!("/v1/client/sessions/{id}/tokens"), &[]).await.refusal(), (401, "authentication_invalid"));
    assert_eq!(ada.get(&format!("/v1/client/sessions/{id}")).await.response()["status"], "expired");
    let reply = ada.get("/v1/client").await;
    assert_eq!((&reply.response()["sessions"], &reply.response()["last_active_session_id"]), (&json!([]), &Value::Null));
    assert_eq!(ada.sign_in("ada", PASSWORD).await.response()["status"], "complete", "it is not in the way of a new one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_a_session_lives_is_a_setting() {
    let server = server_with(json!({ "session": { "lifetime": 3600 } })).await;
    let mut ada = server.signed_in("ada").await;
    server.advance(Duration::from_secs(3_599));
    ada.token().await;
    server.advance(Duration::from_secs(1));
    assert!(ada.sessions().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_session_does_not_exist() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut eve = server.signed_in("eve").await;
    let mut neighbour = server.signed_in_next_door("ada").await;
    let others = [ada.session_id().await, neighbour.session_id().await, "sess_000000000000000000000000000".to_owned(), "sess_x".to_owned(), "%00".to_owned()];
    let mut answers = Vec::new();
    for id in &others {
        let base = format!("/v1/client/sessions/{id}");
        assert_eq!(eve.get(&base).await.refusal(), (404, "resource_not_found"), "{id}");
        for verb in ["touch", "end", "remove", "tokens"] {
            let reply = eve.post(&format!("{base}/{verb}"), &[]).await;
            assert_eq!(reply.refusal(), (404, "resource_not_found"), "{verb} {id}");
            answers.push(reply.body["errors"].clone());
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "one that exists is told from none by nothing");
    assert_eq!((ada.sessions().await.len(), neighbour.sessions().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_client_there_are_no_sessions() {
    let server = TestServer::start().await;
    let id = server.signed_in("ada").await.session_id().await;
    let mut nobody = server.browser();
    assert_eq!(nobody.get(&format!("/v1/client/sessions/{id}")).await.refusal(), (401, "authentication_invalid"));
    for verb in ["touch", "end", "remove", "tokens"] {
        let reply = nobody.post(&format!("/v1/client/sessions/{id}/{verb}"), &[]).await;
        assert_eq!(reply.refusal(), (401, "authentication_invalid"), "{verb}");
    }
    assert_eq!(nobody.override_method("DELETE", "/v1/client/sessions", &[]).await.response(), &Value::Null);
}

/// With 422 the SDK would sign the user out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_that_is_none_of_the_users_is_not_found() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let id = ada.session_id().await;
    for organization in ["org_000000000000000000000000000", "acme"] {
        for (verb, param) in [("touch", "active_organization_id"), ("tokens", "organization_id")] {
            let reply = ada.post(&format!("/v1/client/sessions/{id}/{verb}"), &[(param, organization)]).await;
            assert_eq!(reply.status.as_u16(), 404, "{verb} {organization}");
        }
    }
    assert_eq!(ada.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_sees_the_sessions_on_all_their_devices_and_ends_them() {
    let server = TestServer::start().await;
    server.signed_in("eve").await;
    let mut ada = server.signed_in("ada").await;
    let mut phone = server.browser();
    phone.headers.push(("user-agent".to_owned(), "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1".to_owned()));
    phone.sign_in("ada", PASSWORD).await.ok();
    let lost = phone.session_id().await;
    let reply = ada.get("/v1/me/sessions/active").await;
    let active = reply.ok().as_array().expect("a bare list");
    assert_eq!(active.len(), 2);
    let activity = &active.iter().find(|s| s["id"] == lost).expect("the phone's")["latest_activity"];
    assert_eq!((&activity["device_type"], &activity["browser_name"], &activity["is_mobile"]), (&json!("iPhone"), &json!("Safari"), &json!(true)));
    let all = ada.get("/v1/me/sessions").await;
    let phones = all.ok().as_array().expect("a bare list").iter().find(|s| s["id"] == lost).expect("the phone's");
    assert_eq!(phones["last_active_token"], Value::Null, "a token goes to its own device only");
    let revoked = ada.post(&format!("/v1/me/sessions/{lost}/revoke"), &[]).await;
    assert_eq!(revoked.response()["status"], "revoked");
    assert_eq!(phone.post(&format!("/v1/client/sessions/{lost}/tokens"), &[]).await.status.as_u16(), 401);
    assert_eq!(ada.get("/v1/me/sessions/active").await.ok().as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_revokes_another_users_session() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut neighbour = server.signed_in_next_door("ada").await;
    let mut eve = server.signed_in("eve").await;
    for id in [ada.session_id().await, neighbour.session_id().await] {
        assert_eq!(eve.post(&format!("/v1/me/sessions/{id}/revoke"), &[]).await.refusal(), (404, "resource_not_found"));
        assert_eq!(server.browser().post(&format!("/v1/me/sessions/{id}/revoke"), &[]).await.status.as_u16(), 401);
    }
    assert_eq!((ada.sessions().await.len(), neighbour.sessions().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_the_query_names_must_be_the_clients_own() {
    let server = TestServer::start().await;
    let theirs = server.signed_in("eve").await.session_id().await;
    let mut ada = server.signed_in("ada").await;
    let own = ada.session_id().await;
    assert_eq!(ada.get(&format!("/v1/me?_clerk_session_id={own}")).await.response()["id"], ada.user_id().await);
    assert_eq!(ada.get(&format!("/v1/me?_clerk_session_id={theirs}")).await.refusal(), (401, "authentication_invalid"));
}
