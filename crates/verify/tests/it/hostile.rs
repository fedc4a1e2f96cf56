//! Tokens that somebody has tampered with, or made up, or that are good for something else. Attacks J1 to J5.

use super::{FIRST, SECOND, changed, claims, encode, header, jwk, pem, sign, token, verifier, with};
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA512, RSA_PSS_SHA256},
};
use insula_verify::Refusal::{self, Algorithm, Claims, Header, Issuer, Kind, Malformed, Signature, TooLong, UnknownKey};
use serde_json::{Value, json};

async fn refusal(token: &str) -> Option<Refusal> {
    verifier().verify(token).await.err()
}

/// Signed with the right key, under this header.
async fn under(changes: Value) -> Option<Refusal> {
    refusal(&token(&FIRST, &changed(header(), changes).to_string(), &claims().to_string())).await
}

/// The same with a header that need not be right, and another signature.
async fn forged(changes: Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Option<Refusal> {
    let signed = format!("{}.{}", encode(changed(header(), changes).to_string()), encode(claims().to_string()));
    let signature = encode(sign(signed.as_bytes()));
    refusal(&format!("{signed}.{signature}")).await
}

#[tokio::test]
async fn what_the_instance_has_signed_is_accepted() {
    let session = verifier().verify(&sign(&claims())).await.expect("a session");
    assert_eq!((session.user_id.as_str(), session.session_id.as_str(), session.owner_id()), ("user_1", "sess_1", "user_1"));
    assert_eq!((session.issued_at, session.expires_at), (super::NOW, super::NOW + 60));
}

/// J1. CVE-2015-9235, CVE-2026-1529: `none`. CVE-2016-10555, CVE-2022-29217: a public key for a shared secret. CVE-2022-21449: a signature of zeros.
#[tokio::test]
async fn the_algorithm_is_not_the_tokens_to_choose() {
    for name in ["none", "None", "NONE", "", "rs256", "RS256 ", "Rs256", "PS256", "HS256", "ES256", "EdDSA", "RS384", "RS512"] {
        assert_eq!(under(json!({ "alg": name })).await, Some(Algorithm), "{name}");
        assert_eq!(forged(json!({ "alg": name }), |_| Vec::new()).await, Some(Algorithm), "{name}, unsigned");
    }
    for odd in [json!(["RS256"]), json!(256), json!({}), json!(true)] {
        assert_eq!(under(json!({ "alg": odd })).await, Some(Algorithm));
    }
    assert_eq!(under(json!({ "alg": null })).await, Some(Algorithm));

    for secret in [pem(&FIRST), pem(&FIRST).trim().to_owned(), jwk(&FIRST, "one").to_string(), jwk(&FIRST, "one")["n"].to_string(), String::new()] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        assert_eq!(forged(json!({ "alg": "HS256" }), |text| hmac::sign(&key, text).as_ref().to_vec()).await, Some(Algorithm));
        assert_eq!(forged(json!({}), |text| hmac::sign(&key, text).as_ref().to_vec()).await, Some(Signature));
    }
    // Another scheme, another hash and another key, under the right name.
    for encoding in [&RSA_PSS_SHA256 as &'static dyn aws_lc_rs::signature::RsaEncoding, &RSA_PKCS1_SHA512] {
        let by = |text: &[u8]| {
            let mut signature = vec![0; FIRST.public_modulus_len()];
            FIRST.sign(encoding, &SystemRandom::new(), text, &mut signature).expect("signed");
            signature
        };
        assert_eq!(forged(json!({}), by).await, Some(Signature));
    }
    assert_eq!(refusal(&token(&SECOND, &header().to_string(), &claims().to_string())).await, Some(Signature));
    let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("made");
    assert_eq!(forged(json!({}), |text| curve.sign(&SystemRandom::new(), text).expect("signed").as_ref().to_vec()).await, Some(Signature));
    for bytes in [vec![], vec![0; 64], vec![0; 256], vec![255; 256], vec![0; 255], vec![1; 512], vec![0; 4_096]] {
        assert_eq!(forged(json!({}), |_| bytes).await, Some(Signature));
    }
}

/// J2.
#[tokio::test]
async fn a_key_is_found_by_its_id_alone() {
    for kid in ["", "two", "ONE", "one ", "../../../../dev/null", "' or 1=1 --", "http://evil.example/jwks.json", "one\0", &"1".repeat(1 << 12)] {
        assert_eq!(under(json!({ "kid": kid })).await, Some(UnknownKey), "{kid:.40}");
    }
    for odd in [json!(["one"]), json!({ "kid": "one" }), json!(1), json!(true), Value::Null] {
        assert_eq!(under(json!({ "kid": odd })).await, Some(UnknownKey));
    }
    assert_eq!(under(json!({ "kid": "1".repeat(1 << 20) })).await, Some(TooLong));
}

