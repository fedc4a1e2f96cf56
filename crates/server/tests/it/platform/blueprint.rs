//! The blueprint: what a workspace says for all its applications, and what it allows them.

use super::{create, effective, home, neighbour, recorded};
use domain::{
    keys::{self, Scope},
    settings::{Document, above},
};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use store::Access;
use testkit::{TestServer, address};

const BLUEPRINT: &str = "/v1/platform/blueprint";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applications_follow_the_blueprint_where_they_say_nothing_themselves() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let empty = platform.get(BLUEPRINT).await.ok().clone();
    assert_eq!((&empty["settings"], &empty["rules"], &empty["version"], &empty["updated_at"]), (&json!({}), &json!({}), &json!("0"), &Value::Null));
    server.set(server.neighbour.tenant.id(), json!({ "session": { "lifetime": 300 } })).await;

    let reply = platform.patch(BLUEPRINT, json!({ "settings": { "session": { "lifetime": 900 }, "auth_name": "required" } })).await.ok().clone();
    assert_eq!((&reply["version"], &reply["workspace_id"]), (&json!("1"), &json!(server.workspace)));
    let ours = effective(&platform, &home(&server), "session.lifetime").await;
    assert_eq!((&ours["value"], &ours["source"]), (&json!(900), &json!("blueprint")));
    let theirs = effective(&platform, &neighbour(&server), "session.lifetime").await;
    assert_eq!((&theirs["value"], &theirs["source"]), (&json!(300), &json!("instance")));
    assert_eq!(server.browser().get("/v1/environment").await.ok()["user_settings"]["attributes"]["first_name"]["required"], true);

    // An application that is made later follows too.
    let new = create(&platform, "Late").await;
    let path = format!("{}/instances/development", super::path(&new));
    assert_eq!(effective(&platform, &path, "session.lifetime").await["value"], 900);
    platform.patch(BLUEPRINT, json!({ "settings": { "session": null } })).await.ok();
    assert_eq!(effective(&platform, &path, "session.lifetime").await["source"], "default");
    let changes = recorded(&server, "blueprint.update").await;
    assert!(changes.iter().any(|change| change["settings"]["session.lifetime"] == json!({ "before": null, "after": 900 })), "{changes:?}");
    assert!(changes.iter().any(|change| change["settings"] == json!({ "session.lifetime": { "before": 900, "after": null } })), "{changes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_blueprint_holds_an_instance_can_only_tighten() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let rules = json!({
        "auth_password.hibp": { "lock": true },
        "auth_password.min_length": { "lock": true },
        "session.lifetime": { "min": 300, "max": 3_600 },
        "sign_up.mode": { "lock": true },
        "auth_username": { "allowed": ["off", "optional"] },
        "user_actions.delete_self": { "lock": true },
    });
    platform.patch(BLUEPRINT, json!({ "settings": { "auth_password": { "min_length": 10 } }, "rules": rules })).await.ok();
    let path = format!("{}/config", home(&server));
    for (change, key) in [
        (json!({ "auth_password": { "hibp": false } }), "auth_password.hibp"),
        (json!({ "auth_password": { "min_length": 9 } }), "auth_password.min_length"),
        (json!({ "session": { "lifetime": 299 } }), "session.lifetime"),
        (json!({ "session": { "lifetime": 3_601 } }), "session.lifetime"),
        (json!({ "auth_username": "required" }), "auth_username"),
    ] {
        for path in [path.clone(), format!("{path}?dry_run=true")] {
            let reply = platform.patch(&path, change.clone()).await;
            assert_eq!((reply.refusal(), reply.param()), ((422, "setting_held"), key), "{change}");
            assert_eq!(reply.body["errors"][0]["meta"]["layer"], "blueprint");
        }
    }
    for change in [
        json!({ "auth_password": { "hibp": true, "min_length": 11 } }),
        json!({ "session": { "lifetime": 300 } }),
        json!({ "auth_username": "optional" }),
        json!({ "sign_up": { "mode": "restricted" } }),
        json!({ "user_actions": { "delete_self": false } }),
    ] {
        platform.patch(&path, change).await.ok();
    }
    // The default of a week is past what is allowed: without a word of the instance the bound itself holds.
    let there = effective(&platform, &neighbour(&server), "session.lifetime").await;
    assert_eq!((&there["value"], &there["source"]), (&json!(3_600), &json!("blueprint")));
    assert_eq!(there["bounds"], json!([{ "layer": "blueprint", "min": 300 }, { "layer": "blueprint", "max": 3_600 }]));
    assert_eq!(effective(&platform, &home(&server), "auth_password.min_length").await["locked_by"], "blueprint");

    // The Backend API is a view of the same layer.
    let reply = server.backend().patch("/v1/instance", json!({ "hibp": false })).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "setting_held"), "hibp"));
    let seen = server.backend().get("/v1/instance/settings/effective").await.ok()["settings"]["auth_password.min_length"].clone();
    assert_eq!((&seen["value"], &seen["source"], &seen["locked_by"]), (&json!(11), &json!("instance"), &json!("blueprint")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_bound_holds_earlier_values_and_gives_them_back() {
    let server = TestServer::start().await;
    let (platform, instance) = (server.platform(), home(&server));
    platform.patch(&format!("{instance}/config"), json!({ "session": { "lifetime": 86_400 }, "sign_up": { "mode": "restricted" } })).await.ok();
    platform.patch(BLUEPRINT, json!({ "rules": { "session.lifetime": { "max": 600 }, "sign_up.mode": { "allowed": ["public"] } } })).await.ok();
    let lifetime = effective(&platform, &instance, "session.lifetime").await;
    assert_eq!((&lifetime["value"], &lifetime["source"]), (&json!(600), &json!("blueprint")));
    assert_eq!(lifetime["left_out"], json!([{ "layer": "instance", "value": 86_400, "reason": "held", "held_by": "blueprint" }]));
    assert_eq!(effective(&platform, &instance, "sign_up.mode").await["value"], "public");
    assert_eq!(platform.get(&format!("{instance}/config")).await.ok()["session"]["lifetime"], 600);
    // What is held stands in nobody's way: other keys can still be changed.
    platform.patch(&format!("{instance}/config"), json!({ "test_mode": false })).await.ok();
    platform.patch(BLUEPRINT, json!({ "rules": { "session.lifetime": null, "sign_up.mode": null } })).await.ok();
    let lifetime = effective(&platform, &instance, "session.lifetime").await;
    assert_eq!((&lifetime["value"], &lifetime["source"], &lifetime["left_out"]), (&json!(86_400), &json!("instance"), &json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_contradicts_the_blueprint_as_a_whole_gives_way_and_is_told() {
    let server = TestServer::start().await;
    let (platform, instance) = (server.platform(), home(&server));
    platform.patch(&format!("{instance}/config"), json!({ "auth_password": { "max_length": 64 } })).await.ok();
    // Each may be said alone; together they would leave no password possible.
    platform.patch(BLUEPRINT, json!({ "settings": { "auth_password": { "min_length": 100 } } })).await.ok();
    let longest = effective(&platform, &instance, "auth_password.max_length").await;
    assert_eq!((&longest["value"], &longest["source"]), (&json!(128), &json!("default")));
    assert_eq!(longest["left_out"], json!([{ "layer": "instance", "value": 64, "reason": "contradiction", "held_by": null }]));
    platform.patch(&format!("{instance}/config"), json!({ "test_mode": false })).await.ok();
    let reply = platform.patch(&format!("{}/config", neighbour(&server)), json!({ "auth_password": { "max_length": 99 } })).await;
    assert_eq!((reply.status.as_u16(), reply.param()), (422, "auth_password.max_length"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blueprint_is_replaced_as_a_whole_and_only_in_its_version() {
    let server = TestServer::start().await;
    let platform = server.platform();
    platform.patch(BLUEPRINT, json!({ "settings": { "auth_name": "off" }, "rules": { "test_mode": { "lock": true } } })).await.ok();
    let stale = platform.send_if(Method::PUT, BLUEPRINT, "0", &json!({ "settings": {} })).await;
    assert_eq!(stale.refusal(), (412, "precondition_failed"));
    let now = platform.send_if(Method::PUT, BLUEPRINT, "1", &json!({ "settings": { "session": { "lifetime": 120 } } })).await.ok().clone();
    assert_eq!((&now["settings"], &now["rules"], &now["version"]), (&json!({ "session": { "lifetime": 120 } }), &json!({}), &json!("2")));
    for (body, param) in [
        (json!({ "settings": { "session": { "lifetme": 1 } } }), "session.lifetme"),
        (json!({ "rules": { "session": { "lock": true } } }), "rules.session"),
        (json!({ "rules": { "session.lifetime": { "min": 1 } } }), "rules.session.lifetime"),
        (json!({ "rules": { "session.lifetime": { "max": 100 } } }), "session.lifetime"),
        (json!({ "settings": "all" }), "settings"),
        (json!({ "lock": "all" }), "lock"),
        (json!({ "settings": { "auth_email": { "enabled": false, "required": false } } }), "auth_email.enabled"),
    ] {
        let reply = platform.patch(BLUEPRINT, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}");
    }
    assert_eq!(platform.get(BLUEPRINT).await.ok()["version"], "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_system_layer_stands_above_every_blueprint() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let (values, rules) =
        (json!({ "auth_password": { "min_length": 12 } }), json!({ "auth_password.min_length": { "lock": true }, "session.lifetime": { "max": 7_200 } }));
    let document = Document::read(values.as_object().expect("values"), rules.as_object().expect("rules")).expect("a document");
    server.database.platform(Access::Write, |tx| Box::pin(above::put_system(tx, &document))).await.expect("written");
    for (body, key) in [
        (json!({ "settings": { "auth_password": { "min_length": 11 } } }), "auth_password.min_length"),
        (json!({ "rules": { "auth_password.min_length": { "min": 10 } } }), "auth_password.min_length"),
        (json!({ "rules": { "session.lifetime": { "max": 7_201 } } }), "session.lifetime"),
    ] {
        let reply = platform.patch(BLUEPRINT, body).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "setting_held"), key));
        assert_eq!(reply.body["errors"][0]["meta"]["layer"], "system");
    }
    platform.patch(BLUEPRINT, json!({ "settings": { "auth_password": { "min_length": 13 } }, "rules": { "session.lifetime": { "max": 600 } } })).await.ok();
    assert_eq!(effective(&platform, &home(&server), "auth_password.min_length").await["source"], "blueprint");
    assert_eq!(recorded(&server, "settings.update").await[0]["rules"]["session.lifetime"], json!({ "before": null, "after": { "max": 7_200 } }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_has_its_own_blueprint_and_a_token_its_scopes() {
    let server = TestServer::start().await;
    let (platform, other) = (server.platform(), server.other_platform());
    platform.patch(BLUEPRINT, json!({ "settings": { "auth_name": "off" } })).await.ok();
    assert_eq!(other.get(BLUEPRINT).await.ok()["settings"], json!({}));
    other.put(BLUEPRINT, json!({ "settings": { "auth_name": "required", "test_mode": false } })).await.ok();
    assert_eq!(platform.get(BLUEPRINT).await.ok()["settings"], json!({ "auth_name": "off" }));
    assert_eq!(effective(&platform, &home(&server), "test_mode").await["source"], "default");

    let workspace = server.workspace;
    let token = server.database.platform(Access::Write, |tx| Box::pin(keys::create_platform_token(tx, workspace, &[Scope::ApplicationsRead]))).await;
    let reader = server.api("platform", Some(&token.expect("a token")));
    reader.get(BLUEPRINT).await.ok();
    reader.get(&format!("{}/config", home(&server))).await.ok();
    let refused = [
        reader.patch(BLUEPRINT, json!({})).await,
        reader.put(BLUEPRINT, json!({})).await,
        reader.patch(&format!("{}/config", home(&server)), json!({})).await,
        reader.put(&format!("{}/config", home(&server)), json!({})).await,
        reader.post("/v1/platform/plans", json!({ "name": "Free" })).await,
    ];
    for reply in refused {
        assert_eq!(reply.refusal(), (403, "authorization_invalid"));
    }
}

/// The stated time: what a transaction decides, at the next request on every node; what a node shows from memory, at once where the
/// change was made and within ten seconds elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_layer_changes_on_every_node_at_the_next_request() {
    let server = TestServer::start().await;
    let other = server.another_node().await;
    let (here, there) = (server.platform(), other.platform());
    let instance = home(&server);
    let plan = here.post("/v1/platform/plans", json!({ "name": "Pro" })).await.ok()["id"].as_str().expect("an id").to_owned();
    let subscription = format!("{}/{}/plan", super::PATH, server.home.tenant.instance.application);
    let expect = async |least: usize, step: &str| {
        for node in [&server, &other] {
            // The rule itself, as it is applied.
            let name = format!("{}-{least}", step.replace(' ', "-"));
            for (length, refused) in [(least - 1, true), (least, false)] {
                let password = "correct horse battery staple and then some more words".get(..length).expect("a password");
                let reply = node.browser().post("/v1/client/sign_ups", &[("email_address", &address(&name)), ("password", password)]).await;
                assert_eq!(reply.status.as_u16() == 422, refused, "{step}: {length} characters: {}", reply.text);
            }
            let told = node.backend().get("/v1/instance/settings/effective").await.ok()["settings"]["auth_password.min_length"]["value"].clone();
            assert_eq!(told, least, "{step}");
        }
        let shown = async |node: &TestServer| node.browser().get("/v1/environment").await.ok()["user_settings"]["password_settings"]["min_length"].clone();
        assert_eq!(shown(&server).await, least, "{step}: shown where it was changed");
        server.advance(Duration::from_secs(10));
        assert_eq!(shown(&other).await, least, "{step}: shown elsewhere");
    };
    for round in 0..3 {
        let least = 10 + 4 * round;
        here.patch(BLUEPRINT, json!({ "settings": { "auth_password": { "min_length": least } } })).await.ok();
        expect(least, "blueprint").await;
        here.patch(&format!("/v1/platform/plans/{plan}"), json!({ "settings": { "auth_password": { "min_length": least + 1 } } })).await.ok();
        expect(least, "a plan of others").await;
        here.put(&subscription, json!({ "plan_id": plan })).await.ok();
        expect(least + 1, "subscribing").await;
        here.patch(&format!("{instance}/config"), json!({ "auth_password": { "min_length": least + 2 } })).await.ok();
        expect(least + 2, "instance").await;
        let rule = json!({ "rules": { "auth_password.min_length": { "min": least + 3 } }, "settings": { "auth_password": { "min_length": least + 3 } } });
        here.patch(BLUEPRINT, rule).await.ok();
        expect(least + 3, "a bound").await;
        here.patch(BLUEPRINT, json!({ "rules": { "auth_password.min_length": null } })).await.ok();
        here.patch(&format!("{instance}/config?destructive=true"), json!({ "auth_password": { "min_length": null } })).await.ok();
        expect(least + 1, "back to the plan").await;
        here.put(&subscription, json!({ "plan_id": null })).await.ok();
        expect(least + 3, "back to the blueprint").await;
    }
    // And what the other node changes is seen here.
    there.patch(BLUEPRINT, json!({ "settings": { "session": { "lifetime": 555 } } })).await.ok();
    assert_eq!(effective(&here, &instance, "session.lifetime").await["value"], 555);
    other.backend().patch("/v1/instance", json!({ "test_mode": false })).await;
    assert_eq!(effective(&here, &instance, "test_mode").await["value"], false);
}
