//! Handlers of axum that take a session.

use super::{KEY, NOW, at, claims, sign, verifier, with};
use axum::{Router, body::Body, extract::Path, routing::get};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use insula_verify::{Check, Fetched, Freshness, Rejection, Session, Verifier};
use serde_json::json;
use tower::ServiceExt;

fn router(verifier: Verifier) -> Router {
    async fn mine(session: Session) -> String {
        session.user_id
    }
    async fn anybody(session: Option<Session>) -> String {
        session.map_or_else(|| "nobody".to_owned(), |session| session.user_id)
    }
    async fn team(session: Session, Path(team): Path<String>) -> Result<String, Rejection> {
        Ok(session.in_organization(&team)?.id.clone())
    }
    async fn admin(session: Session) -> StatusCode {
        if session.has(&Check::role("org:admin")) { StatusCode::OK } else { StatusCode::FORBIDDEN }
    }
    let routes = Router::new().route("/mine", get(mine)).route("/anybody", get(anybody));
    routes.route("/teams/{team}", get(team)).route("/admin", get(admin)).with_state(verifier)
}

async fn ask(verifier: Verifier, path: &str, token: Option<&str>) -> Response<Body> {
    let request = Request::get(path);
    let request = if let Some(token) = token { request.header("authorization", format!("Bearer {token}")) } else { request };
    router(verifier).oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer")
}

async fn told(path: &str, token: Option<&str>) -> (u16, String) {
    let response = ask(verifier(), path, token).await;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(bytes.to_vec()).expect("text"))
}

#[tokio::test]
async fn a_handler_is_called_for_whoever_is_signed_in() {
    let token = sign(&claims());
    let expired = sign(&with(json!({ "exp": NOW - 60 })));
    assert_eq!(told("/mine", Some(&token)).await, (200, "user_1".to_owned()));
    for refused in [None, Some("x"), Some(expired.as_str())] {
        assert_eq!(told("/mine", refused).await, (401, String::new()), "it does not say why");
        assert_eq!(told("/anybody", refused).await, (200, "nobody".to_owned()));
    }
    assert_eq!(told("/anybody", Some(&token)).await, (200, "user_1".to_owned()));
    assert_eq!(ask(verifier(), "/mine", None).await.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn an_organization_that_is_not_the_sessions_is_not_found() {
    let member = sign(&with(json!({ "o": { "id": "org_1", "slg": "acme", "rol": "member" } })));
    assert_eq!(told("/teams/acme", Some(&member)).await, (200, "org_1".to_owned()));
    assert_eq!(told("/teams/beta", Some(&member)).await, (404, String::new()));
    assert_eq!(told("/teams/acme", Some(&sign(&claims()))).await, (404, String::new()));
    assert_eq!(told("/admin", Some(&member)).await.0, 403);
    let admin = sign(&with(json!({ "o": { "id": "org_1", "slg": "acme", "rol": "admin" } })));
    assert_eq!(told("/admin", Some(&admin)).await.0, 200);
}

#[tokio::test]
async fn without_keys_nobody_is_called_signed_out() {
    let down = || async { Fetched::Err("down".into()) };
    let verifier = at(NOW, Verifier::fetching(KEY, down, Freshness::default()).expect("a verifier"));
    for path in ["/mine", "/anybody"] {
        let response = ask(verifier.clone(), path, Some(&sign(&claims()))).await;
        assert_eq!((response.status(), &response.headers()["retry-after"]), (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().expect("a header")));
    }
    assert_eq!(ask(verifier, "/anybody", None).await.status(), StatusCode::OK, "no token needs no keys");
}
