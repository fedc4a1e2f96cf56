//! Sessions as a backend sees, makes and ends them, and their tokens.

use super::{NOBODY, create_user, id, ids, text, with_query};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use foundation::Id;
use protocols::jose::{self, Category, PublicKey};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, Setup, TestServer};

const DAY: Duration = Duration::from_secs(86_400);

/// Header and claims of a token, unchecked.
fn read(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).unwrap_or(Value::Null));
    (parts.next().expect("a header"), parts.next().expect("claims"))
}

async fn token(backend: &Api, session: &str, body: Value) -> String {
    let reply = backend.post(&format!("/v1/sessions/{session}/tokens"), body).await;
    assert_eq!(reply.ok()["object"], "token");
    text(reply.ok(), "jwt")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_listed_newest_first_bare_or_with_their_total() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let mut made = Vec::new();
    for _ in 0..12 {
        made.insert(0, id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok()));
        server.advance(Duration::from_secs(1));
    }
    let bare = backend.get(&format!("/v1/sessions?user_id={user}")).await.ok().clone();
    assert_eq!(ids(&bare), made[..10]);
    assert_eq!(ids(backend.get("/v1/sessions?paginated=false&limit=2&offset=11").await.ok()), made[11..]);
    let paged = backend.get(&format!("/v1/sessions?paginated=true&limit=5&offset=10&user_id={user}")).await.ok().clone();
    assert_eq!((ids(&paged["data"]), &paged["total_count"]), (made[10..].iter().map(String::as_str).collect(), &json!(12)));
    assert_eq!(*server.neighbours_backend().get("/v1/sessions?paginated=true").await.ok(), json!({ "data": [], "total_count": 0 }));
    let reply = backend.get("/v1/sessions?paginated=perhaps").await;
    assert_eq!((reply.status.as_u16(), reply.param()), (422, "paginated"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_found_by_user_and_client() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let session = backend.get(&format!("/v1/sessions/{}", ada.session_id().await)).await.ok().clone();
    assert_eq!(
        (text(&session, "object"), text(&session, "status"), text(&session, "user_id")),
        ("session".to_owned(), "active".to_owned(), ada.user_id().await)
    );
    let find =
        async |pairs: &[(&str, &str)]| ids(backend.get(&with_query("/v1/sessions", pairs)).await.ok()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let client = text(&session, "client_id");
    assert_eq!(find(&[("client_id", &client)]).await, [id(&session)]);
    assert_eq!(find(&[("user_id", &bob.user_id().await)]).await, [bob.session_id().await]);
    assert_eq!(find(&[("client_id", &client), ("user_id", &bob.user_id().await)]).await, [""; 0]);
    for nobody in [NOBODY, "user_x", "' or 1=1 --", "%"] {
        assert_eq!(find(&[("user_id", nobody)]).await, [""; 0], "{nobody}");
        assert_eq!(find(&[("client_id", nobody)]).await, [""; 0], "{nobody}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_is_what_time_has_made_of_it() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let revoked = id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok());
    backend.post(&format!("/v1/sessions/{revoked}/revoke"), json!({})).await.ok();
    let mut browser = server.signed_in("bob").await;
    let ended = browser.session_id().await;
    browser.post(&format!("/v1/client/sessions/{ended}/end"), &[]).await.response();
    let first = id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok());
    server.advance(DAY);
    let second = id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok());

    let with = async |status: &str| {
        let found = backend.get(&format!("/v1/sessions?paginated=true&status={status}")).await.ok().clone();
        assert!(found["data"].as_array().expect("a list").iter().all(|s| s["status"] == status), "{status}: {found}");
        assert_eq!(found["total_count"], ids(&found["data"]).len());
        ids(&found["data"]).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(with("active").await, [second.clone(), first.clone()]);
    server.advance(6 * DAY);
    assert_eq!((with("active").await, with("expired").await), (vec![second.clone()], vec![first.clone()]), "a session lives for seven days");
    assert_eq!(backend.get(&format!("/v1/sessions/{first}")).await.ok()["status"], "expired");
    server.advance(DAY);
    assert_eq!((with("active").await.len(), with("expired").await), (0, vec![second.clone(), first.clone()]));
    server.advance(30 * DAY);
    assert_eq!((with("expired").await, with("abandoned").await.len()), (vec![second, first], 0), "what became of it stays");
    assert_eq!((with("revoked").await, with("ended").await), (vec![revoked], vec![ended]), "an ended session does not expire any more");
    assert_eq!((with("removed").await.len(), with("replaced").await.len()), (0, 0));
    for status in ["living", "ACTIVE", "active,expired", "' or 1=1 --"] {
        let reply = backend.get(&with_query("/v1/sessions", &[("status", status)])).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "status"), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_made_for_a_user_of_this_instance_alone() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let session = backend.post("/v1/sessions", json!({ "user_id": user })).await.ok().clone();
    assert_eq!((&session["user_id"], &session["status"], &session["actor"]), (&json!(user), &json!("active"), &Value::Null));
    assert_eq!(session["expire_at"].as_i64().expect("a time") - session["created_at"].as_i64().expect("a time"), 7 * 86_400_000);
    let theirs = create_user(&server.neighbours_backend(), "ada@example.com").await;
    for nobody in [NOBODY, &theirs, "user_x", &id(&session)] {
        assert_eq!(backend.post("/v1/sessions", json!({ "user_id": nobody })).await.refusal(), (404, "resource_not_found"), "{nobody}");
    }
    let banned = id(backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": ["bob@example.com"], "banned": true })).await.ok());
    assert_eq!(backend.post("/v1/sessions", json!({ "user_id": banned })).await.refusal(), (403, "user_banned"));
    for (body, param) in [
        (json!({}), "user_id"),
        (json!({ "user_id": "" }), "user_id"),
        (json!({ "user_id": [user] }), "user_id"),
        (json!({ "user_id": user, "active_organization_id": "org_x" }), "active_organization_id"),
        (json!({ "user_id": user, "status": "active" }), "status"),
    ] {
        let reply = backend.post("/v1/sessions", body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}");
    }
    assert_eq!(backend.get("/v1/sessions?paginated=true").await.ok()["total_count"], 1, "no refused call leaves a session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_session_is_over_at_the_browsers_next_call() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (session, jwt) = (ada.session_id().await, ada.token().await);
    assert_eq!(server.neighbours_backend().post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.refusal(), (404, "resource_not_found"));
    ada.token().await;
    assert_eq!(backend.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok()["status"], "revoked");
    assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await.refusal(), (401, "authentication_invalid"));
    assert_eq!(ada.post(&format!("/v1/client/sessions/{session}/touch"), &[]).await.status, 401);
    assert_eq!(ada.get("/v1/me").await.status, 401);
    assert!(ada.sessions().await.is_empty());
    assert!(backend.post("/v1/clients/verify", json!({ "token": jwt })).await.status.is_client_error());
    assert_eq!(backend.post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.refusal(), (404, "resource_not_found"));
    server.advance(Duration::from_secs(5));
    let again = backend.post(&format!("/v1/sessions/{session}/revoke"), json!({})).await.ok().clone();
    assert_eq!(backend.get(&format!("/v1/sessions/{session}")).await.ok(), &again, "ending what has ended changes nothing");
    bob.token().await;
    ada.sign_in("ada", testkit::PASSWORD).await.response();
    assert_ne!(ada.session_id().await, session, "signing in again is a new session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_says_who_is_signed_in_and_for_how_long() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let session = id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok());
    server.advance(Duration::from_secs(130));
    let jwt = token(&backend, &session, json!({})).await;
    let (header, claims) = read(&jwt);
    let now = server.database.now().seconds();
    assert_eq!((text(&header, "alg"), text(&header, "typ"), text(&header, "cat")), ("RS256".to_owned(), "JWT".to_owned(), "cl_B7d4PD111AAA".to_owned()));
    for (claim, value) in [
        ("iss", json!(server.home.tenant.issuer)),
        ("sub", json!(user)),
        ("sid", json!(session)),
        ("iat", json!(now)),
        ("nbf", json!(now - 10)),
        ("exp", json!(now + 60)),
        ("v", json!(2)),
        ("sts", json!("active")),
        ("fva", json!([2, -1])),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    let (_, next) = read(&token(&backend, &session, json!({})).await);
    assert_ne!(claims["jti"], next["jti"], "every token has a name of its own");
    for name in ["azp", "act", "o", "oiat"] {
        assert_eq!(claims[name], Value::Null, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_lives_as_long_as_the_backend_says_within_bounds() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let session = id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok());
    for (asked, life) in [(json!(null), 60), (json!(30), 30), (json!(3_600), 3_600), (json!(315_360_000), 7 * 86_400)] {
        let (_, claims) = read(&token(&backend, &session, json!({ "expires_in_seconds": asked })).await);
        assert_eq!(claims["exp"].as_i64().expect("exp") - claims["iat"].as_i64().expect("iat"), life, "and no longer than its session");
    }
    let path = format!("/v1/sessions/{session}/tokens");
    for wrong in [json!(29), json!(0), json!(-60), json!(315_360_001), json!(i64::MAX), json!(1e300), json!("60"), json!(60.5), json!([60]), json!(true)] {
        let reply = backend.post(&path, json!({ "expires_in_seconds": wrong })).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, "expires_in_seconds"), "{wrong}");
    }
    for (field, value) in [("sub", json!("user_x")), ("claims", json!({ "role": "admin" })), ("sid", json!("sess_x"))] {
        let reply = backend.post(&path, json!({ field: value })).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_unknown"), field), "no claim comes from outside");
    }
    let without_body = backend.send(http::Method::POST, &path, None).await;
    assert_eq!(without_body.ok()["object"], "token", "SDKs send no body at all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_living_session_of_a_welcome_user_has_tokens() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let session = id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok());
    for nobody in ["sess_x", "sess_2NNEqL2nrIRdJ194ndJqAHwEfxC", &user, "%2e%2e"] {
        assert_eq!(backend.post(&format!("/v1/sessions/{nobody}/tokens"), json!({})).await.refusal(), (404, "resource_not_found"), "{nobody}");
    }
    assert_eq!(server.neighbours_backend().post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.refusal(), (404, "resource_not_found"));
    assert_eq!(server.neighbours_backend().get(&format!("/v1/sessions/{session}")).await.refusal(), (404, "resource_not_found"));
    server.advance(7 * DAY);
    assert_eq!(backend.post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.refusal(), (404, "resource_not_found"), "it has expired");
}

/// The key of the instance that a token names, as any backend would find it.
async fn published(backend: &Api, token: &str) -> Option<PublicKey> {
    let (header, _) = read(token);
    let jwks = backend.get("/v1/jwks").await.ok().clone();
    let key = jwks["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == header["kid"]).cloned()?;
    Some(PublicKey { n: text(&key, "n"), e: text(&key, "e") })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_verified_by_the_published_key_alone() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let user = ada.user_id().await;
    let made = token(&backend, &ada.session_id().await, json!({})).await;
    for jwt in [ada.token().await, made] {
        let key = published(&backend, &jwt).await.expect("its key is published");
        let claims = jose::verify(&jwt, Category::Session, server.database.now(), |_| Some(key.clone())).expect("a good token");
        assert_eq!(claims["sub"], json!(user));
        assert!(published(&server.neighbours_backend(), &jwt).await.is_none(), "and by nobody else's");
        let theirs = server.neighbours_backend().get("/v1/jwks").await.ok()["keys"][0].clone();
        let theirs = PublicKey { n: text(&theirs, "n"), e: text(&theirs, "e") };
        assert_eq!(jose::verify(&jwt, Category::Session, server.database.now(), |_| Some(theirs)), Err(jose::Fault::Signature));
    }
    assert!(foundation::SessionId::parse(&ada.session_id().await).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_creates_no_session_by_its_backends_word() {
    let server = TestServer::start_with(Setup { environment: domain::instances::Environment::Production, ..Setup::default() }).await;
    let user = server.backend().post("/v1/users", json!({ "email_address": ["ada@example.com"], "password": testkit::PASSWORD })).await;
    let reply = server.backend().post("/v1/sessions", json!({ "user_id": user.ok()["id"] })).await;
    assert_eq!(reply.refusal(), (400, "request_invalid_for_environment"));
}
