//! Plans: bundles of settings that applications subscribe to.

use super::{PATH, effective, home, neighbour, recorded};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Rates, Setup, TestServer};

const PLANS: &str = "/v1/platform/plans";

async fn plan(platform: &Api, body: Value) -> (String, String) {
    let id = platform.post(PLANS, body).await.ok()["id"].as_str().expect("an id").to_owned();
    (format!("{PLANS}/{id}"), id)
}

fn subscription(server: &TestServer) -> String {
    format!("{PATH}/{}/plan", server.home.tenant.instance.application)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_made_changed_listed_and_deleted() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let made =
        platform.post(PLANS, json!({ "name": "Free Tier", "settings": { "session": { "lifetime": 600 } }, "rules": { "test_mode": { "lock": true } } })).await;
    let made = made.ok().clone();
    assert_eq!((&made["object"], &made["slug"], &made["version"]), (&json!("plan"), &json!("free-tier"), &json!("1")));
    assert_eq!((&made["settings"], &made["rules"]), (&json!({ "session": { "lifetime": 600 } }), &json!({ "test_mode": { "lock": true } })));
    let path = format!("{PLANS}/{}", made["id"].as_str().expect("an id"));
    assert_eq!(platform.get(&path).await.ok(), &made);
    server.advance(Duration::from_secs(1));
    plan(&platform, json!({ "name": "Pro", "slug": "pro" })).await;

    let changed = platform
        .patch(&path, json!({ "name": "Free", "slug": "free", "settings": { "session": null, "auth_name": "off" }, "rules": { "test_mode": null } }))
        .await;
    let changed = changed.ok().clone();
    assert_eq!((&changed["name"], &changed["slug"], &changed["version"]), (&json!("Free"), &json!("free"), &json!("2")));
    assert_eq!((&changed["settings"], &changed["rules"]), (&json!({ "auth_name": "off" }), &json!({})));
    let listed = platform.get(PLANS).await.ok().clone();
    assert_eq!((&listed["total_count"], &listed["data"][0]), (&json!(2), &changed));

    assert_eq!(platform.delete(&path).await.ok(), &json!({ "object": "plan", "id": made["id"], "deleted": true }));
    assert_eq!(platform.get(&path).await.refusal(), (404, "resource_not_found"));
    assert_eq!(platform.delete(&path).await.status, 404);
    let told = json!({ "before": 600, "after": null });
    assert!(recorded(&server, "plan.settings.update").await.iter().any(|change| change["settings"]["session.lifetime"] == told));
    assert_eq!(
        (recorded(&server, "plan.create").await.len(), recorded(&server, "plan.update").await.len(), recorded(&server, "plan.delete").await.len()),
        (2, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_plans_are_refused_by_name() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let (path, _) = plan(&platform, json!({ "name": "Free" })).await;
    for (body, code, param) in [
        (json!({}), "form_param_missing", "name"),
        (json!({ "name": "" }), "form_param_missing", "name"),
        (json!({ "name": "x".repeat(101) }), "form_param_value_invalid", "name"),
        (json!({ "name": "Free" }), "form_identifier_exists", "slug"),
        (json!({ "name": "Other", "slug": "free" }), "form_identifier_exists", "slug"),
        (json!({ "name": "Other", "slug": "Not A Slug" }), "form_param_value_invalid", "slug"),
        (json!({ "name": "Other", "slug": "../free" }), "form_param_value_invalid", "slug"),
        (json!({ "name": "Other", "slug": "" }), "form_param_value_invalid", "slug"),
        (json!({ "name": "Other", "price": 3 }), "form_param_unknown", "price"),
        (json!({ "name": "Other", "settings": { "limits": {} } }), "form_param_unknown", "limits"),
        (json!({ "name": "Other", "rules": { "test_mode": { "lock": false } } }), "form_param_value_invalid", "rules.test_mode"),
    ] {
        let reply = platform.post(PLANS, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.code(), reply.param()), (422, code, param), "{body}");
    }
    plan(&platform, json!({ "name": "Pro" })).await;
    assert_eq!(platform.patch(&path, json!({ "slug": "pro" })).await.refusal(), (422, "form_identifier_exists"));
    assert_eq!(platform.send_if(Method::PATCH, &path, "9", &json!({ "name": "Late" })).await.refusal(), (412, "precondition_failed"));
    assert_eq!(platform.get(&path).await.ok()["name"], "Free");
    assert_eq!(platform.get(PLANS).await.ok()["total_count"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_follows_its_plan_within_the_blueprint() {
    let server = TestServer::start().await;
    let (platform, instance) = (server.platform(), home(&server));
    platform
        .patch("/v1/platform/blueprint", json!({ "settings": { "session": { "lifetime": 7_200 } }, "rules": { "session.lifetime": { "max": 86_400 } } }))
        .await
        .ok();
    let reply = platform.post(PLANS, json!({ "name": "Too much", "settings": { "session": { "lifetime": 86_401 } } })).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "setting_held"), "session.lifetime"));
    let (free, free_id) =
        plan(&platform, json!({ "name": "Free", "settings": { "session": { "lifetime": 600 } }, "rules": { "session.lifetime": { "max": 900 } } })).await;
    let (_, pro_id) = plan(&platform, json!({ "name": "Pro", "settings": { "session": { "lifetime": 86_400 } } })).await;

    let none = platform.get(&subscription(&server)).await.ok().clone();
    assert_eq!((&none["plan_id"], &none["plan"]), (&Value::Null, &Value::Null));
    let on = platform.put(&subscription(&server), json!({ "plan_id": pro_id })).await.ok().clone();
    assert_eq!((&on["plan_id"], &on["plan"]["slug"]), (&json!(pro_id), &json!("pro")));
    platform.patch(&format!("{instance}/config"), json!({ "session": { "lifetime": 40_000 } })).await.ok();
    assert_eq!(effective(&platform, &instance, "session.lifetime").await["value"], 40_000);
    assert_eq!(effective(&platform, &neighbour(&server), "session.lifetime").await["value"], 7_200);

    // A smaller plan takes nothing away for good.
    platform.put(&subscription(&server), json!({ "plan_id": free_id })).await.ok();
    let held = effective(&platform, &instance, "session.lifetime").await;
    assert_eq!((&held["value"], &held["source"], &held["left_out"][0]["held_by"]), (&json!(900), &json!("plan"), &json!("plan")));
    let reply = platform.patch(&format!("{instance}/config"), json!({ "session": { "lifetime": 901 } })).await;
    assert_eq!((reply.refusal(), &reply.body["errors"][0]["meta"]["layer"]), ((422, "setting_held"), &json!("plan")));
    platform.patch(&free, json!({ "rules": { "session.lifetime": { "max": 1_000 } } })).await.ok();
    assert_eq!(effective(&platform, &instance, "session.lifetime").await["value"], 1_000);
    platform.put(&subscription(&server), json!({ "plan_id": pro_id })).await.ok();
    assert_eq!(effective(&platform, &instance, "session.lifetime").await["value"], 40_000);

    assert_eq!(platform.delete(&free).await.ok()["deleted"], true);
    let used = platform.delete(&format!("{PLANS}/{pro_id}")).await;
    assert_eq!((used.refusal(), &used.body["errors"][0]["meta"]["applications"]), ((409, "plan_in_use"), &json!(1)));
    platform.put(&subscription(&server), json!({ "plan_id": null })).await.ok();
    platform.delete(&format!("{PLANS}/{pro_id}")).await.ok();
    let log = recorded(&server, "application.subscribe").await;
    assert_eq!(log.len(), 4);
    assert!(log.contains(&json!({ "before": free_id, "after": pro_id })) && log.contains(&json!({ "before": pro_id, "after": null })), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_of_a_plan_holds_where_no_layer_says_a_number() {
    let server = TestServer::start_with(Setup { rates: Rates::Counted, ..Setup::default() }).await;
    let (platform, instance) = (server.platform(), home(&server));
    let (free, id) = plan(&platform, json!({ "name": "Free", "rules": { "rates.backend": { "max": 5 }, "rates.creates": { "max": 7 } } })).await;
    platform.put(&subscription(&server), json!({ "plan_id": id })).await.ok();
    let backend = effective(&platform, &instance, "rates.backend").await;
    assert_eq!((&backend["value"], &backend["source"]), (&json!(5), &json!("plan")));
    assert_eq!(effective(&platform, &instance, "rates.creates").await["value"], 7, "of a development instance, whose default is above it");
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(server.backend().get("/v1/users/count").await.status.as_u16());
    }
    assert_eq!(answers, [200, 200, 200, 200, 200, 429, 429, 429]);
    let reply = platform.patch(&format!("{instance}/config"), json!({ "rates": { "backend": 6 } })).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "setting_held"), "rates.backend"));
    platform.patch(&free, json!({ "rules": { "rates.backend": { "max": 6 } } })).await.ok();
    assert_eq!(server.backend().get("/v1/users/count").await.status.as_u16(), 200, "in the window that runs");
    assert_eq!(server.backend().get("/v1/users/count").await.status.as_u16(), 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_of_another_workspace_are_not_there() {
    let server = TestServer::start().await;
    let (platform, other) = (server.platform(), server.other_platform());
    let (ours, ours_id) = plan(&platform, json!({ "name": "Ours" })).await;
    let (_, theirs) = plan(&other, json!({ "name": "Ours", "settings": { "test_mode": false } })).await;
    assert_eq!(other.get(PLANS).await.ok()["total_count"], 1, "the same slug, and each sees their own");
    for reply in [other.get(&ours).await, other.patch(&ours, json!({ "name": "Mine" })).await, other.delete(&ours).await] {
        assert_eq!(reply.refusal(), (404, "resource_not_found"));
    }
    for plan_id in [json!(theirs), json!("plan_000000000000000000000000000"), json!("plan_1"), json!(server.workspace)] {
        let reply = platform.put(&subscription(&server), json!({ "plan_id": plan_id })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "plan_id"), "{plan_id}");
    }
    for (body, param) in [(json!({}), "plan_id"), (json!({ "plan_id": 3 }), "plan_id"), (json!({ "plan": ours_id }), "plan")] {
        assert_eq!(platform.put(&subscription(&server), body).await.param(), param);
    }
    assert_eq!(other.put(&subscription(&server), json!({ "plan_id": theirs })).await.status, 404);
    assert_eq!(other.get(&subscription(&server)).await.status, 404);
    assert_eq!(platform.get(&subscription(&server)).await.ok()["plan_id"], Value::Null);
    assert_eq!(platform.get(&ours).await.ok()["name"], "Ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_subscribes_to_a_plan_that_is_being_deleted() {
    let server = TestServer::start().await;
    let platform = server.platform();
    for round in 0..8 {
        let (path, id) = plan(&platform, json!({ "name": format!("Plan {round}") })).await;
        let (deleting, subscribing) = (platform.clone(), platform.clone());
        let place = subscription(&server);
        let delete = tokio::spawn(async move { deleting.delete(&path).await });
        let subscribe = {
            let (place, id) = (place.clone(), id.clone());
            tokio::spawn(async move { subscribing.put(&place, json!({ "plan_id": id })).await })
        };
        let (delete, subscribe) = (delete.await.expect("an answer"), subscribe.await.expect("an answer"));
        let now = platform.get(&place).await.ok()["plan_id"].clone();
        match (delete.status.as_u16(), subscribe.status.as_u16()) {
            (200, 422 | 404) => assert_ne!(now, json!(id), "round {round}"),
            (409, 200) => assert_eq!(now, json!(id), "round {round}"),
            other => panic!("round {round}: {other:?}"),
        }
    }
}

/// What is judged from the memory of a node follows at once where the change was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_holds_for_what_is_remembered_too() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let (_, id) = plan(&platform, json!({ "name": "Web only", "settings": { "native_api": { "enabled": false } } })).await;
    let mut browser = server.browser();
    browser.get("/v1/client?_is_native=1").await.ok();
    platform.put(&subscription(&server), json!({ "plan_id": id })).await.ok();
    assert_eq!(browser.get("/v1/client?_is_native=1").await.refusal(), (403, "native_api_disabled"));
    platform.put(&subscription(&server), json!({ "plan_id": null })).await.ok();
    browser.get("/v1/client?_is_native=1").await.ok();
}
