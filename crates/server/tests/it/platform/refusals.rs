//! What the Platform API refuses, and whom.

use super::{PATH, create, listed, path};
use crate::backend::{assert_refusal, raw, text};
use domain::keys::{self, Scope};
use foundation::{Secret, WorkspaceId};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::Access;
use testkit::{Api, TestServer};

async fn token(server: &TestServer, workspace: WorkspaceId, scopes: &'static [Scope]) -> Secret {
    server.database.platform(Access::Write, |tx| Box::pin(async move { keys::create_platform_token(tx, workspace, scopes).await })).await.expect("a token")
}

/// Every operation of the door on this application.
async fn everything(platform: &Api, application: &str) -> Vec<(&'static str, testkit::Reply)> {
    let path = format!("{PATH}/{application}");
    vec![
        ("list", platform.get(PATH).await),
        ("create", platform.post(PATH, json!({ "name": "Intruder" })).await),
        ("get", platform.get(&path).await),
        ("update", platform.patch(&path, json!({ "name": "Intruder" })).await),
        ("delete", platform.delete(&path).await),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_token_nothing_answers() {
    let server = TestServer::start().await;
    let home = server.home.tenant.instance.application.to_string();
    let good = server.platform_token.expose();
    let mut wrong = vec![None];
    for text in [
        "",
        "plt_",
        "plt_x",
        good.trim_start_matches("plt_"),
        &good[..good.len() - 1],
        &format!("{good}x"),
        &good.to_uppercase(),
        &server.platform_token.sha256(),
        server.home.secret_key.expose(),
        &"a".repeat(5_000),
    ] {
        wrong.push(Some(Secret::new(text)));
    }
    for credential in &wrong {
        for (what, reply) in everything(&server.api("platform", credential.as_ref()), &home).await {
            assert_eq!(reply.refusal(), (401, "authentication_invalid"), "{what}");
            assert_refusal(&reply, what);
        }
    }
    for scheme in ["bearer", "BEARER"] {
        raw(&server, Method::GET, &format!("/api{PATH}"), &[("authorization", &format!("{scheme} {good}"))], "").await.ok();
    }
    for place in [format!("/api{PATH}?access_token={good}"), format!("/api{PATH}?token={good}")] {
        assert_eq!(raw(&server, Method::GET, &place, &[], "").await.status, 401);
    }
    assert_eq!(listed(&server.platform()).await.len(), 2);
}

/// A platform's key for a tenant outside its workspace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_workspaces_application_does_not_exist() {
    let server = TestServer::start().await;
    let before = listed(&server.platform()).await;
    let other = server.other_platform();
    let system = server.database.platform(Access::Read, |tx| Box::pin(domain::applications::system_instance(tx))).await.expect("the system").to_string();
    let home = server.home.tenant.instance.application.to_string();
    let mut bodies: Vec<Value> = Vec::new();
    for name in [home.as_str(), "app_2NNEqL2nrIRdJ194ndJqAHwEfxC", "app_x", "%00", &system.replace("ins_", "app_"), &server.home.tenant.id().to_string()] {
        for reply in [
            other.get(&format!("{PATH}/{name}")).await,
            other.patch(&format!("{PATH}/{name}"), json!({ "name": "Mine" })).await,
            other.delete(&format!("{PATH}/{name}")).await,
        ] {
            assert_eq!(reply.refusal(), (404, "resource_not_found"), "{name}");
            bodies.push(reply.body["errors"].clone());
        }
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "what is somebody else's looks like what never was");
    assert_eq!(listed(&server.platform()).await, before);
    server.backend().get("/v1/users").await.ok();
    server.signed_in("ada").await;
}

/// The server's own application cannot be reached by anybody, not even by the workspace it stands in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_own_application_is_out_of_reach() {
    let server = TestServer::start().await;
    let system: String = server
        .database
        .platform(Access::Read, |tx| Box::pin(async { tx.get::<String>(store::platform_sql!("select id from applications where system"), &[]).await }))
        .await
        .expect("the system");
    let platform = server.platform();
    let path = format!("{PATH}/{system}");
    for reply in [platform.get(&path).await, platform.patch(&path, json!({ "name": "Mine" })).await, platform.delete(&path).await] {
        assert_eq!(reply.refusal(), (404, "resource_not_found"));
    }
    create(&platform, "Shop").await;
}

