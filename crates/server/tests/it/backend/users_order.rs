//! The order of a list of users, and walking through it.

use super::{NOBODY, create_user, id, ids, with_query};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, TestServer, address};

async fn names(backend: &Api, order: &str) -> Vec<String> {
    let list = backend.get(&with_query("/v1/users", &[("order_by", order)])).await.ok().clone();
    list.as_array().expect("a list").iter().map(|user| user["username"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Four users whose order differs by every field.
async fn four(server: &TestServer) {
    let backend = server.backend();
    for (username, first, last, email) in
        [("dora", "Ann", "Zed", "b"), ("carl", "bea", "young", "D"), ("Bert", "Cleo", "Xu", "a"), ("anna", "Östen", "Ww", "C")]
    {
        let body = json!({
            "username": username, "first_name": first, "last_name": last, "email_address": [address(email)], "password": testkit::PASSWORD,
        });
        backend.post("/v1/users", body).await.ok();
        server.advance(Duration::from_secs(10));
    }
    for email in ["c", "b"] {
        server.browser().sign_in(email, testkit::PASSWORD).await.response();
        server.advance(Duration::from_secs(100));
    }
    let bert = backend.get("/v1/users?username=bert").await.ok()[0]["id"].as_str().expect("an id").to_owned();
    backend.patch(&format!("/v1/users/{bert}"), json!({ "locale": "de" })).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_sorted_by_every_field_in_both_directions() {
    let server = TestServer::start().await;
    four(&server).await;
    let backend = server.backend();
    for (field, ascending) in [
        ("created_at", ["dora", "carl", "Bert", "anna"]),
        ("email_address", ["Bert", "dora", "anna", "carl"]),
        ("username", ["anna", "Bert", "carl", "dora"]),
        ("first_name", ["dora", "carl", "Bert", "anna"]),
        ("last_name", ["anna", "Bert", "carl", "dora"]),
    ] {
        assert_eq!(names(&backend, field).await, ascending, "{field}");
        assert_eq!(names(&backend, &format!("+{field}")).await, ascending, "+{field}");
        let mut descending = ascending;
        descending.reverse();
        assert_eq!(names(&backend, &format!("-{field}")).await, descending, "-{field}");
    }
    assert_eq!(names(&backend, "updated_at").await.last().map(String::as_str), Some("Bert"));
    assert_eq!(names(&backend, "-updated_at").await[0], "Bert");
    for field in ["last_sign_in_at", "last_active_at"] {
        assert_eq!(names(&backend, field).await[..2], ["anna", "dora"], "{field}: who never was comes last");
        assert_eq!(names(&backend, &format!("-{field}")).await[..2], ["dora", "anna"], "{field}: who never was comes last");
    }
    for field in ["phone_number", "web3wallet"] {
        assert_eq!(names(&backend, field).await.len(), 4, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_name_comes_last() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for (username, first) in [("nameless", Value::Null), ("tilda", json!("~Tilda")), ("osten", json!("Östen")), ("anna", json!("Anna"))] {
        backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": username, "first_name": first, "last_name": first })).await.ok();
    }
    for field in ["first_name", "last_name"] {
        assert_eq!(names(&backend, field).await, ["anna", "tilda", "osten", "nameless"], "{field}");
        assert_eq!(names(&backend, &format!("-{field}")).await, ["osten", "tilda", "anna", "nameless"], "-{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ties_are_stable_so_that_pages_neither_repeat_nor_skip() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut everybody = Vec::new();
    for index in 0..7 {
        everybody.push(id(backend
            .post("/v1/users", json!({ "skip_password_requirement": true, "first_name": "Sam", "email_address": [format!("u{index}@example.com")] }))
            .await
            .ok()));
    }
    everybody.sort();
    for field in ["created_at", "updated_at", "first_name", "last_name", "username", "last_active_at", "last_sign_in_at", "phone_number"] {
        for sign in ["", "-"] {
            let order = format!("{sign}{field}");
            let mut walked = Vec::new();
            for offset in 0..7 {
                let page = backend.get(&with_query("/v1/users", &[("order_by", &order), ("limit", "1"), ("offset", &offset.to_string())])).await.ok().clone();
                walked.extend(ids(&page).into_iter().map(str::to_owned));
            }
            if sign == "-" {
                walked.reverse();
            }
            assert_eq!(walked, everybody, "{order}");
        }
    }
}

/// CVE-2026-33503, CVE-2026-33505: an order or a cursor that became part of the statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_order_is_refused() {
    let server = TestServer::start().await;
    let backend = server.backend();
    create_user(&backend, "ada@example.com").await;
    for order in [
        "password_digest",
        "id",
        "CREATED_AT",
        "created_at desc",
        "created_at,id",
        "--created_at",
        "+-created_at",
        "1",
        "-",
        "+",
        "created_at; drop table users",
        "(select 1)",
        "é",
        "-é",
        "\u{1f600}",
    ] {
        let reply = backend.get(&with_query("/v1/users", &[("order_by", order)])).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "order_by"), "{order}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_orders_the_first_one_counts() {
    let server = TestServer::start().await;
    four(&server).await;
    let reply = server.backend().get("/v1/users?order_by=+username&order_by=-created_at").await;
    assert_eq!(reply.ok()[0]["username"], "anna");
    assert_eq!(reply.ok()[3]["username"], "dora");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_walks_through_everybody_once() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut newest_first = Vec::new();
    for index in 0..7 {
        newest_first.insert(0, create_user(&backend, &format!("u{index}@example.com")).await);
        if index % 3 == 0 {
            server.advance(Duration::from_secs(1));
        }
    }
    let everybody = backend.get("/v1/users").await.ok().clone();
    for (order, expected) in
        [(None, ids(&everybody)), (Some("-created_at"), ids(&everybody)), (Some("created_at"), ids(&everybody).into_iter().rev().collect())]
    {
        let mut walked: Vec<String> = Vec::new();
        loop {
            let mut pairs = vec![("limit", "2")];
            pairs.extend(order.map(|order| ("order_by", order)));
            pairs.extend(walked.last().map(|last| ("starting_after", last.as_str())));
            let page = backend.get(&with_query("/v1/users", &pairs)).await.ok().clone();
            walked.extend(ids(&page).into_iter().map(str::to_owned));
            assert!(walked.len() <= 7, "the walk ends");
            if ids(&page).len() < 2 {
                break;
            }
        }
        assert_eq!(walked, expected, "{order:?}");
    }
}

/// CVE-2026-33504: a cursor that is forged, or from somebody else's list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_is_not_from_this_list_is_refused() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let ada = create_user(&backend, "ada@example.com").await;
    let theirs = create_user(&server.neighbours_backend(), "zoe@example.com").await;
    for cursor in [NOBODY, &theirs, "user_x", "x", "' or 1=1 --"] {
        let reply = backend.get(&with_query("/v1/users", &[("starting_after", cursor)])).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "starting_after"), "{cursor}");
    }
    for (param, value) in [("order_by", "username"), ("order_by", "-last_name"), ("offset", "1")] {
        let reply = backend.get(&with_query("/v1/users", &[("starting_after", &ada), (param, value)])).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "starting_after"), "a cursor goes by creation, without an offset");
    }
    assert_eq!(*backend.get(&with_query("/v1/users", &[("starting_after", &ada), ("offset", "0")])).await.ok(), json!([]));
}
