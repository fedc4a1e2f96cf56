//! Verifying tokens that this server signed.

use super::{Category, PublicKey, decode};
use aws_lc_rs::{rsa::PublicKeyComponents, signature::RSA_PKCS1_2048_8192_SHA256};
use foundation::{Id, SigningKeyId, Timestamp};
use serde_json::{Map, Value};

/// The longest token that is looked at.
const MOST: usize = 16 * 1024;
/// How far two clocks may differ, in seconds.
const SKEW: i64 = 5;

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not three parts of base64url with JSON objects in them, or too long.
    Malformed,
    /// Another algorithm than RS256, or a header that changes how the token is read.
    Algorithm,
    /// No key of this instance has the `kid`.
    UnknownKey,
    /// The signature does not fit.
    Signature,
    /// A token for another purpose.
    Category,
    /// Expired, or not valid yet, or without an expiry.
    Time,
}

/// Checks signature, purpose and times; the claims.
///
/// `key` gives the public key of a `kid`. It is asked about this instance's own keys and never fetches anything: `jku`, `jwk` and
/// `x5u` in the header have no effect.
///
/// # Errors
/// The first [`Fault`] found.
pub fn verify(token: &str, category: Category, now: Timestamp, key: impl FnOnce(SigningKeyId) -> Option<PublicKey>) -> Result<Map<String, Value>, Fault> {
    if token.len() > MOST {
        return Err(Fault::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Fault::Malformed)?;
    let header = object(header)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") || header.contains_key("crit") || header.contains_key("b64") || header.contains_key("zip") {
        return Err(Fault::Algorithm);
    }
    let kid = header.get("kid").and_then(Value::as_str).and_then(SigningKeyId::parse).ok_or(Fault::UnknownKey)?;
    let key = key(kid).ok_or(Fault::UnknownKey)?;
    let (n, e) = (decode(&key.n).ok_or(Fault::UnknownKey)?, decode(&key.e).ok_or(Fault::UnknownKey)?);
    let signature = decode(signature).ok_or(Fault::Malformed)?;
    PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).map_err(|_| Fault::Signature)?;
    if header.get("cat").and_then(Value::as_str) != category.header() {
        return Err(Fault::Category);
    }
    let claims = object(claims)?;
    let seconds = |name: &str| claims.get(name).map(|v| v.as_i64().ok_or(Fault::Time)).transpose();
    let now = now.seconds();
    let expiry = seconds("exp")?.ok_or(Fault::Time)?;
    if now.saturating_sub(SKEW) >= expiry || seconds("nbf")?.is_some_and(|start| now.saturating_add(SKEW) < start) {
        return Err(Fault::Time);
    }
    Ok(claims)
}

