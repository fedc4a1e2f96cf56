//! Callers: browsers with cookies, and backends and platforms with a credential.

use crate::{PASSWORD, address, traffic};
use axum::body::Body;
use domain::instances::Tenant;
use foundation::Secret;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use server::dispatch::Doors;
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body; `null` if it is no JSON.
    pub body: Value,
    /// Its body as text.
    pub text: String,
    /// Its body as it came.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// The resource in a Frontend API answer; fails the test where the call was refused.
    pub fn response(&self) -> &Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        &self.body["response"]
    }

    /// The body; fails the test where the call was refused.
    pub fn ok(&self) -> &Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        &self.body
    }

    /// The code of the first error; fails the test where there is none.
    pub fn code(&self) -> &str {
        self.body["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("no error: {} {}", self.status, self.text))
    }

    /// The parameter of the first error.
    pub fn param(&self) -> &str {
        self.body["errors"][0]["meta"]["param_name"].as_str().unwrap_or_default()
    }

    /// Status and code of the first error.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.code())
    }

    /// Where the answer sends the browser.
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

pub(crate) async fn send(doors: &Doors, face: &str, prefix: &str, peer: Option<IpAddr>, request: Request<Body>) -> Reply {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let overridden = query.split('&').find_map(|pair| pair.strip_prefix("_method="));
    let method = if request.method() == Method::POST { overridden.unwrap_or("POST").to_owned() } else { request.method().to_string() };
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let path = path.strip_prefix(prefix).unwrap_or(&path).to_owned();
    let (parts, body) = doors.answer(request, peer).await.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !face.is_empty() {
        traffic::record(face, &method, &path, parts.status.as_u16(), kind, &body);
    }
    Reply { status: parts.status, headers: parts.headers, body, text, bytes: bytes.to_vec() }
}

/// The content type of [`form_data`].
pub(crate) const FORM_DATA: &str = "multipart/form-data; boundary=----insula";

/// A form with one file, as browsers send it.
pub(crate) fn form_data(file: &[u8]) -> Vec<u8> {
    let head = b"------insula\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../etc/passwd.png\"\r\nContent-Type: image/png\r\n\r\n";
    [&head[..], file, b"\r\n------insula--\r\n"].concat()
}

/// A small picture: a PNG of one pixel.
pub fn picture() -> Vec<u8> {
    let text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64")
}

/// A browser at one instance's door, by its path.
#[derive(Clone)]
pub struct Browser {
    doors: Arc<Doors>,
    prefix: String,
    host: String,
    /// The page's origin; `None` for none.
    pub origin: Option<String>,
    /// Its cookies.
    pub cookies: BTreeMap<String, String>,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// The address at the other side of its connection.
    pub peer: Option<IpAddr>,
}

impl Browser {
    pub(crate) fn new(doors: Arc<Doors>, tenant: &Tenant) -> Browser {
        Browser {
            doors,
            prefix: format!("/t/{}", tenant.instance.slug),
            host: "localhost:7080".to_owned(),
            origin: Some("http://localhost:3000".to_owned()),
            cookies: BTreeMap::new(),
            headers: Vec::new(),
            peer: None,
        }
    }

    /// Reaches the instance by its own host instead of by path.
    #[must_use]
    pub fn by_host(mut self, host: &str) -> Browser {
        self.prefix = String::new();
        self.host = host.to_owned();
        self
    }

    /// At the door of one of the instance's own pools, by its path.
    #[must_use]
    pub fn in_pool(mut self, pool: &str) -> Browser {
        self.prefix = format!("{}/o/{pool}", self.prefix);
        self
    }

    /// Comes from this address.
    #[must_use]
    pub fn from(mut self, address: &str) -> Browser {
        self.peer = Some(address.parse().expect("an address"));
        self
    }

    /// The same cookies at another door.
    #[must_use]
    pub fn at(mut self, other: &Browser) -> Browser {
        self.prefix.clone_from(&other.prefix);
        self.host.clone_from(&other.host);
        self
    }

    /// Sends a request; cookies that come back are kept.
    pub async fn send(&mut self, method: Method, path: &str, kind: Option<&str>, body: String) -> Reply {
        self.send_bytes(method, path, kind, body.into_bytes()).await
    }

    /// Sends a request with a body of any bytes; cookies that come back are kept.
    pub async fn send_bytes(&mut self, method: Method, path: &str, kind: Option<&str>, body: Vec<u8>) -> Reply {
        self.send_body(method, path, kind, Body::from(body)).await
    }

