//! Passwords: they are compared as they are, and changed only by who knows the old one.

use super::{client_cookie, server_with, sign_up_by_mail};
use serde_json::{Value, json};
use testkit::{PASSWORD, TestServer};

const NEW: &str = "a whole new password";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_compared_as_it_is() {
    let server = TestServer::start().await;
    server.signed_in("ada").await;
    let upper = PASSWORD.to_uppercase();
    for almost in [&PASSWORD[..PASSWORD.len() - 1], &format!("{PASSWORD} "), &format!(" {PASSWORD}"), &upper, &format!("{PASSWORD}\u{200b}")] {
        assert_eq!(server.browser().sign_in("ada", almost).await.refusal(), (422, "form_password_incorrect"), "{almost:?}");
    }
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changing_the_password_needs_the_old_one_and_ends_it() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let before = ada.clone();
    let reply = ada.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", NEW)]).await;
    assert_eq!((&reply.response()["object"], &reply.response()["password_last_updated_at"]), (&json!("user"), &json!(server.database.now().millis())));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.refusal(), (422, "form_password_incorrect"));
    assert_eq!(server.browser().sign_in("ada", NEW).await.response()["status"], "complete");
    assert_ne!(client_cookie(&before), client_cookie(&ada), "the client's secret changes with it");
    assert_eq!(before.clone().get("/v1/client").await.response(), &Value::Null);
    assert_eq!(ada.sessions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_or_missing_old_password_changes_nothing() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let wrong = ada.post("/v1/me/change_password", &[("current_password", "wrong password"), ("new_password", NEW)]).await;
    assert_eq!((wrong.refusal(), wrong.param()), ((422, "form_password_incorrect"), "current_password"));
    let missing = ada.post("/v1/me/change_password", &[("new_password", NEW)]).await;
    assert_eq!((missing.status.as_u16(), missing.param()), (422, "current_password"));
    let nothing = ada.post("/v1/me/change_password", &[("current_password", PASSWORD)]).await;
    assert_eq!((nothing.refusal(), nothing.param()), ((422, "form_param_missing"), "new_password"));
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
    assert_eq!(server.browser().post("/v1/me/change_password", &[("new_password", NEW)]).await.status.as_u16(), 401);
}

/// The page puts the error beside the field that it names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_new_password_is_refused_at_its_own_field() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for (password, code) in [
        ("short1!", "form_password_length_too_short"),
        ("Password123!", "form_password_pwned"),
        (&"horse battery ".repeat(10), "form_password_length_too_long"),
    ] {
        let reply = ada.post("/v1/me/change_password", &[("current_password", PASSWORD), ("new_password", password)]).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, code), "new_password"));
    }
    assert_eq!(server.browser().sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_signs_other_devices_out_if_the_user_says_so() {
    for (word, left) in [(None, true), (Some("false"), true), (Some("true"), false)] {
        let server = TestServer::start().await;
        let mut ada = server.signed_in("ada").await;
        let mut phone = server.browser();
        phone.sign_in("ada", PASSWORD).await.ok();
        let session = phone.session_id().await;
        let mut form = vec![("current_password", PASSWORD), ("new_password", NEW)];
        form.extend(word.map(|word| ("sign_out_of_other_sessions", word)));
        ada.post("/v1/me/change_password", &form).await.ok();
        assert_eq!(ada.sessions().await.len(), 1, "this one stays");
        assert_eq!(phone.sessions().await.len(), usize::from(left), "{word:?}");
        let token = phone.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await;
        assert_eq!(token.status.as_u16(), if left { 200 } else { 401 }, "{word:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_password_yet_sets_one_without_an_old_one() {
    let server = server_with(json!({ "auth_password": { "required": false } })).await;
    let mut ada = server.browser();
    let begun = ada.post(super::SIGN_UPS, &[("email_address", "ada+clerk_test@example.com")]).await;
    super::prepare_sign_up(&mut ada, &super::id(&begun)).await.ok();
    let done = super::attempt_sign_up(&mut ada, &super::id(&begun), "424242").await;
    assert_eq!(done.body["client"]["sessions"][0]["user"]["password_enabled"], false);
    assert_eq!(server.browser().sign_in("ada", "").await.response()["status"], "needs_first_factor");
    let begun = server.browser().sign_in("ada", "any password").await;
    assert_eq!(begun.status.as_u16(), 422, "no password is never the right one");
    let reply = ada.post("/v1/me/change_password", &[("new_password", NEW)]).await;
    assert_eq!(reply.response()["password_enabled"], true);
    assert_eq!(server.browser().sign_in("ada", NEW).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_and_no_mail_holds_a_password() {
    let server = TestServer::start().await;
    let mut ada = server.browser();
    let begun = ada.post(super::SIGN_UPS, &[("email_address", "ada@example.com"), ("password", PASSWORD)]).await;
    let done = sign_up_by_mail(&server, &mut server.browser(), "eve@example.com").await;
    for text in [&begun.text, &done.text, &ada.get("/v1/client").await.text] {
        assert!(!text.contains(PASSWORD) && !text.contains("argon2"), "{text}");
    }
    for caught in server.world.inbox.caught(None) {
        assert!(!caught.mail.text.contains(PASSWORD) && !caught.mail.html.contains(PASSWORD));
    }
}
