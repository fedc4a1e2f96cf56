//! Rates: how often a network, a user and an instance may ask, and what a refusal says.

use super::{APP, SIGN_INS, SIGN_UPS, header};
use domain::instances::Environment;
use foundation::Cidr;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use testkit::{Browser, PASSWORD, Rates, Reply, Setup, TestServer, address};
use tokio::task::JoinSet;
use web::{Class, Face};

async fn counted(environment: Environment, settings: Value) -> TestServer {
    let mut settings = settings;
    settings["allowed_origins"] = json!([APP]);
    TestServer::start_with(Setup { environment, settings, rates: Rates::Counted, ..Setup::default() }).await
}

async fn live() -> TestServer {
    counted(Environment::Production, json!({})).await
}

fn browser(server: &TestServer, address: &str) -> Browser {
    let mut browser = server.browser().from(address);
    browser.origin = Some(APP.to_owned());
    browser
}

async fn begin(browser: &mut Browser) -> Reply {
    browser.post(SIGN_INS, &[]).await
}

async fn begin_times(browser: &mut Browser, times: usize) {
    for _ in 0..times {
        begin(browser).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_begins_five_sign_ins_in_ten_seconds_and_is_told_how_long_to_wait() {
    let server = live().await;
    let mut ada = browser(&server, "203.0.113.7");
    begin_times(&mut ada, 5).await;
    server.advance(Duration::from_millis(2_500));
    let refused = begin(&mut server.browser().from("203.0.113.7")).await;
    assert_eq!(refused.status, 400, "a foreign origin is no request that counts");
    let refused = begin(&mut ada).await;
    assert_eq!(refused.refusal(), (429, "too_many_requests"));
    assert_eq!(header(&refused, "retry-after"), "8");
    assert_eq!((header(&refused, "access-control-allow-origin"), header(&refused, "access-control-allow-credentials")), (APP, "true"));
    assert!(header(&refused, "access-control-expose-headers").contains("Retry-After"));
    assert_eq!(begin(&mut browser(&server, "203.0.113.7")).await.status, 429, "without its cookies too");
    begin_times(&mut browser(&server, "203.0.113.8"), 1).await;
    ada.post(SIGN_UPS, &[]).await.ok();
    ada.get("/v1/client").await.ok();
    server.advance(Duration::from_millis(7_500));
    begin_times(&mut ada, 1).await;
}

/// CVE-2026-45364: the addresses of one customer were so many visitors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ipv6_customer_is_one_network_and_an_ipv4_address_in_its_clothes_is_itself() {
    let server = live().await;
    for host in 1..=5 {
        begin_times(&mut browser(&server, &format!("2001:db8:1:1::{host}")), 1).await;
    }
    assert_eq!(begin(&mut browser(&server, "2001:db8:1:1:ffff::1")).await.status, 429);
    begin_times(&mut browser(&server, "2001:db8:1:2::1"), 1).await;
    begin_times(&mut browser(&server, "203.0.113.7"), 5).await;
    assert_eq!(begin(&mut browser(&server, "::ffff:203.0.113.7")).await.status, 429);
    let mut granted = 0;
    for network in 0x100..0x180 {
        granted += usize::from(begin(&mut browser(&server, &format!("2001:db8:7:{network:x}::1"))).await.status.is_success());
    }
    assert_eq!(granted, 80, "a /48 is 16 customers, not 65536");
}

/// CVE-2026-45364, CVE-2023-36456: a header that anybody can send made anybody somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forwarded_address_counts_from_believed_proxies_only() {
    let setup = || Setup { environment: Environment::Production, settings: json!({ "allowed_origins": [APP] }), rates: Rates::Counted, ..Setup::default() };
    let names = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "X_Forwarded_For"];
    let server = TestServer::start_with(setup()).await;
    let mut statuses = Vec::new();
    for forged in 1..=6 {
        let mut mallory = browser(&server, "203.0.113.7");
        mallory.headers = names.iter().map(|name| ((*name).to_owned(), format!("198.51.100.{forged}"))).collect();
        statuses.push(begin(&mut mallory).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429], "nobody is believed");
    let trusted_proxies = vec![Cidr::parse("10.0.0.0/8").expect("a range")];
    let server = TestServer::start_with(Setup { trusted_proxies, ..setup() }).await;
    let by_balancer = |forwarded: String| {
        let mut browser = browser(&server, "10.0.0.1");
        browser.headers = vec![("X-Forwarded-For".to_owned(), forwarded)];
        browser
    };
    let mut statuses = Vec::new();
    for forged in 1..=6 {
        statuses.push(begin(&mut by_balancer(format!("198.51.100.{forged}, 203.0.113.7"))).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429], "the balancer's own word counts, not the visitor's");
    begin_times(&mut by_balancer("203.0.113.7, 203.0.113.8".to_owned()), 1).await;
    begin_times(&mut by_balancer("203.0.113.7, 203.0.113.9, 10.0.0.2".to_owned()), 1).await;
}

