//! What no operation knows is refused by its name: nothing is accepted and forgotten.

use super::{conventions, create_user};
use http::Method;
use serde_json::json;
use testkit::TestServer;
use web::Face;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_takes_a_query_that_it_does_not_know() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let all: Vec<_> = server.doors().operations().iter().filter(|o| o.face == Face::Backend).map(|o| (o.id, o.asks.0)).collect();
    let mut tried = 0;
    for ((id, asks), (method, path)) in all.iter().zip(conventions::operations(&server)) {
        for (query, param) in [("bogus=1", "bogus"), ("bogus", "bogus"), ("bogus=", "bogus"), ("dry_run=true", "dry_run"), ("limit=1", "limit")] {
            if asks.contains(&param) {
                continue;
            }
            let body = (method != Method::GET).then(|| ("application/json", "{}".to_owned()));
            let reply = backend.send_text(method.clone(), &format!("{path}?{query}"), body).await;
            assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), param), "{id} {query}");
            tried += 1;
        }
        // What it knows, it knows without a value too, and refuses: an empty filter must not mean everything.
        for param in asks.iter().filter(|param| **param != "query" && !param.ends_with("_query")) {
            let body = (method != Method::GET).then(|| ("application/json", "{}".to_owned()));
            let reply = backend.send_text(method.clone(), &format!("{path}?{param}="), body).await;
            assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), *param), "{id} {param}");
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried}");
    assert_eq!(backend.get("/v1/users?query=&username_query=&limit=1").await.ok()[0]["id"], user.as_str(), "a search for nothing finds everybody");
    let deleted = backend.delete(&format!("/v1/users/{user}?dry_run=true")).await;
    assert_eq!((deleted.refusal(), deleted.param()), ((422, "form_param_unknown"), "dry_run"));
    assert_eq!(backend.get(&format!("/v1/users/{user}")).await.ok()["id"], user.as_str(), "and nothing was done");
    let stranger = server.api("backend", None);
    assert_eq!(stranger.get("/v1/users?bogus=1").await.refusal(), (401, "clerk_key_invalid"), "strangers learn nothing");
}

/// A picture's form is a body too, wherever in it the field stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_unknown_stands_beside_a_picture() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let path = format!("/v1/users/{user}/profile_image");
    let field = |name: &str, value: &[u8]| [format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(), value, b"\r\n"].concat();
    let send = async |fields: &[Vec<u8>]| {
        let body = [fields.concat(), b"--x--\r\n".to_vec()].concat();
        backend.send_bytes(Method::POST, &path, Some(("multipart/form-data; boundary=x", body))).await
    };
    let (file, bogus, known) = (field("file", &testkit::picture()), field("bogus", b"1"), field("uploader_user_id", user.as_bytes()));
    for (fields, param) in [([&bogus, &file], "bogus"), ([&file, &bogus], "bogus"), ([&file, &file], "file")] {
        let reply = send(&fields.map(Clone::clone)).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), param));
    }
    assert_eq!(backend.get(&format!("/v1/users/{user}")).await.ok()["has_image"], false);
    assert_eq!(send(std::slice::from_ref(&known)).await.refusal(), (422, "form_param_missing"));
    assert_eq!(send(&[known, file]).await.ok()["has_image"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_takes_a_body_that_it_does_not_know() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    for (method, path) in conventions::operations(&server).into_iter().filter(|(method, _)| *method != Method::GET) {
        // Pictures are no names with values, and of invitations there are several in a list.
        if path.ends_with("/profile_image") && method == Method::POST || path.ends_with("/logo") && method == Method::PUT || path.ends_with("/bulk") {
            continue;
        }
        for (kind, body) in [("application/json", r#"{"bogus":1}"#), ("application/json", r#"{"bogus":null}"#), ("application/x-www-form-urlencoded", "bogus=")]
        {
            let reply = backend.send_text(method.clone(), &path, Some((kind, body.to_owned()))).await;
            assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), "bogus"), "{method} {path} {body}");
        }
    }
    let ban = format!("/v1/users/{user}/ban");
    assert_eq!(backend.send_text(Method::POST, &ban, Some(("application/json", "[]".to_owned()))).await.refusal(), (400, "request_body_invalid"));
    assert_eq!(backend.send_text(Method::POST, &ban, Some(("text/plain", "now".to_owned()))).await.refusal(), (400, "request_body_invalid"));
    assert_eq!(backend.get(&format!("/v1/users/{user}")).await.ok()["banned"], false);
    // As the SDK for Go says nothing, and others do.
    for body in [Some("null"), Some("{}"), Some(""), None] {
        let body = body.map(|text| ("application/json", text.to_owned()));
        assert_eq!(backend.send_text(Method::POST, &ban, body).await.ok()["banned"], true);
        backend.post(&format!("/v1/users/{user}/unban"), json!({})).await.ok();
    }
}
