//! How long sessions live, how many there are, and what is known of the devices that use them.

use super::{claims, server_with};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, PASSWORD, TestServer, address};

const HOUR: Duration = Duration::from_secs(3_600);
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36";

async fn fetch(browser: &mut Browser, session: &str) -> u16 {
    browser.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await.status.as_u16()
}

async fn touch(browser: &mut Browser, session: &str) -> u16 {
    browser.post(&format!("/v1/client/sessions/{session}/touch"), &[]).await.status.as_u16()
}

/// What the backend says of a session, asked for by id and by state.
async fn told(server: &TestServer, session: &str) -> Value {
    let found = server.backend().get(&format!("/v1/sessions/{session}")).await.ok().clone();
    let status = found["status"].as_str().expect("a status");
    for word in ["active", "expired", "abandoned"] {
        let list = server.backend().get(&format!("/v1/sessions?status={word}")).await.ok().clone();
        let listed = list.as_array().expect("a list").iter().any(|s| s["id"] == session);
        assert_eq!(listed, word == status, "{word} {found}");
    }
    found
}

fn agent(browser: &mut Browser, text: &str) {
    browser.headers.retain(|(name, _)| name != "user-agent");
    browser.headers.push(("user-agent".to_owned(), text.to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_nobody_uses_is_given_up() {
    let server = server_with(json!({ "session": { "inactivity": 3600 } })).await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let start = server.database.now().millis();
    assert_eq!(told(&server, &session).await["abandon_at"], start + 3_600_000);
    server.advance(HOUR - Duration::from_secs(1));
    assert_eq!(fetch(&mut ada, &session).await, 200, "fetching a token is a use");
    let moved = server.database.now().millis() + 3_600_000;
    assert_eq!(told(&server, &session).await["abandon_at"], moved);
    server.advance(HOUR - Duration::from_millis(1));
    assert_eq!(told(&server, &session).await["status"], "active");
    server.advance(Duration::from_millis(1));
    assert_eq!(told(&server, &session).await["status"], "abandoned");
    assert_eq!((fetch(&mut ada, &session).await, touch(&mut ada, &session).await), (401, 401));
    assert_eq!(ada.get("/v1/me").await.refusal(), (401, "authentication_invalid"));
    assert!(ada.sessions().await.is_empty());
    assert_eq!(ada.get(&format!("/v1/client/sessions/{session}")).await.response()["status"], "abandoned");
    assert_eq!(server.backend().post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.status.as_u16(), 404);
    server.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(told(&server, &session).await["status"], "abandoned", "what became of it stays");
    assert_eq!(ada.sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn use_does_not_carry_a_session_past_its_time() {
    let server = server_with(json!({ "session": { "inactivity": 3600, "lifetime": 7200 } })).await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    for _ in 0..2 {
        server.advance(HOUR - Duration::from_secs(5));
        assert_eq!(touch(&mut ada, &session).await, 200);
    }
    let token = claims(&ada.token().await);
    let found = told(&server, &session).await;
    assert_eq!((token["exp"].as_i64(), found["expire_at"].as_i64().map(|at| at / 1_000)), (token["iat"].as_i64().map(|iat| iat + 10), token["exp"].as_i64()));
    server.advance(Duration::from_secs(10));
    assert_eq!(told(&server, &session).await["status"], "expired");
    assert_eq!((fetch(&mut ada, &session).await, touch(&mut ada, &session).await), (401, 401));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stricter_setting_holds_at_once_and_a_looser_one_revives_nobody() {
    let server = TestServer::start().await;
    let home = server.home.tenant.id();
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let born = server.database.now().millis();
    server.set(home, json!({ "session": { "lifetime": 7200, "inactivity": 1800 } })).await;
    let found = told(&server, &session).await;
    assert_eq!((&found["expire_at"], &found["abandon_at"]), (&json!(born + 7_200_000), &json!(born + 1_800_000)));
    server.advance(Duration::from_secs(1_799));
    assert_eq!(touch(&mut ada, &session).await, 200);
    server.advance(Duration::from_secs(1_800));
    assert_eq!(told(&server, &session).await["status"], "abandoned");
    assert_eq!(fetch(&mut ada, &session).await, 401);
    server.set(home, json!({ "session": { "inactivity": 7200 } })).await;
    assert_eq!((told(&server, &session).await["status"].clone(), fetch(&mut ada, &session).await), (json!("abandoned"), 401));
    // For a session in use, the looser setting holds from the next use on.
    ada.sign_in("ada", PASSWORD).await.response();
    let session = ada.session_id().await;
    server.set(home, json!({ "session": { "inactivity": null, "lifetime": 86400 } })).await;
    server.advance(Duration::from_secs(120));
    assert_eq!(touch(&mut ada, &session).await, 200);
    let found = told(&server, &session).await;
    assert!(found["abandon_at"].as_i64() > found["expire_at"].as_i64(), "{found}");
    assert_eq!(found["expire_at"].as_i64().expect("a time") - found["created_at"].as_i64().expect("a time"), 7_200_000, "its time was given when it began");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn use_is_noted_once_a_minute_at_most() {
    let server = server_with(json!({ "session": { "inactivity": 300 } })).await;
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let home = server.home.tenant.id();
    let before = server.belongings(home).await["sessions"].clone();
    for _ in 0..5 {
        server.advance(Duration::from_secs(11));
        assert_eq!((fetch(&mut ada, &session).await, touch(&mut ada, &session).await), (200, 200));
    }
    assert_eq!(server.belongings(home).await["sessions"], before, "nothing is written for less than a minute");
    server.advance(Duration::from_secs(5));
    assert_eq!(fetch(&mut ada, &session).await, 200);
    assert_eq!(told(&server, &session).await["last_active_at"], server.database.now().millis());
    assert_eq!(ada.get("/v1/me").await.response()["last_active_at"], server.database.now().millis());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_out_of_bounds_are_refused() {
    for wrong in [
        json!({ "inactivity": 299 }),
        json!({ "inactivity": 34_560_001 }),
        json!({ "inactivity": "1h" }),
        json!({ "inactivity": -1 }),
        json!({ "lifetime": 59 }),
    ] {
        let document = json!({ "session": wrong });
        assert!(domain::settings::check(document.as_object().expect("an object")).is_err(), "{document}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_are_shown_as_their_users_know_them() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut laptop = server.browser();
    agent(&mut laptop, CHROME);
    laptop.sign_in("ada", PASSWORD).await.response();
    let session = laptop.session_id().await;
    let listed = ada.get("/v1/me/sessions/active").await.ok().clone();
    let activity = &listed.as_array().expect("a list").iter().find(|s| s["id"] == session).expect("the laptop's")["latest_activity"];
    assert_eq!((&activity["device_type"], &activity["browser_name"], &activity["browser_version"]), (&json!("Windows"), &json!("Chrome"), &json!("139.0.0.0")));
    assert_eq!((&activity["is_mobile"], &activity["object"]), (&json!(false), &json!("session_activity")));
    assert_eq!(server.backend().get(&format!("/v1/sessions/{session}")).await.ok()["latest_activity"], *activity, "backends see the same");
    // The browser was updated meanwhile.
    agent(&mut laptop, &CHROME.replace("139", "140"));
    server.advance(Duration::from_secs(61));
    touch(&mut laptop, &session).await;
    let found = told(&server, &session).await;
    assert_eq!((&found["latest_activity"]["browser_version"], found["latest_activity"].get("city")), (&json!("140.0.0.0"), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_user_agent_is_never_shown() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut evil = server.browser();
    agent(&mut evil, "Firefox/<img src=x onerror=alert(1)> Chrome/9'\"; drop table");
    evil.sign_in("ada", PASSWORD).await.response();
    let listed = ada.get("/v1/me/sessions/active").await;
    assert!(!listed.text.contains("onerror") && !listed.text.contains("drop table"), "{}", listed.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_that_rested_longest_makes_room() {
    let server = TestServer::start().await;
    let user = server.signed_in("ada").await.user_id().await;
    let backend = server.backend();
    let mut made = Vec::new();
    for _ in 0..domain::sessions::MOST_OF_USER {
        server.advance(Duration::from_millis(10));
        made.push(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok()["id"].as_str().expect("an id").to_owned());
    }
    let live = backend.get(&format!("/v1/sessions?user_id={user}&status=active&paginated=true&limit=1")).await.ok()["total_count"].clone();
    assert_eq!(live, domain::sessions::MOST_OF_USER);
    let revoked = backend.get(&format!("/v1/sessions?user_id={user}&status=revoked")).await.ok().clone();
    assert_eq!(revoked.as_array().map(Vec::len), Some(1), "the one of the sign-up was the oldest: {revoked}");
    assert!(!made.iter().any(|id| revoked[0]["id"] == *id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_sign_in_at_once_end_up_with_as_many_sessions_as_are_allowed() {
    let server = TestServer::start().await;
    let user = server.signed_in("ada").await.user_id().await;
    for _ in 0..domain::sessions::MOST_OF_USER {
        server.backend().post("/v1/sessions", json!({ "user_id": user })).await.ok();
    }
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let mut browser = server.browser();
            tokio::spawn(async move { browser.sign_in("ada", PASSWORD).await.status.as_u16() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("an answer"), 200);
    }
    let live = server.backend().get(&format!("/v1/sessions?user_id={user}&status=active&paginated=true&limit=1")).await.ok()["total_count"].clone();
    assert_eq!(live, domain::sessions::MOST_OF_USER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_browser_holds_so_many_sessions_and_no_more() {
    let server = server_with(json!({ "session": { "multi": true } })).await;
    let mut browser = server.browser();
    for number in 0..domain::sessions::MOST_OF_CLIENT {
        browser.sign_up(&format!("user-{number}")).await;
    }
    server.signed_in("one-more").await;
    let reply = browser.post("/v1/client/sign_ins", &[("identifier", &address("one-more")), ("password", PASSWORD)]).await;
    assert_eq!(reply.refusal(), (422, "resource_limit_reached"));
    assert_eq!(browser.sessions().await.len(), domain::sessions::MOST_OF_CLIENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_ended_long_ago_are_swept_by_whoever_comes() {
    let server = TestServer::start().await;
    let session = server.signed_in("ada").await.session_id().await;
    server.advance(Duration::from_secs(36 * 86_400));
    server.signed_in("bob").await;
    assert_eq!(server.backend().get(&format!("/v1/sessions/{session}")).await.ok()["status"], "expired");
    server.advance(Duration::from_secs(2 * 86_400));
    server.signed_in("cyd").await;
    assert_eq!(server.backend().get(&format!("/v1/sessions/{session}")).await.refusal(), (404, "resource_not_found"));
}

/// The secret of before the sign-in is worth nothing after it, and what it held is nobody's (session fixation).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_planted_a_client_gets_no_session_from_it() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let mut attacker = server.browser();
    attacker.post("/v1/client", &[]).await.ok();
    let mut victim = attacker.clone();
    victim.sign_in("ada", PASSWORD).await.response();
    let session = victim.session_id().await;
    assert_eq!(fetch(&mut attacker, &session).await, 401);
    assert_eq!(attacker.get("/v1/client").await.response(), &Value::Null);
    assert_eq!(fetch(&mut victim, &session).await, 200);
}