/// Of every operation, the scope is looked at before its path, its query and its body: who may not call it learns nothing of what it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_lacks_the_scope_learns_nothing_else() {
    let server = TestServer::start().await;
    let mut told = 0;
    for needed in Scope::ALL {
        let others: &'static [Scope] = Scope::ALL.into_iter().filter(|scope| *scope != needed).collect::<Vec<_>>().leak();
        let lacking = server.api("platform", Some(&token(&server, server.workspace, others).await));
        let having = server.api("platform", Some(&token(&server, server.workspace, Vec::leak(vec![needed])).await));
        let all = server.doors().operations().iter().filter(|operation| operation.needs == Some(needed));
        for operation in all {
            told += 1;
            let path: Vec<&str> = operation.path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part }).collect();
            for (query, body) in [("", json!({})), ("", json!({ "unknown": 1 })), ("?unknown=1", json!(null))] {
                let path = format!("{}{query}", path.join("/"));
                let body = (operation.method != Method::GET).then_some(body);
                let reply = lacking.send(operation.method.clone(), &path, body.as_ref()).await;
                assert_eq!(reply.refusal(), (403, "authorization_invalid"), "{} {path}", operation.id);
                assert!(reply.text.contains(needed.name()), "{} {}", operation.id, reply.text);
                let reply = having.send(operation.method.clone(), &path, body.as_ref()).await;
                assert!(reply.status != StatusCode::FORBIDDEN && !reply.status.is_server_error(), "{} {path} {}", operation.id, reply.text);
            }
        }
    }
    assert_eq!(told, server.doors().operations().iter().filter(|operation| operation.face == web::Face::Platform).count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_does_what_its_scopes_say() {
    let server = TestServer::start().await;
    let home = server.home.tenant.instance.application.to_string();
    let api = |secret: &Secret| server.api("platform", Some(secret));
    for (scopes, allowed) in [
        (&[Scope::ApplicationsRead] as &'static [Scope], vec!["list", "get"]),
        (&[Scope::ApplicationsManage], vec!["create", "update", "delete"]),
        (&[], vec![]),
    ] {
        let secret = token(&server, server.workspace, scopes).await;
        // The refused ones first: what is deleted cannot be asked for any more.
        for (what, reply) in everything(&api(&secret), if allowed.contains(&"delete") { "app_2NNEqL2nrIRdJ194ndJqAHwEfxC" } else { &home }).await {
            if allowed.contains(&what) {
                assert_ne!(reply.status, 403, "{scopes:?} {what}");
            } else {
                assert_eq!(reply.refusal(), (403, "authorization_invalid"), "{scopes:?} {what}");
                assert_refusal(&reply, what);
            }
        }
    }
    let shown = server.platform().get(&format!("{PATH}/{home}")).await.ok().clone();
    assert_eq!(shown["name"], "Home");
    assert_eq!(listed(&server.platform()).await.len(), 3, "the writer has made one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_an_application_is_refused_and_not_made() {
    let server = TestServer::start().await;
    let platform = server.platform();
    for (body, param) in [
        (json!({}), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "   " }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": "a\u{0007}b" }), "name"),
        (json!({ "name": "a\r\nb" }), "name"),
        (json!({ "name": "a\u{202e}b" }), "name"),
        (json!({ "name": ["Shop"] }), "name"),
        (json!({ "name": 7 }), "name"),
        (json!({ "name": "Shop", "environment_types": [] }), "environment_types"),
        (json!({ "name": "Shop", "environment_types": "development" }), "environment_types"),
        (json!({ "name": "Shop", "environment_types": ["staging"] }), "environment_types"),
        (json!({ "name": "Shop", "environment_types": ["Development"] }), "environment_types"),
        (json!({ "name": "Shop", "environment_types": ["development", "development"] }), "environment_types"),
        (json!({ "name": "Shop", "environment_types": ["development", null] }), "environment_types"),
        (json!({ "name": "Shop", "environment_types": [["development"]] }), "environment_types"),
        (json!({ "name": "Shop", "domain": "localhost" }), "domain"),
        (json!({ "name": "Shop", "domain": "127.0.0.1" }), "domain"),
        (json!({ "name": "Shop", "domain": "2130706433" }), "domain"),
        (json!({ "name": "Shop", "domain": "[::1]" }), "domain"),
        (json!({ "name": "Shop", "domain": "https://example.com" }), "domain"),
        (json!({ "name": "Shop", "domain": "example.com/path" }), "domain"),
        (json!({ "name": "Shop", "domain": "example.com:8443" }), "domain"),
        (json!({ "name": "Shop", "domain": "user@example.com" }), "domain"),
        (json!({ "name": "Shop", "domain": "example.com." }), "domain"),
        (json!({ "name": "Shop", "domain": "exam ple.com" }), "domain"),
        (json!({ "name": "Shop", "domain": "app.localhost" }), "domain"),
        (json!({ "name": "Shop", "domain": "*.example.com" }), "domain"),
        (json!({ "name": "Shop", "domain": format!("{}.com", "a".repeat(300)) }), "domain"),
        (json!({ "name": "Shop", "domain": ["example.com"] }), "domain"),
        (json!({ "name": "Shop", "domain": "example.com", "proxy_path": "__clerk" }), "proxy_path"),
        (json!({ "name": "Shop", "domain": "example.com", "proxy_path": "/" }), "proxy_path"),
        (json!({ "name": "Shop", "domain": "example.com", "proxy_path": "/a/b" }), "proxy_path"),
        (json!({ "name": "Shop", "domain": "example.com", "proxy_path": "/.." }), "proxy_path"),
        (json!({ "name": "Shop", "domain": "example.com", "proxy_path": "//evil.example" }), "proxy_path"),
        (json!({ "name": "Shop", "domain": "example.com", "proxy_path": "/a?b" }), "proxy_path"),
        (json!({ "name": "Shop", "domain": "example.com", "proxy_path": "/%2e%2e" }), "proxy_path"),
        (json!({ "name": "Shop", "domain": "example.com", "proxy_path": format!("/{}", "a".repeat(200)) }), "proxy_path"),
        (json!({ "name": "Shop", "template": "b2b-saas" }), "template"),
        (json!({ "name": "Shop", "workspace_id": "ws_x" }), "workspace_id"),
        (json!({ "name": "Shop", "system": true }), "system"),
        (json!({ "name": "Shop", "slug": "api" }), "slug"),
        (json!({ "name": "Shop", "secret_key": "sk_test_x" }), "secret_key"),
    ] {
        let reply = platform.post(PATH, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}: {}", reply.text);
        assert_refusal(&reply, param);
    }
    assert_eq!(listed(&platform).await.len(), 2);
    platform.post(PATH, json!({ "name": "Shop", "domain": "example.com", "proxy_path": "/__clerk" })).await.ok();
    platform.post(PATH, json!({ "name": "x".repeat(100), "domain": "bücher.example" })).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_cannot_be_leaves_the_application_as_it_was() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let created = create(&platform, "Shop").await;
    let before = platform.get(&path(&created)).await.ok().clone();
    for (body, param) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "name": 7 }), "name"),
        (json!({ "name": "New", "environment_types": ["production"] }), "environment_types"),
        (json!({ "name": "New", "workspace_id": "ws_x" }), "workspace_id"),
        (json!({ "name": "New", "domain": "example.com" }), "domain"),
    ] {
        let reply = platform.patch(&path(&created), body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}");
    }
    assert_eq!(platform.get(&path(&created)).await.ok(), &before);
    for body in ["[]", "null", "{\"name\":\"a\",\"name\":\"b\"}", "\u{feff}{}", "{"] {
        for (method, path) in [(Method::POST, PATH.to_owned()), (Method::PATCH, path(&created))] {
            let reply = platform.send_text(method, &path, Some(("application/json", body.to_owned()))).await;
            assert_eq!(reply.refusal(), (400, "request_body_invalid"), "{body}");
        }
    }
    for name in ["x", "app_x", "%00", "%ff", "..", "%2e%2e", "' or 1=1 --", "app_zzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let path = format!("{PATH}/{}", name.replace(' ', "%20"));
        for reply in [platform.get(&path).await, platform.delete(&path).await, platform.patch(&path, json!({ "name": "a" })).await] {
            assert_eq!(reply.refusal(), (404, "resource_not_found"), "{name}");
        }
    }
    assert_eq!(text(&before, "name"), "Shop");
}