    /// Sends a request with a body that comes as it comes; cookies that come back are kept.
    pub async fn send_body(&mut self, method: Method, path: &str, kind: Option<&str>, body: Body) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.prefix)).header(header::HOST, &self.host);
        if let Some(origin) = &self.origin {
            request = request.header(header::ORIGIN, origin);
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let reply = send(&self.doors, "frontend", &self.prefix, self.peer, request.body(body).expect("a request")).await;
        for cookie in reply.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("a cookie");
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie's name");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    /// Reads.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, None, String::new()).await
    }

    /// Posts a form.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Method::POST, path, Some("application/x-www-form-urlencoded"), body).await
    }

    /// Uploads a file as the field `file` of a form.
    pub async fn upload(&mut self, path: &str, file: &[u8]) -> Reply {
        self.send_bytes(Method::POST, path, Some(FORM_DATA), form_data(file)).await
    }

    /// Posts a form with another method in the query, as the SDKs do.
    pub async fn override_method(&mut self, method: &str, path: &str, form: &[(&str, &str)]) -> Reply {
        let joint = if path.contains('?') { '&' } else { '?' };
        self.post(&format!("{path}{joint}_method={method}"), form).await
    }

    /// Signs a new user of this name up, by password and a proven test address.
    pub async fn sign_up(&mut self, name: &str) -> Reply {
        let reply = self.post("/v1/client/sign_ups", &[("email_address", &address(name)), ("password", PASSWORD)]).await;
        let id = reply.response()["id"].as_str().expect("an id").to_owned();
        self.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await.response();
        let reply = self.post(&format!("/v1/client/sign_ups/{id}/attempt_verification"), &[("strategy", "email_code"), ("code", "424242")]).await;
        assert_eq!(reply.response()["status"], "complete");
        reply
    }

    /// Signs in by password.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Reply {
        self.post("/v1/client/sign_ins", &[("identifier", &address(name)), ("password", password)]).await
    }

    /// The sessions that the client holds.
    pub async fn sessions(&mut self) -> Vec<Value> {
        self.get("/v1/client").await.response()["sessions"].as_array().cloned().unwrap_or_default()
    }

    /// The id of the only session.
    pub async fn session_id(&mut self) -> String {
        self.sessions().await[0]["id"].as_str().expect("a session").to_owned()
    }

    /// The id of the user of the only session.
    pub async fn user_id(&mut self) -> String {
        self.sessions().await[0]["user"]["id"].as_str().expect("a user").to_owned()
    }

    /// A fresh token of the only session.
    pub async fn token(&mut self) -> String {
        let id = self.session_id().await;
        self.post(&format!("/v1/client/sessions/{id}/tokens"), &[]).await.ok()["jwt"].as_str().expect("a token").to_owned()
    }
}

/// A backend or a platform.
#[derive(Clone)]
pub struct Api {
    doors: Arc<Doors>,
    face: &'static str,
    credential: Option<String>,
}

impl Api {
    pub(crate) fn new(doors: Arc<Doors>, face: &'static str, credential: Option<&Secret>) -> Api {
        Api { doors, face, credential: credential.map(|c| c.expose().to_owned()) }
    }

    /// Sends a request with a JSON body, if there is one.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        self.send_text(method, path, body.map(|b| ("application/json", b.to_string()))).await
    }

    /// Sends a JSON body, if the resource still has this version.
    pub async fn send_if(&self, method: Method, path: &str, version: &str, body: &Value) -> Reply {
        self.send_with(method, path, &[("if-match", version)], Some(("application/json", body.to_string().into_bytes()))).await
    }

    /// Sends a request with a body of any kind.
    pub async fn send_text(&self, method: Method, path: &str, body: Option<(&str, String)>) -> Reply {
        self.send_with(method, path, &[], body.map(|(kind, text)| (kind, text.into_bytes()))).await
    }

    /// Sends a request with a body of any bytes.
    pub async fn send_bytes(&self, method: Method, path: &str, body: Option<(&str, Vec<u8>)>) -> Reply {
        self.send_with(method, path, &[], body).await
    }

    async fn send_with(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<(&str, Vec<u8>)>) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("/api{path}")).header(header::HOST, "localhost:7080");
        if let Some(credential) = &self.credential {
            request = request.header(header::AUTHORIZATION, format!("Bearer {credential}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let text = match body {
            Some((kind, text)) => {
                request = request.header(header::CONTENT_TYPE, kind);
                text
            }
            None => Vec::new(),
        };
        send(&self.doors, self.face, "/api", None, request.body(Body::from(text)).expect("a request")).await
    }

    /// Uploads a file as the field `file` of a form.
    pub async fn upload(&self, path: &str, file: &[u8]) -> Reply {
        self.send_bytes(Method::POST, path, Some((FORM_DATA, form_data(file)))).await
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    /// Posts.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(&body)).await
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(&body)).await
    }

    /// Replaces.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(&body)).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }
}
