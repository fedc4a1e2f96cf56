//! Secrets at rest: whoever reads the database learns none.

use super::{id, text, with_query};
use serde_json::json;
use std::time::Duration;
use store::{Access, PlatformSql};
use testkit::TestServer;

/// All values of one query, whichever the engine.
async fn rows(server: &TestServer, statement: String) -> Vec<String> {
    // Statements are static text everywhere else; here they are built from the catalog's own names.
    let statement = PlatformSql::new(Box::leak(statement.into_boxed_str()));
    server.database.platform(Access::Read, |tx| Box::pin(async move { tx.list::<String>(statement, &[]).await })).await.expect("the rows")
}

/// Every text of every row: where it stands, and what it says.
async fn everything(server: &TestServer) -> Vec<(String, String)> {
    let sqlite = server.database.engine() == "sqlite";
    let tables = if sqlite {
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
    } else {
        "select cast(table_name as text) from information_schema.tables where table_schema = 'public'"
    };
    let mut found = Vec::new();
    let tables = rows(server, tables.to_owned()).await;
    assert!(tables.len() >= 20, "{tables:?}");
    for table in tables {
        let columns = if sqlite {
            format!("select name from pragma_table_info('{table}')")
        } else {
            format!("select cast(column_name as text) from information_schema.columns where table_schema = 'public' and table_name = '{table}'")
        };
        for column in rows(server, columns).await {
            let values = rows(server, format!("select cast({column} as text) from {table} where {column} is not null")).await;
            found.extend(values.into_iter().map(|value| (format!("{table}.{column}"), value)));
        }
    }
    found
}

/// With what each private key of 2,048 bits begins as PKCS #8 in base64, whichever it is: its length in two bytes, the version, the algorithm, and the
/// beginning of the key itself.
const PKCS8_OF_2048: &str = "ADANBgkqhkiG9w0BAQEFAASC";

/// The secrets of a server in use, each with what it is.
async fn live(server: &TestServer) -> Vec<(&'static str, String)> {
    let backend = server.backend();
    let created =
        server.platform().post("/v1/platform/applications", json!({ "name": "Third", "environment_types": ["development", "production"] })).await.ok().clone();
    let mut secrets = vec![
        ("a secret key", server.home.secret_key.expose().to_owned()),
        ("the neighbour's secret key", server.neighbour.secret_key.expose().to_owned()),
        ("a platform token", server.platform_token.expose().to_owned()),
        ("a created secret key", text(&created["instances"][0], "secret_key")),
        ("a created live secret key", text(&created["instances"][1], "secret_key")),
        ("a password", "canary of the backend".to_owned()),
        ("a password", testkit::PASSWORD.to_owned()),
    ];
    let body = json!({ "email_address": ["bob@example.com"], "password": "canary of the backend" });
    let bob = id(backend.post("/v1/users", body).await.ok());
    backend.patch(&format!("/v1/users/{bob}"), json!({ "password": "canary of the change" })).await.ok();
    secrets.push(("a changed password", "canary of the change".to_owned()));

    let mut ada = server.signed_in("ada").await;
    secrets.extend(ada.cookies.values().map(|cookie| ("a client's secret", cookie.clone())));
    secrets.push(("a token", ada.token().await));
    let made = text(backend.post(&format!("/v1/sessions/{}/tokens", ada.session_id().await), json!({})).await.ok(), "jwt");
    secrets.push(("a backend's token", made));
    secrets.push(("a development browser", text(&ada.post("/v1/dev_browser", &[]).await.body, "id")));
    let path = with_query("/v1/client/handshake", &[("redirect_url", "http://localhost:3000/"), ("format", "nonce")]);
    let nonce = ada.get(&path).await.location().split_once("__clerk_handshake_nonce=").expect("a nonce").1.to_owned();
    secrets.push(("a handshake's nonce", nonce));

    // A sign-up that waits for its code, whose mail is not sent yet.
    let mut cyd = server.browser();
    let attempt = text(cyd.post("/v1/client/sign_ups", &[("email_address", "cyd@example.com"), ("password", "canary of the sign-up")]).await.response(), "id");
    cyd.post(&format!("/v1/client/sign_ups/{attempt}/prepare_verification"), &[("strategy", "email_code")]).await.response();
    secrets.push(("a password of a sign-up", "canary of the sign-up".to_owned()));
    secrets
}

fn assert_unseen(found: &[(String, String)], secrets: &[(&'static str, String)]) {
    for (place, value) in found {
        for (what, secret) in secrets {
            assert!(!value.contains(secret.as_str()), "{what} stands in {place}: {value:.120}");
            // The random half of a secret gives it away too.
            let half = secret.rsplit('.').next().unwrap_or_default();
            assert!(half.len() < 40 || !value.contains(half), "half of {what} stands in {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_stands_in_plain_text_in_any_table() {
    let server = TestServer::start().await;
    let mut secrets = live(&server).await;
    let waiting = everything(&server).await;
    let mut checked: Vec<&str> = waiting.iter().map(|(place, _)| place.split('.').next().unwrap_or_default()).collect();
    checked.dedup();
    for table in [
        "secret_keys",
        "platform_tokens",
        "clients",
        "dev_browsers",
        "once",
        "jobs",
        "signing_keys",
        "data_keys",
        "users",
        "sign_ups",
        "audit",
        "events",
        "identifiers",
        "sessions",
    ] {
        assert!(checked.contains(&table), "the check is worth something only where {table} has rows");
    }
    let code = server.code("cyd@example.com").await;
    secrets.push(("a code", code.clone()));
    assert!(waiting.iter().any(|(place, _)| place == "jobs.payload"), "the mail with the code was waiting");
    for (place, value) in &waiting {
        // Six digits stand by chance in hashes and sealed text; whole words do not.
        let words = || value.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(words().all(|word| word != code), "the code stands in {place}: {value:.120}");
    }
    secrets.retain(|(what, _)| *what != "a code");
    assert_unseen(&waiting, &secrets);

    server.advance(Duration::from_secs(60));
    server.run_jobs().await;
    assert_unseen(&everything(&server).await, &secrets);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_keys_are_sealed_and_passwords_are_slow_hashes() {
    let server = TestServer::start().await;
    live(&server).await;
    let found = everything(&server).await;
    let column = |name: &str| found.iter().filter(|(place, _)| place == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
    for digest in column("users.password_digest").into_iter().chain(column("sign_ups.password_digest")) {
        assert!(digest.starts_with("$argon2id$"), "{digest}");
    }
    assert!(column("users.password_digest").len() >= 2);
    for sealed in column("signing_keys.sealed").into_iter().chain(column("spare_keys.sealed")) {
        // Three letters stand by chance in sealed text; so much of a key's beginning does not.
        assert!(!sealed.contains(PKCS8_OF_2048) && !sealed.contains("PRIVATE KEY"), "{sealed:.80}");
    }
    let mut sealed = column("signing_keys.sealed");
    assert!(sealed.len() >= 5);
    sealed.sort_unstable();
    sealed.dedup();
    assert_eq!(sealed.len(), column("signing_keys.sealed").len(), "even the same key sealed twice does not look the same");
    for hash in column("secret_keys.hash").into_iter().chain(column("platform_tokens.hash")).chain(column("clients.secret_hash")) {
        assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
    }
    for payload in column("jobs.payload") {
        assert!(!payload.contains("cyd@example.com"), "a waiting mail tells nobody whom it goes to: {payload:.120}");
    }
}
