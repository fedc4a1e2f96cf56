//! The versions of the contract that callers may name.

use super::raw;
use http::Method;
use testkit::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_there_is_not_is_refused_at_every_door() {
    let server = TestServer::start().await;
    let key = format!("Bearer {}", server.home.secret_key.expose());
    let backend = |version: &'static str| {
        let (server, key) = (&server, key.clone());
        async move { raw(server, Method::GET, "/api/v1/users", &[("authorization", &key), ("clerk-api-version", version)], "").await }
    };
    for version in ["2021-02-05", "2024-10-01", "2025-04-10", "2025-11-10", "2026-05-12", ""] {
        backend(version).await.ok();
    }
    for version in ["2020-01-01", "v1", "2026-05-12, 2025-04-10", "latest"] {
        assert_eq!(backend(version).await.refusal(), (400, "api_version_invalid"), "{version}");
    }
    let environment = format!("/t/{}/v1/environment", server.home.tenant.instance.slug);
    let browser = |query: &'static str| {
        let (server, path) = (&server, format!("{environment}{query}"));
        async move { raw(server, Method::GET, &path, &[("origin", "http://localhost:3000")], "").await }
    };
    for query in ["", "?__clerk_api_version=", "?__clerk_api_version=2026-05-12", "?__clerk_api_version=2021-02-05"] {
        browser(query).await.ok();
    }
    let refused = browser("?__clerk_api_version=1999-01-01").await;
    assert_eq!(refused.refusal(), (400, "api_version_invalid"));
    assert_eq!(refused.headers.get("access-control-allow-origin").expect("CORS"), "http://localhost:3000", "a refusal can be read");
}
