//! The configuration of an instance: the contract's view of its settings.

use super::{PATH, effective, home, recorded};
use crate::backend::raw;
use domain::{instances::Environment, settings::schema};
use http::Method;
use serde_json::{Value, json};
use store::{Access, sql};
use testkit::{PASSWORD, Rates, Setup, TestServer, address};

/// Each number is the one that is judged by, also where it is a default, and not the same in all instances.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_applies_by_default_is_told_as_it_applies() {
    let development = TestServer::start().await;
    let settings = json!({ "test_mode": true, "allowed_origins": ["http://localhost:3000"] });
    let live = TestServer::start_with(Setup { environment: Environment::Production, settings, rates: Rates::Counted, ..Setup::default() }).await;
    for (key, in_development, in_live) in [
        ("rates.creates", json!(1_000), json!(5)),
        ("rates.attempts", json!(1_000), json!(3)),
        ("rates.clients", json!(1_000), json!(100)),
        ("rates.changes", json!(1_000), json!(50)),
        ("rates.tokens", json!(1_000), json!(200)),
        ("rates.handshakes", json!(1_000), json!(300)),
        ("rates.backend", json!(1_000), json!(1_000)),
        ("rates.metadata", json!(10), json!(10)),
        ("attack_protection.enumeration_protection", json!("off"), json!("bulk")),
        ("test_mode", json!(true), json!(false)),
    ] {
        for (server, value) in [(&development, in_development), (&live, in_live)] {
            let told = effective(&server.platform(), &home(server), key).await;
            assert_eq!((&told["value"], &told["source"]), (&value, &json!("default")), "{key}");
        }
    }
    let test_mode = effective(&live.platform(), &home(&live), "test_mode").await;
    assert_eq!(test_mode["left_out"], json!([{ "layer": "instance", "value": true, "reason": "development_only", "held_by": null }]));
    let config = live.platform().get(&format!("{}/config", home(&live))).await.ok().clone();
    assert_eq!((&config["test_mode"], &config["rates"]["creates"]), (&json!(false), &json!(5)));
    for (number, status) in [200, 200, 200, 200, 200, 429].into_iter().enumerate() {
        let reply = live.browser().from("203.0.113.9").post("/v1/client/sign_ups", &[("email_address", &format!("a{number}@example.com"))]).await;
        assert_eq!(reply.status.as_u16(), status, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_is_the_effective_tree_and_its_schema_describes_it() {
    let server = TestServer::start().await;
    let (platform, instance) = (server.platform(), home(&server));
    let config = platform.get(&format!("{instance}/config")).await.ok().clone();
    assert_eq!(config["auth_password"]["min_length"], 8);
    assert_eq!(config["display"]["support_email"], Value::Null);
    let version = config["config_version"].as_str().expect("a version").to_owned();

    let schema = platform.get(&format!("{instance}/config/schema")).await.ok().clone();
    let (described, there) = (schema["properties"].as_object().expect("properties"), config.as_object().expect("an object"));
    assert_eq!(described.keys().collect::<Vec<_>>(), there.keys().filter(|k| *k != "config_version").collect::<Vec<_>>());
    assert_eq!(schema["properties"]["auth_password"]["properties"]["min_length"]["minimum"], 8);

    let some = platform.get(&format!("{instance}/config?keys=session&keys=test_mode")).await.ok().clone();
    assert_eq!(some, json!({ "session": config["session"], "test_mode": true, "config_version": version }));
    let some = platform.get(&format!("{instance}/config/schema?keys=session")).await.ok().clone();
    assert_eq!(some["properties"].as_object().expect("properties").keys().collect::<Vec<_>>(), ["session"]);

    let by_kind = format!("{PATH}/{}/instances/development/config", server.home.tenant.instance.application);
    assert_eq!(platform.get(&by_kind).await.ok(), &config);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found_and_what_is_not_known_is_named() {
    let server = TestServer::start().await;
    let (platform, instance) = (server.platform(), home(&server));
    let application = server.home.tenant.instance.application;
    for which in ["production", "staging", "ins_1", &server.neighbour.tenant.id().to_string(), "ins_000000000000000000000000000"] {
        for tail in ["config", "config/schema", "settings/effective"] {
            let reply = platform.get(&format!("{PATH}/{application}/instances/{which}/{tail}")).await;
            assert_eq!(reply.refusal(), (404, "resource_not_found"), "{which} {tail}");
        }
    }
    for (path, param) in
        [("config?keys=sessions", "keys"), ("config?key=session", "key"), ("config/schema?keys=__proto__", "keys"), ("config?dry_run=true", "dry_run")]
    {
        let reply = platform.get(&format!("{instance}/{path}")).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{path}");
    }
    for (path, param) in
        [("config?dry_run=maybe", "dry_run"), ("config?destructive=2", "destructive"), ("config?keys=x", "keys"), ("config?force=true", "force")]
    {
        let reply = platform.patch(&format!("{instance}/{path}"), json!({ "test_mode": false })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{path}");
    }
    assert_eq!(platform.put(&format!("{instance}/config?keys=session"), json!({})).await.param(), "keys");
    assert_eq!(effective(&platform, &instance, "test_mode").await["value"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_told_before_and_after_and_holds_at_the_next_request() {
    let server = TestServer::start().await;
    let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
    let first = platform.get(&path).await.ok()["config_version"].as_str().expect("a version").to_owned();
    let reply = platform.patch(&path, json!({ "auth_password": { "min_length": 12 }, "test_mode": false })).await.ok().clone();
    assert_eq!(
        (&reply["dry_run"], &reply["before"]["auth_password"]["min_length"], &reply["after"]["auth_password"]["min_length"]),
        (&json!(false), &json!(8), &json!(12))
    );
    assert_eq!(reply["after"].as_object().expect("an object").keys().collect::<Vec<_>>(), ["auth_password", "test_mode"]);
    assert_ne!(reply["config_version"], json!(first));
    assert_eq!(server.browser().get("/v1/environment").await.ok()["user_settings"]["password_settings"]["min_length"], 12);
    let short = server.browser().post("/v1/client/sign_ups", &[("email_address", &address("ada")), ("password", "elevenchars")]).await;
    assert_eq!(short.code(), "form_password_length_too_short");

    // The same again changes nothing, not even the version.
    let again = platform.patch(&path, json!({ "test_mode": false })).await.ok().clone();
    assert_eq!(again["config_version"], reply["config_version"]);
    let other = platform.patch(&format!("{path}?keys=session"), json!({ "test_mode": true })).await.ok().clone();
    assert_eq!(other["after"].as_object().expect("an object").keys().collect::<Vec<_>>(), ["session"]);
    let log: Vec<String> = server
        .inside(server.home.tenant.id(), Access::Read, |tx| {
            Box::pin(tx.list(
                sql!("select detail from audit where instance_id = $1 and action = 'settings.update' and actor = 'platform' order by created_at, id"),
                &[],
            ))
        })
        .await;
    let told = json!({ "before": null, "after": 12 }).to_string();
    assert_eq!((log.len(), log.iter().filter(|detail| detail.contains(&format!("\"auth_password.min_length\":{told}"))).count()), (2, 1), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_has_passed_is_refused() {
    let server = TestServer::start().await;
    let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
    let first = platform.get(&path).await.ok()["config_version"].as_str().expect("a version").to_owned();
    let second =
        platform.send_if(Method::PATCH, &path, &first, &json!({ "test_mode": false })).await.ok()["config_version"].as_str().expect("a version").to_owned();
    let stale = platform.send_if(Method::PATCH, &path, &first, &json!({ "test_mode": true })).await;
    assert_eq!(stale.refusal(), (412, "precondition_failed"));
    assert_eq!(stale.body["errors"][0]["meta"]["config_version"], json!(second));
    for version in ["", "x", "-1", "\"\"", &format!("{first}, 99")] {
        assert_eq!(platform.send_if(Method::PATCH, &path, version, &json!({ "test_mode": true })).await.status, 412, "{version}");
    }
    assert_eq!(platform.patch(&path, json!({ "test_mode": true, "config_version": first })).await.status, 412, "the version in the document counts too");
    assert_eq!(platform.patch(&path, json!({ "test_mode": true, "config_version": 1 })).await.param(), "config_version");
    assert_eq!(effective(&platform, &home(&server), "test_mode").await["value"], false);
    for version in [format!("\"{second}\""), format!("W/\"{second}\""), format!("99, {second}"), "*".to_owned()] {
        platform.send_if(Method::PATCH, &format!("{path}?dry_run=true"), &version, &json!({ "test_mode": true })).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_changes_of_one_version_one_wins() {
    let server = TestServer::start().await;
    let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
    let version = platform.get(&path).await.ok()["config_version"].as_str().expect("a version").to_owned();
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let (platform, path, version) = (platform.clone(), path.clone(), version.clone());
            let change = json!({ "auth_password": { "min_length": 9 + n } });
            tokio::spawn(async move { (n, platform.send_if(Method::PATCH, &path, &version, &change).await.status.as_u16()) })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.expect("an answer") {
            (n, 200) => won.push(n),
            (_, status) => assert_eq!(status, 412),
        }
    }
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(effective(&platform, &home(&server), "auth_password.min_length").await["value"], 9 + won[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_tells_everything_and_changes_nothing() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
    let before = platform.get(&path).await.ok().clone();
    let rows = server.belongings(server.home.tenant.id()).await;
    let reply = platform.patch(&format!("{path}?dry_run=true"), json!({ "auth_username": "required", "auth_name": "required" })).await.ok().clone();
    assert_eq!((&reply["dry_run"], &reply["after"]["auth_username"], &reply["config_version"]), (&json!(true), &json!("required"), &before["config_version"]));
    assert_eq!(reply["affected_users"]["without_username"], 1);
    assert_eq!(reply["affected_users"]["without_name"], 1);
    assert_eq!(reply["affected_users"]["unable_to_sign_in"], 0);
    assert_eq!(platform.patch(&format!("{path}?dry_run=true"), json!({ "auth_username": "never" })).await.param(), "auth_username");
    assert_eq!(platform.get(&path).await.ok(), &before);
    assert_eq!(server.belongings(server.home.tenant.id()).await, rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clearing_a_key_must_be_meant_and_gives_it_back_to_the_layers_above() {
    let server = TestServer::start().await;
    let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
    platform.patch("/v1/platform/blueprint", json!({ "settings": { "session": { "lifetime": 7_200 } } })).await.ok();
    platform.patch(&path, json!({ "session": { "lifetime": 600 } })).await.ok();
    for clear in [json!({ "session": { "lifetime": null } }), json!({ "session": null })] {
        let reply = platform.patch(&path, clear.clone()).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "session.lifetime"), "{clear}");
    }
    // What is not set is not cleared.
    platform.patch(&path, json!({ "allowed_origins": null, "session": { "multi": null } })).await.ok();
    let reply = platform.patch(&format!("{path}?destructive=true"), json!({ "session": null })).await.ok().clone();
    assert_eq!(reply["after"]["session"]["lifetime"], 7_200);
    let now = effective(&platform, &home(&server), "session.lifetime").await;
    assert_eq!((&now["value"], &now["source"]), (&json!(7_200), &json!("blueprint")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_configuration_names_every_key_and_what_is_inherited_stays_so() {
    let server = TestServer::start().await;
    let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
    let reply = platform.put(&path, json!({ "test_mode": true, "session": { "multi": false } })).await;
    assert_eq!(reply.refusal(), (400, "config_keys_missing"));
    let missing = reply.body["errors"][0]["meta"]["missing_keys"].as_array().expect("keys").clone();
    assert_eq!(missing.len(), schema::keys().len() - 2);
    assert!(missing.contains(&json!("session.lifetime")) && !missing.contains(&json!("session.multi")));

    // What was read can be put back, with its version in it.
    platform.patch(&path, json!({ "auth_password": { "min_length": 10 } })).await.ok();
    let mut whole = platform.get(&path).await.ok().clone();
    let version = whole["config_version"].clone();
    assert_eq!(platform.put(&path, whole.clone()).await.ok()["config_version"], version);
    whole["session"]["lifetime"] = json!(900);
    whole["auth_password"]["min_length"] = Value::Null;
    assert_eq!(platform.put(&path, whole.clone()).await.param(), "auth_password.min_length");
    let reply = platform.put(&format!("{path}?destructive=true"), whole.clone()).await.ok().clone();
    assert_eq!((&reply["after"]["session"]["lifetime"], &reply["after"]["auth_password"]["min_length"]), (&json!(900), &json!(8)));
    assert_eq!(platform.put(&path, whole).await.status, 412, "the version that was read has passed");
    platform
        .patch("/v1/platform/blueprint", json!({ "settings": { "auth_password": { "min_length": 14, "max_length": 90 }, "session": { "lifetime": 60 } } }))
        .await
        .ok();
    let config = platform.get(&path).await.ok().clone();
    assert_eq!(
        (&config["auth_password"]["min_length"], &config["auth_password"]["max_length"], &config["session"]["lifetime"]),
        (&json!(14), &json!(90), &json!(900))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_locked_out_by_all_doors_at_once() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
    let change = json!({ "auth_email": { "enabled": false, "required": false }, "auth_username": "optional" });
    for path in [path.clone(), format!("{path}?dry_run=true")] {
        let reply = platform.patch(&path, change.clone()).await;
        assert_eq!(reply.refusal(), (422, "nobody_could_sign_in"));
        assert_eq!(reply.body["errors"][0]["meta"]["affected_users"]["unable_to_sign_in"], 1);
    }
    // With somebody who still gets in, it is counted and done.
    platform.patch(&path, json!({ "auth_username": "optional" })).await.ok();
    server.backend().post("/v1/users", json!({ "username": "grace", "email_address": ["grace@example.com"], "password": PASSWORD })).await.ok();
    let reply = platform.patch(&format!("{path}?dry_run=true"), change.clone()).await.ok().clone();
    assert_eq!(reply["affected_users"]["unable_to_sign_in"], 1);
    platform.patch(&path, change).await.ok();
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.code(), "form_identifier_not_found");
    let grace = server.browser().post("/v1/client/sign_ins", &[("identifier", "grace"), ("password", PASSWORD)]).await;
    assert_eq!(grace.response()["status"], "complete");
    // Passwords off: she has no proven address that counts any more.
    let reply = platform.patch(&path, json!({ "auth_password": { "enabled": false, "required": false } })).await;
    assert_eq!(reply.refusal(), (422, "nobody_could_sign_in"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_documents_are_refused_by_name_and_leave_nothing() {
    let server = TestServer::start().await;
    let (platform, path) = (server.platform(), format!("{}/config", home(&server)));
    let before = platform.get(&path).await.ok().clone();
    let cases = [
        (json!({ "__proto__": { "test_mode": false } }), "__proto__"),
        (json!({ "session": { "constructor": { "prototype": {} } } }), "session.constructor"),
        (json!({ "session.multi": true }), "session.multi"),
        (json!({ "session": [] }), "session"),
        (json!({ "session": { "lifetime": "1 or 1=1" } }), "session.lifetime"),
        (json!({ "session": { "lifetime": 9_223_372_036_854_775_807_u64 } }), "session.lifetime"),
        (json!({ "session": { "lifetime": 1e300 } }), "session.lifetime"),
        (json!({ "auth_email": { "enabled": "false" } }), "auth_email.enabled"),
        (json!({ "allowed_origins": ["javascript:alert(1)"] }), "allowed_origins"),
        (json!({ "allowed_origins": vec!["https://a.example"; 501] }), "allowed_origins"),
        (json!({ "display": { "support_email": "x".repeat(5_000) } }), "display.support_email"),
        (json!({ "rules": { "session.multi": { "lock": true } } }), "rules"),
        (json!({ "x".repeat(200_000): 1 }), &"x".repeat(100)),
        (json!({ "auth_email": { "enabled": false } }), "auth_email.enabled"),
    ];
    for (body, param) in cases {
        let reply = platform.patch(&path, body).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{}", reply.text);
    }
    let token = format!("Bearer {}", server.platform_token.expose());
    let deep = format!("{{\"session\":{}1{}}}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    let huge = format!("{{\"display\":{{\"support_email\":\"{}\"}}}}", "x".repeat(1_100_000));
    for (kind, body, status) in [
        ("application/json", deep.as_str(), 400),
        ("application/json", huge.as_str(), 413),
        ("application/json", "{\"test_mode\":true,\"test_mode\":false}", 400),
        ("application/json", "[]", 400),
        ("application/x-www-form-urlencoded", "test_mode=false", 400),
        ("text/plain", "{}", 400),
    ] {
        let reply = raw(&server, Method::PATCH, &format!("/api{path}"), &[("authorization", &token), ("content-type", kind)], body).await;
        assert_eq!(reply.status.as_u16(), status, "{:.60}", body);
    }
    assert_eq!(platform.get(&path).await.ok(), &before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_workspace_finds_no_configuration() {
    let server = TestServer::start().await;
    let (other, instance) = (server.other_platform(), home(&server));
    let before = server.belongings(server.home.tenant.id()).await;
    for tail in ["config", "config/schema", "settings/effective"] {
        assert_eq!(other.get(&format!("{instance}/{tail}")).await.refusal(), (404, "resource_not_found"));
    }
    let path = format!("{instance}/config");
    assert_eq!(other.patch(&path, json!({ "test_mode": false })).await.status, 404);
    assert_eq!(other.patch(&format!("{path}?dry_run=true"), json!({ "test_mode": false })).await.status, 404);
    assert_eq!(other.put(&path, json!({})).await.status, 404);
    assert_eq!(server.belongings(server.home.tenant.id()).await, before);
    // The system application's instance is no workspace's to configure.
    let system = server.database.platform(Access::Read, |tx| Box::pin(domain::applications::system_instance(tx))).await.expect("an instance");
    let reply = server.platform().get(&format!("{PATH}/{}/instances/{system}/config", server.home.tenant.instance.application)).await;
    assert_eq!(reply.status, 404);
    assert!(recorded(&server, "settings.update").await.is_empty());
}
