//! New secret keys: shown once, good at once, and the old ones for exactly as long as the caller says.

use super::{create, path};
use foundation::Secret;
use serde_json::{Value, json};
use std::time::Duration;
use store::{Access, platform_sql};
use testkit::{Api, TestServer};

fn home(server: &TestServer) -> String {
    format!("/v1/platform/applications/{}", server.home.tenant.instance.application)
}

/// The only new key of an answer.
fn key(body: &Value) -> Secret {
    let instances = body["instances"].as_array().expect("instances");
    assert_eq!(instances.len(), 1, "{body}");
    Secret::new(instances[0]["secret_key"].as_str().expect("a secret key"))
}

fn backend(server: &TestServer, key: &Secret) -> Api {
    server.api("backend", Some(key))
}

async fn opens(server: &TestServer, key: &Secret) -> bool {
    let reply = backend(server, key).get("/v1/users").await;
    if reply.status.is_success() {
        return true;
    }
    assert_eq!(reply.refusal(), (401, "clerk_key_invalid"));
    false
}

async fn count(server: &TestServer) -> i64 {
    let found = server.database.platform(Access::Read, |tx| Box::pin(tx.find::<i64>(platform_sql!("select count(*) from secret_keys"), &[]))).await;
    found.expect("counted").unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_delay_the_old_key_ends_at_once() {
    let server = TestServer::start().await;
    let rotated = server.platform().post(&format!("{}/rotate_secret_keys", home(&server)), json!({})).await;
    let instance = &rotated.ok()["instances"][0];
    assert_eq!(instance["environment_type"], "development");
    assert_eq!(instance["instance_id"], json!(server.home.tenant.id()));
    assert_eq!(rotated.body["application_id"], json!(server.home.tenant.instance.application));
    assert_eq!(rotated.body["name"], "Home");
    let new = key(&rotated.body);
    assert!(new.expose().starts_with("sk_test_"));
    assert!(opens(&server, &new).await);
    assert!(!opens(&server, &server.home.secret_key).await, "the old key has ended");
    assert!(opens(&server, &server.neighbour.secret_key).await, "the neighbour's is none of it");
    let shown = server.platform().get(&home(&server)).await;
    assert!(!shown.text.contains("sk_test_"), "it is shown once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_delay_both_open_until_it_is_over_and_what_is_over_is_swept() {
    let server = TestServer::start().await;
    let rotate = format!("{}/instances/development/rotate_secret_keys", home(&server));
    let body = json!({ "delay_old_secrets_expiration_hours": 2, "reason": "a laptop was lost" });
    let new = key(server.platform().post(&rotate, body).await.ok());
    let old = &server.home.secret_key;
    assert!(opens(&server, old).await && opens(&server, &new).await);
    server.advance(Duration::from_secs(2 * 3_600 - 1));
    assert!(opens(&server, old).await && opens(&server, &new).await);
    server.advance(Duration::from_secs(1));
    assert!(!opens(&server, old).await, "to the second");
    assert!(opens(&server, &new).await);
    let before = count(&server).await;
    create(&server.platform(), "Another").await;
    assert_eq!(count(&server).await, before, "one was added, and the one that was over is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_rotation_never_lengthens_the_life_of_a_key() {
    let server = TestServer::start().await;
    let rotate = format!("{}/instances/{}/rotate_secret_keys", home(&server), server.home.tenant.id());
    let after = |hours: i64| json!({ "delay_old_secrets_expiration_hours": hours });
    let second = key(server.platform().post(&rotate, after(1)).await.ok());
    let third = key(server.platform().post(&rotate, after(48)).await.ok());
    server.advance(Duration::from_secs(3_600));
    assert!(!opens(&server, &server.home.secret_key).await, "it ends when it was said first");
    assert!(opens(&server, &second).await && opens(&server, &third).await);
    let last = key(server.platform().post(&rotate, after(0)).await.ok());
    assert!(!opens(&server, &second).await && !opens(&server, &third).await, "nothing overlaps any more");
    assert!(opens(&server, &last).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_environment_has_its_own() {
    let server = TestServer::start().await;
    let body = json!({ "name": "Both", "environment_types": ["development", "production"] });
    let made = server.platform().post(super::PATH, body).await.ok().clone();
    let old = [0, 1].map(|index| Secret::new(made["instances"][index]["secret_key"].as_str().expect("a key")));
    let live = key(server.platform().post(&format!("{}/instances/production/rotate_secret_keys", path(&made)), json!({})).await.ok());
    assert!(live.expose().starts_with("sk_live_"));
    assert!(opens(&server, &old[0]).await && !opens(&server, &old[1]).await, "the other instance keeps its key");
    let all = server.platform().post(&format!("{}/rotate_secret_keys", path(&made)), json!({})).await.ok().clone();
    assert_eq!(all["instances"].as_array().expect("instances").len(), 2);
    assert!(!opens(&server, &old[0]).await && !opens(&server, &live).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_and_nothing_changes() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let rotate = format!("{}/rotate_secret_keys", home(&server));
    for (body, param) in [
        (json!({ "delay_old_secrets_expiration_hours": -1 }), "delay_old_secrets_expiration_hours"),
        (json!({ "delay_old_secrets_expiration_hours": 8_761 }), "delay_old_secrets_expiration_hours"),
        (json!({ "delay_old_secrets_expiration_hours": "2" }), "delay_old_secrets_expiration_hours"),
        (json!({ "delay_old_secrets_expiration_hours": 1.5 }), "delay_old_secrets_expiration_hours"),
        (json!({ "reason": 7 }), "reason"),
        (json!({ "reason": "x".repeat(501) }), "reason"),
        (json!({ "reason": "a\u{7}b" }), "reason"),
        (json!({ "delay": 1 }), "delay"),
    ] {
        let reply = platform.post(&rotate, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}");
    }
    for place in ["instances/staging", "instances/production", "instances/ins_nonsense"] {
        assert_eq!(platform.post(&format!("{}/{place}/rotate_secret_keys", home(&server)), json!({})).await.status, 404, "{place}");
    }
    let foreign = format!("{}/instances/{}/rotate_secret_keys", home(&server), server.neighbour.tenant.id());
    assert_eq!(platform.post(&foreign, json!({})).await.status, 404, "an instance of another application");
    assert_eq!(server.other_platform().post(&rotate, json!({})).await.refusal(), (404, "resource_not_found"));
    assert!(opens(&server, &server.home.secret_key).await && opens(&server, &server.neighbour.secret_key).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_rotations_at_once_the_last_one_counts() {
    let server = TestServer::start().await;
    let rotate = format!("{}/rotate_secret_keys", home(&server));
    let calls = (0..64).map(|_| {
        let (platform, rotate) = (server.platform(), rotate.clone());
        async move { platform.post(&rotate, json!({})).await }
    });
    let mut good = 0;
    for reply in futures_util::future::join_all(calls).await {
        good += usize::from(opens(&server, &key(reply.ok())).await);
    }
    assert_eq!(good, 1, "exactly one key is left");
    assert!(!opens(&server, &server.home.secret_key).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_keys_are_bounded_and_an_end_without_delay_always_works() {
    let server = TestServer::start().await;
    let rotate = format!("{}/rotate_secret_keys", home(&server));
    let mut refused = 0;
    for _ in 0..25 {
        let reply = server.platform().post(&rotate, json!({ "delay_old_secrets_expiration_hours": 1 })).await;
        refused += usize::from(!reply.status.is_success());
    }
    assert!(refused > 0, "not without end");
    assert!(opens(&server, &key(server.platform().post(&rotate, json!({})).await.ok())).await);
}
