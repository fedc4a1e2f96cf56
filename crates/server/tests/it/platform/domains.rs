//! The domain of an application's production instance.

use super::{PATH, create, path};
use serde_json::json;
use testkit::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_domain_takes_the_proxy_along() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let body = json!({ "name": "Shop", "environment_types": ["development", "production"], "domain": "shop.example", "proxy_path": "/__clerk" });
    let application = platform.post(PATH, body).await.ok().clone();
    let path = format!("{}/domain", path(&application));
    for (body, proxy_url) in [
        (json!({ "name": "store.example" }), "https://store.example/__clerk"),
        (json!({ "name": "store.example", "proxy_path": "/auth" }), "https://store.example/auth"),
        (json!({ "name": "Market.example" }), "https://market.example/auth"),
    ] {
        let changed = platform.patch(&path, body.clone()).await;
        assert_eq!((&changed.ok()["object"], &changed.ok()["proxy_url"]), (&json!("domain"), &json!(proxy_url)), "{body}");
    }
    let development = super::owned(&application["instances"][0]);
    let kept = server.api("backend", Some(&development.secret_key)).get("/v1/domains").await.ok().clone();
    assert_eq!(kept["data"][0]["proxy_url"], "https://shop.example/__clerk", "the development instance keeps its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_domain_is_refused_by_name() {
    let server = TestServer::start().await;
    let platform = server.platform();
    let application = platform.post(PATH, json!({ "name": "Shop", "environment_types": ["production"] })).await.ok().clone();
    let domain = format!("{}/domain", path(&application));
    for (body, param) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "localhost" }), "name"),
        (json!({ "name": "shop.example:8443" }), "name"),
        (json!({ "name": "co.uk" }), "name"),
        (json!({ "name": "vercel.app" }), "name"),
        (json!({ "name": "shop.example", "proxy_path": "//evil.example" }), "proxy_path"),
        (json!({ "name": "shop.example", "proxy_path": "/a/../b" }), "proxy_path"),
        (json!({ "name": "shop.example", "proxy_url": "https://evil.example" }), "proxy_url"),
    ] {
        let reply = platform.patch(&domain, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}: {}", reply.text);
    }
    let good = json!({ "name": "shop.example" });
    assert_eq!(server.other_platform().patch(&domain, good.clone()).await.refusal(), (404, "resource_not_found"));
    let without = create(&platform, "No production yet").await;
    assert_eq!(platform.patch(&format!("{}/domain", path(&without)), good.clone()).await.refusal(), (404, "resource_not_found"));
    let shown = platform.patch(&domain, good).await;
    assert_eq!((&shown.ok()["name"], shown.ok().get("proxy_url")), (&json!("shop.example"), None), "no path, no proxy");
}
