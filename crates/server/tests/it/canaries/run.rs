//! The built binary with its loudest log, and everything secret that has passed between it and the test.

use crate::process::{self, Running};
use foundation::random::Seeded;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Duration,
};
use store::{Bounds, Database, Faults, Location, MasterKey, Options};
use testkit::mail_server::MailServer;
use world::World;

/// The master key, and its text.
const MASTER: [u8; 32] = *b"canary-canary-canary-canary-32by";
pub const MASTER_TEXT: &str = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTMyYnk=";
/// Passwords of mail servers: the server's own, and one that is wrong for an instance's own.
pub const SMTP: &str = "canary-smtp-password-1";
pub const OWN_SMTP: &str = "canary-smtp-password-2";
/// Passwords of people, one after the other.
pub const PASSWORD: &str = "canary-password-of-ada-1";
pub const SECOND: &str = "canary-password-of-ada-2";
pub const THIRD: &str = "canary-password-of-ada-3";
pub const WRONG: &str = "canary-password-that-is-wrong";
pub const SHORT: &str = "ca-n4ry";
/// What stands in requests that make no sense.
pub const BROKEN: &str = "canary-in-a-broken-request";
/// The name of a parameter that nobody knows, which its refusal names.
pub const NAME: &str = "canary-as-a-name";
/// A key of a template's own.
pub const TEMPLATE_KEY: &str = "canary-canary-canary-template-key";
/// Credentials of nobody: a secret key, a platform token, a ticket or cookie or token.
pub const STRANGE: [&str; 3] = ["sk_test_canaryCanaryCanaryCanaryCanaryCanary42", "plt_canaryCanaryCanaryCanaryCanaryCanary42", "canary-ticket-of-nobody"];
/// Addresses of people: no secrets, and nobody's business in a log.
pub const ADA: &str = "ada.canary@example.com";
pub const BOB: &str = "bob.canary@example.com";
pub const EVE: &str = "eve.canary@example.com";

/// What is secret wherever it stands in an answer.
const SECRET_FIELDS: [&str; 6] = ["token", "jwt", "secret_key", "secret", "refresh_token", "platform_token"];

/// The server, and all that nobody else may learn from it.
pub struct Run {
    pub running: Option<Running>,
    port: u16,
    metrics: u16,
    pub slug: String,
    pub mail: MailServer,
    read: usize,
    /// All that is secret.
    pub secrets: BTreeSet<String>,
    /// Six-digit codes: too short to be looked for inside of other words.
    pub codes: BTreeSet<String>,
    /// What refusals said.
    pub refusals: Vec<String>,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    cookies: Vec<(String, String)>,
}

/// A request: its method and its path.
pub type Request<'a> = (&'a str, &'a str);
/// A browser's cookies.
pub type Jar = Vec<(String, String)>;

impl Answer {
    pub fn word(&self, name: &str) -> String {
        word(&self.body, name)
    }

    /// A word of the resource in an answer of the Frontend API.
    pub fn response(&self, name: &str) -> String {
        word(&self.body["response"], name)
    }

    /// Fails the test where the status is another.
    pub fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

pub fn word(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned()
}

impl Run {
    pub fn start(folder: &Path, mail: MailServer, database: Option<&str>) -> Run {
        let (port, metrics) = (process::free_port(), process::free_port());
        let mut command = process::command(&folder.join("data"), port);
        command.env("INSULA_MASTER_KEY", MASTER_TEXT).env("INSULA_LOG", "trace").env("INSULA_LOG_FORMAT", "json").env("INSULA_SMTP_PASSWORD", SMTP);
        command.args(["--smtp-host", "localhost", "--smtp-tls", "none", "--smtp-username", "insula", "--smtp-from", "no-reply@example.com"]);
        command.arg("--smtp-port").arg(mail.address.port().to_string()).arg("--smtp-private-networks");
        command.arg("--metrics-listen").arg(format!("127.0.0.1:{metrics}"));
        if let Some(url) = database {
            command.args(["--database-url", url]);
        }
        let file = |name| File::create(folder.join(name)).expect("a file");
        let running = process::start_into(command, port, file("out").into(), file("log").into());
        let login = format!("\0insula\0{SMTP}");
        let login = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, login);
        let known = [MASTER_TEXT, SMTP, &login, OWN_SMTP, PASSWORD, SECOND, THIRD, WRONG, SHORT, BROKEN, TEMPLATE_KEY];
        let secrets = known.iter().chain(&STRANGE).map(|text| (*text).to_owned()).collect();
        let (codes, refusals) = (BTreeSet::new(), Vec::new());
        Run { running: Some(running), port, metrics, slug: String::new(), mail, read: 0, secrets, codes, refusals }
    }

