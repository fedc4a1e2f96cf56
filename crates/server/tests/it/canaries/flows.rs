//! What is done with secrets: well, wrongly and in trouble.

use super::run::{ADA, BOB, BROKEN, EVE, Jar, NAME, PASSWORD, Run, SECOND, SHORT, STRANGE, TEMPLATE_KEY, THIRD, WRONG, own_server, word};
use serde_json::json;
use store::{Access, Database, platform_sql};
use testkit::mail_server::{Fault, MailServer};

const RESET: (&str, &str) = ("strategy", "reset_password_email_code");

/// Somebody signs up, and changes the password.
pub async fn sign_up(run: &mut Run) -> Jar {
    let mut jar = Jar::new();
    let made = run.browser(&mut jar, ("POST", "/v1/client/sign_ups"), &[("email_address", ADA), ("password", PASSWORD)]).is(200);
    let sign_up = format!("/v1/client/sign_ups/{}", made.response("id"));
    run.browser(&mut jar, ("POST", &format!("{sign_up}/prepare_verification")), &[("strategy", "email_code")]).is(200);
    let code = run.code(ADA).await;
    let attempt = format!("{sign_up}/attempt_verification");
    let wrong = run.another(&code);
    run.browser(&mut jar, ("POST", &attempt), &[("strategy", "email_code"), ("code", &wrong)]).is(422);
    let done = run.browser(&mut jar, ("POST", &attempt), &[("strategy", "email_code"), ("code", &code)]).is(200);
    let session = done.response("created_session_id");
    run.browser(&mut jar, ("POST", &format!("/v1/client/sessions/{session}/tokens")), &[]).is(200);
    let change = "/v1/me/change_password";
    run.browser(&mut jar, ("POST", change), &[("current_password", WRONG), ("new_password", SECOND)]).is(422);
    run.browser(&mut jar, ("POST", change), &[("current_password", PASSWORD), ("new_password", SECOND)]).is(200);
    run.browser(&mut jar, ("POST", change), &[(NAME, BROKEN)]).is(422);
    jar
}

/// They sign in in every way, and reset the password.
pub async fn sign_in(run: &mut Run) {
    for (password, status) in [(WRONG, 422), (PASSWORD, 422), (SECOND, 200)] {
        run.browser(&mut Jar::new(), ("POST", "/v1/client/sign_ins"), &[("identifier", ADA), ("password", password)]).is(status);
    }
    for (strategy, password) in [("email_code", None), (RESET.1, Some(THIRD))] {
        let mut jar = Jar::new();
        let begun = run.browser(&mut jar, ("POST", "/v1/client/sign_ins"), &[("identifier", ADA)]).is(200);
        let sign_in = format!("/v1/client/sign_ins/{}", begun.response("id"));
        run.browser(&mut jar, ("POST", &format!("{sign_in}/prepare_first_factor")), &[("strategy", strategy)]).is(200);
        let code = run.code(ADA).await;
        let (attempt, wrong) = (format!("{sign_in}/attempt_first_factor"), run.another(&code));
        run.browser(&mut jar, ("POST", &attempt), &[("strategy", strategy), ("code", &wrong)]).is(422);
        run.browser(&mut jar, ("POST", &attempt), &[("strategy", strategy), ("code", &code)]).is(200);
        if let Some(password) = password {
            run.browser(&mut jar, ("POST", &format!("{sign_in}/reset_password")), &[("password", SHORT)]).is(422);
            run.browser(&mut jar, ("POST", &format!("{sign_in}/reset_password")), &[("password", password)]).is(200);
        }
    }
    run.browser(&mut Jar::new(), ("POST", "/v1/client/sign_ins"), &[("strategy", "ticket"), ("ticket", STRANGE[2])]).is(400);
    run.browser(&mut Jar::new(), ("POST", "/v1/client/sign_ins"), &[("strategy", BROKEN), ("password", WRONG)]).is(422);
}

