//! Signing with a key that a developer brings: for readers of their own choice. Nothing here is ever verified with such a key, and the header
//! names no key of the instance.
//!
//! Sources: RFC 7518 3 (algorithms, least lengths), RFC 8037 (EdDSA), RFC 7468 (PEM).

use super::{Category, encode};
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaEncoding},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use foundation::{Error, Result, Secret};
use serde_json::{Value, json};

macro_rules! algorithms {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// An algorithm that a key of one's own can sign with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Algorithm { $($(#[$doc])* $variant,)* }
        impl Algorithm {
            /// The name in a token's header.
            pub const fn as_str(self) -> &'static str { match self { $(Algorithm::$variant => $text,)* } }
            /// Reads the name, in exactly this spelling; `None` for any other, `none` above all.
            pub fn parse(text: &str) -> Option<Algorithm> { match text { $($text => Some(Algorithm::$variant),)* _ => None } }
        }
    };
}

algorithms! {
    /// A shared secret with SHA-256.
    Hs256 = "HS256",
    /// A shared secret with SHA-384.
    Hs384 = "HS384",
    /// A shared secret with SHA-512.
    Hs512 = "HS512",
    /// RSA with SHA-256.
    Rs256 = "RS256",
    /// RSA with SHA-384.
    Rs384 = "RS384",
    /// RSA with SHA-512.
    Rs512 = "RS512",
    /// RSA-PSS with SHA-256.
    Ps256 = "PS256",
    /// RSA-PSS with SHA-384.
    Ps384 = "PS384",
    /// RSA-PSS with SHA-512.
    Ps512 = "PS512",
    /// The curve P-256.
    Es256 = "ES256",
    /// The curve P-384.
    Es384 = "ES384",
    /// The curve P-521.
    Es512 = "ES512",
    /// The curve Ed25519.
    EdDsa = "EdDSA",
}

/// A key that was read and fits its algorithm. Reading costs more than signing: keep it.
pub struct OwnKey {
    header: String,
    material: Material,
}

enum Material {
    Shared(Box<hmac::Key>),
    Rsa(Box<rsa::KeyPair>, &'static dyn RsaEncoding),
    Ecdsa(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl OwnKey {
    /// Reads a key: the secret itself for HS*, a private key in PEM for all others. `Err` says what it must be.
    ///
    /// # Errors
    /// A phrase that goes on after the parameter's name.
    pub fn parse(algorithm: Algorithm, text: &Secret) -> std::result::Result<OwnKey, &'static str> {
        use Algorithm as A;
        let material = match algorithm {
            A::Hs256 => shared(hmac::HMAC_SHA256, 32, text)?,
            A::Hs384 => shared(hmac::HMAC_SHA384, 48, text)?,
            A::Hs512 => shared(hmac::HMAC_SHA512, 64, text)?,
            A::Rs256 => rsa(&signature::RSA_PKCS1_SHA256, text)?,
            A::Rs384 => rsa(&signature::RSA_PKCS1_SHA384, text)?,
            A::Rs512 => rsa(&signature::RSA_PKCS1_SHA512, text)?,
            A::Ps256 => rsa(&signature::RSA_PSS_SHA256, text)?,
            A::Ps384 => rsa(&signature::RSA_PSS_SHA384, text)?,
            A::Ps512 => rsa(&signature::RSA_PSS_SHA512, text)?,
            A::Es256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, text)?,
            A::Es384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, text)?,
            A::Es512 => ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, text)?,
            A::EdDsa => {
                let der = pem(text, &["PRIVATE KEY"]).ok_or("must be an Ed25519 private key in PEM")?;
                Material::Ed(Box::new(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der.1).map_err(|_| "must be an Ed25519 private key in PEM")?))
            }
        };
        let header = encode(json!({ "alg": algorithm.as_str(), "typ": "JWT", "cat": Category::Template.header() }).to_string().as_bytes());
        Ok(OwnKey { header, material })
    }

    /// Signs the claims.
    ///
    /// # Errors
    /// Only where the library fails.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        let claims = serde_json::to_vec(claims).map_err(|e| Error::broken("writing claims", e))?;
        let mut token = format!("{}.{}", self.header, encode(&claims));
        let random = SystemRandom::new();
        let signature = match &self.material {
            Material::Shared(key) => hmac::sign(key, token.as_bytes()).as_ref().to_vec(),
            Material::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, token.as_bytes(), &mut signature).map_err(|e| Error::broken("signing", e))?;
                signature
            }
            Material::Ecdsa(pair) => pair.sign(&random, token.as_bytes()).map_err(|e| Error::broken("signing", e))?.as_ref().to_vec(),
            Material::Ed(pair) => pair.sign(token.as_bytes()).as_ref().to_vec(),
        };
        token.push('.');
        token.push_str(&encode(&signature));
        Ok(token)
    }
}

/// A shared secret is at least as long as its hash (RFC 7518 3.2), and no key that others may see.
fn shared(algorithm: hmac::Algorithm, least: usize, text: &Secret) -> std::result::Result<Material, &'static str> {
    let bytes = text.expose().as_bytes();
    if text.expose().contains("-----BEGIN") || text.expose().contains("ssh-rsa ") {
        return Err("must be a shared secret for this algorithm, and no key pair or public key");
    }
    if bytes.len() < least {
        return Err(match least {
            32 => "must have at least 32 bytes for HS256",
            48 => "must have at least 48 bytes for HS384",
            _ => "must have at least 64 bytes for HS512",
        });
    }
    Ok(Material::Shared(Box::new(hmac::Key::new(algorithm, bytes))))
}

