//! Canaries: secrets with a mark, driven through the built binary while it logs all that it can. None of them may come up in the log, in
//! the metrics, in what a refusal says, or in the database's file.

mod flows;
mod run;

use run::{ADA, BOB, EVE, Run, word};
use serde_json::Value;
use std::path::Path;
use testkit::mail_server::MailServer;
use world::mail::Encryption;

/// The log's lines, without their own times, whose digits are chance.
fn read_log(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a log");
    let line = |line: &str| {
        let mut fields: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        fields.as_object_mut().expect("fields").remove("timestamp");
        fields
    };
    text.lines().map(line).collect()
}

/// Whether the digits stand there as a word.
fn says_code(text: &str, code: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(code).any(|(at, _)| !joins(text[..at].chars().next_back()) && !joins(text[at + code.len()..].chars().next()))
}

/// Everything that is in the SQLite database's files.
fn kept(data: &Path) -> String {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(data).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("insula.db")) {
            bytes.extend(std::fs::read(path).expect("a file"));
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hunt(place: &str, text: &str, words: impl IntoIterator<Item = impl AsRef<str>>) {
    for word in words {
        let word = word.as_ref();
        if let Some(at) = text.find(word) {
            let around: String = text[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
            panic!("{word} is in {place}, after {around}");
        }
    }
}

/// The log was on, and each of the refusals with a status of 500 and above is explained in it under the trace id that its caller has.
fn the_log_is_useful(log: &[Value], run: &Run) {
    let lines = |target: &str| log.iter().filter(|line| line["target"] == target).count();
    assert!(lines("request") >= 40, "{} requests", lines("request"));
    for operation in ["createSignIn", "attemptSignInFactorOne", "resetPassword", "VerifyPassword", "PlatformCreateApplication", "insula.setMailServer"] {
        assert!(log.iter().any(|line| line["span"]["operation"] == operation), "the log was on: {operation}");
    }
    let traced: Vec<Value> = run.refusals.iter().filter_map(|refusal| serde_json::from_str(refusal.split_once(": ")?.1).ok()).collect();
    assert!(traced.len() > 25, "{} refusals", traced.len());
    let mut explained = 0;
    for refusal in &traced {
        let code = refusal["errors"][0]["code"].as_str().unwrap_or_default();
        let about: Vec<&Value> = log.iter().filter(|line| line["span"]["trace_id"] == refusal["clerk_trace_id"]).collect();
        assert!(about.iter().any(|line| line["target"] == "request"), "{refusal}");
        if matches!(code, "service_unavailable" | "internal_clerk_error" | "internal_error") {
            assert!(about.iter().any(|line| line["target"] != "request" && line["level"] != "DEBUG" && line["level"] != "TRACE"), "{refusal} {about:?}");
            explained += 1;
        }
    }
    assert_eq!(explained, 3, "two were told to come again, one met what should not be");
    assert!(log.iter().any(|line| line["fields"]["message"] == "job failed"), "a mail was refused");
}

/// CVE-2024-39315, CVE-2024-4540: what a session is made of, or what an application had sent along, stood where others could read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_the_log_in_metrics_in_a_refusal_or_in_the_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = testkit::empty_database().await;
    let mail = MailServer::start(Encryption::None, Some(("insula", run::SMTP))).await;
    let own = MailServer::start(Encryption::None, Some(("insula", "what nobody knows"))).await;
    let mut run = Run::start(folder.path(), mail, url.as_deref());
    let first: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("data/first-start.json")).expect("handed out")).expect("JSON");
    let (secret_key, token) = (word(&first, "secret_key"), word(&first, "platform_token"));
    run.secrets.extend([secret_key.clone(), token.clone()]);
    run.slug = word(&first, "slug");
    let mut jar = flows::sign_up(&mut run).await;
    flows::sign_in(&mut run).await;
    flows::visits(&mut run, &mut jar);
    flows::backends(&mut run, &secret_key, &mut jar);
    flows::platforms(&mut run, &token);
    flows::mails(&mut run, &own, &secret_key).await;
    let metrics = run.metrics();
    // Spoilt rows come last.
    let data = folder.path().join("data");
    let before = kept(&data);
    flows::trouble(&mut run, &run::database(folder.path(), url.as_deref()).await, &secret_key).await;
    assert_eq!(crate::process::end(run.running.take().expect("it runs")), 0);

    assert!(run.secrets.len() > 35 && run.codes.len() >= 4 && run.refusals.len() > 25, "{} {} {}", run.secrets.len(), run.codes.len(), run.refusals.len());
    let log = read_log(&folder.path().join("log"));
    the_log_is_useful(&log, &run);
    let lines: String = log.iter().map(|line| line.to_string() + "\n").collect();
    let refusals = run.refusals.join("\n");
    // What collects logs takes standard output for one: keys that are shown once would be kept for ever.
    let out = std::fs::read_to_string(folder.path().join("out")).expect("what it said");
    assert_eq!(out, "", "beside a log of JSON lines nothing is said in another way");
    let told = log.iter().filter(|line| line["fields"]["file"].as_str().is_some_and(|file| file.ends_with("first-start.json"))).count();
    assert_eq!(told, 1, "where the keys are");
    assert!(metrics.contains("insula_requests_total"), "{metrics}");
    for (place, text) in [("the log", &lines), ("the metrics", &metrics)] {
        hunt(place, text, &run.secrets);
        hunt(place, text, [ADA, BOB, EVE, &run.slug, "canary"]);
    }
    hunt("a refusal", &refusals, &run.secrets);
    for code in &run.codes {
        assert!(!says_code(&lines, code), "the code {code} is in the log");
        assert!(!says_code(&refusals, code), "the code {code} is in a refusal");
    }
    if url.is_none() {
        assert!(before.contains(ADA), "this is the database");
        hunt("the database", &before, &run.secrets);
    }
}
