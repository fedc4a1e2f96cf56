//! The preview of a change against what really happens: who is counted is who cannot sign in afterwards, and nobody else.
use super::{create, home};
use http::Method;
use serde_json::{Value, json};
use testkit::{PASSWORD, Setup, TestServer};

/// People with every mixture of what one can sign in with.
async fn people(server: &TestServer) -> Vec<(String, Vec<String>)> {
    let backend = server.backend();
    let mut people = Vec::new();
    for (name, email, username, password) in [
        ("all", true, true, true),
        ("mail", true, false, true),
        ("mailonly", true, false, false),
        ("name", false, true, true),
        ("nameonly", false, true, false),
        ("both", true, true, false),
    ] {
        let mut user = json!({});
        let mut handles = Vec::new();
        if email {
            user["email_address"] = json!([format!("{name}@example.com")]);
            handles.push(format!("{name}@example.com"));
        }
        if username {
            user["username"] = json!(format!("{name}_user"));
            handles.push(format!("{name}_user"));
        }
        if password {
            user["password"] = json!(PASSWORD);
        } else {
            user["skip_password_requirement"] = json!(true);
        }
        backend.post("/v1/users", user).await.ok();
        people.push((name.to_owned(), handles));
    }
    people
}

/// Who of them can sign in: is found by a handle, and offered a way to prove themselves that is no reset.
async fn able(server: &TestServer, people: &[(String, Vec<String>)]) -> Vec<String> {
    let mut able = Vec::new();
    for (name, handles) in people {
        let mut gets_in = false;
        for handle in handles {
            let reply = server.browser().post("/v1/client/sign_ins", &[("identifier", handle)]).await;
            let factors = reply.body["response"]["supported_first_factors"].as_array().cloned().unwrap_or_default();
            gets_in |= factors.iter().any(|factor: &Value| matches!(factor["strategy"].as_str(), Some("password" | "email_code")));
        }
        if gets_in {
            able.push(name.clone());
        }
    }
    able
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_counted_is_who_cannot_sign_in_afterwards() {
    for change in [
        json!({ "auth_password": { "enabled": false, "required": false } }),
        json!({ "auth_email": { "enabled": false, "required": false } }),
        json!({ "auth_username": "off" }),
        json!({ "auth_email": { "code_sign_in": false } }),
        json!({ "auth_email": { "code_sign_in": false }, "auth_username": "off" }),
        json!({ "auth_password": { "enabled": false, "required": false }, "auth_username": "off" }),
    ] {
        let server = TestServer::start_with(Setup { settings: json!({ "auth_username": "optional" }), ..Setup::default() }).await;
        let people = people(&server).await;
        let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
        let before = able(&server, &people).await;
        assert_eq!(before.len(), 5, "only who has a name and nothing to prove it by is shut out: {before:?}");
        let told = platform.patch(&format!("{path}?dry_run=true"), change.clone()).await.ok()["affected_users"].clone();
        platform.patch(&path, change.clone()).await.ok();
        let after = able(&server, &people).await;
        let lost: Vec<_> = before.iter().filter(|name| !after.contains(name)).collect();
        assert_eq!(told["unable_to_sign_in"], lost.len(), "{change}: {lost:?}");
        assert!(after.iter().all(|name| before.contains(name)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lacks_what_becomes_required_is_counted() {
    let server = TestServer::start_with(Setup {
        settings: json!({ "auth_username": "optional", "auth_email": { "required": false }, "auth_password": { "required": false } }),
        ..Setup::default()
    })
    .await;
    people(&server).await;
    let (platform, path) = (server.platform(), format!("{}/config?dry_run=true", home(&server)));
    let change = json!({ "auth_username": "required", "auth_email": { "required": true }, "auth_password": { "required": true }, "auth_name": "required" });
    let told = platform.patch(&path, change).await.ok()["affected_users"].clone();
    let expected = json!({ "unable_to_sign_in": 0, "without_email_address": 2, "without_username": 2, "without_password": 3, "without_name": 6 });
    assert_eq!(told, expected);
    // What was required before concerns nobody anew.
    let told = platform.patch(&path, json!({ "auth_name": "required", "session": { "multi": true } })).await.ok()["affected_users"].clone();
    assert_eq!((&told["without_name"], &told["without_username"]), (&json!(6), &json!(0)));
}

/// A blueprint's and a plan's preview: the instances that it names are exactly those that change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_of_a_blueprint_or_a_plan_says_how_many_instances_would_change() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = create(&platform, "Third").await;
    let third = format!("{}/instances/development", super::path(&application));
    platform.patch(&format!("{third}/config"), json!({ "session": { "lifetime": 600 } })).await.ok();
    let plan =
        platform.post("/v1/platform/plans", json!({ "name": "Free", "settings": { "auth_name": "off" } })).await.ok()["id"].as_str().expect("an id").to_owned();
    platform.put(&format!("{}/plan", super::path(&application)), json!({ "plan_id": plan })).await.ok();

    let trial = "/v1/platform/blueprint?dry_run=true";
    let told = platform.patch(trial, json!({ "settings": { "session": { "lifetime": 900 } } })).await.ok().clone();
    assert_eq!((&told["dry_run"], &told["version"], &told["settings"]["session"]["lifetime"]), (&json!(true), &json!("0"), &json!(900)));
    assert_eq!(told["affected_instances"], json!({ "changed": 2, "looked_at": 3, "complete": true }));
    let told = platform.put(trial, json!({ "rules": { "session.lifetime": { "max": 300 } } })).await.ok().clone();
    assert_eq!(told["affected_instances"]["changed"], 3);
    let told = platform.patch(trial, json!({ "settings": { "auth_name": "off" } })).await.ok().clone();
    assert_eq!(told["affected_instances"]["changed"], 2, "the plan says so already");
    assert_eq!(platform.get("/v1/platform/blueprint").await.ok()["version"], "0");

    let path = format!("/v1/platform/plans/{plan}");
    let before = platform.get(&path).await.ok().clone();
    let told = platform
        .patch(&format!("{path}?dry_run=true"), json!({ "name": "Gratis", "settings": { "auth_name": "required", "session": { "lifetime": 60 } } }))
        .await
        .ok()
        .clone();
    assert_eq!((&told["affected_instances"], &told["name"]), (&json!({ "changed": 1, "looked_at": 1, "complete": true }), &json!("Gratis")));
    let told = platform.patch(&format!("{path}?dry_run=true"), json!({ "settings": { "session": { "lifetime": 60 } } })).await.ok().clone();
    assert_eq!(told["affected_instances"]["changed"], 0, "the instance says otherwise itself");
    assert_eq!(platform.get(&path).await.ok(), &before);

    // What such a trial refuses is what the change would.
    assert_eq!(platform.patch(trial, json!({ "settings": { "session": { "lifetime": 1 } } })).await.param(), "session.lifetime");
    for (method, path) in [(Method::PATCH, "/v1/platform/blueprint?destructive=true"), (Method::POST, "/v1/platform/plans?dry_run=true")] {
        let reply = platform.send(method, path, Some(&json!({ "name": "Other" }))).await;
        assert_eq!(reply.status, 422, "{path}");
    }
    assert_eq!(server.other_platform().patch(trial, json!({ "settings": { "auth_name": "off" } })).await.ok()["affected_instances"]["looked_at"], 0);
}
