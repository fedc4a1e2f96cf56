//! `insula tokens`: a token with new scopes for a server that is older than they are.

use super::{post, run, said};
use crate::process::{ask, refused, start, stop};
use serde_json::Value;
use std::path::Path;

fn get(port: u16, token: &str) -> String {
    ask(port, "/api/v1/platform/applications", &[&format!("Authorization: Bearer {token}")]).expect("an answer")
}

fn create(data: &Path, words: &[&str]) -> String {
    said(&run(&[&["tokens", "create"], words].concat(), data)).trim().to_owned()
}

#[test]
fn tokens_are_made_listed_and_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    assert!(refused(&run(&["tokens", "create"], data)).contains("there is no database"));
    let running = start(data);
    assert!(refused(&run(&["tokens", "create"], data)).contains("stop it"), "SQLite has one server at a time");
    assert_eq!(stop(running).0, 0);
    let first: Value = serde_json::from_slice(&std::fs::read(data.join("first-start.json")).expect("first-start.json")).expect("JSON");

    let full = create(data, &[]);
    let reader = create(data, &["--scopes", "applications:read, users:read", "--days", "30"]);
    assert!(full.starts_with("plt_") && reader.starts_with("plt_") && full != reader);
    let list = said(&run(&["tokens", "list"], data));
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(
        !list.contains(&full) && !list.contains(&reader) && !lines[0].contains("lacks") && lines.iter().all(|line| line.contains("applications:read")),
        "{list}"
    );
    let restricted = lines.iter().find(|line| line.contains("ends in 30 days")).expect("the reader");
    assert!(restricted.contains("lacks applications:manage"), "{restricted}");
    let id = restricted.split_whitespace().next().expect("an id").to_owned();

    let running = start(data);
    for token in [full.as_str(), reader.as_str(), first["platform_token"].as_str().expect("a token")] {
        assert!(get(running.port, token).starts_with("HTTP/1.1 200"));
    }
    let denied = post(running.port, "/api/v1/platform/applications", &reader, r#"{"name":"Shop"}"#).expect("an answer");
    assert!(denied.starts_with("HTTP/1.1 403") && denied.contains("applications:manage"), "{denied}");
    let made = post(running.port, "/api/v1/platform/applications", &full, r#"{"name":"Shop"}"#).expect("an answer");
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    assert_eq!(stop(running).0, 0);

    said(&run(&["tokens", "revoke", &id], data));
    assert!(refused(&run(&["tokens", "revoke", &id], data)).contains("no platform token"));
    let running = start(data);
    assert!(get(running.port, &reader).starts_with("HTTP/1.1 401"));
    assert!(get(running.port, &full).starts_with("HTTP/1.1 200"));
    assert_eq!(stop(running).0, 0);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for (words, part) in [
        (vec!["tokens", "create", "--scopes", "applications:own"], "applications:own"),
        (vec!["tokens", "create", "--scopes", ""], "give some of applications:read"),
        (vec!["tokens", "create", "--days", "0"], "1 to 3650"),
        (vec!["tokens", "revoke", "nonsense"], "tokens list"),
    ] {
        assert!(refused(&run(&words, folder.path())).contains(part), "{words:?}");
    }
}
