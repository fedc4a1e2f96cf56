//! Races: what works once works once, and a limit holds exactly, however many come at the same time.

use http::StatusCode;
use serde_json::json;
use testkit::{Setup, TestServer, address};

const AT_ONCE: usize = 32;

/// Sends the same form from many browsers that are one, and counts the answers by their status.
async fn at_once(browser: &testkit::Browser, path: &str, form: &'static [(&'static str, &'static str)]) -> Vec<StatusCode> {
    let mut tasks = Vec::new();
    for _ in 0..AT_ONCE {
        let (mut browser, path) = (browser.clone(), path.to_owned());
        tasks.push(tokio::spawn(async move { browser.post(&path, form).await.status }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    statuses
}

fn successes(statuses: &[StatusCode]) -> usize {
    statuses.iter().filter(|status| status.is_success()).count()
}

/// CVE-2026-27855 is such a replay of a code.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_makes_one_account_however_often_it_is_sent() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let form = [("email_address", address("ada")), ("password", testkit::PASSWORD.to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let id = browser.post("/v1/client/sign_ups", &form).await.response()["id"].as_str().expect("an id").to_owned();
    browser.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await.response();
    let statuses = at_once(&browser, &format!("/v1/client/sign_ups/{id}/attempt_verification"), &[("strategy", "email_code"), ("code", "424242")]).await;
    assert_eq!(successes(&statuses), 1, "{statuses:?}");
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_is_given_to_one_of_many_who_prove_it_at_once() {
    let server = TestServer::start().await;
    let mut ready = Vec::new();
    for _ in 0..8 {
        let mut browser = server.browser();
        let reply = browser.post("/v1/client/sign_ups", &[("email_address", &address("ada")), ("password", testkit::PASSWORD)]).await;
        let id = reply.response()["id"].as_str().expect("an id").to_owned();
        browser.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await.response();
        ready.push((browser, id));
    }
    let tasks = ready.into_iter().map(|(mut browser, id)| {
        tokio::spawn(async move {
            let reply = browser.post(&format!("/v1/client/sign_ups/{id}/attempt_verification"), &[("strategy", "email_code"), ("code", "424242")]).await;
            if reply.status.is_success() { String::new() } else { reply.code().to_owned() }
        })
    });
    let mut codes = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        codes.push(task.await.expect("an answer"));
    }
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| code.is_empty() || code == "form_identifier_exists"), "{codes:?}");
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handshake_is_fetched_once() {
    let server = TestServer::start().await;
    let mut browser = server.signed_in("ada").await;
    let reply = browser.get("/v1/client/handshake?format=nonce&redirect_url=http://localhost:3000/").await;
    let nonce = reply.location().split("__clerk_handshake_nonce=").nth(1).expect("a nonce").to_owned();
    let mut tasks = Vec::new();
    for _ in 0..AT_ONCE {
        let (backend, nonce) = (server.backend(), nonce.clone());
        tasks.push(tokio::spawn(async move { backend.get(&format!("/v1/clients/handshake_payload?nonce={nonce}")).await.status }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    assert_eq!(successes(&statuses), 1, "{statuses:?}");
}

/// CVE-2024-4629, CVE-2024-32868, CVE-2025-64102: parallel tries beat the counter.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_of_passwords_learns_no_more_than_the_limit() {
    let server = TestServer::start_with(Setup { settings: json!({ "attack_protection": { "max_attempts": 5 } }), ..Setup::default() }).await;
    server.signed_in("ada").await;
    let mut tasks = Vec::new();
    for n in 0..AT_ONCE {
        let mut browser = server.browser();
        tasks.push(tokio::spawn(async move { browser.sign_in("ada", &format!("wrong password {n}")).await.code().to_owned() }));
    }
    let mut revealed = 0;
    for task in tasks {
        match task.await.expect("an answer").as_str() {
            "form_password_incorrect" => revealed += 1,
            "user_locked" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(revealed, 5);
    assert_eq!(server.browser().sign_in("ada", testkit::PASSWORD).await.refusal(), (403, "user_locked"), "the right one is refused too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_counter_of_users_is_exact_under_creation_and_deletion() {
    let server = TestServer::start().await;
    let mut tasks = Vec::new();
    for n in 0..AT_ONCE {
        let backend = server.backend();
        tasks.push(tokio::spawn(async move {
            let reply = backend.post("/v1/users", json!({ "email_address": [format!("user{n}@example.com")], "skip_password_requirement": true })).await;
            let id = reply.ok()["id"].as_str().expect("an id").to_owned();
            if n % 2 == 0 {
                backend.delete(&format!("/v1/users/{id}")).await.ok();
            }
        }));
    }
    for task in tasks {
        task.await.expect("done");
    }
    let counted = server.backend().get("/v1/users/count").await.ok()["total_count"].clone();
    let listed = server.backend().get("/v1/users?limit=100").await.ok().as_array().expect("a list").len();
    assert_eq!((counted, listed), (json!(AT_ONCE / 2), AT_ONCE / 2));
}

/// CVE-2026-34454: a session that was ended was there again, because something else of it was under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn signing_out_and_using_a_session_at_once_revives_nothing() {
    let server = TestServer::start().await;
    let mut browser = server.signed_in("ada").await;
    let id = browser.session_id().await;
    let mut tasks = Vec::new();
    for n in 0..AT_ONCE {
        let (mut browser, id) = (browser.clone(), id.clone());
        let verb = if n == AT_ONCE / 2 { "end" } else { "touch" };
        tasks.push(tokio::spawn(async move { browser.post(&format!("/v1/client/sessions/{id}/{verb}"), &[]).await.status }));
    }
    for task in tasks {
        assert!(matches!(task.await.expect("an answer"), StatusCode::OK | StatusCode::UNAUTHORIZED));
    }
    assert_eq!(server.backend().get(&format!("/v1/sessions/{id}")).await.ok()["status"], "ended");
    assert_eq!(browser.sessions().await.len(), 0);
}

/// CVE-2026-34454, of a client with several sessions: ending one and signing out of all, while the others are switched to and used.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn switching_between_sessions_while_they_end_revives_none() {
    let server = TestServer::start_with(testkit::Setup { settings: json!({ "session": { "multi": true } }), ..testkit::Setup::default() }).await;
    for name in ["ada", "grace"] {
        server.signed_in(name).await;
    }
    let mut browser = server.signed_in("hedy").await;
    browser.sign_in("ada", testkit::PASSWORD).await.response();
    browser.sign_in("grace", testkit::PASSWORD).await.response();
    let ids: Vec<String> = browser.sessions().await.iter().map(|session| session["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), 3);
    for (ended, verb) in [(vec![ids[0].clone()], "end"), (ids.clone(), "all")] {
        let mut tasks = Vec::new();
        for n in 0..AT_ONCE {
            let (mut browser, id, first) = (browser.clone(), ids[n % 3].clone(), ids[0].clone());
            let at = (n == AT_ONCE / 2).then_some(verb);
            tasks.push(tokio::spawn(async move {
                match at {
                    Some("end") => browser.post(&format!("/v1/client/sessions/{first}/end"), &[]).await.status,
                    Some(_) => browser.override_method("DELETE", "/v1/client/sessions", &[]).await.status,
                    None if n % 2 == 0 => browser.post(&format!("/v1/client/sessions/{id}/touch"), &[]).await.status,
                    None => browser.post(&format!("/v1/client/sessions/{id}/tokens"), &[]).await.status,
                }
            }));
        }
        for task in tasks {
            let status = task.await.expect("an answer");
            assert!(matches!(status, StatusCode::OK | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND), "{status}");
        }
        for id in &ended {
            let status = server.backend().get(&format!("/v1/sessions/{id}")).await.ok()["status"].clone();
            assert!(["ended", "removed"].iter().any(|word| status == *word), "{id}: {status}");
        }
        assert_eq!(browser.sessions().await.len(), 3 - ended.len(), "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_client_with_one_session_gets_no_second_however_many_sign_in_at_once() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    server.signed_in("grace").await;
    let mut browser = server.browser();
    browser.send(http::Method::POST, "/v1/client", None, String::new()).await.ok();
    let mut tasks = Vec::new();
    for n in 0..8 {
        let mut browser = browser.clone();
        tasks.push(tokio::spawn(async move {
            let reply = browser.sign_in(if n % 2 == 0 { "ada" } else { "grace" }, testkit::PASSWORD).await;
            let client = reply.body["client"]["id"].as_str().or(reply.body["meta"]["client"]["id"].as_str()).unwrap_or_default().to_owned();
            (reply.status, client, browser)
        }));
    }
    let mut holders = std::collections::BTreeMap::new();
    for task in tasks {
        let (status, client, mut browser) = task.await.expect("an answer");
        if status.is_success() {
            assert_eq!(browser.sessions().await.len(), 1);
            assert!(holders.insert(client, ()).is_none(), "two who came in hold one client");
        }
    }
    assert!(!holders.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_user_at_once_are_all_kept() {
    let server = TestServer::start().await;
    let id = server.signed_in("ada").await.user_id().await;
    let mut tasks = Vec::new();
    for n in 0..16 {
        let (backend, id) = (server.backend(), id.clone());
        tasks.push(tokio::spawn(async move {
            let body = json!({ "public_metadata": { format!("key{n}"): n } });
            backend.patch(&format!("/v1/users/{id}/metadata"), body).await.ok();
        }));
    }
    for (name, value) in [("first_name", "Ada"), ("last_name", "Lovelace"), ("external_id", "a1")] {
        let (backend, id) = (server.backend(), id.clone());
        tasks.push(tokio::spawn(async move {
            backend.patch(&format!("/v1/users/{id}"), json!({ name: value })).await.ok();
        }));
    }
    for task in tasks {
        task.await.expect("done");
    }
    let user = server.backend().get(&format!("/v1/users/{id}")).await.ok().clone();
    assert_eq!(user["public_metadata"].as_object().expect("metadata").len(), 16);
    assert_eq!((&user["first_name"], &user["last_name"], &user["external_id"]), (&json!("Ada"), &json!("Lovelace"), &json!("a1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_address_is_left_however_many_are_removed_at_once() {
    let server = TestServer::start().await;
    let reply = server
        .backend()
        .post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["a+clerk_test@example.com", "b@example.com", "c@example.com"] }))
        .await;
    let emails: Vec<String> =
        reply.ok()["email_addresses"].as_array().expect("addresses").iter().map(|e| e["id"].as_str().expect("an id").to_owned()).collect();
    let mut browser = server.browser();
    let reply = browser.post("/v1/client/sign_ins", &[("identifier", "a+clerk_test@example.com"), ("strategy", "email_code")]).await;
    let id = reply.response()["id"].as_str().expect("an id").to_owned();
    browser.post(&format!("/v1/client/sign_ins/{id}/attempt_first_factor"), &[("strategy", "email_code"), ("code", "424242")]).await.response();
    let tasks: Vec<_> = emails
        .into_iter()
        .map(|email| {
            let mut browser = browser.clone();
            tokio::spawn(async move { browser.override_method("DELETE", &format!("/v1/me/email_addresses/{email}"), &[]).await.status })
        })
        .collect();
    let mut refused = 0;
    for task in tasks {
        refused += usize::from(!task.await.expect("an answer").is_success());
    }
    assert_eq!(refused, 1);
    assert_eq!(browser.get("/v1/me").await.response()["email_addresses"].as_array().expect("addresses").len(), 1);
}
