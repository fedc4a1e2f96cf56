//! Metadata: merged, replaced, and never larger than it may be.

use super::{create_user, id};
use serde_json::{Map, Value, json};
use testkit::{Api, TestServer, address};

async fn merged(backend: &Api, path: &str, before: Value, change: Value) -> Value {
    backend.put(path, json!({ "public_metadata": before })).await.ok();
    backend.patch(path, json!({ "public_metadata": change })).await.ok()["public_metadata"].clone()
}

/// RFC 7386, appendix A, for documents that are objects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_goes_all_the_way_down_and_null_takes_away() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let path = format!("/v1/users/{}/metadata", create_user(&backend, "ada@example.com").await);
    for (before, change, after) in [
        (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
        (json!({ "a": "b" }), json!({ "a": null }), json!({})),
        (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
        (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
        (json!({ "a": { "b": "c" } }), json!({ "a": { "b": "d", "c": null } }), json!({ "a": { "b": "d" } })),
        (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
        (json!({ "e": 1 }), json!({ "a": 1 }), json!({ "e": 1, "a": 1 })),
        (json!({ "a": { "b": { "c": 1, "d": 2 } } }), json!({ "a": { "b": { "c": null } } }), json!({ "a": { "b": { "d": 2 } } })),
        (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
        (json!({ "a": 1 }), json!({ "a": { "b": null, "c": 2 } }), json!({ "a": { "c": 2 } })),
        (json!({ "a": 1 }), json!({}), json!({ "a": 1 })),
        (
            json!({ "__proto__": { "x": 1 } }),
            json!({ "__proto__": { "y": 2 }, "constructor": 3 }),
            json!({ "__proto__": { "x": 1, "y": 2 }, "constructor": 3 }),
        ),
    ] {
        assert_eq!(merged(&backend, &path, before.clone(), change.clone()).await, after, "{before} + {change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_discards_what_was_there_and_leaves_what_is_not_named() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let body = json!({ "skip_password_requirement": true, "email_address": ["ada@example.com"], "public_metadata": { "a": 1 }, "private_metadata": { "b": 2 }, "unsafe_metadata": { "c": 3 } });
    let user = format!("/v1/users/{}", id(backend.post("/v1/users", body).await.ok()));
    let after = backend.put(&format!("{user}/metadata"), json!({ "public_metadata": { "x": { "y": null } }, "unsafe_metadata": {} })).await.ok().clone();
    assert_eq!(after["public_metadata"]["a"], Value::Null);
    assert!(after["public_metadata"]["x"].is_object());
    assert_eq!((&after["private_metadata"], &after["unsafe_metadata"]), (&json!({ "b": 2 }), &json!({})));
    assert_eq!(backend.get(&user).await.ok(), &after);
    for body in [
        json!({ "public_metadata": [] }),
        json!({ "public_metadata": "{}" }),
        json!({ "private_metadata": 1 }),
        json!({ "metadata": {} }),
        json!({ "first_name": "x" }),
    ] {
        for reply in [backend.put(&format!("{user}/metadata"), body.clone()).await, backend.patch(&format!("{user}/metadata"), body.clone()).await] {
            assert_eq!(reply.status, 422, "{body}");
            assert_eq!(Some(reply.param()), body.as_object().and_then(|b| b.keys().next()).map(String::as_str));
        }
    }
    assert_eq!(backend.get(&user).await.ok(), &after);
}

/// A document whose JSON text has exactly so many bytes.
fn document(bytes: usize) -> Value {
    json!({ "k": "x".repeat(bytes - r#"{"k":""}"#.len()) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_has_at_most_8_kilobytes_each() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for field in ["public_metadata", "private_metadata", "unsafe_metadata"] {
        let email = format!("{field}@example.com");
        let reply = backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": [email], field: document(8_193) })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_exceeds_allowed_size"), field));
        let user = backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": [email], field: document(8_192) })).await.ok().clone();
        let path = format!("/v1/users/{}/metadata", id(&user));
        let reply = backend.put(&path, json!({ field: document(8_193) })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_exceeds_allowed_size"), field));
        assert_eq!(backend.put(&path, json!({ field: document(8_192) })).await.ok()[field], document(8_192));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_for_what_a_merge_leaves_behind() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let path = format!("/v1/users/{user}/metadata");
    let part = |index: usize| json!({ "private_metadata": { format!("k{index}"): { "v": "x".repeat(1_000) } } });
    let mut kept = 0;
    for index in 0..12 {
        let reply = backend.patch(&path, part(index)).await;
        if reply.status == 422 {
            assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_exceeds_allowed_size"), "private_metadata"));
        } else {
            reply.ok();
            kept += 1;
        }
    }
    assert_eq!(kept, 8, "eight thousand and no more, however small the steps");
    let shown = backend.get(&format!("/v1/users/{user}")).await.ok()["private_metadata"].clone();
    assert_eq!(shown.as_object().map(Map::len), Some(8), "a refused merge leaves no part of itself");
    let swap = backend.patch(&path, json!({ "private_metadata": { "k0": null, "k9": { "v": "y".repeat(1_000) } } })).await;
    assert_eq!(swap.ok()["private_metadata"]["k9"]["v"], "y".repeat(1_000), "what is taken away makes room in the same step");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_merges_lose_nothing() {
    let server = TestServer::start().await;
    let user = create_user(&server.backend(), "ada@example.com").await;
    let mut tasks = Vec::new();
    for index in 0..16 {
        let (backend, path) = (server.backend(), format!("/v1/users/{user}/metadata"));
        tasks.push(tokio::spawn(async move { backend.patch(&path, json!({ "public_metadata": { format!("k{index}"): index } })).await.status }));
    }
    for task in tasks {
        assert_eq!(task.await.expect("an answer"), 200);
    }
    let shown = server.backend().get(&format!("/v1/users/{user}")).await.ok()["public_metadata"].clone();
    assert_eq!(shown.as_object().map(Map::len), Some(16));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_metadata_never_reaches_a_browser() {
    let server = TestServer::start().await;
    let body = json!({
        "email_address": [address("ada")], "password": testkit::PASSWORD,
        "public_metadata": { "seen": "public-canary" }, "private_metadata": { "hidden": "private-canary" },
    });
    let user = id(server.backend().post("/v1/users", body).await.ok());
    let mut ada = server.browser();
    let mut texts = vec![ada.sign_in("ada", testkit::PASSWORD).await.text];
    texts.push(ada.get("/v1/me").await.text);
    texts.push(ada.get("/v1/client").await.text);
    texts.push(ada.override_method("PATCH", "/v1/me", &[("first_name", "Ada")]).await.text);
    let session = ada.session_id().await;
    texts.push(ada.post(&format!("/v1/client/sessions/{session}/touch"), &[]).await.text);
    for text in texts {
        assert!(text.contains(&user) && text.contains("public-canary"), "{text}");
        assert!(!text.contains("private-canary") && !text.contains("private_metadata"), "{text}");
    }
}
