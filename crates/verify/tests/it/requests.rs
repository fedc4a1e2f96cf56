//! Where a request carries its token, as the SDKs decide it.

use super::{NOW, claims, sign, verifier, with};
use insula_verify::{Refusal, Session};
use serde_json::json;

/// What is made from the publishable key for the names of cookies.
const SUFFIX: &str = "ZOJObqhd";

async fn carried(authorization: &str, cookies: &[(&str, &str)]) -> Result<Session, Refusal> {
    let mut headers = http::HeaderMap::new();
    if !authorization.is_empty() {
        headers.insert("authorization", authorization.parse().expect("a header"));
    }
    for (name, value) in cookies {
        headers.append("cookie", format!("{}={value}", name.replace('*', SUFFIX)).parse().expect("a header"));
    }
    verifier().verify_request(&headers).await
}

fn user(name: &str, issued: i64) -> String {
    sign(&with(json!({ "sub": name, "iat": issued })))
}

async fn who(cookies: &[(&str, &str)]) -> Result<String, Refusal> {
    carried("", cookies).await.map(|session| session.user_id)
}

#[tokio::test]
async fn a_header_carries_a_token() {
    let token = sign(&claims());
    for text in [format!("Bearer {token}"), format!("Bearer  {token} "), token.clone()] {
        assert!(carried(&text, &[]).await.is_ok(), "{text:.20}");
    }
    for text in ["Basic dXNlcjpwYXNz", &format!("bearer {token}"), &format!("Basic {token}")] {
        assert_eq!(carried(text, &[]).await.err(), Some(Refusal::Missing), "{text:.20}");
    }
    assert_eq!(carried("", &[]).await.err(), Some(Refusal::Missing));
    assert_eq!(carried("Bearer x", &[("__session", &token), ("__client_uat", "1")]).await.err(), Some(Refusal::Malformed), "the header comes first");
}

/// S4: a cookie counts while its browser is signed in, and not from before that.
#[tokio::test]
async fn a_cookie_counts_while_its_browser_is_signed_in() {
    let token = sign(&claims());
    let (now, before, after) = (NOW.to_string(), (NOW - 1).to_string(), (NOW + 1).to_string());
    for (since, expected) in [
        (Some(now.as_str()), None),
        (Some(&before), None),
        (Some(&after), Some(Refusal::Outdated)),
        (Some("0"), Some(Refusal::SignedOut)),
        (Some("-1"), Some(Refusal::SignedOut)),
        (Some("x"), Some(Refusal::SignedOut)),
        (None, Some(Refusal::SignedOut)),
    ] {
        for names in [("__session", "__client_uat"), ("__session_*", "__client_uat_*")] {
            let mut cookies = vec![(names.0, token.as_str())];
            cookies.extend(since.map(|since| (names.1, since)));
            // Where nobody is signed in with the suffix, the cookies without count, of which there are none.
            let nobody = matches!(since, None | Some("0" | "x")) && names.0 == "__session_*";
            let expected = if nobody { Some(Refusal::Missing) } else { expected };
            assert_eq!(who(&cookies).await.err(), expected, "{since:?} {names:?}");
        }
    }
    assert_eq!(who(&[("__client_uat", &now)]).await.err(), Some(Refusal::Missing));
    assert_eq!(who(&[("__session", ""), ("__client_uat", &now)]).await.err(), Some(Refusal::Missing));
}

/// Two applications, or two pools, on one host.
#[tokio::test]
async fn cookies_with_the_suffix_are_the_applications_own() {
    let (own, plain) = (user("own", NOW), user("plain", NOW));
    let foreign = sign(&with(json!({ "iss": "https://other.example", "sub": "foreign", "iat": NOW + 1 })));
    let nobody = sign(&with(json!({ "iss": null })));
    let (now, newer, older) = (NOW.to_string(), user("newer", NOW + 1), user("older", NOW - 1));
    let ok = |name: &str| Ok(name.to_owned());
    let both = |plain| [("__session", plain), ("__client_uat", now.as_str()), ("__session_*", own.as_str()), ("__client_uat_*", now.as_str())];
    assert_eq!(who(&both(&plain)).await, ok("own"));
    assert_eq!(who(&both(&older)).await, ok("own"));
    assert_eq!(who(&both(&foreign)).await, ok("own"), "the other application's is passed over, however new");
    assert_eq!(who(&both(&newer)).await, ok("newer"), "a page with an older script has signed in");
    assert_eq!(who(&both(&nobody)).await, Err(Refusal::Claims), "of no application: it opens nothing");
    // The other application's alone.
    assert_eq!(who(&[("__session", foreign.as_str()), ("__client_uat", &now)]).await, Err(Refusal::Missing));
    // Signed out here, signed in there; and the other way round.
    let out = |plain| [("__session", plain), ("__client_uat", now.as_str()), ("__session_*", own.as_str()), ("__client_uat_*", "0")];
    assert_eq!(who(&out(&foreign)).await, Err(Refusal::SignedOut));
    assert_eq!(who(&out(&plain)).await, ok("plain"), "the cookies without are newer");
    assert_eq!(who(&[("__client_uat", "0"), ("__session_*", own.as_str()), ("__client_uat_*", &now)]).await, ok("own"));
    assert_eq!(who(&[("__client_uat", "0"), ("__session_*", own.as_str()), ("__client_uat_*", "0")]).await, Err(Refusal::SignedOut));
    // Of another application's suffix.
    assert_eq!(who(&[("__session_AAAAAAAA", own.as_str()), ("__client_uat_AAAAAAAA", &now)]).await, Err(Refusal::Missing));
    // One header with all of them, as browsers send it.
    let line = format!("a=b; __session_{SUFFIX}={own};__client_uat_{SUFFIX}={now}; c");
    let mut headers = http::HeaderMap::new();
    headers.insert("cookie", line.parse().expect("a header"));
    assert_eq!(verifier().verify_request(&headers).await.map(|session| session.user_id), ok("own"));
}
