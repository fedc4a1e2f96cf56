//! The verifier against tokens of a key of its own: what is accepted, what is refused, how often keys are fetched, and what `has()` says.

#![allow(clippy::disallowed_methods, reason = "tests look at the machine's clock and listen on sockets")]

mod cache;
mod fetch;
mod handlers;
mod has;
mod hostile;
mod keys;
mod requests;
mod times;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use insula_verify::{Keys, Verifier};
use serde_json::{Value, json};
use std::{sync::LazyLock, time::Duration};

/// Of an instance whose host is `shop.example`.
const KEY: &str = "pk_test_c2hvcC5leGFtcGxlJA";
/// The time of all tests, in seconds.
const NOW: i64 = 1_800_000_000;
/// Signs.
static FIRST: LazyLock<KeyPair> = LazyLock::new(make);
/// Signs after a rotation, or for somebody else.
static SECOND: LazyLock<KeyPair> = LazyLock::new(make);

fn make() -> KeyPair {
    KeyPair::generate(KeySize::Rsa2048).expect("a key pair")
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn jwk(pair: &KeyPair, kid: &str) -> Value {
    let key = pair.public_key();
    let (n, e) = (encode(key.modulus().big_endian_without_leading_zero()), encode(key.exponent().big_endian_without_leading_zero()));
    json!({ "use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "n": n, "e": e })
}

fn jwks(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

fn pem(pair: &KeyPair) -> String {
    let der = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).expect("written");
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
}

/// Verifies with the first key, whose id is `one`.
fn verifier() -> Verifier {
    at(NOW, Verifier::of(KEY, Keys::from_jwks(&jwks(&[jwk(&FIRST, "one")])).expect("a set")).expect("a verifier"))
}

fn at(seconds: i64, verifier: Verifier) -> Verifier {
    verifier.clock(move || Duration::from_secs(seconds.unsigned_abs()))
}

fn header() -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": "one", "cat": "cl_B7d4PD111AAA" })
}

/// As Insula makes them, for a personal account.
fn claims() -> Value {
    json!({
        "iss": "https://shop.example", "sub": "user_1", "sid": "sess_1", "azp": "https://shop.example", "jti": "x", "v": 2, "sts": "active",
        "iat": NOW, "nbf": NOW - 10, "exp": NOW + 60, "fva": [0, -1],
    })
}

/// The same with some claims changed; `null` takes one away.
fn with(changes: Value) -> Value {
    changed(claims(), changes)
}

fn changed(mut all: Value, changes: Value) -> Value {
    let fields = all.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            fields.remove(name)
        } else {
            fields.insert(name.clone(), value.clone())
        };
    }
    all
}

fn sign(claims: &Value) -> String {
    token(&FIRST, &header().to_string(), &claims.to_string())
}

/// Signs a header and claims of any form.
fn token(pair: &KeyPair, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("signed");
    format!("{signed}.{}", encode(signature))
}