    /// One request. Whatever the answer hands out is a secret from then on.
    fn send(&mut self, request: Request<'_>, headers: &[String], body: &str) -> Answer {
        let (method, path) = request;
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a bound");
        let extra: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let host = format!("Host: localhost:{}\r\nConnection: close\r\nContent-Length: {}\r\n", self.port, body.len());
        write!(stream, "{method} {path} HTTP/1.1\r\n{host}{extra}\r\n{body}").expect("it is sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let fields = |name: &'static str| head.lines().filter_map(move |line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        let pair = |line: &str| line.split(';').next().and_then(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let cookies: Jar = fields("set-cookie").filter_map(|(_, line)| pair(line)).collect();
        // A short one says a time or nothing, and an address carries what it is asked for by its query.
        let locations = fields("location").flat_map(|(_, place)| place.split(['?', '&']).filter_map(pair)).map(|(_, value)| value);
        let handed = cookies.iter().map(|(_, value)| value.clone()).chain(locations);
        self.secrets.extend(handed.filter(|value| value.len() > 20 && !value.starts_with("http")));
        let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        if status >= 400 {
            self.refusals.push(format!("{method} {path}: {body}").replace(path, "…"));
        } else {
            self.collect(&json);
        }
        Answer { status, body: json, cookies }
    }

    fn collect(&mut self, body: &Value) {
        match body {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if SECRET_FIELDS.contains(&name.as_str()) => drop(self.secrets.insert(text.clone())),
                        other => self.collect(other),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect(value)),
            _ => {}
        }
    }

    /// A browser's request, by a form.
    pub fn browser(&mut self, jar: &mut Jar, request: Request<'_>, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut headers = vec!["Origin: http://localhost:3000".to_owned(), "Content-Type: application/x-www-form-urlencoded".to_owned()];
        if !jar.is_empty() {
            let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(format!("Cookie: {}", cookies.join("; ")));
        }
        let path = format!("/t/{}{}", self.slug, request.1);
        let answer = self.send((request.0, &path), &headers, &body);
        for (name, value) in &answer.cookies {
            jar.retain(|(known, _)| known != name);
            jar.push((name.clone(), value.clone()));
        }
        answer
    }

    /// A backend's or a platform's request, by JSON or by what is to look like it.
    pub fn api(&mut self, credential: &str, request: Request<'_>, body: &str) -> Answer {
        let headers = [format!("Authorization: Bearer {credential}"), "Content-Type: application/json".to_owned()];
        self.send((request.0, &format!("/api{}", request.1)), &headers, body)
    }

    /// A request with these header fields.
    pub fn with_headers(&mut self, request: Request<'_>, headers: &[String]) -> Answer {
        self.send(request, headers, "")
    }

    /// What Prometheus would read.
    pub fn metrics(&self) -> String {
        process::ask(self.metrics, "/metrics", &[]).expect("metrics")
    }

    /// The code in the next mail to this address.
    pub async fn code(&mut self, to: &str) -> String {
        loop {
            self.mail.ended(self.read + 1).await;
            let taken = self.mail.taken()[self.read].clone();
            self.read += 1;
            let text = taken.text();
            let found = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6);
            if let Some(code) = found.filter(|_| taken.to == to) {
                self.codes.insert(code.to_owned());
                return code.to_owned();
            }
        }
    }

    /// A code that is not this one.
    pub fn another(&mut self, code: &str) -> String {
        let wrong = if code == "135791" { "135792" } else { "135791" };
        self.codes.insert(wrong.to_owned());
        wrong.to_owned()
    }
}

/// The server's database once more, for what no caller can do to it.
pub async fn database(folder: &Path, url: Option<&str>) -> Database {
    let world = Arc::new(World::real());
    let location = url.map_or_else(|| Location::File(folder.join("data/insula.db")), |url| Location::Url(url.to_owned()));
    let random = foundation::random::Shared::new(Seeded::new(7));
    let master = MasterKey::new(MASTER);
    let options = Options { clock: Arc::clone(&world.clock), random, master, faults: Faults::default(), connections: 2, bounds: Bounds::DEFAULT };
    Database::open(&location, options).await.expect("it opens")
}

/// What makes an instance's own mail server.
pub fn own_server(host: &str, own: &MailServer) -> String {
    json!({
        "host": host, "port": own.address.port(), "tls": "none", "username": "insula", "password": OWN_SMTP, "from_address": "hello@acme.example", "fall_back": true,
    })
    .to_string()
}