fn rsa(encoding: &'static dyn RsaEncoding, text: &Secret) -> std::result::Result<Material, &'static str> {
    let fault = "must be an RSA private key of 2048 bits or more in PEM";
    let (label, der) = pem(text, &["PRIVATE KEY", "RSA PRIVATE KEY"]).ok_or(fault)?;
    let pair = if label == "PRIVATE KEY" { rsa::KeyPair::from_pkcs8(&der) } else { rsa::KeyPair::from_der(&der) };
    Ok(Material::Rsa(Box::new(pair.map_err(|_| fault)?), encoding))
}

fn ecdsa(algorithm: &'static signature::EcdsaSigningAlgorithm, text: &Secret) -> std::result::Result<Material, &'static str> {
    let fault = "must be a private key on the curve of this algorithm in PEM";
    let (label, der) = pem(text, &["PRIVATE KEY", "EC PRIVATE KEY"]).ok_or(fault)?;
    let pair = if label == "PRIVATE KEY" { EcdsaKeyPair::from_pkcs8(algorithm, &der) } else { EcdsaKeyPair::from_private_key_der(algorithm, &der) };
    Ok(Material::Ecdsa(Box::new(pair.map_err(|_| fault)?)))
}

/// The only block of a PEM text, if its label is one of these.
fn pem(text: &Secret, labels: &[&'static str]) -> Option<(&'static str, Vec<u8>)> {
    let text = text.expose().trim();
    let label = labels.iter().find(|label| text.starts_with(&format!("-----BEGIN {label}-----")))?;
    let body = text.strip_prefix(&format!("-----BEGIN {label}-----"))?.strip_suffix(&format!("-----END {label}-----"))?;
    let packed: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some((label, STANDARD.decode(packed).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::{
        encoding::AsDer,
        signature::{KeyPair as _, UnparsedPublicKey},
    };
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn block(label: &str, der: &[u8]) -> Secret {
        Secret::new(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)))
    }

    fn signature(token: &str) -> (String, Vec<u8>) {
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).expect("base64url"))
    }

    #[test]
    fn each_kind_of_key_signs_what_its_public_half_verifies() {
        let claims = json!({ "sub": "user" });
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).expect("made");
        let der = pair.to_pkcs8v1().expect("written");
        let token = OwnKey::parse(Algorithm::Es256, &block("PRIVATE KEY", der.as_ref())).unwrap_or_else(|e| panic!("{e}")).sign(&claims).expect("signed");
        let (signed, bytes) = signature(&token);
        UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()).verify(signed.as_bytes(), &bytes).expect("ES256");

        let ed = Ed25519KeyPair::generate().expect("made");
        let der = ed.to_pkcs8().expect("written");
        let token = OwnKey::parse(Algorithm::EdDsa, &block("PRIVATE KEY", der.as_ref())).unwrap_or_else(|e| panic!("{e}")).sign(&claims).expect("signed");
        let (signed, bytes) = signature(&token);
        UnparsedPublicKey::new(&signature::ED25519, ed.public_key().as_ref()).verify(signed.as_bytes(), &bytes).expect("EdDSA");

        let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("made");
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).expect("written");
        for (algorithm, verification) in [(Algorithm::Rs256, &signature::RSA_PKCS1_2048_8192_SHA256), (Algorithm::Ps256, &signature::RSA_PSS_2048_8192_SHA256)]
        {
            let token = OwnKey::parse(algorithm, &block("PRIVATE KEY", der.as_ref())).unwrap_or_else(|e| panic!("{e}")).sign(&claims).expect("signed");
            let (signed, bytes) = signature(&token);
            UnparsedPublicKey::new(verification, rsa.public_key().as_ref()).verify(signed.as_bytes(), &bytes).expect("RSA");
        }

        let secret = "x".repeat(32);
        let token = OwnKey::parse(Algorithm::Hs256, &Secret::new(secret.clone())).unwrap_or_else(|e| panic!("{e}")).sign(&claims).expect("signed");
        let (signed, bytes) = signature(&token);
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes(), &bytes).expect("HS256");
    }

    /// CVE-2022-29217, CVE-2016-10555: a public key that is taken for a shared secret makes everybody a signer.
    #[test]
    fn a_key_that_does_not_fit_its_algorithm_is_refused() {
        let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("made");
        let private = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).expect("written");
        let public = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(rsa.public_key()).expect("written");
        for text in [block("PUBLIC KEY", public.as_ref()), block("PRIVATE KEY", private.as_ref()), Secret::new("x".repeat(31)), Secret::new("")] {
            assert!(OwnKey::parse(Algorithm::Hs256, &text).is_err());
        }
        for algorithm in [Algorithm::Rs256, Algorithm::Ps512, Algorithm::Es256, Algorithm::EdDsa] {
            for text in [block("PUBLIC KEY", public.as_ref()), block("CERTIFICATE", public.as_ref()), Secret::new("x".repeat(64)), block("PRIVATE KEY", b"x")] {
                assert!(OwnKey::parse(algorithm, &text).is_err(), "{algorithm:?}");
            }
        }
        assert!(OwnKey::parse(Algorithm::Es256, &block("PRIVATE KEY", private.as_ref())).is_err());
        for name in ["none", "None", "hs256", "RS256 ", "", "ES256K"] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
    }
}
