//! `/metrics`: the counts move, nobody outside can make them many, and they say nothing of any tenant.

use crate::{
    backend::raw,
    mail::{LOGIN, ask_for_code, sending},
    process,
};
use http::{Method, StatusCode};
use serde_json::json;
use server::{
    listen::Answers,
    metrics::{CLASSES, CONTENT_TYPE, FACES, Metrics},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use store::Bounds;
use testkit::{
    Line, PASSWORD, Rates, Setup, TestServer, Way,
    mail_server::{Fault, MailServer},
};
use world::mail::Encryption;

/// Every sample, by its name and labels.
async fn samples(server: &TestServer) -> BTreeMap<String, f64> {
    let text = Metrics::new(Arc::clone(server.doors())).text().await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).expect("a sample")).collect()
}

fn requests(face: &str, operation: &str, status: &str) -> String {
    format!("insula_requests_total{{face=\"{face}\",operation=\"{operation}\",status=\"{status}\"}}")
}

/// What has grown from one to the other, of what is so called.
fn grown(name: &str, before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let ours = after.iter().filter(|(key, _)| key.starts_with(name));
    ours.map(|(key, value)| (key.clone(), value - before[key])).filter(|(_, by)| *by != 0.0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_counted_once() {
    let server = TestServer::start().await;
    let before = samples(&server).await;
    let mut browser = server.browser();
    browser.get("/v1/environment").await.ok();
    browser.get("/v1/environment").await.ok();
    assert_eq!(server.backend().get("/v1/users/user_2abc").await.status, StatusCode::NOT_FOUND);
    server.platform().get("/v1/platform/applications").await.ok();
    assert_eq!(server.backend().get("/v1/no/such").await.status, StatusCode::NOT_FOUND);
    assert_eq!(raw(&server, Method::GET, "/healthz", &[], "").await.status, StatusCode::OK);
    assert_eq!(raw(&server, Method::GET, "/", &[], "").await.status, StatusCode::OK);
    let after = samples(&server).await;
    let expected = [
        (requests("backend", "GetUser", "4xx"), 1.0),
        (requests("backend", "none", "4xx"), 1.0),
        (requests("frontend", "getEnvironment", "2xx"), 2.0),
        (requests("health", "none", "2xx"), 1.0),
        (requests("pages", "none", "2xx"), 1.0),
        (requests("platform", "PlatformListApplications", "2xx"), 1.0),
    ];
    assert_eq!(grown("insula_requests_total", &before, &after), BTreeMap::from(expected));
    let counts = [("backend", 2.0), ("frontend", 2.0), ("health", 1.0), ("pages", 1.0), ("platform", 1.0)];
    let counts = counts.map(|(face, by)| (format!("insula_request_duration_seconds_count{{face=\"{face}\"}}"), by));
    assert_eq!(grown("insula_request_duration_seconds_count", &before, &after), BTreeMap::from(counts));
    let frontend = |samples: &BTreeMap<String, f64>| samples["insula_request_duration_seconds_bucket{face=\"frontend\",le=\"+Inf\"}"];
    assert_eq!(frontend(&after) - frontend(&before), 2.0, "the last bucket holds all");
    assert!(!grown("insula_memory_reads_total{outcome=\"hit\"}", &before, &after).is_empty(), "the second was remembered");
    assert!(after["insula_memory_values"] > 0.0 && after["insula_memory_bytes"] > 0.0);
    assert!(after["insula_database_wait_seconds_count"] > before["insula_database_wait_seconds_count"]);
    assert_eq!((after["insula_database_up"], after["insula_database_trouble"]), (1.0, 0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_do_is_counted_when_it_is_committed() {
    let server = TestServer::start().await;
    let before = samples(&server).await;
    server.signed_in("ada").await;
    assert_eq!(server.browser().sign_in("ada", "not the password").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    server.browser().sign_in("ada", PASSWORD).await.ok();
    let earlier = server.run_jobs().await;
    let mut bob = server.browser();
    let sign_up = bob.post("/v1/client/sign_ups", &[("email_address", "bob@example.com"), ("password", PASSWORD)]).await;
    let prepare = format!("/v1/client/sign_ups/{}/prepare_verification", sign_up.response()["id"].as_str().expect("an id"));
    bob.post(&prepare, &[("strategy", "email_code")]).await.ok();
    server.advance(Duration::from_secs(90));
    let waiting = samples(&server).await;
    assert_eq!((waiting["insula_jobs{state=\"due\"}"], waiting["insula_jobs_oldest_due_seconds"]), (1.0, 90.0));
    assert_eq!(server.run_jobs().await, 1);
    let after = samples(&server).await;
    assert_eq!((after["insula_jobs{state=\"due\"}"], after["insula_jobs_oldest_due_seconds"]), (0.0, 0.0));
    for (name, by) in [
        ("insula_sign_ups_total", 1.0),
        ("insula_sign_ins_total{outcome=\"complete\"}", 1.0),
        ("insula_sign_ins_total{outcome=\"refused\"}", 1.0),
        ("insula_jobs_total{outcome=\"done\"}", f64::from(earlier) + 1.0),
        ("insula_jobs_total{outcome=\"again\"}", 0.0),
        ("insula_mails_total{via=\"inbox\",outcome=\"sent\"}", 1.0),
        ("insula_mails_total{via=\"server\",outcome=\"sent\"}", 0.0),
        ("insula_password_hashes_total", 4.0),
        ("insula_password_hashes_waiting", 0.0),
    ] {
        assert_eq!(after[name] - before[name], by, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_counted_by_what_became_of_them() {
    let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
    let server = sending(&mail, Encryption::StartTls).await;
    server.run_jobs().await;
    let before = samples(&server).await;
    for (fault, outcome, job) in
        [(Fault::None, "sent", "outcome=\"done\""), (Fault::Later, "failed", "outcome=\"again\""), (Fault::NoMail, "refused", "outcome=\"failed\"")]
    {
        mail.fail(fault);
        ask_for_code(&mut server.browser(), &format!("{outcome}@example.com")).await;
        server.run_jobs().await;
        let after = samples(&server).await;
        for name in [format!("insula_mails_total{{via=\"server\",outcome=\"{outcome}\"}}"), format!("insula_jobs_total{{{job}}}")] {
            assert_eq!(after[&name] - before[&name], 1.0, "{name}");
        }
        assert!(grown("insula_mails_total{via=\"in", &before, &after).is_empty(), "neither an instance's nor the inbox");
    }
    let after = samples(&server).await;
    assert_eq!((after["insula_jobs{state=\"failed\"}"], after["insula_jobs{state=\"later\"}"]), (1.0, 1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_is_counted() {
    let settings = json!({ "rates": { "creates": 1 } });
    let server = TestServer::start_with(Setup { settings, rates: Rates::Counted, ..Setup::default() }).await;
    let mut browser = server.browser().from("203.0.113.7");
    let before = samples(&server).await;
    for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(browser.post("/v1/client/sign_ins", &[]).await.status, status);
    }
    let expected = [("insula_requests_limited_total{face=\"frontend\"}".to_owned(), 2.0)];
    assert_eq!(grown("insula_requests_limited_total", &before, &samples(&server).await), BTreeMap::from(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_outside_can_add_a_label() {
    let server = TestServer::start().await;
    let before = samples(&server).await;
    let mut browser = server.browser();
    for path in ["/v1/%00", "/v1/client/sign_ins/\u{7f}x", "/v1/clients?_method=SPIN", "/v1/users/..%2f..", "/metrics", "/v1/me/{user_id}"] {
        browser.send(Method::GET, &path.replace('\u{7f}', "%7f"), None, String::new()).await;
        browser.send(Method::from_bytes(b"BREW").expect("a method"), &path.replace('\u{7f}', "%7f"), None, "\"\\{}".to_owned()).await;
        let backend = server.backend();
        backend.send(Method::PUT, &path.replace('\u{7f}', "%7f"), Some(&json!({ "x\"}": 1 }))).await;
        raw(&server, Method::GET, &path.replace('\u{7f}', "%7f"), &[("host", "nobody\"}.example")], "").await;
    }
    for n in 0..200 {
        raw(&server, Method::GET, &format!("/t/slug-{n}/v1/random-{n}"), &[], "").await;
        raw(&server, Method::GET, &format!("/api/v1/random-{n}"), &[], "").await;
        raw(&server, Method::GET, &format!("/random-{n}"), &[], "").await;
    }
    let after = samples(&server).await;
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(grown("insula_requests_total", &before, &after).values().sum::<f64>() >= 600.0, "they were counted, all the same");
    let series = after.keys().filter(|key| key.starts_with("insula_requests_total")).count();
    assert_eq!(series, (server.doors().operations().len() + FACES.len()) * CLASSES.len(), "one row an operation, one a face");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_say_nothing_of_tenants() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let (session, user) = (ada.session_id().await, ada.user_id().await);
    server.neighbours_backend().get(&format!("/v1/users/{user}")).await;
    let text = Metrics::new(Arc::clone(server.doors())).text().await;
    let mut private = vec![session, user, testkit::address("ada"), server.workspace.to_string()];
    for home in [&server.home, &server.neighbour] {
        let instance = &home.tenant.instance;
        private.extend([instance.id.to_string(), instance.slug.clone(), instance.name.clone(), instance.application.to_string()]);
    }
    for word in private {
        assert!(!text.contains(&word), "{word}");
    }
    let mut labels = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let inside = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(inside, _)| inside);
        labels.extend(inside.unwrap_or_default().split(',').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.to_owned()));
    }
    let known = ["database", "face", "le", "operation", "outcome", "state", "status", "version", "via"];
    assert_eq!(labels, known.map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_in_trouble_shows_and_holds_nothing_up() {
    let server = TestServer::start_with(Setup { bounds: Bounds::DEFAULT, way: Way::Proxied, ..Setup::default() }).await;
    let before = samples(&server).await;
    let taken = server.trouble(Line::Hangs).await;
    assert_eq!(server.backend().get("/v1/users").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let text = tokio::time::timeout(Duration::from_secs(5), samples(&server)).await.expect("it answers");
    assert_eq!(text["insula_database_up"], 0.0);
    assert!(!text.contains_key("insula_jobs{state=\"due\"}"), "nobody knows");
    assert!(text["insula_database_unavailable_total"] > before["insula_database_unavailable_total"]);
    assert_eq!(text[&requests("backend", "GetUserList", "5xx")] - before[&requests("backend", "GetUserList", "5xx")], 1.0);
    server.heal(taken).await;
}

/// The first column of the table in docs/operating.md, and every family that is exported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_documented_and_every_documented_one_is_there() {
    let server = TestServer::start().await;
    let text = Metrics::new(Arc::clone(server.doors())).text().await;
    let families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let helps = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
    assert!(helps.map(|line| line.split(' ').next()).eq(families.iter().map(|line| line.split(' ').next())), "each has its help");
    let table = include_str!("../../../../docs/operating.md").lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        ["insula_", "process_"].iter().any(|start| name.starts_with(start)).then(|| format!("{name} {}", cells.next().unwrap_or_default()))
    });
    assert_eq!(table.collect::<BTreeSet<_>>(), families.iter().map(|line| (*line).to_owned()).collect());
    for line in &families {
        let (name, kind) = line.split_once(' ').expect("a kind");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{line}: counters end in _total, others do not");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_get_and_only_there() {
    let server = TestServer::start().await;
    let metrics = Metrics::new(Arc::clone(server.doors()));
    let ask = async |method: &str, path: &str| {
        let request = http::Request::builder().method(method).uri(path).body(axum::body::Body::empty()).expect("a request");
        metrics.answer(request, None).await
    };
    let answer = ask("GET", "/metrics").await;
    assert_eq!((answer.status(), answer.headers()["content-type"].as_bytes()), (StatusCode::OK, CONTENT_TYPE.as_bytes()));
    assert_eq!(ask("POST", "/metrics").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    for path in ["/", "/metrics/", "/healthz", "/api/v1/users", "/v1/environment", "/inbox"] {
        assert_eq!(ask("GET", path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn the_public_address_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, own) = (process::free_port(), process::free_port());
    let mut command = process::command(folder.path(), port);
    command.env("INSULA_METRICS_LISTEN", format!("127.0.0.1:{own}"));
    let running = process::start_by(command, port);
    let answers = std::iter::repeat_with(|| process::ask(own, "/metrics", &[]).expect("an answer"));
    // The connection that asked whether it is ready is let go of when the server has seen its end.
    let answer = answers.take(500).find(|answer| answer.contains("insula_connections 0\n")).expect("nobody is connected to the public address");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains(&format!("insula_build_info{{version=\"{}\",database=\"sqlite\"}} 1\n", env!("CARGO_PKG_VERSION"))), "{answer}");
    assert!(!answer.contains("insula_connections_total 0\n"), "{answer}");
    assert!(answer.contains("\nprocess_resident_memory_bytes ") && answer.contains("\nprocess_open_fds "), "{answer}");
    assert!(process::ask(own, "/healthz", &[]).expect("an answer").starts_with("HTTP/1.1 404"));
    for path in ["/metrics", "/api/metrics", "/api/v1/metrics"] {
        let answer = process::ask(port, path, &[]).expect("an answer");
        assert!(!answer.starts_with("HTTP/1.1 200") && !answer.contains("insula_requests_total"), "{path}: {answer}");
    }
    assert_eq!(process::stop(running).0, 0);
}

#[test]
fn an_address_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |address: &str| {
        let mut command = process::command(folder.path(), 7080);
        process::refused(&command.args(["--metrics-listen", address]).output().expect("it runs"))
    };
    assert!(with("9090").contains("127.0.0.1:7081"));
    assert!(with("127.0.0.1:7080").contains("another port"));
    assert!(!folder.path().join("insula.db").exists(), "nothing was made");
}
