//! Handing mail over to the server's own mail server, which can fail in every way.

use super::{LOGIN, ask_for_code, code, failures, jobs, relay, sending, trusting, verify};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use testkit::{
    Setup, TestServer,
    mail_server::{Fault, MailServer},
};
use world::mail::Encryption;

const EMAIL: &str = "ada@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_arrives_by_every_kind_of_connection_and_works() {
    for encryption in [Encryption::StartTls, Encryption::Implicit, Encryption::None] {
        let mail = MailServer::start(encryption, Some(LOGIN)).await;
        let server = sending(&mail, encryption).await;
        let mut browser = server.browser();
        let sign_up = ask_for_code(&mut browser, EMAIL).await;
        assert!(mail.taken().is_empty(), "nothing is sent before the commit's job runs");
        server.run_jobs().await;
        let taken = mail.taken();
        assert_eq!(taken.len(), 1, "{encryption:?}");
        let one = &taken[0];
        assert_eq!((one.from.as_str(), one.to.as_str()), ("no-reply@id.example.com", EMAIL));
        assert_eq!((one.encrypted, one.login.as_deref()), (encryption != Encryption::None, Some("insula")));
        assert_eq!(one.field("From"), "Home <no-reply@id.example.com>");
        assert_eq!(one.field("To"), EMAIL);
        assert_eq!(one.field("Date"), "Thu, 01 Jan 2026 00:00:00 +0000", "the world's clock");
        assert!(one.field("Message-ID").starts_with("<msg_") && one.field("Message-ID").ends_with("@id.example.com>"));
        assert_eq!(one.field("Auto-Submitted"), "auto-generated");
        assert!(one.field("Content-Type").starts_with("multipart/alternative"));
        assert!(one.html().contains(&format!(">{}</span>", code(&one.text()))));
        assert_eq!(one.field("Subject"), format!("{} is your Home verification code", code(&one.text())));
        assert!(!one.data.contains("Neighbour"));
        verify(&mut browser, &sign_up, &code(&one.text())).await.response();
        assert!(server.world.inbox.caught(None).is_empty(), "nothing is caught beside");
        assert_eq!(jobs(&server).await, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_serves_several_mails() {
    let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
    let server = sending(&mail, Encryption::StartTls).await;
    for name in ["a", "b", "c"] {
        ask_for_code(&mut server.browser(), &format!("{name}@example.com")).await;
    }
    server.run_jobs().await;
    assert_eq!((mail.taken().len(), mail.connections()), (3, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporary_refusal_is_tried_again_later() {
    let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
    let server = sending(&mail, Encryption::StartTls).await;
    mail.fail(Fault::Later);
    let mut browser = server.browser();
    let sign_up = ask_for_code(&mut browser, EMAIL).await;
    server.run_jobs().await;
    assert_eq!(jobs(&server).await, [("waiting".to_owned(), 1)]);
    assert_eq!(server.run_jobs().await, 0, "not at once");
    mail.fail(Fault::None);
    server.advance(Duration::from_secs(6));
    server.run_jobs().await;
    assert_eq!(mail.taken().len(), 1);
    assert_eq!((jobs(&server).await, failures(&server).await), (vec![], vec![]));
    verify(&mut browser, &sign_up, &code(&mail.taken()[0].text())).await.response();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permanent_refusal_is_not_tried_again_and_the_audit_log_knows() {
    for (fault, step, answer) in [(Fault::NoSuchReceiver, "the receiver", 550), (Fault::NoMail, "the mail itself", 554)] {
        let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
        let server = sending(&mail, Encryption::StartTls).await;
        mail.fail(fault);
        ask_for_code(&mut server.browser(), EMAIL).await;
        server.run_jobs().await;
        assert_eq!(jobs(&server).await, [("dead".to_owned(), 1)]);
        assert_eq!(failures(&server).await, [json!({ "kind": "verification_code", "step": step, "code": answer })]);
        server.advance(Duration::from_secs(3_600));
        assert_eq!(server.run_jobs().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_has_expired_is_not_sent_any_more() {
    let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
    let server = sending(&mail, Encryption::StartTls).await;
    mail.fail(Fault::Later);
    ask_for_code(&mut server.browser(), EMAIL).await;
    server.run_jobs().await;
    mail.fail(Fault::None);
    server.advance(Duration::from_secs(601));
    server.run_jobs().await;
    assert!(mail.taken().is_empty());
    assert_eq!(failures(&server).await[0]["step"], "its code has expired");
}

/// Whatever goes wrong before the mail was named can be mended: it is tried again, at most twelve times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_is_no_good_loses_nothing_and_ends_nothing() {
    for fault in [Fault::Drops, Fault::NoStartTls, Fault::SpeaksOn, Fault::EndlessGreeting, Fault::EndlessLines, Fault::NoLogin] {
        let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
        let server = sending(&mail, Encryption::StartTls).await;
        mail.fail(fault);
        ask_for_code(&mut server.browser(), EMAIL).await;
        server.run_jobs().await;
        assert_eq!(jobs(&server).await, [("waiting".to_owned(), 1)], "{fault:?}");
        assert!(mail.taken().is_empty(), "{fault:?}");
        mail.fail(Fault::None);
        server.advance(Duration::from_secs(6));
        server.run_jobs().await;
        assert_eq!(mail.taken().len(), 1, "{fault:?}");
    }
}

/// CVE-2011-0411, and the stripping of STARTTLS: whoever stands between takes the offer out, or speaks before the encryption. Neither the
/// password nor the code is told to them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_encryption_no_credential_and_no_mail_is_shown() {
    for fault in [Fault::NoStartTls, Fault::SpeaksOn] {
        let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
        let server = sending(&mail, Encryption::StartTls).await;
        mail.fail(fault);
        ask_for_code(&mut server.browser(), EMAIL).await;
        server.run_jobs().await;
        let overheard = mail.overheard();
        assert!(overheard.starts_with("EHLO "), "{overheard}");
        for word in ["AUTH", "MAIL", EMAIL, "DATA"] {
            assert!(!overheard.contains(word), "{fault:?}: {overheard}");
        }
        assert!(mail.taken().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_somebody_else_is_not_trusted() {
    let (mail, other) = (MailServer::start(Encryption::StartTls, Some(LOGIN)).await, MailServer::start(Encryption::StartTls, None).await);
    let (relay, trusting) = (relay(&mail, Encryption::StartTls), trusting(&[&other]));
    let server = TestServer::start_with(Setup { post: Box::new(move |post| trusting(post).by(Some(relay))), ..Setup::default() }).await;
    ask_for_code(&mut server.browser(), EMAIL).await;
    server.run_jobs().await;
    assert!(mail.taken().is_empty());
    assert!(!mail.overheard().contains("AUTH"));
    assert_eq!(jobs(&server).await, [("waiting".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_twelve_tries_a_mail_is_laid_aside() {
    let mail = MailServer::start(Encryption::StartTls, Some(LOGIN)).await;
    let server = sending(&mail, Encryption::StartTls).await;
    // A notice has no end of its own.
    let user = server.backend().post("/v1/users", json!({ "email_address": [EMAIL], "password": testkit::PASSWORD })).await.ok()["id"].clone();
    mail.fail(Fault::Later);
    let path = format!("/v1/users/{}", user.as_str().expect("an id"));
    server.backend().patch(&path, json!({ "password": "another good password" })).await.ok();
    for _ in 0..14 {
        server.run_jobs().await;
        server.advance(Duration::from_secs(3_600));
    }
    assert_eq!(jobs(&server).await, [("dead".to_owned(), 12)]);
    assert_eq!(failures(&server).await, [json!({ "kind": "password_changed", "step": "the receiver", "code": 451 })]);
}

/// A header field is added by nobody: the application's name goes into every mail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_an_application_is_only_a_name() {
    let mail = MailServer::start(Encryption::None, Some(LOGIN)).await;
    let server = sending(&mail, Encryption::None).await;
    let path = format!("/v1/platform/applications/{}", server.home.tenant.instance.application);
    for name in ["Grüße & Söhne \"GmbH\"", "<b>Acme</b> <x@evil.example>", "日本の会社"] {
        server.platform().patch(&path, json!({ "name": name })).await.ok();
        ask_for_code(&mut server.browser(), &format!("x{}@example.com", name.len())).await;
        server.run_jobs().await;
        let taken = mail.taken();
        let one = taken.last().expect("a mail");
        assert!(one.data.is_ascii());
        assert!(one.field("From").ends_with(" <no-reply@id.example.com>"), "{}", one.field("From"));
        assert!(!one.html().contains("<b>Acme</b>"));
        assert!(one.text().contains(name), "{}", one.text());
    }
    for name in ["Acme\r\nBcc: all@example.com", "Acme\nX: y", "Acme\u{0}"] {
        assert!(server.platform().patch(&path, json!({ "name": name })).await.status.is_client_error(), "{name:?}");
    }
}

/// One instance's mail server says nothing; the others' mail does not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_mail_server_holds_up_nobody_else() {
    let (silent, mail) = (MailServer::start(Encryption::StartTls, Some(LOGIN)).await, MailServer::start(Encryption::StartTls, Some(LOGIN)).await);
    silent.fail(Fault::Hangs);
    let (relay, trusting) = (relay(&mail, Encryption::StartTls), trusting(&[&mail, &silent]));
    let server = TestServer::start_with(Setup { post: Box::new(move |post| trusting(post).by(Some(relay))), ..Setup::default() }).await;
    super::set_own(&server, &silent, json!({})).await.ok();
    for number in 0..12 {
        ask_for_code(&mut server.browser(), &format!("home{number}@example.com")).await;
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let runner = tokio::spawn(server::jobs::run(Arc::clone(&server.world), server.database.clone(), stopped));
    ask_for_code(&mut server.neighbours_browser(), EMAIL).await;
    tokio::time::timeout(Duration::from_secs(10), async {
        while mail.taken().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the neighbour's mail arrives while ours waits");
    assert_eq!(mail.taken()[0].field("From"), "Neighbour <no-reply@id.example.com>");
    assert!(silent.connections() <= 4, "{} connections", silent.connections());
    drop(stop);
    runner.abort();
}