/// J3. CVE-2018-0114: a key in the header. CVE-2024-28180, CVE-2026-34986: what is packed or encrypted.
#[tokio::test]
async fn headers_bring_no_keys_and_change_no_rules() {
    let own = jwk(&SECOND, "one");
    for (name, value) in [
        ("jwk", own.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("abc")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("p2c", json!(1_000_000_000)),
        ("cty", json!("JWT")),
    ] {
        assert_eq!(under(json!({ name: value })).await, Some(Header), "{name}");
    }
    assert_eq!(forged(json!({ "jwk": own }), |_| vec![0; 256]).await, Some(Header));
    let nested = sign(&claims());
    assert_eq!(refusal(&token(&FIRST, &changed(header(), json!({ "cty": "JWT" })).to_string(), &nested)).await, Some(Header));
    for token in [format!("{nested}."), format!("{nested}.{nested}"), nested.replace('.', "..")] {
        assert_eq!(refusal(&token).await, Some(Malformed), "five parts are an encrypted one");
    }
}

/// J4. CVE-2026-9097: what the same key has signed for another purpose.
#[tokio::test]
async fn only_a_sessions_token_is_one() {
    for category in ["cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_I7d4PD111III", "", "cl_b7d4pd111aaa"] {
        assert_eq!(under(json!({ "cat": category })).await, Some(Kind), "{category}");
    }
    assert_eq!(under(json!({ "cat": null })).await, Some(Kind), "a handshake's has none");
    for kind in ["at+jwt", "application/at+jwt", "jwt", "id+jwt", "logout+jwt", "", "JWE"] {
        assert_eq!(under(json!({ "typ": kind })).await, Some(Kind), "{kind}");
    }
    assert_eq!(under(json!({ "typ": ["JWT"] })).await, Some(Kind));
    assert_eq!(under(json!({ "typ": null })).await, None, "it may be absent");
    // Without what a session's token claims.
    for name in ["sub", "sid", "iss", "v", "iat", "exp"] {
        assert_eq!(refusal(&sign(&with(json!({ name: null })))).await, Some(Claims), "{name}");
        for odd in [json!(""), json!([]), json!({}), json!(true), json!(["user_1"])] {
            assert_eq!(refusal(&sign(&with(json!({ name: odd })))).await, Some(Claims), "{name}");
        }
    }
    assert_eq!(refusal(&sign(&with(json!({ "v": 1, "org_id": "org_1", "org_role": "org:admin" })))).await, Some(Claims));
    for odd in [json!("org_1"), json!({}), json!({ "id": "" }), json!({ "id": 1 }), json!({ "id": "org_1", "rol": ["admin"] }), json!([])] {
        assert_eq!(refusal(&sign(&with(json!({ "o": odd })))).await, Some(Claims), "{odd}");
    }
}

/// J5. GHSA-wxg7: one reader, and numbers that are whole ones.
#[tokio::test]
async fn claims_are_read_once_and_strictly() {
    for name in ["exp", "iat", "nbf"] {
        for odd in [json!("1900000000"), json!(1_900_000_000.5), json!([1_900_000_000]), json!(u64::MAX), json!(true)] {
            assert_eq!(refusal(&sign(&with(json!({ name: odd })))).await, Some(Claims), "{name} {odd}");
        }
    }
    let text = claims().to_string();
    for twice in [
        text.replacen('{', "{\"sub\":\"user_2\",", 1),
        text.replacen('{', "{\"exp\":9999999999,", 1),
        text.replacen('{', "{\"\\u0073ub\":\"user_2\",", 1),
        text.replacen('{', "{\"o\":{\"id\":\"org_1\",\"id\":\"org_2\"},", 1),
    ] {
        assert_eq!(refusal(&token(&FIRST, &header().to_string(), &twice)).await, Some(Malformed), "{twice:.60}");
    }
    let header = header().to_string();
    assert_eq!(refusal(&token(&FIRST, &header.replacen('{', "{\"alg\":\"none\",", 1), &text)).await, Some(Malformed));
    for body in ["", "[]", "\"x\"", "{", "null", "{}{}", &format!("{{\"a\":{}", "[".repeat(5_000))] {
        assert_eq!(refusal(&token(&FIRST, &header, body)).await, Some(Malformed), "{body:.20}");
        assert_eq!(refusal(&token(&FIRST, body, &text)).await, Some(Malformed), "{body:.20}");
    }
    assert_eq!(refusal(&token(&FIRST, &header, &format!("{{\"a\":{}}}", "9".repeat(400)))).await, Some(Malformed), "a number without end");
}

/// CVE-2025-27144, CVE-2025-30204: a text full of dots costs nothing. CVE-2026-27840: a token that was cut or made longer is none.
#[tokio::test]
async fn what_has_no_form_is_refused_at_once() {
    for text in ["", ".", "..", "a", "a.b", "a.b.c", "....", "Bearer x", "e30.e30.", "ü.ü.ü", "eyJ hbGc.e30.e30"] {
        assert!(matches!(refusal(text).await, Some(Malformed | Algorithm)), "{text}");
    }
    for text in [".".repeat(1 << 24), "a".repeat(1 << 24)] {
        assert_eq!(refusal(&text).await, Some(TooLong));
    }
    assert_eq!(refusal(&".".repeat(16_000)).await, Some(Malformed));
    let good = sign(&claims());
    for (place, _) in good.char_indices().step_by(13) {
        let mut cut = good.clone();
        cut.remove(place);
        assert!(refusal(&cut).await.is_some(), "without the character at {place}");
        assert!(refusal(&good[..place]).await.is_some(), "the first {place} characters");
    }
    for tail in ["A", "=", " ", "\n", ".", "AAAA"] {
        assert!(refusal(&format!("{good}{tail}")).await.is_some(), "{tail:?}");
    }
    // The last character of a signature has bits that say nothing: only one spelling is right.
    let last = good.chars().last().expect("a character");
    let others = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().filter(|other| *other != last);
    for other in others {
        assert!(refusal(&format!("{}{other}", &good[..good.len() - 1])).await.is_some(), "{other}");
    }
}

#[tokio::test]
async fn another_issuer_is_another_issuer() {
    for issuer in
        ["https://shop.example/", "http://shop.example", "shop.example", "https://SHOP.example", "https://acme--shop.example", "https://shop.example.evil"]
    {
        assert_eq!(refusal(&sign(&with(json!({ "iss": issuer })))).await, Some(Issuer), "{issuer}");
    }
}
