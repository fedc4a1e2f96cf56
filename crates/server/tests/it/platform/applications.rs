//! Applications: made, shown and renamed.

use super::{PATH, browser, create, listed, owned, path};
use crate::backend::{assert_refusal, raw};
use http::Method;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use testkit::{BASE_URL, TestServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_is_created_with_the_instances_that_are_asked_for() {
    let server = TestServer::start().await;
    let platform = server.platform();
    for (asked, expected) in [
        (Value::Null, vec!["development"]),
        (json!(["development"]), vec!["development"]),
        (json!(["production"]), vec!["production"]),
        (json!(["production", "development"]), vec!["production", "development"]),
    ] {
        let body = if asked.is_null() { json!({ "name": "Shop" }) } else { json!({ "name": "Shop", "environment_types": asked }) };
        let created = platform.post(PATH, body).await.ok().clone();
        assert!(created["application_id"].as_str().is_some_and(|id| id.starts_with("app_")), "{created}");
        assert_eq!(created["name"], "Shop");
        let instances = created["instances"].as_array().expect("instances");
        let mut environments: Vec<&str> = instances.iter().filter_map(|i| i["environment_type"].as_str()).collect();
        environments.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(environments, expected);
        for instance in instances {
            let mode = if instance["environment_type"] == "production" { "live" } else { "test" };
            assert!(instance["secret_key"].as_str().is_some_and(|k| k.starts_with(&format!("sk_{mode}_")) && k.len() >= 70), "{mode}");
            assert!(instance["publishable_key"].as_str().is_some_and(|k| k.starts_with(&format!("pk_{mode}_"))), "{mode}");
            assert!(instance["instance_id"].as_str().is_some_and(|i| i.starts_with("ins_")));
            let backend = server.api("backend", Some(&owned(instance).secret_key));
            assert_eq!(backend.get("/v1/instance").await.ok()["id"], instance["instance_id"], "each key opens its own instance");
            assert_eq!(backend.get("/v1/instance").await.ok()["environment_type"], instance["environment_type"]);
        }
    }
}

/// Whoever has lost a key makes a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_keys_are_shown_once_and_never_again() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let created = platform.post(PATH, json!({ "name": "Shop", "environment_types": ["development", "production"] })).await.ok().clone();
    let secrets: Vec<&str> = created["instances"].as_array().expect("instances").iter().map(|i| i["secret_key"].as_str().expect("a key")).collect();
    assert_eq!(secrets.iter().collect::<BTreeSet<_>>().len(), 2);
    let mut texts = Vec::new();
    for query in ["", "?include_secret_keys=true", "?include_secret_keys=false", "?include_secret_keys=1&include_secret_keys=true"] {
        texts.push(platform.get(&format!("{PATH}{query}")).await);
        texts.push(platform.get(&format!("{}{query}", path(&created))).await);
    }
    texts.push(platform.patch(&path(&created), json!({ "name": "Shop 2" })).await);
    for reply in texts {
        reply.ok();
        assert!(reply.text.contains(created["application_id"].as_str().expect("an id")) && reply.text.contains("publishable_key"), "{}", reply.text);
        assert!(!reply.text.contains("secret_key") && secrets.iter().all(|secret| !reply.text.contains(secret)), "{}", reply.text);
    }
    texts = vec![platform.delete(&path(&created)).await];
    assert!(!texts[0].text.contains("sk_"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_instance_works_from_the_first_moment() {
    let server = TestServer::start().await;
    let created = create(&server.platform(), "My Shop").await;
    let instance = owned(&created["instances"][0]);
    assert!(instance.slug.starts_with("my-shop-"), "{}", instance.slug);
    let environment = raw(&server, Method::GET, &format!("/t/{}/v1/environment", instance.slug), &[], "").await;
    assert_eq!(environment.ok()["display_config"]["application_name"], "My Shop");
    let mut ada = browser(&server, &instance);
    ada.sign_up("ada").await;
    let backend = server.api("backend", Some(&instance.secret_key));
    let users = backend.get("/v1/users").await.ok().clone();
    assert_eq!(users[0]["id"], json!(ada.user_id().await));
    let token = ada.token().await;
    let client = backend.post("/v1/clients/verify", json!({ "token": token })).await.ok().clone();
    assert_eq!(client["last_active_session_id"], json!(ada.session_id().await));
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 0, "nobody else has gained a user");
    let path = raw(&server, Method::GET, &format!("/t/{}/.well-known/jwks.json", instance.slug), &[], "").await;
    assert_eq!(path.ok(), backend.get("/v1/jwks").await.ok(), "host, path and key lead to the same instance");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_of_one_application_share_nothing() {
    let server = TestServer::start().await;
    let created = server.platform().post(PATH, json!({ "name": "Shop", "environment_types": ["development", "production"] })).await.ok().clone();
    let other = create(&server.platform(), "Shop").await;
    let instances = [owned(&created["instances"][0]), owned(&created["instances"][1]), owned(&other["instances"][0])];
    let (mut kids, mut moduli, mut issuers, mut hosts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for instance in &instances {
        let backend = server.api("backend", Some(&instance.secret_key));
        let jwks = backend.get("/v1/jwks").await.ok().clone();
        assert_eq!(jwks["keys"].as_array().map(Vec::len), Some(1));
        kids.insert(jwks["keys"][0]["kid"].to_string());
        moduli.insert(jwks["keys"][0]["n"].to_string());
        hosts.insert(instance.host.clone());
        let user = backend
            .post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["ada@example.com"], "username": "ada_l", "external_id": "1" }))
            .await
            .ok()["id"]
            .clone();
        let session = backend.post("/v1/sessions", json!({ "user_id": user })).await;
        if let Some(session) = session.body["id"].as_str() {
            let token = backend.post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.ok()["jwt"].as_str().expect("a token").to_owned();
            let claims = token.split('.').nth(1).expect("claims").to_owned();
            let claims: Value =
                serde_json::from_slice(&base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).expect("base64url")).expect("JSON");
            assert_eq!(claims["iss"], json!(format!("https://{}", instance.host)), "the issuer is the host of the publishable key");
            issuers.insert(claims["iss"].to_string());
            for stranger in instances.iter().filter(|i| i.host != instance.host) {
                let reply = server.api("backend", Some(&stranger.secret_key)).post("/v1/clients/verify", json!({ "token": token })).await;
                assert_eq!(reply.status, 401, "{}", reply.text);
            }
        }
    }
    assert_eq!((kids.len(), moduli.len(), hosts.len()), (3, 3, 3));
    assert!(issuers.len() >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_lists_its_own_applications_and_never_the_servers() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let names = async |api: &testkit::Api| listed(api).await.iter().map(|a| a["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>();
    let mut first = names(&platform).await;
    first.sort_unstable();
    assert_eq!(first, ["Home", "Neighbour"], "the system's own is nobody's");
    assert_eq!(names(&server.other_platform()).await, [""; 0]);
    server.advance(Duration::from_secs(1));
    let theirs = create(&server.other_platform(), "Theirs").await;
    let created = create(&platform, "Shop").await;
    assert_eq!(names(&server.other_platform()).await, ["Theirs"]);
    let list = listed(&platform).await;
    assert_eq!((list.len(), &list[2]["name"]), (3, &json!("Shop")), "oldest first");
    let shown = platform.get(&path(&created)).await.ok().clone();
    assert!(list.contains(&shown), "a list shows what the application itself shows");
    let mut without_secret = created.clone();
    without_secret["instances"][0].as_object_mut().expect("an instance").remove("secret_key");
    assert_eq!(shown, without_secret);
    assert!(!list.iter().any(|a| a["application_id"] == theirs["application_id"]));
    let system = server.database.platform(store::Access::Read, |tx| Box::pin(domain::applications::system_instance(tx))).await.expect("the system");
    for reply in [platform.get(PATH).await, platform.get(&format!("{PATH}?include_secret_keys=true")).await] {
        assert!(!reply.text.contains(&system.to_string()) && !reply.text.contains("Insula"), "{}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_name_leaves_keys_and_hosts_as_they_are() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let created = create(&platform, "Shop").await;
    let instance = owned(&created["instances"][0]);
    raw(&server, Method::GET, &format!("/t/{}/v1/environment", instance.slug), &[], "").await.ok();
    let renamed = platform.patch(&path(&created), json!({ "name": "  Käse & Co. " })).await.ok().clone();
    assert_eq!(renamed["name"], "Käse & Co.");
    assert_eq!(renamed["instances"][0]["publishable_key"], created["instances"][0]["publishable_key"]);
    assert_eq!(platform.get(&path(&created)).await.ok(), &renamed);
    let environment = raw(&server, Method::GET, &format!("/t/{}/v1/environment", instance.slug), &[], "").await;
    assert_eq!(environment.ok()["display_config"]["application_name"], "Käse & Co.", "seen at once");
    server.api("backend", Some(&instance.secret_key)).get("/v1/users").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_at_once_all_come_to_be() {
    let server = TestServer::start().await;
    let mut tasks = Vec::new();
    for _ in 0..32 {
        let platform = server.platform();
        tasks.push(tokio::spawn(async move { platform.post(PATH, json!({ "name": "Same name", "environment_types": ["development", "production"] })).await }));
    }
    let (mut slugs, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for task in tasks {
        let reply = task.await.expect("an answer");
        for instance in reply.ok()["instances"].as_array().expect("instances") {
            let instance = owned(instance);
            server.api("backend", Some(&instance.secret_key)).get("/v1/jwks").await.ok();
            slugs.insert(instance.slug);
            secrets.insert(instance.secret_key.expose().to_owned());
        }
    }
    assert_eq!((slugs.len(), secrets.len()), (64, 64));
    assert_eq!(listed(&server.platform()).await.len(), 34);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_host_is_one_that_sdks_and_browsers_accept() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let base = BASE_URL.split("://").nth(1).expect("a host");
    for name in
        ["A", "---", "日本語", "my.accounts.dev", "clerk", "www", "api", "x".repeat(100).as_str(), "a\\b/c?d#e@f:g", "<script>", "O'Brien & \"Sons\"", "ÄÖÜ"]
    {
        let created = create(&platform, name).await;
        let instance = owned(&created["instances"][0]);
        assert_eq!(created["name"], json!(name));
        assert_eq!(instance.host.split_once('.').map(|(_, rest)| rest), Some(base), "{}", instance.host);
        assert!(
            instance.slug.len() <= 63
                && instance.slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !instance.slug.starts_with('-'),
            "{}",
            instance.slug
        );
        for reserved in ["api", "www", "dashboard", "inbox", "admin", "t", "o"] {
            assert_ne!(instance.slug, reserved);
        }
        raw(&server, Method::GET, &format!("/t/{}/v1/environment", instance.slug), &[], "").await.ok();
    }
    assert_refusal(&raw(&server, Method::GET, "/t/no-such-aaaaaa/v1/environment", &[], "").await, "an unknown slug");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_applications_has_pages() {
    let server = TestServer::start().await;
    let platform = server.platform();
    for name in ["One", "Two", "Three"] {
        server.advance(Duration::from_secs(1));
        create(&platform, name).await;
    }
    let all = listed(&platform).await;
    assert_eq!(all.len(), 5);
    let page = async |query: &str| platform.get(&format!("{PATH}?{query}")).await;
    assert_eq!(page("limit=2").await.ok(), &json!(all[..2]));
    assert_eq!(page("limit=2&offset=2").await.ok(), &json!(all[2..4]));
    assert_eq!(page("offset=4").await.ok(), &json!(all[4..]));
    assert_eq!(page("offset=5").await.ok(), &json!([]));
    for (query, param) in [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("offset=-1", "offset"), ("offset=10001", "offset")] {
        let refused = page(query).await;
        assert_eq!((refused.status.as_u16(), refused.param()), (422, param), "{query}");
    }
}
