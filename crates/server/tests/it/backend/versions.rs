//! The versions of the contract that callers may name.

use super::raw;
use http::Method;
use serde_json::{Value, json};
use testkit::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_there_is_not_is_refused_at_every_door() {
    let server = TestServer::start().await;
    let key = format!("Bearer {}", server.home.secret_key.expose());
    let backend = |version: &'static str| {
        let (server, key) = (&server, key.clone());
        async move { raw(server, Method::GET, "/api/v1/users", &[("authorization", &key), ("clerk-api-version", version)], "").await }
    };
    for version in ["2025-04-10", "2025-11-10", "2026-05-12", ""] {
        backend(version).await.ok();
    }
    for version in ["2021-02-05", "2024-10-01", "2020-01-01", "v1", "2026-05-12, 2025-04-10", "latest"] {
        assert_eq!(backend(version).await.refusal(), (400, "api_version_invalid"), "{version}");
    }
    let environment = format!("/t/{}/v1/environment", server.home.tenant.instance.slug);
    let browser = |query: &'static str| {
        let (server, path) = (&server, format!("{environment}{query}"));
        async move { raw(server, Method::GET, &path, &[("origin", "http://localhost:3000")], "").await }
    };
    for query in ["", "?__clerk_api_version=", "?__clerk_api_version=2026-05-12", "?__clerk_api_version=2025-04-10"] {
        browser(query).await.ok();
    }
    let refused = browser("?__clerk_api_version=1999-01-01").await;
    assert_eq!(refused.refusal(), (400, "api_version_invalid"));
    assert_eq!(refused.headers.get("access-control-allow-origin").expect("CORS"), "http://localhost:3000", "a refusal can be read");
}

/// Before 2026-05-12, metadata was changed with everything else, and put in the place of what was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_is_taken_where_the_version_that_is_named_takes_it() {
    let server = TestServer::start().await;
    let (backend, key) = (server.backend(), format!("Bearer {}", server.home.secret_key.expose()));
    backend.patch("/v1/instance/organization_settings", json!({ "enabled": true })).await.ok();
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let organization = backend.post("/v1/organizations", json!({ "name": "Acme", "created_by": user })).await.ok()["id"].as_str().expect("id").to_owned();
    let of_user = (format!("/v1/users/{user}"), vec!["public_metadata", "private_metadata", "unsafe_metadata"]);
    let of_organization = (format!("/v1/organizations/{organization}"), vec!["public_metadata", "private_metadata"]);
    for (path, parts) in [of_user, of_organization] {
        for part in parts {
            backend.patch(&format!("{path}/metadata"), json!({ part: { "before": 1 } })).await.ok();
            let change = async |version: &str, body: &Value| {
                let headers = [("authorization", key.as_str()), ("content-type", "application/json"), ("clerk-api-version", version)];
                raw(&server, Method::PATCH, &format!("/api{path}"), &headers, body.to_string().as_str()).await
            };
            for newest in ["", "2026-05-12"] {
                let reply = change(newest, &json!({ part: { "now": 1 } })).await;
                assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), part), "{newest}");
            }
            for older in ["2025-04-10", "2025-11-10"] {
                let reply = change(older, &json!({ part: { older: 1 } })).await;
                assert_eq!(reply.ok()[part], json!({ older: 1 }), "{path}");
                assert_eq!(backend.get(&path).await.ok()[part], json!({ older: 1 }), "{path}");
                assert_eq!(change(older, &json!({ part: "text" })).await.param(), part);
                let large = change(older, &json!({ part: { "a": "a".repeat(9_000) } })).await;
                assert_eq!((large.refusal(), large.param()), ((422, "form_param_exceeds_allowed_size"), part));
                assert_eq!(change(older, &json!({ "banned": true })).await.param(), "banned");
            }
        }
    }
    let own = [("unsafe_metadata", "{\"mine\":1}")];
    let refused = ada.override_method("PATCH", "/v1/me?__clerk_api_version=2026-05-12", &own).await;
    assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_unknown"), "unsafe_metadata"));
    let changed = ada.override_method("PATCH", "/v1/me?__clerk_api_version=2025-11-10", &own).await;
    assert_eq!(changed.response()["unsafe_metadata"], json!({ "mine": 1 }));
    let never = ada.override_method("PATCH", "/v1/me?__clerk_api_version=2025-11-10", &[("public_metadata", "{}")]).await;
    assert_eq!((never.refusal(), never.param()), ((422, "form_param_unknown"), "public_metadata"));
}