/// Whoever asks for a dry run of an operation that has none must not get a real one, nor one that is meant by a name without a value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_takes_a_query_that_it_does_not_know() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let before = listed(&platform).await;
    let mut tried = 0;
    for operation in server.doors().operations().iter().filter(|operation| operation.face == web::Face::Platform) {
        let home = &server.home.tenant.instance;
        let path = operation.path.replace("{application_id}", &home.application.to_string()).replace("{env_or_ins_id}", &home.id.to_string());
        for (query, param) in [("dry_run=true", "dry_run"), ("dry_run", "dry_run"), ("dry_run=", "dry_run"), ("limit=1&strange=1", "strange")] {
            if query.split('&').any(|pair| operation.asks.0.contains(&param) || (pair == "limit=1" && !operation.asks.0.contains(&"limit"))) {
                continue;
            }
            let body = (operation.method != Method::GET).then(|| ("application/json", "{}".to_owned()));
            let reply = platform.send_text(operation.method.clone(), &format!("{path}?{query}"), body).await;
            assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), param), "{} {query}", operation.id);
            tried += 1;
        }
    }
    assert!(tried > 90, "{tried}");
    assert_eq!(listed(&platform).await, before);
    // Known, and without a value: refused too where it would act.
    for name in ["dry_run", "destructive"] {
        let reply = platform.patch(&format!("{}/config?{name}", super::home(&server)), json!({ "test_mode": false })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), name));
    }
    let pools = format!("{}/pools?organization_id=", super::home(&server));
    let reply = platform.get(&pools).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "organization_id"), "an empty filter is no filter");
    let stranger = server.api("platform", None);
    assert_eq!(stranger.get(&format!("{PATH}?strange=1")).await.refusal(), (401, "authentication_invalid"), "strangers learn nothing");
}