fn object(part: &str) -> Result<Map<String, Value>, Fault> {
    let bytes = decode(part).ok_or(Fault::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Fault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::super::{SigningKey, encode};
    use super::*;
    use foundation::{Ksuid, random::Seeded};
    use serde_json::json;

    fn key() -> SigningKey {
        let id = SigningKeyId::from_ksuid(Ksuid::new(Timestamp::from_millis(1_700_000_000_000), &mut Seeded::new(1)));
        SigningKey::parse(id, &SigningKey::generate().expect("made")).expect("parsed")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_token_is_read_back_within_its_time() {
        let key = key();
        let token = key.sign(Category::Session, &json!({ "sub": "user", "nbf": 90, "exp": 160 })).expect("signed");
        let read = |seconds| verify(&token, Category::Session, at(seconds), |kid| (kid == key.id()).then(|| key.public()));
        assert_eq!(read(100).expect("claims")["sub"], "user");
        assert_eq!(read(166).expect_err("expired"), Fault::Time);
        assert_eq!(read(84).expect_err("not yet"), Fault::Time);
        assert_eq!(verify(&token, Category::Handshake, at(100), |_| Some(key.public())).expect_err("another purpose"), Fault::Category);
        assert_eq!(verify(&token, Category::Session, at(100), |_| None).expect_err("another instance"), Fault::UnknownKey);
    }

    /// RFC 8725; CVE-2026-1529 (an unsigned token was believed). CVE-2024-28180, CVE-2025-27144, CVE-2025-30204, CVE-2026-34986: what stood in a token made the
    /// reader inflate, iterate or split without end.
    #[test]
    fn hostile_tokens_are_refused() {
        let key = key();
        let claims = json!({ "sub": "user", "exp": 160 });
        let token = key.sign(Category::Session, &claims).expect("signed");
        let parts: Vec<&str> = token.split('.').collect();
        let read = |token: &str| verify(token, Category::Session, at(100), |_| Some(key.public())).map(|_| ());
        let with = |header: Value| format!("{}.{}.{}", encode(header.to_string().as_bytes()), parts[1], parts[2]);
        let kid = key.id();
        assert_eq!(read(&with(json!({ "alg": "none", "kid": kid }))), Err(Fault::Algorithm));
        assert_eq!(read(&format!("{}.{}.", encode(json!({ "alg": "none", "kid": kid }).to_string().as_bytes()), parts[1])), Err(Fault::Algorithm));
        assert_eq!(read(&with(json!({ "alg": "HS256", "kid": kid }))), Err(Fault::Algorithm));
        assert_eq!(read(&with(json!({ "alg": "rs256", "kid": kid }))), Err(Fault::Algorithm));
        assert_eq!(read(&with(json!({ "alg": "RS256", "kid": kid, "crit": ["b64"], "b64": false }))), Err(Fault::Algorithm));
        assert_eq!(read(&with(json!({ "alg": "RS256", "kid": "../../etc/passwd" }))), Err(Fault::UnknownKey));
        assert_eq!(read(&with(json!({ "alg": "RS256", "kid": [kid] }))), Err(Fault::UnknownKey));
        assert_eq!(read(&with(json!({ "alg": "RS256" }))), Err(Fault::UnknownKey));
        assert_eq!(read(&with(json!({ "alg": "RS256", "kid": kid, "jku": "http://evil.example" }))), Err(Fault::Signature), "the header is signed too");
        assert_eq!(read(&format!("{}.{}.{}", parts[0], encode(b"{\"sub\":\"other\",\"exp\":160}"), parts[2])), Err(Fault::Signature));
        assert_eq!(read(&format!("{}.{}.", parts[0], parts[1])), Err(Fault::Signature));
        // Nothing is inflated, derived or fetched by what a header says.
        for more in [
            json!({ "zip": "DEF" }),
            json!({ "enc": "A256GCM", "p2c": 1_000_000_000, "p2s": "AA" }),
            json!({ "jwk": { "kty": "oct", "k": "AA" } }),
            json!({ "x5u": "http://127.0.0.1/" }),
            json!({ "x5c": ["AA"] }),
        ] {
            let mut header = json!({ "alg": "RS256", "kid": kid });
            header.as_object_mut().expect("a header").extend(more.as_object().expect("an object").clone());
            assert!(matches!(read(&with(header.clone())), Err(Fault::Signature | Fault::Algorithm)), "{header}");
            header["alg"] = json!("PBES2-HS256+A128KW");
            assert_eq!(read(&with(header.clone())), Err(Fault::Algorithm), "{header}");
        }
        let five = format!("{}.{}.AA.AA.AA", encode(json!({ "alg": "dir", "enc": "A256GCM", "zip": "DEF" }).to_string().as_bytes()), parts[1]);
        assert_eq!(read(&five), Err(Fault::Algorithm));
        for text in [".".repeat(100_000), "a.".repeat(MOST)] {
            assert_eq!(read(&text), Err(Fault::Malformed), "{text:.20}");
        }
        for text in ["", "a", "a.b", "a.b.c", "....", &"a".repeat(MOST + 1)] {
            assert_eq!(read(text), Err(Fault::Malformed), "{:.20}", text);
        }
        for expiry in [json!("160"), json!(-1), json!(160.5), json!(null), json!([160])] {
            let token = key.sign(Category::Session, &json!({ "exp": expiry })).expect("signed");
            assert_eq!(read(&token), Err(Fault::Time), "{expiry}");
        }
    }
}