/// What carries credentials in addresses, cookies and header fields, right and wrong.
pub fn visits(run: &mut Run, jar: &mut Jar) {
    run.browser(jar, ("GET", "/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%3A3000%2F"), &[]).is(307);
    let nonce = "/v1/client/handshake?format=nonce&redirect_url=http%3A%2F%2Flocalhost%3A3000%2F";
    run.browser(jar, ("GET", nonce), &[]).is(307);
    run.browser(jar, ("GET", &format!("{nonce}&__clerk_db_jwt={}", STRANGE[2])), &[]);
    run.browser(&mut Jar::new(), ("GET", &format!("/v1/tickets/accept?ticket={}", STRANGE[2])), &[]);
    run.browser(&mut vec![("__client".to_owned(), STRANGE[2].to_owned())], ("GET", "/v1/client"), &[]).is(200);
    run.browser(&mut Jar::new(), ("GET", &format!("/v1/me?_clerk_session_id={0}&{0}={0}", STRANGE[2])), &[]).is(401);
    run.browser(&mut Jar::new(), ("GET", &format!("/v1/{BROKEN}")), &[]).is(404);
    let path = format!("/t/{}/v1/client?_is_native=1", run.slug);
    run.with_headers(("GET", &path), &[format!("Authorization: {}", STRANGE[2])]);
    run.with_headers(("GET", &path), &[format!("Clerk-Secret-Key: {}", STRANGE[0])]).is(401);
    run.with_headers(("GET", &path), &[format!("Clerk-Secret-Key: \u{e9}{BROKEN}")]);
}

/// A backend does all that it does with secrets.
pub fn backends(run: &mut Run, secret_key: &str, jar: &mut Jar) {
    let made = run.api(secret_key, ("POST", "/v1/users"), &json!({ "email_address": [BOB], "password": PASSWORD }).to_string()).is(200);
    let user = made.word("id");
    for (password, status) in [(WRONG, 422), (PASSWORD, 200)] {
        let path = format!("/v1/users/{user}/verify_password");
        run.api(secret_key, ("POST", &path), &json!({ "password": password }).to_string()).is(status);
    }
    let ticket = run.api(secret_key, ("POST", "/v1/sign_in_tokens"), &json!({ "user_id": user }).to_string()).is(200).word("token");
    let form = [("strategy", "ticket"), ("ticket", ticket.as_str())];
    run.browser(&mut Jar::new(), ("POST", "/v1/client/sign_ins"), &form).is(200);
    let spent = run.browser(&mut Jar::new(), ("POST", "/v1/client/sign_ins"), &form);
    assert!(spent.status >= 400, "it is spent");
    run.api(secret_key, ("POST", "/v1/actor_tokens"), &json!({ "user_id": user, "actor": { "sub": "user_of_support" } }).to_string()).is(200);
    run.api(secret_key, ("POST", "/v1/testing_tokens"), "").is(200);
    let own = json!({ "name": "own", "claims": {}, "custom_signing_key": true, "signing_algorithm": "HS256", "signing_key": TEMPLATE_KEY });
    run.api(secret_key, ("POST", "/v1/jwt_templates"), &own.to_string()).is(200);
    let bad = json!({ "name": "bad", "claims": {}, "custom_signing_key": true, "signing_algorithm": "RS256", "signing_key": TEMPLATE_KEY });
    run.api(secret_key, ("POST", "/v1/jwt_templates"), &bad.to_string()).is(422);
    let session = run.api(secret_key, ("POST", "/v1/sessions"), &json!({ "user_id": user }).to_string()).is(200).word("id");
    run.api(secret_key, ("POST", &format!("/v1/sessions/{session}/tokens/own")), "{}").is(200);
    run.api(secret_key, ("POST", &format!("/v1/sessions/{session}/tokens")), "{}").is(200);
    let stale = json!({ "expired_token": STRANGE[2], "refresh_token": BROKEN, "request_origin": "http://localhost:3000" });
    run.api(secret_key, ("POST", &format!("/v1/sessions/{session}/refresh")), &stale.to_string()).is(401);
    let shown = run.browser(jar, ("GET", "/v1/client"), &[]).is(200);
    assert!(!shown.body["response"]["sessions"].is_null(), "{}", shown.body);
    run.api(secret_key, ("POST", "/v1/clients/verify"), &json!({ "token": STRANGE[2] }).to_string());
    run.api(STRANGE[0], ("GET", "/v1/users"), "").is(401);
    for broken in [
        format!("{{\"password\": \"{BROKEN}"),
        json!({ "password": { "x": BROKEN } }).to_string(),
        json!({ "password": "x", "x": BROKEN }).to_string(),
        format!("[\"{BROKEN}\"]"),
        format!("{{\"{NAME}\": \"{BROKEN}\", \"{NAME}\": \"{BROKEN}\"}}"),
    ] {
        assert!(run.api(secret_key, ("POST", "/v1/users"), &broken).status >= 400, "{broken}");
    }
}

