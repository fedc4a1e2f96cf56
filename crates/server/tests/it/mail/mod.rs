//! Mail by real mail servers in this process: the server's own, and instances'.

mod delivery;
mod instances;
mod notices;
mod templates;

use foundation::Secret;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Access, sql};
use testkit::{Browser, Reply, Setup, TestServer, mail_server::MailServer};
use world::mail::{Encryption, Post, Reach, Relay, SmtpServer};

pub const LOGIN: (&str, &str) = ("insula", "smtp-canary-password");

/// The way to a mail server in this process.
fn relay(server: &MailServer, encryption: Encryption) -> Relay {
    let login = Some((LOGIN.0.to_owned(), Secret::new(LOGIN.1)));
    let server = SmtpServer { host: "localhost".to_owned(), port: server.address.port(), encryption, login };
    Relay { server, from_address: "no-reply@id.example.com".to_owned(), from_name: None }
}

/// A post that trusts these servers and may reach them.
fn trusting(servers: &[&MailServer]) -> impl FnOnce(Post) -> Post + Send + use<> {
    let certificates: Vec<Vec<u8>> = servers.iter().map(|server| server.certificate.clone()).collect();
    move |post| certificates.iter().fold(post, |post, certificate| post.trusting(certificate)).reaching(Reach::Anywhere)
}

/// A server that sends by this mail server.
pub async fn sending(mail: &MailServer, encryption: Encryption) -> TestServer {
    let (relay, trusting) = (relay(mail, encryption), trusting(&[mail]));
    TestServer::start_with(Setup { post: Box::new(move |post| trusting(post).by(Some(relay))), ..Setup::default() }).await
}

/// Begins a sign-up and asks for its code.
pub async fn ask_for_code(browser: &mut Browser, email: &str) -> String {
    let form = [("email_address", email), ("password", testkit::PASSWORD)];
    let id = browser.post("/v1/client/sign_ups", &form).await.response()["id"].as_str().expect("an id").to_owned();
    browser.post(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &[("strategy", "email_code")]).await.response();
    id
}

async fn verify(browser: &mut Browser, sign_up: &str, code: &str) -> Reply {
    browser.post(&format!("/v1/client/sign_ups/{sign_up}/attempt_verification"), &[("strategy", "email_code"), ("code", code)]).await
}

/// The code in a text.
fn code(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

/// The states and tries of the instance's jobs.
async fn jobs(server: &TestServer) -> Vec<(String, i64)> {
    let home = server.home.tenant.id();
    server.inside(home, Access::Read, |tx| Box::pin(tx.list(sql!("select state, attempts from jobs where instance_id = $1 order by id"), &[]))).await
}

/// What the audit log says of failed mails.
async fn failures(server: &TestServer) -> Vec<Value> {
    let home = server.home.tenant.id();
    let rows: Vec<String> = server
        .inside(home, Access::Read, |tx| {
            Box::pin(tx.list(sql!("select detail from audit where instance_id = $1 and action = 'message.fail' order by created_at, id"), &[]))
        })
        .await;
    rows.iter().map(|row| serde_json::from_str(row).expect("JSON")).collect()
}

/// Sets the instance's own mail server.
async fn set_own(server: &TestServer, mail: &MailServer, more: Value) -> Reply {
    let mut body = json!({
        "host": "localhost", "port": mail.address.port(), "tls": "starttls", "username": LOGIN.0, "password": LOGIN.1,
        "from_address": "hello@acme.example",
    });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    server.backend().put("/v1/instance/smtp", body).await
}

/// A server without a mail server of its own, and one in this process that instances may use.
async fn with_own() -> (TestServer, Arc<MailServer>) {
    let mail = Arc::new(MailServer::start(Encryption::StartTls, Some(LOGIN)).await);
    let trusting = trusting(&[&mail]);
    (TestServer::start_with(Setup { post: Box::new(trusting), ..Setup::default() }).await, mail)
}
