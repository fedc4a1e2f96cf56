//! Public keys: RSA of 2048 bits or more, for RS256 and nothing else, whatever their set or a token says.

use crate::{json, jwt::decode, refusal::Fault};
use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use std::{collections::HashMap, sync::Arc};

/// The largest set that is read.
pub(crate) const MOST_BYTES: usize = 256 * 1024;
/// The most keys of a set.
const MOST: usize = 100;

/// The public keys of an instance.
#[derive(Clone)]
pub struct Keys(Known);

#[derive(Clone)]
enum Known {
    ById(HashMap<String, Arc<Key>>),
    One(Arc<Key>),
}

/// One public key.
pub(crate) enum Key {
    Components { n: Vec<u8>, e: Vec<u8> },
    Spki(Vec<u8>),
}

impl Keys {
    /// Reads a JWK set (RFC 7517), as `/.well-known/jwks.json` of the Frontend API and `/v1/jwks` of the Backend API give it. What is no key for
    /// RS256 is passed over.
    ///
    /// # Errors
    /// Where it is no JWK set, is too large, names a key twice, or holds no usable key.
    pub fn from_jwks(bytes: &[u8]) -> Result<Keys, Fault> {
        if bytes.len() > MOST_BYTES {
            return Err(Fault("the JWK set is too large"));
        }
        let set = json::object(bytes).ok_or(Fault("this is no JWK set"))?;
        let members = set.get("keys").and_then(Value::as_array).ok_or(Fault("this is no JWK set"))?;
        if members.len() > MOST {
            return Err(Fault("the JWK set has too many keys"));
        }
        let mut keys = HashMap::new();
        for (kid, key) in members.iter().filter_map(Value::as_object).filter_map(usable) {
            if keys.insert(kid, Arc::new(key)).is_some() {
                return Err(Fault("the JWK set names a key twice"));
            }
        }
        if keys.is_empty() { Err(Fault("the JWK set holds no key for RS256")) } else { Ok(Keys(Known::ById(keys))) }
    }

    /// Reads one public key in PEM (`-----BEGIN PUBLIC KEY-----`). Every token must be signed with it, whatever its `kid`: after a rotation of
    /// the instance's keys it has to be replaced.
    ///
    /// # Errors
    /// Where it is no such block.
    pub fn from_pem(pem: &str) -> Result<Keys, Fault> {
        let fault = Fault("this is no public key in PEM");
        let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----").and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
        let packed: String = body.ok_or(fault.clone())?.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(packed).map_err(|_| fault.clone())?;
        aws_lc_rs::rsa::PublicKey::from_der(&der).map_err(|_| fault)?;
        Ok(Keys(Known::One(Arc::new(Key::Spki(der)))))
    }

    pub(crate) fn get(&self, kid: &str) -> Option<Arc<Key>> {
        match &self.0 {
            Known::ById(keys) => keys.get(kid).cloned(),
            Known::One(key) => Some(Arc::clone(key)),
        }
    }
}

impl Key {
    /// Whether this key has signed the text with RS256.
    pub(crate) fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        let text = text.as_bytes();
        match self {
            Key::Components { n, e } => PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok(),
            Key::Spki(der) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(text, signature).is_ok(),
        }
    }
}

/// A member of a set, if it is a public RSA key for signatures with RS256.
fn usable(jwk: &Map<String, Value>) -> Option<(String, Key)> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let is = |name: &str, wanted: &str| jwk.get(name).is_none_or(|value| value.as_str() == Some(wanted));
    if text("kty") != Some("RSA") || !is("alg", "RS256") || !is("use", "sig") || jwk.contains_key("d") {
        return None;
    }
    let (n, e) = (decode(text("n")?)?, decode(text("e")?)?);
    Some((text("kid").filter(|kid| !kid.is_empty())?.to_owned(), Key::Components { n, e }))
}
