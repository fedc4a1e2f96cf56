//! Redirect URLs.

use super::{assert_refusal, id, ids};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_is_added_shown_and_taken_off() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let added = backend.post("/v1/redirect_urls", json!({ "url": "https://app.example.com/callback?a=b" })).await.ok().clone();
    assert_eq!((&added["object"], &added["url"]), (&json!("redirect_url"), &json!("https://app.example.com/callback?a=b")));
    assert_eq!((added["created_at"].as_i64(), added["updated_at"].as_i64()), (Some(server.database.now().millis()), Some(server.database.now().millis())));
    let path = format!("/v1/redirect_urls/{}", id(&added));
    assert_eq!(backend.get(&path).await.ok(), &added);
    let theirs = server.neighbours_backend();
    assert_eq!((theirs.get(&path).await.refusal(), theirs.delete(&path).await.refusal()), ((404, "resource_not_found"), (404, "resource_not_found")));
    assert_eq!(*backend.delete(&path).await.ok(), json!({ "object": "redirect_url", "id": id(&added), "deleted": true }));
    assert_eq!((backend.get(&path).await.refusal(), backend.delete(&path).await.refusal()), ((404, "resource_not_found"), (404, "resource_not_found")));
    for name in ["ru_x", "ru_2NNEqL2nrIRdJ194ndJqAHwEfxC", "%00", "user_2NNEqL2nrIRdJ194ndJqAHwEfxC"] {
        assert_eq!(backend.get(&format!("/v1/redirect_urls/{name}")).await.refusal(), (404, "resource_not_found"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_bare_or_has_its_total() {
    let server = TestServer::start().await;
    let backend = server.backend();
    assert_eq!(*backend.get("/v1/redirect_urls").await.ok(), json!([]));
    assert_eq!(*backend.get("/v1/redirect_urls?paginated=true").await.ok(), json!({ "data": [], "total_count": 0 }));
    let mut made = Vec::new();
    for index in 0..12 {
        made.insert(0, id(backend.post("/v1/redirect_urls", json!({ "url": format!("https://app.example.com/{index}") })).await.ok()));
        server.advance(Duration::from_secs(1));
    }
    assert_eq!(ids(backend.get("/v1/redirect_urls").await.ok()), made[..10]);
    let paged = backend.get("/v1/redirect_urls?paginated=true&limit=3&offset=10").await.ok().clone();
    assert_eq!((ids(&paged["data"]), &paged["total_count"]), (made[10..].iter().map(String::as_str).collect(), &json!(12)));
    assert_eq!(*server.neighbours_backend().get("/v1/redirect_urls").await.ok(), json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_is_on_the_list_once() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let url = json!({ "url": "https://app.example.com/callback" });
    backend.post("/v1/redirect_urls", url.clone()).await.ok();
    let reply = backend.post("/v1/redirect_urls", url.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.param()), (422, "url"));
    server.neighbours_backend().post("/v1/redirect_urls", url).await.ok();
    backend.post("/v1/redirect_urls", json!({ "url": "https://app.example.com/callback/" })).await.ok();
    assert_eq!(backend.get("/v1/redirect_urls?paginated=true").await.ok()["total_count"], 2);
}

/// CVE-2026-29192, CVE-2026-5467, CVE-2021-21291: URLs that run code, or that two readers send to two places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_that_is_dangerous_or_ambiguous_is_refused() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for url in [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "java\tscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example.com/x",
        "about:blank",
        "view-source:https://app.example.com",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https://user@evil.example",
        "https://app.example.com:pw@evil.example",
        "https://app.example.com\\@evil.example",
        "https://app.example.com\n.evil.example",
        " https://app.example.com",
        "https://app.example.com ",
        "https://app.example.com./",
        "https://",
        "http://",
        "app.example.com",
        "/relative",
        "*",
        "https://[::1",
        "https://a b.example",
        "https://app.example.com:99999/",
    ] {
        let reply = backend.post("/v1/redirect_urls", json!({ "url": url })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "url"), "{url:?}: {}", reply.text);
        assert_refusal(&reply, url);
    }
    let long = format!("https://app.example.com/{}", "a".repeat(2_048));
    for body in [json!({ "url": long }), json!({ "url": "" }), json!({ "url": null }), json!({}), json!({ "url": ["https://a.example"] }), json!({ "url": 1 })]
    {
        assert_eq!(backend.post("/v1/redirect_urls", body).await.param(), "url");
    }
    assert_eq!(backend.post("/v1/redirect_urls", json!({ "url": "https://a.example", "wildcard": true })).await.refusal(), (422, "form_param_unknown"));
    assert_eq!(*backend.get("/v1/redirect_urls").await.ok(), json!([]), "nothing of it was kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_native_applications_scheme_is_welcome() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for url in [
        "my-app://oauth-callback",
        "com.example.app:/callback",
        "exp://127.0.0.1:19000/--/cb",
        "http://localhost:3000/sso-callback",
        "https://xn--bcher-kva.example/",
    ] {
        let added = backend.post("/v1/redirect_urls", json!({ "url": url })).await.ok().clone();
        assert_eq!(added["url"], json!(url), "kept as it was given");
    }
    let listed = backend.get("/v1/redirect_urls").await.ok().clone();
    assert!(listed.as_array().expect("a list").iter().all(|url| url["url"] != Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_once_a_url_is_added_once_and_taken_off_once() {
    let server = TestServer::start().await;
    let url = json!({ "url": "https://app.example.com/callback" });
    let at_once = async |method: http::Method, path: String, body: Option<Value>| {
        let mut tasks = Vec::new();
        for _ in 0..16 {
            let (backend, method, path, body) = (server.backend(), method.clone(), path.clone(), body.clone());
            tasks.push(tokio::spawn(async move { backend.send(method, &path, body.as_ref()).await.status.as_u16() }));
        }
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.expect("an answer"));
        }
        statuses.sort_unstable();
        statuses
    };
    let expected = |refused: u16| [vec![200], vec![refused; 15]].concat();
    assert_eq!(at_once(http::Method::POST, "/v1/redirect_urls".to_owned(), Some(url)).await, expected(422));
    let added = id(&server.backend().get("/v1/redirect_urls").await.ok()[0]);
    assert_eq!(at_once(http::Method::DELETE, format!("/v1/redirect_urls/{added}"), None).await, expected(404));
}
