//! Keys that are given: sets, PEM, and what is neither; publishable keys.

use super::{FIRST, KEY, NOW, SECOND, at, changed, claims, header, jwk, jwks, pem, sign, token};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use insula_verify::{Keys, Refusal, Verifier};
use serde_json::json;

fn with(keys: Keys) -> Verifier {
    at(NOW, Verifier::of(KEY, keys).expect("a verifier"))
}

#[tokio::test]
async fn a_key_in_pem_verifies_whatever_its_id() {
    let verifier = with(Keys::from_pem(&pem(&FIRST)).expect("a key"));
    assert!(verifier.verify(&sign(&claims())).await.is_ok());
    let other = changed(header(), json!({ "kid": "two" })).to_string();
    assert!(verifier.verify(&token(&FIRST, &other, &claims().to_string())).await.is_ok());
    assert_eq!(verifier.verify(&token(&SECOND, &other, &claims().to_string())).await.err(), Some(Refusal::Signature));
    for text in ["", "x", &pem(&FIRST).replace("PUBLIC", "PRIVATE"), &pem(&FIRST)[..200], &pem(&FIRST).replace("MII", "MIJ"), &format!("{0}{0}", pem(&FIRST))] {
        assert!(Keys::from_pem(text).is_err(), "{text:.40}");
    }
}

#[tokio::test]
async fn of_a_set_only_keys_for_rs256_count() {
    let good = jwk(&FIRST, "one");
    for odd in [
        json!({ "kty": "oct" }),
        json!({ "kty": null }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "none" }),
        json!({ "use": "enc" }),
        json!({ "d": "AQAB" }),
        json!({ "kid": null }),
        json!({ "kid": "" }),
        json!({ "n": null }),
        json!({ "n": "+/" }),
        json!({ "e": 65537 }),
    ] {
        assert!(Keys::from_jwks(&jwks(&[changed(good.clone(), odd.clone())])).is_err(), "{odd}");
        assert!(Keys::from_jwks(&jwks(&[changed(good.clone(), odd), good.clone()])).is_ok(), "it is passed over");
    }
    for weak in [json!({ "e": "AQ" }), json!({ "e": "Ag" }), json!({ "n": "AQAB" }), json!({ "n": "" })] {
        let verifier = with(Keys::from_jwks(&jwks(&[changed(good.clone(), weak.clone())])).expect("a set"));
        assert_eq!(verifier.verify(&sign(&claims())).await.err(), Some(Refusal::Signature), "{weak}");
    }
    let short = KeyPair::generate(KeySize::Rsa2048).expect("made");
    let cut = jwk(&short, "one")["n"].as_str().expect("text")[..168].to_owned();
    assert_eq!(
        with(Keys::from_jwks(&jwks(&[changed(good.clone(), json!({ "n": cut }))])).expect("a set")).verify(&sign(&claims())).await.err(),
        Some(Refusal::Signature)
    );

    let many: Vec<_> = (0..101).map(|index| changed(good.clone(), json!({ "kid": index.to_string() }))).collect();
    for bytes in [b"".to_vec(), b"{}".to_vec(), b"[]".to_vec(), jwks(&[]), jwks(&[good.clone(), good.clone()]), jwks(&many), vec![b' '; 50 << 20]] {
        assert!(Keys::from_jwks(&bytes).is_err());
    }
}

#[test]
fn a_publishable_key_names_the_issuer() {
    let keys = || Keys::from_jwks(&jwks(&[jwk(&FIRST, "one")])).expect("a set");
    for (key, issuer) in [
        (KEY, "https://shop.example"),
        ("pk_live_c2hvcC5leGFtcGxlJA==", "https://shop.example"),
        ("pk_test_YWNtZS0tc2hvcC5sb2NhbGhvc3Q6NzA4MCQ", "https://acme--shop.localhost:7080"),
    ] {
        assert_eq!(Verifier::of(key, keys()).expect("a verifier").issuer(), issuer);
    }
    for key in
        ["", "pk_test_", "sk_test_c2hvcC5leGFtcGxlJA", "pk_test_c2hvcC5leGFtcGxl", "pk_test_JA", "pk_test_ä", "pk_test_YUBiJA", "pk_dev_c2hvcC5leGFtcGxlJA"]
    {
        assert!(Verifier::of(key, keys()).is_err(), "{key}");
    }
}
