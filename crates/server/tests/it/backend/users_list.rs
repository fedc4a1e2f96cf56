//! Which users a list and a count find.

use super::{NOBODY, assert_refusal, count, create_user, id, ids, with_query};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, TestServer};

/// The first names that a filter finds, sorted; checks that the count says the same.
async fn found(backend: &Api, pairs: &[(&str, &str)]) -> Vec<String> {
    let list = backend.get(&with_query("/v1/users", pairs)).await.ok().clone();
    let list = list.as_array().expect("a bare array");
    let total = backend.get(&with_query("/v1/users/count", pairs)).await.ok().clone();
    assert_eq!(total, json!({ "object": "total_count", "total_count": list.len() }), "{pairs:?}");
    let mut names: Vec<String> = list.iter().map(|user| user["first_name"].as_str().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

/// Ada, Bob and Cyd; their ids.
async fn three(backend: &Api) -> [String; 3] {
    let mut made = Vec::new();
    for (first, last, username, external) in [("Ada", "Lovelace", "ada_l", "crm-1"), ("Bob", "Over%100", "bob_x", "-2"), ("Cyd", "Ångström", "cyd_y", "crm_3")]
    {
        let email = format!("{}@Example.com", first.to_lowercase());
        let body = json!({
            "skip_password_requirement": true, "first_name": first, "last_name": last, "username": username, "external_id": external, "email_address": [email], "banned": first == "Bob",
        });
        made.push(id(backend.post("/v1/users", body).await.ok()));
    }
    made.try_into().expect("three")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_a_bare_array_with_the_newest_first() {
    let server = TestServer::start().await;
    let backend = server.backend();
    assert_eq!(*backend.get("/v1/users").await.ok(), json!([]));
    let mut made = Vec::new();
    for index in 0..12 {
        made.insert(0, create_user(&backend, &format!("u{index}@example.com")).await);
        server.advance(Duration::from_secs(1));
    }
    create_user(&server.neighbours_backend(), "u0@example.com").await;
    assert_eq!(ids(backend.get("/v1/users").await.ok()), made[..10], "ten, if nothing is asked for");
    assert_eq!(ids(backend.get("/v1/users?limit=500").await.ok()), made);
    assert_eq!(ids(backend.get("/v1/users?limit=3&offset=10").await.ok()), made[10..]);
    let paged = backend.get("/v1/users?paginated=true&limit=3&offset=10").await.ok().clone();
    assert_eq!((ids(&paged["data"]), &paged["total_count"]), (made[10..].iter().map(String::as_str).collect(), &json!(12)));
    assert_eq!(backend.get("/v1/users?paginated=true&email_address=u3@example.com").await.ok()["total_count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_any_of_several_exact_values() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let [ada, bob, _] = three(&backend).await;
    assert_eq!(found(&backend, &[("email_address", "ADA@example.COM")]).await, ["Ada"]);
    assert_eq!(
        found(&backend, &[("email_address", "ada@example.com"), ("email_address", "bob@example.com"), ("email_address", "nobody@example.com")]).await,
        ["Ada", "Bob"]
    );
    assert_eq!(found(&backend, &[("username", "BOB_X"), ("username", "cyd_y")]).await, ["Bob", "Cyd"]);
    assert_eq!(found(&backend, &[("external_id", "crm-1"), ("external_id", "crm_3")]).await, ["Ada", "Cyd"]);
    assert_eq!(found(&backend, &[("user_id", &ada), ("user_id", &bob)]).await, ["Ada", "Bob"]);
    assert_eq!(found(&backend, &[("username", "ada_l"), ("email_address", "bob@example.com")]).await, [""; 0], "filters of several kinds must all hold");
    assert_eq!(found(&backend, &[("email_address", "ada")]).await, [""; 0], "an exact value is no search");
    assert_eq!(found(&backend, &[("external_id", "CRM-1")]).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_before_an_id_includes_or_excludes_it() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let [ada, bob, _] = three(&backend).await;
    let path = format!("/v1/users?user_id=+{ada}");
    assert_eq!(ids(backend.get(&path).await.ok()), [ada.as_str()], "a plus that nobody has encoded is a plus too");
    let (plus, minus) = (format!("+{ada}"), format!("-{bob}"));
    assert_eq!(found(&backend, &[("user_id", &plus)]).await, ["Ada"]);
    assert_eq!(found(&backend, &[("user_id", &minus)]).await, ["Ada", "Cyd"]);
    assert_eq!(found(&backend, &[("user_id", &minus), ("user_id", &format!("-{ada}"))]).await, ["Cyd"]);
    assert_eq!(found(&backend, &[("user_id", &plus), ("user_id", &minus)]).await, ["Ada"]);
    assert_eq!(found(&backend, &[("external_id", "+crm-1")]).await, ["Ada"]);
    assert_eq!(found(&backend, &[("external_id", "-crm-1")]).await, ["Bob", "Cyd"]);
    assert_eq!(found(&backend, &[("external_id", "+-2")]).await, ["Bob"], "an external id may begin with a sign itself");
    backend.post("/v1/users", json!({ "skip_password_requirement": true, "first_name": "Dee", "username": "dee_z" })).await.ok();
    assert_eq!(found(&backend, &[("external_id", "-crm-1"), ("external_id", "-crm_3")]).await, ["Bob", "Dee"], "who has none is not excluded");
    assert_eq!(found(&backend, &[("organization_id", "-org_x")]).await.len(), 4, "nobody is in an organization that is none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_is_none_matches_nobody_and_excludes_nobody() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let [ada, ..] = three(&backend).await;
    let theirs = create_user(&server.neighbours_backend(), "zoe@example.com").await;
    for name in ["user_x", "x", "' or 1=1 --", NOBODY, &theirs] {
        assert_eq!(found(&backend, &[("user_id", name)]).await, [""; 0], "{name}");
        assert_eq!(found(&backend, &[("user_id", name), ("user_id", &ada)]).await, ["Ada"], "{name}");
        assert_eq!(found(&backend, &[("user_id", &format!("-{name}"))]).await.len(), 3, "{name}");
    }
    for param in ["phone_number", "web3_wallet", "phone_number_query"] {
        assert_eq!(found(&backend, &[(param, "x")]).await, [""; 0], "nobody has one: {param}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_finds_parts_whatever_their_case() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let [ada, ..] = three(&backend).await;
    for (param, text, expected) in [
        ("query", "LOVE", vec!["Ada"]),
        ("query", "bob@EXAMPLE", vec!["Bob"]),
        ("query", "CYD_", vec!["Cyd"]),
        ("query", "example.com", vec!["Ada", "Bob", "Cyd"]),
        ("query", "ada love", vec!["Ada"]),
        ("query", &ada, vec!["Ada"]),
        ("query", "ngstr", vec!["Cyd"]),
        ("query", "Ångström", vec!["Cyd"]),
        ("email_address_query", "DA@EXAM", vec!["Ada"]),
        ("email_address_query", "lovelace", vec![]),
        ("username_query", "_L", vec!["Ada"]),
        ("username_query", "example", vec![]),
        ("name_query", "a l", vec!["Ada"]),
        ("name_query", "Ångström", vec!["Cyd"]),
        ("name_query", "ada_l", vec![]),
    ] {
        assert_eq!(found(&backend, &[(param, text)]).await, expected, "{param}={text}");
    }
}

/// CVE-2022-24124: text of a search that became part of the statement, or a pattern of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_searched_for_is_text_and_never_a_pattern() {
    let server = TestServer::start().await;
    let backend = server.backend();
    three(&backend).await;
    for param in ["query", "email_address_query", "username_query", "name_query"] {
        for text in ["a%a", "%%", "___", "c_d", "\\", "\\%", "%' or '1'='1", "x' union select 1 --", "*", "[a-z]", "a\\", "'", "\"", "$1", "{}"] {
            assert_eq!(found(&backend, &[(param, text)]).await, [""; 0], "{param}={text}");
        }
    }
    assert_eq!(found(&backend, &[("name_query", "%")]).await, ["Bob"], "whose name holds one");
    assert_eq!(found(&backend, &[("query", "over%100")]).await, ["Bob"]);
    assert_eq!(found(&backend, &[("username_query", "b_x")]).await, ["Bob"]);
    assert_eq!(found(&backend, &[("query", &"a".repeat(60_000))]).await, [""; 0], "a text longer than any pattern may be");
    assert_eq!(count(&backend).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_whether_they_are_banned() {
    let server = TestServer::start().await;
    let backend = server.backend();
    three(&backend).await;
    assert_eq!(found(&backend, &[("banned", "true")]).await, ["Bob"]);
    assert_eq!(found(&backend, &[("banned", "false")]).await, ["Ada", "Cyd"]);
    let reply = backend.get("/v1/users?banned=maybe").await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_format_invalid"), "banned"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_their_times() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut times = Vec::new();
    for name in ["ada", "bob", "cyd"] {
        times.push(server.database.now().millis());
        let mut browser = server.signed_in(name).await;
        browser.override_method("PATCH", "/v1/me", &[("first_name", name)]).await.response();
        server.advance(Duration::from_secs(100));
    }
    backend
        .post(
            "/v1/users",
            json!({ "skip_password_requirement": true, "first_name": "idle", "email_address": ["idle@example.com"], "created_at": "2020-01-01T00:00:00Z" }),
        )
        .await
        .ok();
    let at = times[1].to_string();
    assert_eq!(found(&backend, &[("created_at_before", &at)]).await, ["ada", "idle"]);
    assert_eq!(found(&backend, &[("created_at_after", &at)]).await, ["cyd"]);
    for field in ["last_active_at", "last_sign_in_at"] {
        assert_eq!(found(&backend, &[(&format!("{field}_before"), &at)]).await, ["ada"], "{field}: who never was, was not before");
        assert_eq!(found(&backend, &[(&format!("{field}_after"), &at)]).await, ["cyd"], "{field}");
    }
    assert_eq!(found(&backend, &[("last_active_at_since", &times[2].to_string())]).await, ["cyd"], "since counts the moment itself");
    assert_eq!(found(&backend, &[("created_at_after", &(times[0] - 1).to_string()), ("created_at_before", &(times[1] + 1).to_string())]).await, ["ada", "bob"]);
    for param in [
        "created_at_before",
        "created_at_after",
        "last_active_at_before",
        "last_active_at_after",
        "last_active_at_since",
        "last_sign_in_at_before",
        "last_sign_in_at_after",
    ] {
        for value in ["yesterday", "1.5", "1e3", "99999999999999999999", "2026-01-01"] {
            let reply = backend.get(&with_query("/v1/users", &[(param, value)])).await;
            assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{param}={value}");
        }
        found(&backend, &[(param, "-9223372036854775808")]).await;
        found(&backend, &[(param, "9223372036854775807")]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_bounds_and_says_which_was_crossed() {
    let server = TestServer::start().await;
    let backend = server.backend();
    create_user(&backend, "ada@example.com").await;
    for path in ["/v1/users", "/v1/sessions", "/v1/redirect_urls"] {
        for (param, good, bad) in [
            (
                "limit",
                vec!["1", "500"],
                vec!["0", "-1", "501", "1.5", "ten", "1e2", "0x10", "99999999999999999999", "-9223372036854775808", "1;drop table users"],
            ),
            ("offset", vec!["0", "10000"], vec!["-1", "10001", "1.5", "ten", "99999999999999999999"]),
        ] {
            for value in good {
                backend.get(&with_query(path, &[(param, value)])).await.ok();
            }
            for value in bad {
                let reply = backend.get(&with_query(path, &[(param, value)])).await;
                assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{path} {param}={value}");
                assert_refusal(&reply, value);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_follows_what_comes_and_goes() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let users = three(&backend).await;
    assert_eq!(count(&backend).await, 3);
    backend.delete(&format!("/v1/users/{}", users[1])).await.ok();
    assert_eq!(backend.delete(&format!("/v1/users/{}", users[1])).await.refusal(), (404, "resource_not_found"));
    assert_eq!(count(&backend).await, 2, "a user is taken off once");
    assert_eq!(found(&backend, &[("banned", "true")]).await, [""; 0]);
    assert_eq!(found(&backend, &[]).await, ["Ada", "Cyd"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_values_has_an_end() {
    let server = TestServer::start().await;
    let backend = server.backend();
    three(&backend).await;
    let many = |count: usize| vec![("email_address", "ada@example.com"); count];
    assert_eq!(found(&backend, &many(100)).await, ["Ada"], "the contract takes a hundred");
    assert_eq!(backend.get(&with_query("/v1/users", &many(501))).await.status, 422);
    let reply = backend.get(&with_query("/v1/users", &many(1_001))).await;
    assert_refusal(&reply, "too many fields");
    assert_eq!(reply.body["data"], Value::Null);
}