/// A platform makes an application and an instance, and changes keys of all kinds.
pub fn platforms(run: &mut Run, token: &str) {
    let made = run.api(token, ("POST", "/v1/platform/applications"), &json!({ "name": "Canary" }).to_string()).is(200);
    let application = format!("/v1/platform/applications/{}", made.word("application_id"));
    let old = word(&made.body["instances"][0], "secret_key");
    run.api(&old, ("GET", "/v1/users"), "").is(200);
    run.api(token, ("POST", &format!("{application}/rotate_secret_keys")), "{}").is(200);
    run.api(&old, ("GET", "/v1/users"), "").is(401);
    let instance = json!({ "domain": "canary.example", "clone_instance_id": word(&made.body["instances"][0], "instance_id") });
    run.api(token, ("POST", &format!("{application}/instances")), &instance.to_string()).is(201);
    let keys = format!("{application}/instances/development/signing_keys");
    run.api(token, ("POST", &format!("{keys}/rotate")), "{}").is(200);
    let users = format!("{application}/instances/development/users");
    run.api(token, ("POST", &users), &json!({ "email_address": [BOB], "password": PASSWORD, "x": BROKEN }).to_string()).is(422);
    run.api(token, ("PATCH", &format!("{application}/instances/development/config")), &json!({ "session": { NAME: BROKEN } }).to_string());
    run.api(STRANGE[1], ("GET", "/v1/platform/applications"), "").is(401);
    run.api(token, ("POST", &format!("/v1/platform/applications/{BROKEN}/rotate_secret_keys")), "{}").is(404);
}

/// The instance's own mail server refuses the log-in and repeats it, so that the server's own steps in; then that one refuses the mail and
/// repeats it.
pub async fn mails(run: &mut Run, own: &MailServer, secret_key: &str) {
    run.api(secret_key, ("PUT", "/v1/instance/smtp"), &own_server("no host", own)).is(422);
    run.api(secret_key, ("PUT", "/v1/instance/smtp"), &own_server("localhost", own)).is(200);
    let trial = run.api(secret_key, ("POST", "/v1/instance/smtp/test"), &json!({ "to": "ops@example.com" }).to_string()).is(200);
    assert_eq!(trial.body["delivered"], false, "{}", trial.body);
    let mut jar = Jar::new();
    let made = run.browser(&mut jar, ("POST", "/v1/client/sign_ups"), &[("email_address", EVE), ("password", PASSWORD)]).is(200);
    let prepare = format!("/v1/client/sign_ups/{}/prepare_verification", made.response("id"));
    run.browser(&mut jar, ("POST", &prepare), &[("strategy", "email_code")]).is(200);
    run.code(EVE).await;
    run.mail.fail(Fault::NoMail);
    let before = run.mail.ends();
    run.browser(&mut jar, ("POST", &prepare), &[("strategy", "email_code")]).is(200);
    run.mail.ended(before + 1).await;
    run.mail.fail(Fault::None);
}

/// Somebody else holds the database, so that requests with secrets are told to come again; then there is something in it that should not be.
pub async fn trouble(run: &mut Run, database: &Database, secret_key: &str) {
    let form = [("identifier", ADA), ("password", THIRD)];
    #[allow(clippy::disallowed_methods, reason = "it holds the database on purpose")]
    let mut held = database.begin_platform(Access::Write).await.expect("it begins");
    if database.engine() == "postgres" {
        held.change(platform_sql!("lock table clients, users, audit in access exclusive mode"), &[]).await.expect("it holds");
    }
    run.browser(&mut Jar::new(), ("POST", "/v1/client/sign_ins"), &form).is(503);
    run.api(secret_key, ("POST", "/v1/users"), &json!({ "email_address": [EVE], "password": PASSWORD }).to_string()).is(503);
    drop(held);
    let spoil = platform_sql!("update users set password_digest = 'canary-ticket-of-nobody' where password_digest is not null");
    database.platform(Access::Write, |tx| Box::pin(tx.change(spoil, &[]))).await.expect("it is spoilt");
    let answer = run.browser(&mut Jar::new(), ("POST", "/v1/client/sign_ins"), &form).is(500);
    assert!(answer.body["clerk_trace_id"].is_string(), "{}", answer.body);
}
