//! The Backend API: what an application's own backend may do, and what nobody else may.

mod clients;
mod conventions;
mod domains;
mod email_addresses;
mod hostile;
mod instance;
mod jwt_templates;
mod names;
mod passwords;
mod paths;
mod redirect_urls;
mod refresh;
mod secrets;
mod sessions;
mod sign_ups;
mod standing;
mod tickets;
mod unknown;
mod users;
mod users_change;
mod users_delete;
mod users_list;
mod users_metadata;
mod users_order;
mod versions;

use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use testkit::{Api, Reply, TestServer};

/// An id that is well formed and names nothing.
pub const NOBODY: &str = "user_2NNEqL2nrIRdJ194ndJqAHwEfxC";

/// Creates a user who has this address alone; their id.
pub async fn create_user(api: &Api, email: &str) -> String {
    id(api.post("/v1/users", json!({ "email_address": [email], "skip_password_requirement": true })).await.ok())
}

/// The `id` of a resource.
pub fn id(resource: &Value) -> String {
    text(resource, "id")
}

/// A text of a resource.
pub fn text(resource: &Value, name: &str) -> String {
    resource[name].as_str().unwrap_or_else(|| panic!("no {name} in {resource}")).to_owned()
}

/// The ids of a list.
pub fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("no list: {list}")).iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

/// A path with a query.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    format!("{path}?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// How many users the backend counts.
pub async fn count(api: &Api) -> i64 {
    api.get("/v1/users/count").await.ok()["total_count"].as_i64().expect("a count")
}

/// Sends a request that no well-behaved caller would send. The host is the server's own.
pub async fn raw(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost:7080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, body) = server.doors().answer(request.body(Body::from(body.to_owned())).expect("a request"), None).await.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes().to_vec();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Reply { status: parts.status, headers: parts.headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text, bytes }
}

/// Fails the test unless the answer is a refusal in the one shape that SDKs read.
pub fn assert_refusal(reply: &Reply, what: &str) {
    let status = reply.status.as_u16();
    assert!((400..500).contains(&status), "{what}: {status} {}", reply.text);
    assert_eq!(reply.headers.get(header::CONTENT_TYPE).expect("a content type"), "application/json", "{what}");
    let errors = reply.body["errors"].as_array().unwrap_or_else(|| panic!("{what}: no errors in {}", reply.text));
    assert!(!errors.is_empty(), "{what}");
    for error in errors {
        assert!(error["code"].as_str().is_some_and(|c| !c.is_empty()), "{what}: no code in {}", reply.text);
        assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "{what}: no message in {}", reply.text);
        assert!(error["long_message"].is_string() && error["meta"].is_object(), "{what}: {}", reply.text);
    }
    assert!(reply.body["clerk_trace_id"].as_str().is_some_and(|t| t.starts_with("trc_")), "{what}: no trace id in {}", reply.text);
}
