//! Times, authorized parties, sessions that wait.

use super::{NOW, at, claims, sign, verifier, with};
use insula_verify::{Refusal, Status};
use serde_json::json;
use std::time::Duration;

async fn when(seconds: i64, claims: &serde_json::Value) -> Option<Refusal> {
    at(seconds, verifier()).verify(&sign(claims)).await.err()
}

/// J5: 5 seconds, as with the SDKs.
#[tokio::test]
async fn a_token_has_its_time_and_clocks_may_differ_a_little() {
    for (seconds, expected) in [
        (NOW + 64, None),
        (NOW + 65, Some(Refusal::Expired)),
        (NOW + 86_400, Some(Refusal::Expired)),
        (NOW - 5, None),
        (NOW - 6, Some(Refusal::IssuedInFuture)),
        (NOW - 15, Some(Refusal::IssuedInFuture)),
        (NOW - 16, Some(Refusal::NotYet)),
    ] {
        assert_eq!(when(seconds, &claims()).await, expected, "{}", seconds - NOW);
    }
    assert_eq!(when(NOW, &with(json!({ "nbf": null }))).await, None, "it may be absent");
    for (name, edge) in [("exp", i64::MIN), ("exp", -1), ("exp", 0), ("iat", i64::MAX), ("nbf", i64::MAX)] {
        assert!(when(NOW, &with(json!({ name: edge }))).await.is_some(), "{name} {edge}");
    }
    assert_eq!(when(NOW, &with(json!({ "exp": i64::MAX, "nbf": i64::MIN, "iat": i64::MIN }))).await, None);

    let exact = at(NOW + 60, verifier().clock_skew(Duration::ZERO));
    assert_eq!(exact.verify(&sign(&claims())).await.err(), Some(Refusal::Expired));
    let halves = verifier().clock_skew(Duration::ZERO).clock(|| Duration::from_millis(u64::try_from(NOW).expect("a time") * 1000 + 59_999));
    assert_eq!(halves.verify(&sign(&claims())).await.err(), None);
    let endless = at(NOW + 3_600, verifier().clock_skew(Duration::MAX));
    assert_eq!(endless.verify(&sign(&claims())).await.err(), None);
}

/// J9: leaving the party out is no way around it.
#[tokio::test]
async fn a_token_is_for_one_of_the_authorized_parties() {
    let strict = verifier().authorized_parties(["https://shop.example", "https://admin.shop.example"]);
    for (party, expected) in [
        (json!("https://shop.example"), None),
        (json!("https://admin.shop.example"), None),
        (json!("https://evil.shop.example"), Some(Refusal::Party)),
        (json!("https://shop.example/"), Some(Refusal::Party)),
        (json!(""), Some(Refusal::Party)),
        (json!(null), Some(Refusal::Party)),
        (json!(["https://shop.example"]), Some(Refusal::Claims)),
    ] {
        let token = sign(&with(json!({ "azp": party })));
        assert_eq!(strict.verify(&token).await.err(), expected, "{party}");
    }
    assert_eq!(when(NOW, &with(json!({ "azp": null }))).await, None, "where nobody asks, it may be absent");
}

/// S2: a session that waits is nobody's, unless its tokens are asked for.
#[tokio::test]
async fn a_pending_session_is_signed_out() {
    for status in [json!("pending"), json!("else"), json!(1), json!("")] {
        let token = sign(&with(json!({ "sts": status })));
        assert_eq!(verifier().verify(&token).await.err(), Some(Refusal::Pending), "{status}");
        assert_eq!(verifier().accepting_pending().verify(&token).await.expect("a session").status, Status::Pending);
    }
    assert_eq!(verifier().verify(&sign(&with(json!({ "sts": null })))).await.expect("a session").status, Status::Active);
}

#[tokio::test]
async fn an_actor_and_an_organization_are_told() {
    let token = sign(&with(json!({ "act": { "sub": "user_2" }, "o": { "id": "org_1", "slg": "acme", "rol": "member" } })));
    let session = verifier().verify(&token).await.expect("a session");
    assert_eq!(session.actor, Some(json!({ "sub": "user_2" })));
    assert_eq!((session.organization_id(), session.owner_id()), (Some("org_1"), "org_1"));
    for name in ["org_1", "acme"] {
        assert_eq!(session.in_organization(name).expect("it is").role.as_deref(), Some("org:member"));
    }
    for name in ["org_2", "ACME", "", "org_1 "] {
        assert_eq!(session.in_organization(name), Err(Refusal::Organization), "{name}");
    }
    let personal = verifier().verify(&sign(&claims())).await.expect("a session");
    assert_eq!(personal.in_organization("org_1"), Err(Refusal::Organization));
}
