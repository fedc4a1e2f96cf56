//! `insula doctor`: what it finds, and that it changes nothing.

use super::{command, run};
use crate::process::{Running, free_port, start, stop};
use foundation::Secret;
use serde_json::Value;
use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::Path, process::Output};
use testkit::mail_server::MailServer;
use world::mail::Encryption;

/// State, sentence and remedy of every finding.
struct Seen(Vec<(String, String, String, String)>);

impl Seen {
    fn read(output: &Output) -> Seen {
        let body: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let findings = body["findings"].as_array().expect("findings");
        let seen: Vec<_> = findings.iter().map(|f| (word(f, "check"), word(f, "state"), word(f, "says"), word(f, "remedy"))).collect();
        let failed = seen.iter().any(|(_, state, ..)| state == "fail");
        assert_eq!(body["ok"], Value::Bool(!failed));
        assert_eq!(output.status.code(), Some(i32::from(failed)), "the exit code says the same");
        assert!(seen.iter().all(|(_, state, _, remedy)| (state == "ok") == remedy.is_empty()), "whatever is not well has a remedy");
        Seen(seen)
    }

    #[track_caller]
    fn has(&self, check: &str, state: &str, part: &str) {
        let found = self.0.iter().any(|(c, s, says, remedy)| c == check && s == state && (says.contains(part) || remedy.contains(part)));
        assert!(found, "no {state} of {check} with {part}: {:#?}", self.0);
    }

    #[track_caller]
    fn is_well(&self) {
        let bad: Vec<_> = self.0.iter().filter(|(_, state, ..)| state == "fail").collect();
        assert!(bad.is_empty(), "{bad:#?}");
    }
}

fn beside(running: &Running, data: &Path) -> Seen {
    Seen::read(&command(&["doctor", "--json"], data).arg("--listen").arg(format!("127.0.0.1:{}", running.port)).output().expect("it runs"))
}

fn alone(data: &Path) -> Seen {
    Seen::read(&run(&["doctor", "--json"], data))
}

/// Every file of a folder with what is in it, hashed; but for the companions that SQLite makes for whoever reads a database.
fn contents(data: &Path) -> BTreeMap<String, String> {
    let names = std::fs::read_dir(data).expect("a folder").map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let hash = |name: &String| Secret::new(String::from_utf8_lossy(&std::fs::read(data.join(name)).expect("read")).into_owned()).sha256();
    names.filter(|name| !name.contains("-shm") && !name.contains("-wal")).map(|name| (name.clone(), hash(&name))).collect()
}

#[test]
fn beside_a_running_server_all_is_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    assert!(alone(&data).0.iter().any(|(check, state, ..)| check == "database" && state == "warn"), "nothing is there yet");
    assert!(!data.exists(), "and the doctor makes nothing");
    let running = start(&data);
    let seen = beside(&running, &data);
    seen.is_well();
    seen.has("configuration", "ok", "http://localhost:");
    seen.has("database", "ok", "SQLite");
    seen.has("database", "ok", "every page is whole");
    seen.has("database", "ok", &format!("schema {}", store::newest()));
    seen.has("clock", "ok", "not behind");
    seen.has("keys", "ok", "opens all 2 data keys");
    seen.has("keys", "ok", "every instance has a signing key");
    seen.has("hosts", "ok", "the server answers");
    seen.has("mail", "ok", "inbox");
    let said = command(&["doctor"], &data).arg("--listen").arg(format!("127.0.0.1:{}", running.port)).output().expect("it runs");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.lines().any(|line| line.starts_with("ok  ")) && said.contains("0 to mend"), "{said}");
    assert_eq!(stop(running).0, 0);

    let before = contents(&data);
    let seen = alone(&data);
    seen.is_well();
    seen.has("hosts", "warn", "no server answers");
    assert_eq!(contents(&data), before, "nothing has changed");
}

#[test]
fn what_is_wrong_is_found_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    assert_eq!(stop(start(data)).0, 0);
    let mode = |name: &str, mode| std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(mode)).expect("a mode");

    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let seen = alone(data);
    seen.is_well();
    seen.has("files", "warn", "chmod 700");
    assert!(!format!("{:?}", seen.0).contains("belong to this user alone"));
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    alone(data).has("files", "ok", "belong to this user alone");

    mode("insula.db", 0o644);
    alone(data).has("files", "fail", "chmod 600");
    mode("insula.db", 0o600);
    // SQLite gives its companions the mode that the database has.
    for companion in ["insula.db-shm", "insula.db-wal"] {
        let _ = std::fs::remove_file(data.join(companion));
    }
    mode("master.key", 0o644);
    let seen = alone(data);
    seen.has("files", "fail", "master.key has mode 644");
    seen.has("keys", "fail", "chmod 600");
    mode("master.key", 0o600);

    let key = std::fs::read(data.join("master.key")).expect("the key");
    std::fs::write(data.join("master.key"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("written");
    alone(data).has("keys", "fail", "not the one that this database was made with");
    std::fs::remove_file(data.join("master.key")).expect("removed");
    alone(data).has("keys", "fail", "missing");
    std::fs::write(data.join("master.key"), &key).expect("written");
    mode("master.key", 0o600);

    let whole = std::fs::read(data.join("insula.db")).expect("the database");
    let mut torn = whole.clone();
    torn[40_960..41_500].fill(0xff);
    std::fs::write(data.join("insula.db"), torn).expect("written");
    alone(data).has("database", "fail", "restore your newest backup");
    std::fs::write(data.join("insula.db"), whole).expect("written");
    alone(data).is_well();

    std::fs::write(data.join("insula.toml"), "bas_url = 'x'\n").expect("written");
    let seen = alone(data);
    seen.has("configuration", "fail", "bas_url");
    assert_eq!(seen.0.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mail_server_must_answer_and_accept_the_log_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = MailServer::start(Encryption::None, Some(("insula", "right-canary"))).await;
    let seen = |port: u16, password: &str| {
        let mut doctor = command(&["doctor", "--json", "--smtp-host", "localhost", "--smtp-tls", "none", "--smtp-username", "insula"], folder.path());
        doctor.args(["--smtp-from", "no-reply@example.com", "--smtp-port", &port.to_string()]).env("INSULA_SMTP_PASSWORD", password);
        Seen::read(&doctor.arg("--listen").arg(format!("127.0.0.1:{}", free_port())).output().expect("it runs"))
    };
    seen(mail.address.port(), "right-canary").has("mail", "ok", "accepts the log-in");
    let refused = seen(mail.address.port(), "wrong-canary");
    refused.has("mail", "fail", "cannot be used");
    assert!(!format!("{:?}", refused.0).contains("canary"));
    seen(free_port(), "right-canary").has("mail", "fail", "reaching the mail server");
    assert!(mail.taken().is_empty(), "nothing is sent");
}

/// A mail server that takes connections and says nothing.
#[test]
fn a_silent_mail_server_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    let mut doctor = command(&["doctor", "--json", "--smtp-host", "localhost", "--smtp-tls", "none", "--smtp-from", "a@b.example"], folder.path());
    doctor.args(["--smtp-port", &port, "--listen", &format!("127.0.0.1:{}", free_port())]);
    Seen::read(&doctor.output().expect("it runs")).has("mail", "fail", "did not answer within 5 s");
}
