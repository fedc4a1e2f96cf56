//! Instances of an application: the production instance that comes later, and further ones.

use super::{PATH, browser, create, host, listed, owned, path};
use crate::backend::assert_refusal;
use domain::keys::Scope;
use foundation::{Id as _, InstanceId, Secret};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use testkit::{Api, TestServer};
use tokio::task::JoinSet;

fn instances(application: &Value) -> String {
    format!("{}/instances", path(application))
}

fn environments(application: &Value) -> String {
    format!("{}/environments", path(application))
}

async fn add(platform: &Api, application: &Value, body: Value) -> Value {
    let reply = platform.post(&instances(application), body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.ok().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_production_instance_has_an_identity_of_its_own() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = create(&platform, "Shop").await;
    server.advance(Duration::from_secs(1));
    let added = add(&platform, &application, json!({ "domain": "Shop.example" })).await;
    assert_eq!((&added["object"], &added["environment_type"]), (&json!("instance"), &json!("production")));
    assert!(added["secret_key"].as_str().is_some_and(|key| key.starts_with("sk_live_")));
    assert!(added["publishable_key"].as_str().is_some_and(|key| key.starts_with("pk_live_")));
    let domain = &added["active_domain"];
    assert_eq!((&domain["object"], &domain["name"], &domain["is_satellite"]), (&json!("domain"), &json!("shop.example"), &json!(false)));
    assert!(domain["created_at"].as_str().is_some_and(|at| foundation::Timestamp::parse_rfc3339(at).is_some()), "{domain}");
    assert_eq!(domain["instance"]["id"], added["id"]);
    assert!(added["created_at"].is_i64() && added["created_at"] == added["updated_at"]);

    let (live, test) = (owned(&added), owned(&application["instances"][0]));
    assert_ne!((&live.host, &live.slug), (&test.host, &test.slug));
    assert!(live.slug.starts_with("shop-"), "{}", live.slug);
    let backend = server.api("backend", Some(&live.secret_key));
    assert_eq!(backend.get("/v1/instance").await.ok()["environment_type"], "production");
    let keys = async |api: &Api| api.get("/v1/jwks").await.ok()["keys"][0]["n"].clone();
    assert_ne!(keys(&backend).await, keys(&server.api("backend", Some(&test.secret_key))).await);
    let mut visitor = browser(&server, &live);
    visitor.origin = None;
    visitor.get("/v1/environment").await.ok();

    let shown = platform.get(&path(&application)).await.ok().clone();
    let types: Vec<&str> = shown["instances"].as_array().expect("instances").iter().filter_map(|i| i["environment_type"].as_str()).collect();
    assert_eq!(types, ["development", "production"]);
    assert!(listed(&platform).await.contains(&shown));
    assert!(!shown.to_string().contains("secret_key"), "a secret key is shown once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_has_one_production_instance() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = create(&platform, "Shop").await;
    add(&platform, &application, json!({ "domain": "shop.example" })).await;
    let again = platform.post(&instances(&application), json!({ "domain": "other.example" })).await;
    assert_eq!((again.refusal(), again.param()), ((422, "instance_exists"), "environment_type"));
    let both = platform.post(PATH, json!({ "name": "Both", "environment_types": ["development", "production"] })).await.ok().clone();
    let again = platform.post(&instances(&both), json!({ "domain": "both.example" })).await;
    assert_eq!(again.refusal(), (422, "instance_exists"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_at_once_one_becomes_the_production_instance() {
    let server = TestServer::start().await;
    let application = create(&server.platform(), "Shop").await;
    let mut race = JoinSet::new();
    for _ in 0..64 {
        let (platform, path) = (server.platform(), instances(&application));
        race.spawn(async move { platform.post(&path, json!({ "domain": "shop.example" })).await.status.as_u16() });
    }
    let statuses = race.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 422)), "{statuses:?}");
    let shown = server.platform().get(&path(&application)).await.ok().clone();
    assert_eq!(shown["instances"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cloning_takes_the_settings_along_and_leaves_open_doors_behind() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = create(&platform, "Shop").await;
    let test = owned(&application["instances"][0]);
    let backend = server.api("backend", Some(&test.secret_key));
    let change = json!({
        "support_email": "help@shop.example",
        "hibp": false,
        "allowed_origins": ["http://localhost:3000"],
        "development_origin": "http://localhost:3000",
        "test_mode": true,
    });
    assert_eq!(backend.patch("/v1/instance", change).await.status, 204);
    let source = &application["instances"][0]["instance_id"];
    let added = add(&platform, &application, json!({ "domain": "shop.example", "clone_instance_id": source, "environment_type": "production" })).await;
    let live = owned(&added);
    let mut page = browser(&server, &live);
    page.origin = None;
    let environment = page.get("/v1/environment").await.ok().clone();
    assert_eq!(environment["display_config"]["support_email"], "help@shop.example");
    assert_eq!(environment["user_settings"]["password_settings"]["disable_hibp"], true);
    let instance = server.api("backend", Some(&live.secret_key)).get("/v1/instance").await.ok().clone();
    assert_eq!(instance["allowed_origins"], json!([]), "what may open a development instance opens no live one");
    page.origin = Some("http://localhost:3000".to_owned());
    assert_eq!(page.post("/v1/client", &[]).await.refusal(), (400, "origin_invalid"));
}

/// Templates and URLs go along as they are set up; what is secret and who is there does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cloning_takes_templates_and_redirect_urls_along_and_no_secret() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = create(&platform, "Shop").await;
    let test = owned(&application["instances"][0]);
    let backend = server.api("backend", Some(&test.secret_key));
    let plain = json!({ "name": "hasura", "claims": { "id": "{{user.id}}", "deep": { "x": [1] } }, "lifetime": 120, "allowed_clock_skew": 9 });
    let own = json!({ "name": "supabase", "claims": {}, "custom_signing_key": true, "signing_algorithm": "HS256", "signing_key": "canary-canary-canary-canary-canary" });
    let made = backend.post("/v1/jwt_templates", plain.clone()).await.ok().clone();
    backend.post("/v1/jwt_templates", own).await.ok();
    for url in ["https://shop.example/after", "shop://after", "http://localhost:3000/after", "http://127.0.0.1:3000/after"] {
        backend.post("/v1/redirect_urls", json!({ "url": url })).await.ok();
    }
    backend.post("/v1/users", json!({ "email_address": [testkit::address("ada")], "password": testkit::PASSWORD })).await.ok();
    let source = &application["instances"][0]["instance_id"];
    let live = owned(&add(&platform, &application, json!({ "domain": "shop.example", "clone_instance_id": source })).await);
    let further = json!({ "name": "staging", "environment_type": "development", "clone_instance_id": source });
    let staging = platform.post(&environments(&application), further).await;
    let staging = Secret::new(staging.ok()["secret_key"].as_str().expect("a key"));
    let everything = BTreeSet::from(["https://shop.example/after", "shop://after", "http://localhost:3000/after", "http://127.0.0.1:3000/after"]);
    for (key, urls) in [(&live.secret_key, BTreeSet::from(["https://shop.example/after", "shop://after"])), (&staging, everything)] {
        let copy = server.api("backend", Some(key));
        let templates = copy.get("/v1/jwt_templates").await.ok().clone();
        assert_eq!(templates.as_array().map(Vec::len), Some(1), "one with a key of its own stays behind: {templates}");
        let template = &templates[0];
        for field in ["name", "claims", "lifetime", "allowed_clock_skew", "signing_algorithm", "custom_signing_key"] {
            assert_eq!(template[field], made[field], "{field}");
        }
        assert_ne!(template["id"], made["id"]);
        let listed = copy.get("/v1/redirect_urls").await.ok().clone();
        assert_eq!(listed.as_array().expect("a list").iter().filter_map(|url| url["url"].as_str()).collect::<BTreeSet<_>>(), urls);
        assert_eq!(copy.get("/v1/users/count").await.ok()["total_count"], 0);
        let id = copy.get("/v1/instance").await.ok()["id"].as_str().and_then(InstanceId::parse).expect("an id");
        let rows = server.belongings(id).await;
        let detail = rows["audit"].iter().flatten().find(|cell| cell.contains("jwt_templates_left_out")).expect("it is on record").clone();
        assert!(detail.contains("\"jwt_templates_left_out\":[\"supabase\"]") && detail.contains("\"jwt_templates\":[\"hasura\"]"), "{detail}");
        // It is the copy's own from now on.
        copy.patch(&format!("/v1/jwt_templates/{}", template["id"].as_str().expect("an id")), json!({ "name": "other", "claims": {} })).await.ok();
    }
    let kept = backend.get("/v1/jwt_templates").await.ok().clone();
    assert_eq!(kept.as_array().map(Vec::len), Some(2));
    assert!(kept.as_array().expect("a list").contains(&made), "the original is as it was");
}

/// Whether an instance exists that is not one's own is nobody's business.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_development_instance_of_the_same_application_is_cloned() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = create(&platform, "Shop").await;
    let other = platform.post(PATH, json!({ "name": "Other", "environment_types": ["development", "production"] })).await.ok().clone();
    let theirs = create(&server.other_platform(), "Theirs").await;
    let mut told = BTreeSet::new();
    for source in [
        other["instances"][0]["instance_id"].clone(),
        other["instances"][1]["instance_id"].clone(),
        theirs["instances"][0]["instance_id"].clone(),
        json!("ins_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
        json!("ins_x"),
        json!(""),
    ] {
        let reply = platform.post(&instances(&application), json!({ "domain": "shop.example", "clone_instance_id": source })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "clone_instance_id"), "{source}");
        told.insert(reply.body["errors"].to_string());
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(platform.get(&path(&application)).await.ok()["instances"].as_array().map(Vec::len), Some(1), "and nothing was made");
    add(&platform, &application, json!({ "domain": "shop.example", "clone_instance_id": null })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_an_instance_is_refused_by_name() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = create(&platform, "Shop").await;
    for (body, param) in [
        (json!({}), "domain"),
        (json!({ "domain": "" }), "domain"),
        (json!({ "domain": "localhost" }), "domain"),
        (json!({ "domain": "https://shop.example" }), "domain"),
        (json!({ "domain": ["shop.example"] }), "domain"),
        (json!({ "domain": "shop.example", "environment_type": "development" }), "environment_type"),
        (json!({ "domain": "shop.example", "environment_type": "staging" }), "environment_type"),
        (json!({ "domain": "shop.example", "environment_type": 1 }), "environment_type"),
        (json!({ "domain": "shop.example", "clone_instance_id": 1 }), "clone_instance_id"),
        (json!({ "domain": "shop.example", "slug": "api" }), "slug"),
        (json!({ "domain": "shop.example", "proxy_url": "https://evil.example" }), "proxy_url"),
    ] {
        let reply = platform.post(&instances(&application), body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}: {}", reply.text);
        assert_refusal(&reply, param);
    }
    for (body, param) in [
        (json!({ "environment_type": "production" }), "name"),
        (json!({ "name": "production", "environment_type": "production" }), "name"),
        (json!({ "name": "Staging", "environment_type": "production" }), "name"),
        (json!({ "name": "-a", "environment_type": "production" }), "name"),
        (json!({ "name": "a".repeat(33), "environment_type": "production" }), "name"),
        (json!({ "name": "staging" }), "environment_type"),
        (json!({ "name": "staging", "environment_type": "staging" }), "environment_type"),
        (json!({ "name": "staging", "environment_type": "production", "proxy_url": "http://shop.example/__clerk" }), "proxy_url"),
        (json!({ "name": "staging", "environment_type": "production", "label": "x" }), "label"),
    ] {
        let reply = platform.post(&environments(&application), body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}: {}", reply.text);
    }
    assert_eq!(platform.get(&path(&application)).await.ok()["instances"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_own_platform_with_the_right_to_write_adds_an_instance() {
    let server = TestServer::start().await;
    let application = create(&server.platform(), "Shop").await;
    let reader = server
        .database
        .platform(store::Access::Write, |tx| Box::pin(domain::keys::create_platform_token(tx, server.workspace, &[Scope::ApplicationsRead])))
        .await
        .expect("a token");
    let reader = server.api("platform", Some(&reader));
    let body = json!({ "domain": "shop.example" });
    let further = json!({ "name": "staging", "environment_type": "development" });
    assert_eq!(reader.post(&instances(&application), body.clone()).await.refusal(), (403, "authorization_invalid"));
    assert_eq!(reader.post(&environments(&application), further.clone()).await.refusal(), (403, "authorization_invalid"));
    assert_eq!(server.other_platform().post(&instances(&application), body.clone()).await.refusal(), (404, "resource_not_found"));
    assert_eq!(server.other_platform().post(&environments(&application), further).await.refusal(), (404, "resource_not_found"));
    assert_eq!(server.other_platform().get(&environments(&application)).await.refusal(), (404, "resource_not_found"));
    server.platform().delete(&path(&application)).await.ok();
    assert_eq!(server.platform().post(&instances(&application), body).await.refusal(), (404, "resource_not_found"), "it is deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn further_instances_have_a_name_and_keys_of_their_own() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = create(&platform, "Shop").await;
    let mut secrets = Vec::new();
    for (name, environment, mode) in [("staging", "production", "live"), ("preview-7", "development", "test")] {
        server.advance(Duration::from_secs(1));
        let body = json!({ "name": name, "environment_type": environment, "proxy_url": "http://localhost:3000/__clerk/" });
        let reply = platform.post(&environments(&application), body.clone()).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let made = reply.ok();
        assert_eq!(
            (&made["name"], &made["environment_type"], &made["proxy_url"]),
            (&json!(name), &json!(environment), &json!("http://localhost:3000/__clerk"))
        );
        let secret = made["secret_key"].as_str().expect("a key").to_owned();
        assert!(secret.starts_with(&format!("sk_{mode}_")));
        let backend = server.api("backend", Some(&Secret::new(secret.as_str())));
        assert_eq!(backend.get("/v1/instance").await.ok()["id"], made["instance_id"]);
        let again = platform.post(&environments(&application), body).await;
        assert_eq!((again.refusal(), again.param()), ((422, "instance_exists"), "name"));
        secrets.push(secret);
    }
    // The one that the wire contract means is still to come.
    server.advance(Duration::from_secs(1));
    add(&platform, &application, json!({ "domain": "shop.example" })).await;
    let reply = platform.get(&environments(&application)).await;
    let names: Vec<&str> = reply.ok()["data"].as_array().expect("a list").iter().filter_map(|e| e["name"].as_str()).collect();
    assert_eq!((names, &reply.body["total_count"]), (vec!["development", "staging", "preview-7", "production"], &json!(4)));
    assert!(secrets.iter().all(|secret| !reply.text.contains(secret)), "secret keys are shown once");
    let hosts: BTreeSet<String> = reply.body["data"].as_array().expect("a list").iter().map(|e| host(e["publishable_key"].as_str().expect("a key"))).collect();
    assert_eq!(hosts.len(), 4);
    platform.delete(&path(&application)).await.ok();
    for secret in secrets {
        assert_eq!(server.api("backend", Some(&Secret::new(secret))).get("/v1/instance").await.refusal(), (401, "clerk_key_invalid"));
    }
}
