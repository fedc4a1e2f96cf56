//! The instance's domain, and the address of its proxy.

use super::{assert_refusal, text};
use serde_json::{Value, json};
use testkit::{Api, TestServer};

async fn domain(backend: &Api) -> Value {
    let list = backend.get("/v1/domains").await.ok().clone();
    assert_eq!((list["data"].as_array().map(Vec::len), &list["total_count"]), (Some(1), &json!(1)));
    list["data"][0].clone()
}

fn path(domain: &Value) -> String {
    format!("/v1/domains/{}", text(domain, "id"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxys_address_is_set_changed_and_taken_away() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let before = domain(&backend).await;
    assert_eq!((&before["object"], &before["is_satellite"], &before["proxy_url"]), (&json!("domain"), &json!(false), &Value::Null));
    assert_eq!(before["name"], server.home.tenant.host);
    for (set, kept) in [
        (json!("https://shop.example/__clerk/"), json!("https://shop.example/__clerk")),
        (json!("http://localhost:3000/__clerk"), json!("http://localhost:3000/__clerk")),
        (Value::Null, Value::Null),
    ] {
        let changed = backend.patch(&path(&before), json!({ "proxy_url": set })).await;
        assert_eq!(changed.ok()["proxy_url"], kept);
        assert_eq!(&domain(&backend).await, changed.ok());
    }
    let named = backend.patch(&path(&before), json!({ "name": "shop.example", "is_secondary": false })).await;
    assert_eq!((&named.ok()["name"], &named.ok()["proxy_url"]), (&json!("shop.example"), &Value::Null));
    assert_eq!(backend.patch(&path(&before), json!({})).await.ok(), named.ok(), "nothing to change is no fault");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_cannot_be_is_refused_by_name() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let before = domain(&backend).await;
    for (body, param) in [
        (json!({ "proxy_url": "http://shop.example/__clerk" }), "proxy_url"),
        (json!({ "proxy_url": "https://shop.example/__clerk?a=b" }), "proxy_url"),
        (json!({ "proxy_url": "https://user@shop.example/__clerk" }), "proxy_url"),
        (json!({ "proxy_url": "//evil.example/__clerk" }), "proxy_url"),
        (json!({ "proxy_url": "javascript:alert(1)" }), "proxy_url"),
        (json!({ "proxy_url": "/__clerk" }), "proxy_url"),
        (json!({ "proxy_url": 1 }), "proxy_url"),
        (json!({ "name": "https://shop.example" }), "name"),
        (json!({ "name": "localhost" }), "name"),
        (json!({ "name": "co.uk" }), "name"),
        (json!({ "is_secondary": true }), "is_secondary"),
        (json!({ "is_satellite": true }), "is_satellite"),
    ] {
        let reply = backend.patch(&path(&before), body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}: {}", reply.text);
        assert_refusal(&reply, param);
    }
    assert_eq!(domain(&backend).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_elses_domain_is_changed() {
    let server = TestServer::start().await;
    let (ours, theirs) = (domain(&server.backend()).await, domain(&server.neighbours_backend()).await);
    assert_ne!(ours["id"], theirs["id"]);
    for id in [text(&ours, "id"), "dmn_2NNEqL2nrIRdJ194ndJqAHwEfxC".to_owned(), "dmn_x".to_owned(), server.home.tenant.id().to_string()] {
        let reply = server.neighbours_backend().patch(&format!("/v1/domains/{id}"), json!({ "proxy_url": "https://evil.example/__clerk" })).await;
        assert_eq!(reply.refusal(), (404, "resource_not_found"), "{id}");
    }
    assert_eq!((domain(&server.backend()).await, domain(&server.neighbours_backend()).await), (ours, theirs));
}
