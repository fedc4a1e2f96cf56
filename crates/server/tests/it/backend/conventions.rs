//! What holds at every operation: who is let in, what a body may be, and how a refusal looks.

use super::{assert_refusal, count, create_user, id, raw};
use foundation::Secret;
use http::{Method, header};
use serde_json::{Value, json};
use testkit::TestServer;
use web::Face;

/// Every operation of the Backend API, with ids that are well formed.
pub fn operations(server: &TestServer) -> Vec<(Method, String)> {
    let ids = [
        ("{user_id}", "user_"),
        ("{session_id}", "sess_"),
        ("{client_id}", "client_"),
        ("{sign_up_id}", "sua_"),
        ("{email_id}", "idn_"),
        ("{template_id}", "jtmp_"),
        ("{template_name}", "jtmp_"),
        ("{sign_in_token_id}", "tkt_"),
        ("{actor_token_id}", "tkt_"),
        ("{domain_id}", "dmn_"),
        ("{organization_id}", "org_"),
        ("{organization_role_id}", "role_"),
        ("{permission_id}", "perm_"),
        ("{role_set_key_or_id}", "rset_"),
        ("{invitation_id}", "orginv_"),
        ("{id}", "ru_"),
    ];
    // Inside of an organization it is one of the organization's.
    let domain =
        |path: &str| if path.starts_with("/v1/organizations/") { path.replace("{domain_id}", "orgdmn_2NNEqL2nrIRdJ194ndJqAHwEfxC") } else { path.to_owned() };
    let concrete =
        |path: &str| ids.iter().fold(domain(path), |path, (parameter, prefix)| path.replace(parameter, &format!("{prefix}2NNEqL2nrIRdJ194ndJqAHwEfxC")));
    let found: Vec<_> = server.doors().operations().iter().filter(|o| o.face == Face::Backend).map(|o| (o.method.clone(), concrete(o.path))).collect();
    assert!(found.len() >= 20 && found.iter().all(|(_, path)| !path.contains('{')), "{found:?}");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_secret_key_no_operation_answers() {
    let server = TestServer::start().await;
    let good = server.home.secret_key.expose().to_owned();
    create_user(&server.backend(), "ada@example.com").await;
    let wrong = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        good.clone(),
        format!("Basic {good}"),
        format!("Token {good}"),
        format!("Bearer: {good}"),
        format!("Bearer {good}x"),
        format!("Bearer {}", &good[..good.len() - 1]),
        format!("Bearer {}", good.to_uppercase()),
        format!("Bearer {good} {good}"),
        format!("Bearer {good},{good}"),
        format!("Bearer \"{good}\""),
        format!("Bearer {}", good.replace("sk_test_", "sk_live_")),
        format!("Bearer {}", server.home.tenant.publishable_key),
        format!("Bearer {}", server.platform_token.expose()),
        format!("Bearer {}", server.home.secret_key.sha256()),
        format!("Bearer {}", "a".repeat(10_000)),
        "Bearer ' or 1=1 --".to_owned(),
        "Bearer é".to_owned(),
    ];
    for (method, path) in operations(&server) {
        let none = server.api("backend", None).send(method.clone(), &path, None).await;
        assert_eq!(none.refusal(), (401, "clerk_key_invalid"), "{method} {path}");
        assert_refusal(&none, &path);
        for header in &wrong {
            let body = if method == Method::GET { "" } else { r#"{"email_address":["eve@example.com"]}"# };
            let reply = raw(&server, method.clone(), &format!("/api{path}"), &[("authorization", header), ("content-type", "application/json")], body).await;
            assert_eq!(reply.refusal(), (401, "clerk_key_invalid"), "{method} {path} with {header:.40}");
        }
    }
    assert_eq!(count(&server.backend()).await, 1, "and nothing was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scheme_may_be_written_in_any_case() {
    let server = TestServer::start().await;
    let key = server.home.secret_key.expose();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let reply = raw(&server, Method::GET, "/api/v1/instance", &[("authorization", &format!("{scheme} {key}"))], "").await;
        assert_eq!(reply.ok()["id"], json!(server.home.tenant.id()), "{scheme}");
    }
    for place in ["/api/v1/instance?secret_key=", "/api/v1/instance?api_key=", "/api/v1/instance?access_token="] {
        assert_eq!(
            raw(&server, Method::GET, &format!("{place}{key}"), &[], "").await.refusal(),
            (401, "clerk_key_invalid"),
            "a key in an address is in every log"
        );
    }
    for name in ["clerk-secret-key", "x-api-key", "cookie"] {
        assert_eq!(raw(&server, Method::GET, "/api/v1/instance", &[(name, key)], "").await.refusal(), (401, "clerk_key_invalid"), "{name}");
    }
}

/// CVE-2026-9094: a credential of one tenant that worked in another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_key_opens_that_tenant_and_no_other() {
    let server = TestServer::start().await;
    let ours = create_user(&server.backend(), "ada@example.com").await;
    let theirs = create_user(&server.neighbours_backend(), "ada@example.com").await;
    let neighbour = server.neighbours_backend();
    assert_eq!(neighbour.get(&format!("/v1/users/{ours}")).await.refusal(), (404, "resource_not_found"));
    assert_eq!(id(&neighbour.get("/v1/users").await.ok()[0]), theirs);
    let host = server.home.tenant.host.clone();
    let bearer = format!("Bearer {}", server.neighbour.secret_key.expose());
    for (host, path) in [
        ("localhost:7080", format!("/t/{}/v1/users", server.home.tenant.instance.slug)),
        (host.as_str(), "/v1/users".to_owned()),
        (host.as_str(), "/api/v1/users".to_owned()),
    ] {
        let request = http::Request::builder().uri(path).header(header::HOST, host).header("authorization", &bearer);
        let answer = server.doors().answer(request.body(axum::body::Body::empty()).expect("a request"), None).await;
        assert_eq!(answer.status(), 404, "no instance's own door leads to the Backend API");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_applications_key_opens_nothing() {
    let server = TestServer::start().await;
    let backend = server.neighbours_backend();
    create_user(&backend, "ada@example.com").await;
    let application = server.neighbour.tenant.instance.application;
    server.platform().delete(&format!("/v1/platform/applications/{application}")).await.ok();
    for (method, path) in operations(&server) {
        assert_eq!(backend.send(method.clone(), &path, None).await.refusal(), (401, "clerk_key_invalid"), "{method} {path}");
    }
    create_user(&server.backend(), "ada@example.com").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_door_takes_its_own_kind_of_key() {
    let server = TestServer::start().await;
    let with = |face, secret: &Secret| server.api(face, Some(secret));
    assert_eq!(with("backend", &server.platform_token).get("/v1/users").await.refusal(), (401, "clerk_key_invalid"));
    assert_eq!(with("platform", &server.home.secret_key).get("/v1/platform/applications").await.refusal(), (401, "authentication_invalid"));
    let mut ada = server.signed_in("ada").await;
    let token = Secret::new(ada.token().await);
    assert_eq!(with("backend", &token).get("/v1/users").await.refusal(), (401, "clerk_key_invalid"), "a user's token is no key");
    assert_eq!(with("platform", &token).get("/v1/platform/applications").await.refusal(), (401, "authentication_invalid"));
    assert_eq!(with("platform", &Secret::new("")).get("/v1/platform/applications").await.refusal(), (401, "authentication_invalid"));
}

/// With anything behind it SDKs read a body as text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_exactly_json() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    for path in [
        "/v1/users",
        "/v1/users/count",
        "/v1/jwks",
        "/v1/instance",
        "/v1/sessions",
        "/v1/redirect_urls",
        &format!("/v1/users/{user}"),
        "/v1/users/x",
        "/v1/nothing",
        "/v1/users?limit=x",
    ] {
        let reply = backend.get(path).await;
        let kinds: Vec<_> = reply.headers.get_all(header::CONTENT_TYPE).iter().collect();
        assert_eq!(kinds, ["application/json"], "{path}");
        assert_eq!(reply.headers.get(header::CACHE_CONTROL).expect("a rule"), "no-store", "{path}");
    }
    for (method, path) in operations(&server) {
        let reply = backend.send(method.clone(), &path, Some(&json!({ "no_such_field": 1 }))).await;
        if reply.status != 204 {
            assert_eq!(reply.headers.get(header::CONTENT_TYPE).expect("a content type"), "application/json", "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_cannot_be_read_in_one_way_only_is_refused() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let nested = |depth: usize| {
        format!(
            r#"{{"skip_password_requirement":true,"email_address":["a@example.com"],"public_metadata":{}1{}}}"#,
            r#"{"a":"#.repeat(depth),
            "}".repeat(depth)
        )
    };
    let bodies = [
        r#"{"email_address":["a@example.com"],"email_address":["b@example.com"]}"#.to_owned(),
        r#"{"email_address":["a@example.com"],"public_metadata":{"a":1,"a":2}}"#.to_owned(),
        r#"{"email_address":["a@example.com"],"\u0065mail_address":["b@example.com"]}"#.to_owned(),
        nested(70),
        nested(100_000),
        "[".repeat(200_000),
        r#"{"first_name":"a\u0000b","email_address":["a@example.com"]}"#.to_owned(),
        r#"{"public_metadata":{"a\u0000":1},"email_address":["a@example.com"]}"#.to_owned(),
        "{\"first_name\":\"a\0b\"}".to_owned(),
        "\u{feff}{\"email_address\":[\"a@example.com\"]}".to_owned(),
        r#"{"email_address":["a@example.com"],"public_metadata":{"n":1e400}}"#.to_owned(),
        r#"{"email_address":["a@example.com"],"public_metadata":{"n":-1e400}}"#.to_owned(),
        r#"{"email_address":["a@example.com"],"public_metadata":{"n":NaN}}"#.to_owned(),
        r#"{"email_address":["a@example.com"],"first_name":"\ud800"}"#.to_owned(),
        r#"{"email_address":["a@example.com"],}"#.to_owned(),
        r#"{"email_address":["a@example.com"]} {}"#.to_owned(),
        r#"{"email_address":["a@example.com"] /* a */}"#.to_owned(),
        r#"{'email_address':['a@example.com']}"#.to_owned(),
        "[]".to_owned(),
        r#"[{"email_address":["a@example.com"]}]"#.to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        "1".to_owned(),
        r#""text""#.to_owned(),
        " ".to_owned(),
        "{".to_owned(),
        "email_address=a@example.com".to_owned(),
        "<user/>".to_owned(),
    ];
    for body in bodies {
        let reply = backend.send_text(Method::POST, "/v1/users", Some(("application/json", body.clone()))).await;
        assert_eq!(reply.refusal(), (400, "request_body_invalid"), "{body:.60}");
        assert_refusal(&reply, &body[..body.len().min(20)]);
    }
    let deep = backend.send_text(Method::POST, "/v1/users", Some(("application/json", nested(50)))).await;
    assert_eq!(deep.status, 200, "what is merely unusual is fine: {}", deep.text);
    assert_eq!(count(&backend).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_no_one_can_hold_is_kept_or_refused_but_never_breaks() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for number in ["1e308", "18446744073709551615", "-9223372036854775808", "123456789012345678901234567890", "0.1", "-0", "1E5", &"9".repeat(400)] {
        let body = format!(
            r#"{{"skip_password_requirement":true,"username":"user{}","public_metadata":{{"n":{number}}}}}"#,
            number.len() * 1_000 + number.bytes().map(usize::from).sum::<usize>()
        );
        let reply = backend.send_text(Method::POST, "/v1/users", Some(("application/json", body))).await;
        assert!(matches!(reply.status.as_u16(), 200 | 400), "{number}: {} {}", reply.status, reply.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_kind_is_refused() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let body = r#"{"email_address":["a@example.com"]}"#;
    for kind in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonp", "application/json5", "text/json", "*/*", "json", ""] {
        let reply = backend.send_text(Method::POST, "/v1/users", Some((kind, body.to_owned()))).await;
        assert_eq!(reply.refusal(), (400, "request_body_invalid"), "{kind:?}");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/json;x=y"] {
        let body = format!(r#"{{"skip_password_requirement":true,"username":"user{}"}}"#, kind.len());
        backend.send_text(Method::POST, "/v1/users", Some((kind, body))).await.ok();
    }
    let invalid = [b"{\"first_name\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat();
    let request = http::Request::builder()
        .method(Method::POST)
        .uri("/api/v1/users")
        .header(header::HOST, "localhost:7080")
        .header(header::CONTENT_TYPE, "application/json");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {}", server.home.secret_key.expose()));
    assert_eq!(server.doors().answer(request.body(invalid.into()).expect("a request"), None).await.status(), 400, "bytes that are no text");
    assert_eq!(count(&backend).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_has_an_end() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let body = |bytes: usize| format!(r#"{{"username":"ada_l","x":"{}"}}"#, "x".repeat(bytes));
    let without_a_body = |path: &str| {
        ["/revoke", "/ban", "/unban", "/lock", "/unlock", "/unset_compromised", "/verify_ownership", "/testing_tokens", "/profile_image", "/logo"]
            .iter()
            .any(|end| path.ends_with(end))
            || path.contains("/permissions/")
    };
    for (method, path) in operations(&server).into_iter().filter(|(m, p)| *m != Method::GET && *m != Method::DELETE && !without_a_body(p)) {
        let reply = backend.send_text(method.clone(), &path, Some(("application/json", body(1_100_000)))).await;
        assert_eq!(reply.refusal(), (413, "request_body_too_large"), "{method} {path}");
        assert_refusal(&reply, &path);
    }
    assert_eq!(backend.send_text(Method::POST, "/v1/users", Some(("application/json", body(900_000)))).await.refusal(), (422, "form_param_unknown"));
    let reply = backend.post("/v1/users", json!({ "skip_password_requirement": true, "username": "ada_l", "x".repeat(50_000): 1 })).await;
    assert!(reply.text.len() < 1_000, "what was sent is not sent back at any length");
    assert_eq!(reply.body["errors"][0]["code"], Value::from("form_param_unknown"));
}

/// Nothing here unpacks a body, and what is said to be packed is not read as if it were not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_body_is_refused() {
    let server = TestServer::start().await;
    let secret = format!("Bearer {}", server.home.secret_key.expose());
    let send = async |encoding: &str, path: &str, body: &str| {
        let headers = [("authorization", secret.as_str()), ("content-type", "application/json"), ("content-encoding", encoding)];
        raw(&server, Method::POST, path, &headers, body).await
    };
    for encoding in ["gzip", "GZIP", "br", "identity, gzip", "deflate", "zstd", "nonsense"] {
        for body in ["{\"url\":\"https://app.example/after\"}", "\u{1f}\u{8b}"] {
            assert_eq!(send(encoding, "/api/v1/redirect_urls", body).await.refusal(), (415, "unsupported_content_encoding"), "{encoding}");
        }
    }
    send("identity", "/api/v1/redirect_urls", "{\"url\":\"https://app.example/after\"}").await.ok();
    let script = server.backend().post("/v1/redirect_urls", json!({ "url": "javascript:alert(1)" })).await;
    assert_eq!((script.refusal(), script.param()), ((422, "form_param_value_invalid"), "url"));
    assert!(!script.text.contains("redirect_urls"), "it does not send in a circle: {}", script.text);
}

/// A whole number is one however JSON writes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_with_an_exponent_is_a_number() {
    let server = TestServer::start().await;
    let template = async |lifetime: &str| {
        let body = format!("{{\"name\":\"t{}\",\"claims\":{{}},\"lifetime\":{lifetime}}}", lifetime.len());
        server.backend().send_text(Method::POST, "/v1/jwt_templates", Some(("application/json", body))).await
    };
    for far in ["1e12", "1000000000000", "2.9e1"] {
        let refused = template(far).await;
        assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "lifetime"), "{far}");
        assert!(refused.text.contains("from 30 to 315360000"), "{}", refused.text);
    }
    assert_eq!(template("30.5").await.refusal(), (422, "form_param_format_invalid"));
    assert_eq!(template("6e1").await.ok()["lifetime"], 60);
}
