//! An instance's own mail server.

use super::{LOGIN, ask_for_code, failures, jobs, relay, set_own, trusting, with_own};
use crate::backend::assert_refusal;
use http::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use testkit::{
    Setup, TestServer,
    mail_server::{Fault, MailServer},
};
use world::mail::{Answers, Encryption};

const PATH: &str = "/v1/instance/smtp";
const EMAIL: &str = "ada@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_is_set_shown_without_its_password_and_taken_away() {
    let (server, mail) = with_own().await;
    let backend = server.backend();
    assert_eq!(backend.get(PATH).await.refusal(), (404, "resource_not_found"));
    assert_eq!(backend.delete(PATH).await.status, 404);
    let set = set_own(&server, &mail, json!({ "from_name": "Acme", "fall_back": true })).await.ok().clone();
    assert_eq!(backend.get(PATH).await.ok(), &set);
    assert_eq!(
        set,
        json!({
            "object": "smtp_server", "host": "localhost", "port": mail.address.port(), "tls": "starttls", "username": LOGIN.0, "has_password": true,
            "from_address": "hello@acme.example", "from_name": "Acme", "fall_back": true, "created_at": set["created_at"], "updated_at": set["updated_at"],
        })
    );
    let belongings = server.belongings(server.home.tenant.id()).await;
    assert!(!format!("{belongings:?}").contains(LOGIN.1), "it is sealed, and in no audit entry");
    assert_eq!(server.neighbours_backend().get(PATH).await.status, 404);
    assert_eq!(backend.delete(PATH).await.ok(), &json!({ "object": "smtp_server", "deleted": true }));
    assert_eq!(backend.get(PATH).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_goes_by_it_under_the_instances_own_name_and_the_neighbours_does_not() {
    let (server, mail) = with_own().await;
    set_own(&server, &mail, json!({ "from_name": "Acme" })).await.ok();
    ask_for_code(&mut server.browser(), EMAIL).await;
    ask_for_code(&mut server.neighbours_browser(), EMAIL).await;
    server.run_jobs().await;
    let taken = mail.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].field("From").as_str(), taken[0].from.as_str()), ("Acme <hello@acme.example>", "hello@acme.example"));
    assert!(taken[0].encrypted && taken[0].field("Message-ID").ends_with("@acme.example>"));
    let caught = server.world.inbox.caught(None);
    assert_eq!((caught.len(), caught[0].mail.from_name.as_str()), (1, "Neighbour"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_stays_only_where_nothing_else_of_the_log_in_changes() {
    let (server, mail) = with_own().await;
    set_own(&server, &mail, json!({})).await.ok();
    let kept = set_own(&server, &mail, json!({ "password": null, "from_name": "Acme" })).await.ok().clone();
    assert_eq!((&kept["has_password"], &kept["from_name"]), (&json!(true), &json!("Acme")));
    ask_for_code(&mut server.browser(), EMAIL).await;
    server.run_jobs().await;
    assert_eq!(mail.taken().len(), 1, "it still logs in");
    for change in [json!({ "host": "127.0.0.1" }), json!({ "port": 2_525 }), json!({ "tls": "implicit" }), json!({ "username": "other" })] {
        let mut body = change.clone();
        body["password"] = Value::Null;
        let reply = set_own(&server, &mail, body).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_missing"), "password"), "{change}");
    }
    let without = set_own(&server, &mail, json!({ "username": null, "password": null })).await.ok().clone();
    assert_eq!(without["has_password"], false);
    let reply = set_own(&server, &mail, json!({ "username": null })).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_missing"), "username"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_by_name() {
    let (server, mail) = with_own().await;
    for (param, value) in [
        ("host", json!("")),
        ("host", json!("smtp example")),
        ("host", json!("smtp.example.com:25")),
        ("host", json!("http://smtp.example.com")),
        ("host", json!("smtp.example.com\r\nQUIT")),
        ("host", json!("user@smtp.example.com")),
        ("host", json!(7)),
        ("port", json!(0)),
        ("port", json!(65_536)),
        ("port", json!(-1)),
        ("port", json!("587")),
        ("tls", json!("ssl")),
        ("tls", json!("")),
        ("username", json!("a\r\nb")),
        ("password", json!("a\nb")),
        ("password", json!("x".repeat(513))),
        ("from_address", json!("acme")),
        ("from_address", json!("a@b.example\r\nBcc: c@d.example")),
        ("from_name", json!("Acme\r\nBcc: c@d.example")),
        ("from_name", json!("x".repeat(101))),
        ("fall_back", json!("yes")),
        ("no_such_field", json!(1)),
    ] {
        let reply = set_own(&server, &mail, json!({ param: value })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{param}={value}");
        assert_refusal(&reply, param);
    }
    let reply = set_own(&server, &mail, json!({ "host": "smtp.example.com", "tls": "none" })).await;
    assert_eq!((reply.status.as_u16(), reply.param()), (422, "tls"), "in the clear to this machine only");
    assert_eq!(server.backend().get(PATH).await.status, 404, "nothing was set");
}

/// CVE-2024-49753, CVE-2026-27945, CVE-2026-55671, CVE-2025-67494: a tenant's host led inside. Literals are refused when they are set, names when they are used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_mail_server_is_on_the_public_network_or_nowhere() {
    let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
    let inside: [(&str, &str); 4] = [
        ("rebound.example.com", "127.0.0.1"),
        ("metadata.example.com", "169.254.169.254"),
        ("six.example.com", "::ffff:127.0.0.1"),
        ("private.example.com", "10.0.0.1"),
    ];
    let known =
        Answers(inside.iter().map(|(name, address)| ((*name).to_owned(), vec!["1.1.1.1".parse().expect("ip"), address.parse().expect("ip")])).collect());
    let certificate = mail.certificate.clone();
    let server = TestServer::start_with(Setup { post: Box::new(move |post| post.asking(Arc::new(known)).trusting(&certificate)), ..Setup::default() }).await;
    let backend = server.backend();
    let body = |host: &str| json!({ "host": host, "from_address": "hello@acme.example" });
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "x.localhost",
        "insula",
        "db.internal",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "fd00::1",
        "64:ff9b::7f00:1",
    ] {
        let reply = backend.put(PATH, body(host)).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "host"), "{host}");
    }
    for port in [22, 80, 5_432, 6_379, mail.address.port()] {
        let reply = backend.put(PATH, json!({ "host": "smtp.example.com", "port": port, "from_address": "hello@acme.example" })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "port"), "{port}");
    }
    for (name, _) in inside {
        backend.put(PATH, body(name)).await.ok();
        let trial = backend.post(&format!("{PATH}/test"), json!({ "to": EMAIL })).await.ok().clone();
        assert_eq!(
            (&trial["delivered"], &trial["step"], &trial["code"]),
            (&json!(false), &json!("the mail server may not be reached"), &Value::Null),
            "{name}"
        );
    }
    assert_eq!(mail.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_tells_what_the_mail_server_said() {
    let (server, mail) = with_own().await;
    let (backend, path) = (server.backend(), format!("{PATH}/test"));
    assert_eq!(backend.post(&path, json!({ "to": EMAIL })).await.status, 404, "there is none to try");
    set_own(&server, &mail, json!({ "fall_back": true })).await.ok();
    for (param, body) in [("to", json!({})), ("to", json!({ "to": "ada" })), ("cc", json!({ "to": EMAIL, "cc": EMAIL }))] {
        let reply = backend.post(&path, body).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param));
    }
    let good = backend.post(&path, json!({ "to": EMAIL })).await.ok().clone();
    assert_eq!(good, json!({ "object": "smtp_test", "delivered": true, "step": null, "code": 250, "message": "taken" }));
    let taken = mail.taken();
    assert_eq!((taken.len(), taken[0].to.as_str(), taken[0].field("Subject").as_str()), (1, EMAIL, "A test mail from Home"));
    mail.fail(Fault::NoSuchReceiver);
    let bad = backend.post(&path, json!({ "to": EMAIL })).await.ok().clone();
    assert_eq!((&bad["delivered"], &bad["step"], &bad["code"]), (&json!(false), &json!("the receiver"), &json!(550)));
    assert!(bad["message"].as_str().expect("words").starts_with("nobody here"));
    mail.fail(Fault::NoLogin);
    set_own(&server, &mail, json!({ "password": "another-canary" })).await.ok();
    let refused = backend.post(&path, json!({ "to": EMAIL })).await;
    assert_eq!((&refused.ok()["step"], &refused.ok()["code"]), (&json!("logging in"), &json!(535)));
    assert!(!refused.text.contains("canary"), "a server that repeats the password is not repeated: {}", refused.text);
    assert!(server.world.inbox.caught(None).is_empty(), "a trial never falls back");
    assert_eq!(jobs(&server).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trials_of_an_hour_are_counted() {
    let (server, mail) = with_own().await;
    set_own(&server, &mail, json!({})).await.ok();
    let (backend, path) = (server.backend(), format!("{PATH}/test"));
    for _ in 0..20 {
        backend.post(&path, json!({ "to": EMAIL })).await.ok();
    }
    let refused = backend.post(&path, json!({ "to": EMAIL })).await;
    assert_eq!(refused.refusal(), (429, "too_many_requests"));
    assert!(refused.headers.contains_key("retry-after"));
    set_own(&server, &mail, json!({})).await.ok();
    assert_eq!(backend.post(&path, json!({ "to": EMAIL })).await.status, 429, "setting it again gives no new ones");
    backend.delete(PATH).await.ok();
    assert_eq!(backend.post(&path, json!({ "to": EMAIL })).await.status, 404);
    set_own(&server, &mail, json!({})).await.ok();
    assert_eq!(backend.post(&path, json!({ "to": EMAIL })).await.status, 429, "nor does taking it away first");
    for host in ["a..b", "-a.example", "a.example.", "a_b.example", "1.2.3.999"] {
        let refused = set_own(&server, &mail, json!({ "host": host })).await;
        assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "host"), "{host}");
    }
    server.advance(Duration::from_secs(3_601));
    backend.post(&path, json!({ "to": EMAIL })).await.ok();
    assert_eq!(mail.taken().len(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_own_steps_in_only_where_the_setting_says_so_and_never_under_another_name() {
    for fall_back in [false, true] {
        let (own, servers) = (MailServer::start(Encryption::StartTls, Some(LOGIN)).await, MailServer::start(Encryption::StartTls, Some(LOGIN)).await);
        let (relay, trusting) = (relay(&servers, Encryption::StartTls), trusting(&[&own, &servers]));
        let server = TestServer::start_with(Setup { post: Box::new(move |post| trusting(post).by(Some(relay))), ..Setup::default() }).await;
        set_own(&server, &own, json!({ "fall_back": fall_back, "from_name": "Acme" })).await.ok();
        own.fail(Fault::Later);
        ask_for_code(&mut server.browser(), EMAIL).await;
        server.run_jobs().await;
        let taken = servers.taken();
        if fall_back {
            assert_eq!((taken.len(), jobs(&server).await.len()), (1, 0));
            assert_eq!(taken[0].field("From"), "Home <no-reply@id.example.com>", "another way, the same application");
            assert!(!taken[0].data.contains("Neighbour"));
        } else {
            assert_eq!((taken.len(), jobs(&server).await.len()), (0, 1));
        }
        own.fail(Fault::NoSuchReceiver);
        ask_for_code(&mut server.browser(), "bob@example.com").await;
        server.run_jobs().await;
        assert!(!servers.taken().iter().any(|mail| mail.to == "bob@example.com"), "a receiver who does not exist does not exist elsewhere either");
        assert_eq!(failures(&server).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_name_the_sender_where_the_servers_own_mail_server_is_used() {
    let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
    let server = super::sending(&mail, Encryption::StartTls).await;
    server.set(server.home.tenant.id(), json!({ "messages": { "sender": { "name": "Acme Accounts", "local_part": "accounts" } } })).await;
    ask_for_code(&mut server.browser(), EMAIL).await;
    server.run_jobs().await;
    assert_eq!(mail.taken()[0].field("From"), "\"Acme Accounts\" <accounts@id.example.com>");
    assert_eq!(mail.taken()[0].from, "accounts@id.example.com");
    for sender in [
        json!({ "local_part": "postmaster" }),
        json!({ "local_part": "a@b" }),
        json!({ "local_part": "" }),
        json!({ "local_part": "A" }),
        json!({ "name": "Acme\r\nBcc: x@y.example" }),
        json!({ "name": " " }),
    ] {
        let document = json!({ "messages": { "sender": sender } });
        let problem = domain::settings::check(document.as_object().expect("an object")).expect_err("refused");
        assert!(problem.facts().param.expect("a name").starts_with("messages.sender."), "{document}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_secret_key_there_is_no_mail_server() {
    let (server, mail) = with_own().await;
    set_own(&server, &mail, json!({})).await.ok();
    let nobody = server.api("backend", None);
    for (method, path) in [(Method::GET, PATH), (Method::PUT, PATH), (Method::DELETE, PATH), (Method::POST, "/v1/instance/smtp/test")] {
        assert_eq!(nobody.send(method, path, Some(&json!({ "to": EMAIL }))).await.status, 401);
    }
    assert_eq!(mail.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_without_a_mail_server_of_its_own_is_told_so() {
    let server = TestServer::start().await;
    for (method, path) in [(Method::GET, PATH), (Method::DELETE, PATH), (Method::POST, "/v1/instance/smtp/test")] {
        let body = (method == Method::POST).then(|| json!({ "to": EMAIL }));
        let refused = server.backend().send(method, path, body.as_ref()).await;
        assert_eq!(refused.refusal(), (404, "resource_not_found"), "{path}");
        assert!(refused.text.contains("PUT /v1/instance/smtp"), "{}", refused.text);
    }
}
