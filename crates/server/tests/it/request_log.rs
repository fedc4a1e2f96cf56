//! The log's line about a request: which one it was and how it went, and nothing that it carries.

use http::Method;
use serde_json::{Value, json};
use std::{
    io::Write,
    sync::{Arc, Mutex},
};
use testkit::{Reply, TestServer};
use tracing_subscriber::EnvFilter;

/// Keeps what is logged.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    /// What has been logged since it was asked last.
    pub fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().expect("a log"))).expect("text")
    }

    /// The one line about the one request since, as its fields.
    fn request(&self) -> Value {
        let text = self.take();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let requests: Vec<&Value> = lines.iter().filter(|line| line["target"] == "request").collect();
        assert_eq!(requests.len(), 1, "{text}");
        requests[0]["span"].clone()
    }
}

/// The span's fields but for those that differ from one run to the next, which are held against the answer.
fn about(mut span: Value, reply: &Reply) -> Value {
    let fields = span.as_object_mut().expect("fields");
    assert!(fields.remove("ms").expect("milliseconds").is_u64());
    let trace = fields.remove("trace_id").expect("a trace");
    assert!(trace.as_str().expect("text").len() > 20);
    if reply.status.as_u16() >= 400 {
        assert_eq!(trace, reply.body["clerk_trace_id"], "errors carry the same");
    }
    span
}

#[tokio::test]
async fn a_request_is_named_by_operation_and_trace() {
    let server = TestServer::start().await;
    let (kept, filter) = (Kept::default(), EnvFilter::new("info,request=debug"));
    let writer = kept.clone();
    let log = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(move || writer.clone()).finish();
    let _kept = tracing::subscriber::set_default(log);
    // Another test's thread, which listens to nothing, may have met these lines first and had them noted as nobody's.
    server.backend().get("/v1/users").await.ok();
    tracing::callsite::rebuild_interest_cache();
    kept.take();

    let mut browser = server.browser();
    let reply = browser.post("/v1/client/sign_ins?_secret=query-canary", &[("identifier", "nobody+canary@example.com"), ("password", "body-canary")]).await;
    let said = kept.take();
    assert!(!said.contains("canary") && !said.contains("/v1/") && !said.contains(&server.home.tenant.instance.slug), "{said}");
    assert!(reply.status.is_client_error());
    let reply = browser.get("/v1/client?_secret=canary").await;
    assert_eq!(about(kept.request(), &reply), json!({ "name": "request", "face": "frontend", "operation": "getClient", "status": 200 }));

    let backend = server.backend();
    let reply = backend.get("/v1/users/user_2abc").await;
    assert_eq!(about(kept.request(), &reply), json!({ "name": "request", "face": "backend", "operation": "GetUser", "status": 404 }));
    let reply = server.platform().get("/v1/platform/applications").await;
    assert_eq!(about(kept.request(), &reply), json!({ "name": "request", "face": "platform", "operation": "PlatformListApplications", "status": 200 }));
    let reply = backend.send(Method::GET, "/v1/no/such/thing", None).await;
    assert_eq!(about(kept.request(), &reply), json!({ "name": "request", "face": "backend", "status": 404 }));
}

#[tokio::test]
async fn by_default_a_request_that_went_well_says_nothing() {
    let server = TestServer::start().await;
    let kept = Kept::default();
    let writer = kept.clone();
    let log = tracing_subscriber::fmt().json().with_env_filter(EnvFilter::new("info")).with_writer(move || writer.clone()).finish();
    let _kept = tracing::subscriber::set_default(log);
    server.backend().get("/v1/users").await.ok();
    assert_eq!(kept.take(), "");
}