/// An operation that takes nothing says so of whatever it is given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_takes_a_body_that_it_does_not_know() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let home = &server.home.tenant.instance;
    let mut tried = 0;
    for operation in server.doors().operations().iter().filter(|operation| operation.face == web::Face::Platform && operation.method != Method::GET) {
        let path = operation.path.replace("{application_id}", &home.application.to_string()).replace("{env_or_ins_id}", &home.id.to_string());
        let ids = [
            ("{conversion_id}", "conv_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
            ("{signing_key_id}", "key_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
            ("{plan_id}", "plan_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
            ("{user_id}", "user_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
            ("{template_id}", "jtmp_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
            ("{id}", "ru_2NNEqL2nrIRdJ194ndJqAHwEfxC"),
        ];
        let path = ids.iter().fold(path, |path, (parameter, id)| path.replace(parameter, id));
        let reply = platform.send_text(operation.method.clone(), &path, Some(("application/json", r#"{"strange":1}"#.to_owned()))).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "strange"), "{}", operation.id);
        tried += 1;
    }
    assert!(tried > 25, "{tried}");
    assert_eq!(platform.get(&format!("{PATH}/{}", home.application)).await.ok()["application_id"], home.application.to_string());
}

/// Tokens of before the scope had the contract's name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_scope_of_an_older_name_still_works() {
    let server = TestServer::start().await;
    let secret = token(&server, server.workspace, &[Scope::ApplicationsManage]).await;
    let hash = secret.sha256();
    server
        .database
        .platform(Access::Write, |tx| {
            let hash = hash.clone();
            Box::pin(async move {
                tx.change(store::platform_sql!("update platform_tokens set scopes = 'applications:write' where hash = $1"), &[&hash]).await.map(drop)
            })
        })
        .await
        .expect("renamed");
    let api = server.api("platform", Some(&secret));
    create(&api, "Shop").await;
    let denied = api.get(PATH).await;
    assert_eq!(denied.refusal(), (403, "authorization_invalid"));
    assert!(denied.text.contains("applications:read"));
}
