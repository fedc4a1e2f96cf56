//! Notices: new devices, and passwords that were changed.

use serde_json::json;
use std::time::Duration;
use testkit::{Browser, PASSWORD, TestServer};

const EMAIL: &str = "ada@example.com";
const OTHER: &str = "another good password";

/// Ada, who has an address that gets mail.
async fn ada(server: &TestServer) -> (Browser, String) {
    let mut browser = server.browser();
    let sign_up = super::ask_for_code(&mut browser, EMAIL).await;
    let code = server.code(EMAIL).await;
    super::verify(&mut browser, &sign_up, &code).await.response();
    let user = browser.user_id().await;
    (browser, user)
}

async fn subjects(server: &TestServer) -> Vec<String> {
    server.run_jobs().await;
    let mut all: Vec<String> = server.world.inbox.caught(Some(EMAIL)).into_iter().map(|caught| caught.mail.subject).collect();
    all.reverse();
    all.into_iter().filter(|subject| !subject.contains("code")).collect()
}

async fn come_in(browser: &mut Browser) {
    browser.post("/v1/client/sign_ins", &[("identifier", EMAIL), ("password", PASSWORD)]).await.response();
}

async fn leave(browser: &mut Browser) {
    let session = browser.session_id().await;
    browser.post(&format!("/v1/client/sessions/{session}/end"), &[]).await.response();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_on_a_new_device_is_told_once() {
    let server = TestServer::start().await;
    let (mut known, _) = ada(&server).await;
    assert!(subjects(&server).await.is_empty(), "a sign-up is no news");
    leave(&mut known).await;
    come_in(&mut known).await;
    assert!(subjects(&server).await.is_empty(), "the same client");
    let mut new = server.browser();
    new.headers = vec![("user-agent".to_owned(), "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned())];
    come_in(&mut new).await;
    assert_eq!(subjects(&server).await, ["New sign-in to Home"]);
    let mail = server.world.inbox.caught(Some(EMAIL))[0].mail.clone();
    for part in [&mail.text, &mail.html] {
        for word in ["Firefox on Linux", "1 January 2026 at 00:00 UTC", EMAIL] {
            assert!(part.contains(word), "{word}: {part}");
        }
    }
    leave(&mut new).await;
    come_in(&mut new).await;
    assert_eq!(subjects(&server).await.len(), 1, "it is known now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_on_a_new_device_is_no_notice() {
    let server = TestServer::start().await;
    ada(&server).await;
    let refused = server.browser().post("/v1/client/sign_ins", &[("identifier", EMAIL), ("password", OTHER)]).await;
    assert_eq!(refused.code(), "form_password_incorrect");
    assert!(subjects(&server).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_has_five_notices_and_the_settings_can_say_none() {
    let server = TestServer::start().await;
    ada(&server).await;
    for _ in 0..8 {
        come_in(&mut server.browser()).await;
    }
    assert_eq!(subjects(&server).await.len(), 5);
    server.advance(Duration::from_secs(86_401));
    come_in(&mut server.browser()).await;
    assert_eq!(subjects(&server).await.len(), 6, "the next day has its own");
    server.set(server.home.tenant.id(), json!({ "messages": { "new_device": { "enabled": false } } })).await;
    come_in(&mut server.browser()).await;
    assert_eq!(subjects(&server).await.len(), 6);
}

/// 64 devices at once get no more notices than one after another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_days_bound_holds_for_many_at_once() {
    let server = TestServer::start().await;
    ada(&server).await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let mut browser = server.browser();
        all.spawn(async move { browser.post("/v1/client/sign_ins", &[("identifier", EMAIL), ("password", PASSWORD)]).await.status.is_success() });
    }
    let done = all.join_all().await.into_iter().filter(|done| *done).count();
    assert!(done > 5, "{done} came in");
    assert_eq!(subjects(&server).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_changes_a_password_its_owner_is_told() {
    let server = TestServer::start().await;
    let (mut browser, user) = ada(&server).await;
    let form = [("current_password", PASSWORD), ("new_password", OTHER)];
    browser.post("/v1/me/change_password", &[("current_password", "not this one"), ("new_password", OTHER)]).await;
    assert!(subjects(&server).await.is_empty(), "nothing was changed");
    browser.post("/v1/me/change_password", &form).await.response();
    assert_eq!(subjects(&server).await, ["Your Home password was changed"]);
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "password": PASSWORD })).await.ok();
    assert_eq!(subjects(&server).await.len(), 2, "by the backend too");
    let mail = server.world.inbox.caught(Some(EMAIL))[0].mail.clone();
    for secret in [PASSWORD, OTHER] {
        assert!(!mail.text.contains(secret) && !mail.html.contains(secret));
    }
    server.backend().post(&format!("/v1/users/{user}/remove_password"), json!({})).await.ok();
    assert_eq!(subjects(&server).await[2], "Your Home password was removed");
    let mut visitor = server.browser();
    let sign_in = visitor.post("/v1/client/sign_ins", &[("identifier", EMAIL)]).await.response()["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/client/sign_ins/{sign_in}");
    visitor.post(&format!("{path}/prepare_first_factor"), &[("strategy", "reset_password_email_code")]).await.response();
    let code = server.code(EMAIL).await;
    let attempt = [("strategy", "reset_password_email_code"), ("code", &*code)];
    visitor.post(&format!("{path}/attempt_first_factor"), &attempt).await.response();
    visitor.post(&format!("{path}/reset_password"), &[("password", OTHER)]).await.response();
    let told = subjects(&server).await;
    assert_eq!(told.iter().filter(|subject| subject.contains("password was changed")).count(), 3, "{told:?}");
    assert!(told.contains(&"New sign-in to Home".to_owned()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_proven_address_or_a_test_address_gets_none() {
    let server = TestServer::start().await;
    let mut browser = server.signed_in("bob").await;
    browser.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", OTHER)]).await.response();
    server.run_jobs().await;
    assert!(server.world.inbox.caught(None).is_empty());
    server.set(server.home.tenant.id(), json!({ "auth_username": "required", "auth_email": { "required": false } })).await;
    let user = server.backend().post("/v1/users", json!({ "username": "nomail", "password": PASSWORD })).await.ok()["id"].as_str().expect("id").to_owned();
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "password": OTHER })).await.ok();
    server.run_jobs().await;
    assert!(server.world.inbox.caught(None).is_empty());
}

/// Whoever takes an account over by its address is seen by its owner, if the backend says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_the_address_of_before_is_told_of_another() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for way in ["add", "change", "user", "replace"] {
        for (wanted, told) in [(json!(true), 1), (json!(false), 0), (json!(null), 0)] {
            let body = json!({ "email_address": [EMAIL], "skip_password_requirement": true });
            let user = backend.post("/v1/users", body).await.ok()["id"].as_str().expect("an id").to_owned();
            let before = subjects(&server).await.len();
            let new = json!({ "user_id": user, "email_address": "new@example.com", "verified": true });
            let notify = "notify_primary_email_address_changed";
            match way {
                "add" => {
                    let mut new = new;
                    (new["primary"], new[notify]) = (json!(true), wanted.clone());
                    backend.post("/v1/email_addresses", new).await.ok();
                }
                "replace" => {
                    let body = json!({ "email_address": "new@example.com", notify: &wanted });
                    backend.put(&format!("/v1/users/{user}/email_address"), body).await.ok();
                }
                _ => {
                    let id = backend.post("/v1/email_addresses", new).await.ok()["id"].as_str().expect("an id").to_owned();
                    assert_eq!(subjects(&server).await.len(), before, "a further address is no other primary one");
                    if way == "change" {
                        backend.patch(&format!("/v1/email_addresses/{id}"), json!({ "primary": true, notify: &wanted })).await.ok();
                    } else {
                        backend.patch(&format!("/v1/users/{user}"), json!({ "primary_email_address_id": id, notify: &wanted })).await.ok();
                    }
                }
            }
            let all = subjects(&server).await;
            assert_eq!(all.len() - before, told, "{way} {wanted}");
            assert!(all[before..].iter().all(|subject| subject == "Your Home e-mail address was changed"));
            assert!(server.world.inbox.caught(Some("new@example.com")).is_empty());
            backend.patch(&format!("/v1/users/{user}"), json!({ "first_name": "Ada", notify: true })).await.ok();
            assert_eq!(subjects(&server).await.len(), all.len(), "nothing has changed");
            backend.delete(&format!("/v1/users/{user}")).await.ok();
        }
    }
}

/// Whatever is told, and by whatever way: a mailbox is not filled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_gets_fifty_notices_in_a_day() {
    let server = TestServer::start().await;
    let (_, user) = ada(&server).await;
    for _ in 0..55 {
        server.backend().patch(&format!("/v1/users/{user}"), json!({ "password": OTHER })).await.ok();
    }
    assert_eq!(subjects(&server).await.len(), 50);
    server.advance(Duration::from_secs(86_401));
    server.backend().patch(&format!("/v1/users/{user}"), json!({ "password": OTHER })).await.ok();
    assert_eq!(subjects(&server).await.len(), 51);
}
