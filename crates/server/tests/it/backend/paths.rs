//! Addresses that only look like an operation's, and methods that it does not have.

use super::{assert_refusal, count, create_user, raw};
use http::{Method, header};
use serde_json::Value;
use testkit::TestServer;
use web::Face;

/// CVE-2026-41248, CVE-2026-32130, CVE-2026-33494, CVE-2026-41059: another spelling of a path that reached the operation, but not the check before it.
/// CVE-2025-54576: what stood in the query was taken for the path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_path_reaches_an_operation_without_its_key() {
    let server = TestServer::start().await;
    let user = create_user(&server.backend(), "ada@example.com").await;
    let key = server.home.secret_key.expose().to_owned();
    let slug = &server.home.tenant.instance.slug;
    for operation in server.doors().operations().iter().filter(|o| o.face != Face::Frontend) {
        let path = operation.path.replace("{user_id}", &user);
        let last = path.rsplit('/').next().unwrap_or_default();
        let spellings = [
            format!("/api{path}"),
            format!("/api{path}/"),
            format!("/api{path}//"),
            format!("//api{path}"),
            format!("/api/{path}"),
            format!("/api{}", path.replace('/', "//")),
            format!("/api{}", path.replace("/v1/", "/v1/./")),
            format!("/api{}", path.replace("/v1/", "/v1/x/../")),
            format!("/api{}", path.replace("/v1/", "/v1/x/%2e%2e/")),
            format!("/api{}", path.replace("/v1/", "/v1%2f")),
            format!("/api{}", path.replace("/v1/", "/v1%2F")),
            format!("/api{}", path.replace("/v1/", "/v1%252f")),
            format!("/api{}", path.replace("/v1/", "/%76%31/")),
            format!("/api{}", path.replace("/v1/", "/v1;x=y/")),
            format!("/api{path};jsessionid=1"),
            format!("/api{path};.js"),
            format!("/api{path}.json"),
            format!("/api{path}."),
            format!("/api{path}%00"),
            format!("/api{path}%20"),
            format!("/api{path}%3f"),
            format!("/api{path}%23"),
            format!("/api{path}%23/healthz"),
            format!("/api{path}?/healthz"),
            format!("/api{path}?x=/readyz&_method=GET"),
            format!("/api{path}?/inbox.json"),
            format!("/healthz/%2e%2e/api{path}"),
            format!("/openapi.json/../api{path}"),
            format!("/api{}", path.to_uppercase()),
            format!("/API{path}"),
            format!("/%61pi{path}"),
            format!("/api/..{path}"),
            format!("/api%2f..{path}"),
            format!("/healthz/..;/api{path}"),
            format!("/readyz/../api{path}"),
            format!("/inbox/../api{path}"),
            format!("/t/{slug}/../../api{path}"),
            format!("/t/{slug}/..%2f..%2fapi{path}"),
            format!("/t/{slug}{path}"),
            format!("/t/{slug}/api{path}"),
            path.clone(),
            format!("/api{}", path.replace(last, &last.chars().map(|c| format!("%{:02x}", u32::from(c))).collect::<String>())),
        ];
        for spelling in spellings {
            let methods = [operation.method.clone(), Method::HEAD, Method::OPTIONS];
            for method in methods {
                let reply = raw(
                    &server,
                    method.clone(),
                    &spelling,
                    &[("origin", "http://localhost:3000"), ("content-type", "application/json"), ("x-original-url", "/healthz"), ("x-rewrite-url", "/healthz")],
                    r#"{"username":"intruder"}"#,
                )
                .await;
                let status = reply.status.as_u16();
                let harmless = (400..500).contains(&status) || (method == Method::OPTIONS && status == 204 && spelling.starts_with("/t/"));
                assert!(harmless, "{method} {spelling}: {status} {}", reply.text);
                assert!(!reply.text.contains(&user) || spelling.contains(&user), "{spelling}");
            }
        }
    }
    for (name, value) in [("x-http-method-override", "POST"), ("x-method-override", "POST"), ("x-http-method", "DELETE")] {
        let headers = [(name, value), ("authorization", &*format!("Bearer {key}"))];
        raw(&server, Method::GET, &format!("/api/v1/users/{user}"), &headers, "").await.ok();
        let meant = raw(&server, Method::GET, &format!("/api/v1/users/{user}?_method=DELETE"), &headers, "").await;
        assert_eq!((meant.refusal(), meant.param()), ((422, "form_param_unknown"), "_method"));
    }
    assert_eq!(count(&server.backend()).await, 1, "and the user is still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_is_what_it_says_with_the_key_too() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    for path in [
        "/v1/Users",
        "/V1/users",
        "/v1//users",
        "/v1/users//count",
        "/v1/users/count/x",
        "/v1/users;x",
        "/v1/x/../users",
        "/v1/users%2fcount",
        "/users",
        "/v2/users",
        "/v1",
        "/",
        "/v1/users.json",
    ] {
        assert_eq!(backend.get(path).await.refusal(), (404, "resource_not_found"), "{path}");
    }
    backend.get("/v1/users/").await.ok();
    backend.get(&format!("/v1/users/{user}/")).await.ok();
    let spelled = user.replace('_', "%5F");
    assert_eq!(backend.get(&format!("/v1/users/{spelled}")).await.ok()["id"], Value::from(user.clone()), "an encoded letter is that letter");
    assert_eq!(backend.get(&format!("/v1/users/{}", user.to_uppercase())).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_a_path_does_not_have_is_refused_with_those_it_has() {
    let server = TestServer::start().await;
    let key = format!("Bearer {}", server.home.secret_key.expose());
    for (path, method, has) in [
        ("/api/v1/users", Method::PUT, "POST"),
        ("/api/v1/users", Method::DELETE, "GET"),
        ("/api/v1/users", Method::OPTIONS, "GET"),
        ("/api/v1/users", Method::TRACE, "GET"),
        ("/api/v1/users/count", Method::POST, "GET"),
        ("/api/v1/jwks", Method::POST, "GET"),
        ("/api/v1/instance", Method::DELETE, "PATCH"),
        ("/api/v1/users/user_x", Method::POST, "DELETE"),
        ("/api/v1/users/user_x/metadata", Method::GET, "PATCH"),
        ("/api/v1/sessions/sess_x/revoke", Method::GET, "POST"),
        ("/api/v1/platform/applications", Method::DELETE, "POST"),
    ] {
        let reply = raw(&server, method.clone(), path, &[("authorization", &key)], "").await;
        assert_eq!(reply.refusal(), (405, "method_not_allowed"), "{method} {path}");
        assert_refusal(&reply, path);
        let allow = reply.headers.get(header::ALLOW).and_then(|v| v.to_str().ok()).unwrap_or_default();
        assert!(allow.split(',').any(|m| m.trim() == has), "{method} {path} allows {allow:?} (RFC 9110 15.5.6)");
    }
    let strange = Method::from_bytes(b"BREW").expect("a method");
    assert_eq!(raw(&server, strange, "/api/v1/users", &[("authorization", &key)], "").await.status, 405);
}

/// CVE-2025-64101: a host that the caller has made up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_api_is_at_the_servers_own_hosts_only() {
    let server = TestServer::start().await;
    let ask = async |hosts: &[&str], uri: &str| {
        let mut request = http::Request::builder().uri(uri).header("authorization", format!("Bearer {}", server.home.secret_key.expose()));
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        server.doors().answer(request.body(axum::body::Body::empty()).expect("a request"), None).await.status().as_u16()
    };
    assert_eq!(ask(&["localhost:7080"], "/api/v1/instance").await, 200);
    assert_eq!(ask(&["api.localhost:7080"], "/v1/instance").await, 200);
    assert_eq!(ask(&["API.localhost:7080"], "/v1/instance").await, 200, "hosts have no case");
    for host in [
        "evil.example",
        "localhost:7080.evil.example",
        "evil.example:7080",
        "api.localhost:7080@evil.example",
        "localhost.evil.example",
        "api.evil.localhost:7080",
        "x.api.localhost:7080",
        "",
    ] {
        let status = ask(&[host], "/api/v1/instance").await;
        assert!((400..500).contains(&status), "{host}: {status}");
    }
    assert_eq!(ask(&[], "/api/v1/instance").await, 400);
    assert_eq!(ask(&["localhost:7080", "evil.example"], "/api/v1/instance").await, 400);
    assert_eq!(ask(&["localhost:7080", "localhost:7080"], "/api/v1/instance").await, 400);
    assert_eq!(ask(&["localhost:7080"], "http://evil.example/api/v1/instance").await, 400, "the target and the header disagree");
}
