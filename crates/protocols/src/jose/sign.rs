//! Keys, and signing with them.

use super::{Category, encode};
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use foundation::{Error, Result, SigningKeyId};
use serde_json::{Value, json};

/// A parsed private key and its id. Parsing costs more than signing: keep it.
pub struct SigningKey {
    id: SigningKeyId,
    pair: KeyPair,
    headers: [String; 3],
}

/// The public half: modulus and exponent, big-endian, in base64url.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PublicKey {
    /// The modulus.
    pub n: String,
    /// The exponent.
    pub e: String,
}

impl SigningKey {
    /// Makes a new RSA-2048 key pair (about 75 ms of CPU); its PKCS#8 bytes.
    ///
    /// # Errors
    /// Only where the library has no chance to draw from.
    pub fn generate() -> Result<Vec<u8>> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|e| Error::broken("making a key pair", e))?;
        Ok(pair.as_der().map_err(|e| Error::broken("writing a key pair", e))?.as_ref().to_vec())
    }

    /// Reads PKCS#8 bytes.
    ///
    /// # Errors
    /// Where they are no RSA key pair.
    pub fn parse(id: SigningKeyId, pkcs8: &[u8]) -> Result<SigningKey> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|e| Error::broken("reading a key pair", e))?;
        let header = |category: Category| {
            let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": id });
            if let (Some(cat), Some(fields)) = (category.header(), header.as_object_mut()) {
                fields.insert("cat".to_owned(), cat.into());
            }
            encode(header.to_string().as_bytes())
        };
        Ok(SigningKey { id, pair, headers: [header(Category::Session), header(Category::Template), header(Category::Handshake)] })
    }

    /// The key's id, the token's `kid`.
    pub fn id(&self) -> SigningKeyId {
        self.id
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let key = self.pair.public_key();
        PublicKey { n: encode(key.modulus().big_endian_without_leading_zero()), e: encode(key.exponent().big_endian_without_leading_zero()) }
    }

    /// Signs the claims.
    ///
    /// # Errors
    /// Only where the library fails.
    pub fn sign(&self, category: Category, claims: &Value) -> Result<String> {
        let header = &self.headers[category as usize];
        let claims = serde_json::to_vec(claims).map_err(|e| Error::broken("writing claims", e))?;
        let mut token = format!("{header}.{}", encode(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).map_err(|e| Error::broken("signing", e))?;
        token.push('.');
        token.push_str(&encode(&signature));
        Ok(token)
    }
}

impl PublicKey {
    /// The key as a member of a JWK set.
    pub fn jwk(&self, id: SigningKeyId) -> Value {
        json!({ "use": "sig", "kty": "RSA", "kid": id, "alg": "RS256", "n": self.n, "e": self.e })
    }
}