/// CVE-2024-4629: a burst was quicker than the counter.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_gets_no_more_than_the_limit() {
    let server = live().await;
    let mut burst = JoinSet::new();
    for _ in 0..64 {
        let mut browser = browser(&server, "203.0.113.7");
        burst.spawn(async move { begin(&mut browser).await.status.as_u16() });
    }
    let statuses = burst.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 59, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proofs_are_tried_three_times_in_ten_seconds() {
    let server = live().await;
    let mut ada = browser(&server, "203.0.113.7");
    let id = super::begin_sign_up(&mut ada, "ada@example.com").await;
    super::prepare_sign_up(&mut ada, &id).await.ok();
    for _ in 0..3 {
        assert_eq!(super::attempt_sign_up(&mut ada, &id, "000000").await.code(), "form_code_incorrect");
    }
    let code = server.code("ada@example.com").await;
    assert_eq!(super::attempt_sign_up(&mut ada, &id, &code).await.refusal(), (429, "too_many_requests"));
    server.advance(Duration::from_secs(10));
    assert_eq!(super::attempt_sign_up(&mut ada, &id, &code).await.response()["status"], "complete");
    for _ in 0..3 {
        let reply = ada.post("/v1/me/change_password", &[("current_password", "wrong"), ("new_password", "a whole new password")]).await;
        assert_eq!(reply.code(), "form_password_incorrect");
    }
    let reply = ada.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", "a whole new password")]).await;
    assert_eq!(reply.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenants_flood_is_nothing_to_another_tenants_users() {
    let server = live().await;
    begin_times(&mut browser(&server, "203.0.113.7"), 5).await;
    assert_eq!(begin(&mut browser(&server, "203.0.113.7")).await.status, 429);
    let mut neighbours = server.neighbours_browser().from("203.0.113.7");
    neighbours.origin = Some(APP.to_owned());
    begin_times(&mut neighbours, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn development_is_generous_and_how_much_is_a_setting() {
    let server = counted(Environment::Development, json!({})).await;
    begin_times(&mut browser(&server, "127.0.0.1"), 100).await;
    let server = counted(Environment::Development, json!({ "rates": { "creates": 2, "attempts": 1, "clients": 3 } })).await;
    let mut ada = browser(&server, "127.0.0.1");
    begin_times(&mut ada, 2).await;
    assert_eq!(begin(&mut ada).await.status, 429);
    for _ in 0..3 {
        browser(&server, "127.0.0.1").post("/v1/dev_browser", &[]).await.ok();
    }
    assert_eq!(browser(&server, "127.0.0.1").post("/v1/dev_browser", &[]).await.status, 429);
    server.set(server.home.tenant.id(), json!({ "rates": { "creates": 5 } })).await;
    server.advance(Duration::from_secs(10));
    begin_times(&mut ada, 5).await;
    assert_eq!(begin(&mut ada).await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_has_its_instances_rate_and_its_keys_are_free() {
    let server = counted(Environment::Development, json!({})).await;
    for _ in 0..1_000 {
        server.backend().get("/v1/users/count").await.ok();
    }
    let refused = server.backend().get("/v1/users/count").await;
    assert_eq!((refused.refusal(), header(&refused, "retry-after")), ((429, "too_many_requests"), "10"));
    server.backend().get("/v1/jwks").await.ok();
    server.neighbours_backend().get("/v1/users/count").await.ok();
    assert_eq!(server.api("backend", None).get("/v1/users/count").await.status, 401, "who is nobody takes nothing from it");
    server.advance(Duration::from_secs(10));
    server.backend().get("/v1/users/count").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_metadata_changes_ten_times_in_ten_seconds() {
    let server = counted(Environment::Development, json!({})).await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (ada_id, bob_id) = (ada.user_id().await, bob.user_id().await);
    for _ in 0..10 {
        server.backend().patch(&format!("/v1/users/{ada_id}/metadata"), json!({ "public_metadata": { "a": 1 } })).await.ok();
        ada.override_method("PATCH", "/v1/me/metadata", &[("unsafe_metadata", "{}")]).await.ok();
    }
    assert_eq!(server.backend().patch(&format!("/v1/users/{ada_id}/metadata"), json!({ "public_metadata": { "a": 1 } })).await.status, 429);
    assert_eq!(ada.override_method("PATCH", "/v1/me/metadata", &[("unsafe_metadata", "{}")]).await.status, 429);
    server.backend().patch(&format!("/v1/users/{bob_id}/metadata"), json!({ "public_metadata": { "a": 1 } })).await.ok();
    bob.override_method("PATCH", "/v1/me/metadata", &[("unsafe_metadata", "{}")]).await.ok();
}

/// What has a proof in it, or makes rows for strangers, has a class; a new operation cannot forget it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_that_can_be_guessed_at_is_uncounted() {
    let server = TestServer::start().await;
    let words = ["attempt", "password", "verify", "prepare", "reset"];
    for operation in server.doors().operations().iter().filter(|o| o.face == Face::Frontend && o.method != http::Method::GET) {
        let guessable =
            words.iter().any(|word| operation.path.contains(word)) || operation.id.starts_with("create") && !operation.path.contains("{session_id}");
        assert!(!guessable || operation.class.is_some_and(|class| class != Class::Free), "{} has no class", operation.id);
    }
}

/// What changes something has a class, and the table in docs/settings.md says which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_of_a_browser_is_counted_and_documented() {
    // It only reads: the SDKs say PATCH, with every page.
    const FREE: [&str; 1] = ["updateEnvironment"];
    let server = TestServer::start().await;
    let mut counted = BTreeSet::new();
    for operation in server.doors().operations().iter().filter(|operation| operation.face == Face::Frontend) {
        match operation.class {
            Some(class) => drop(counted.insert(format!("{class:?} {}", operation.id))),
            None => assert!(operation.method == http::Method::GET || FREE.contains(&operation.id), "{} has no class", operation.id),
        }
    }
    let table = include_str!("../../../../../docs/settings.md").lines().skip_while(|line| !line.starts_with("| class | setting |")).skip(2);
    let documented: BTreeSet<String> = table
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let class = cells.next().expect("a class").to_owned();
            let operations = cells.nth(2).expect("operations").split(", ").map(|id| id.trim_matches('`').to_owned()).collect::<Vec<_>>();
            operations.into_iter().map(move |id| format!("{class} {id}"))
        })
        .collect();
    assert_eq!(documented, counted);
}

/// A profile counts with its metadata; everything else that a client changes has a count of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_by_one_client_have_an_end_and_are_nothing_to_another() {
    let server = counted(Environment::Development, json!({ "rates": { "changes": 4 }, "organization_settings": { "enabled": true } })).await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    for _ in 0..9 {
        ada.override_method("PATCH", "/v1/me", &[("first_name", "Ada")]).await.ok();
    }
    let id = ada.post("/v1/organizations", &[("name", "Acme")]).await.response()["id"].as_str().expect("an id").to_owned();
    assert_eq!(ada.override_method("PATCH", "/v1/me", &[("first_name", "Ada")]).await.refusal(), (429, "too_many_requests"));
    assert_eq!(ada.override_method("PATCH", "/v1/me/metadata", &[("unsafe_metadata", "{}")]).await.status, 429, "they are one count");
    let path = format!("/v1/organizations/{id}");
    for number in 0..4 {
        ada.override_method("PATCH", &path, &[("name", &format!("Acme {number}"))]).await.ok();
    }
    assert_eq!(ada.override_method("PATCH", &path, &[("name", "Once more")]).await.refusal(), (429, "too_many_requests"));
    assert_eq!(ada.override_method("DELETE", "/v1/me", &[]).await.status, 429);
    bob.override_method("PATCH", "/v1/me", &[("first_name", "Bob")]).await.ok();
    server.advance(Duration::from_secs(10));
    ada.override_method("PATCH", &path, &[("name", "Once more")]).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_sprayed_over_many_users_is_slowed_down_by_its_network() {
    let server = live().await;
    for name in 0..8 {
        let mut browser = browser(&server, &format!("198.51.100.{name}"));
        let id = super::begin_sign_up(&mut browser, &address(&format!("user{name}"))).await;
        super::prepare_sign_up(&mut browser, &id).await.ok();
        let code = server.code(&address(&format!("user{name}"))).await;
        super::attempt_sign_up(&mut browser, &id, &code).await.ok();
    }
    let mut statuses = Vec::new();
    for name in 0..8 {
        let form = [("identifier", address(&format!("user{name}"))), ("password", "Summer2026!".to_owned())];
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
        statuses.push(browser(&server, "203.0.113.7").post(SIGN_INS, &form).await.status.as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 422, 422, 429, 429, 429]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_testing_token_excuses_from_rates_in_development_only() {
    for (environment, excused) in [(Environment::Development, true), (Environment::Production, false)] {
        let server = counted(environment, json!({ "rates": { "creates": 1 } })).await;
        let mut tests = browser(&server, "203.0.113.7");
        let token = server.backend().post("/v1/testing_tokens", json!({})).await;
        let mut with = async |token: &str| tests.post(&format!("{SIGN_INS}?__clerk_testing_token={token}"), &[]).await.status.is_success();
        assert!(with("").await && !with("").await && !with("1-2").await);
        let Some(token) = token.body["token"].as_str() else { continue };
        assert_eq!(with(token).await, excused, "{environment:?}");
        server.advance(Duration::from_secs(3_600));
        assert!(with(token).await && !with(token).await, "its hour is over");
    }
}
