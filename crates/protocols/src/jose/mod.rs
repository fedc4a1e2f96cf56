//! Signed tokens: RS256 with RSA-2048 and nothing else, because the SDKs accept nothing else. Only templates can have keys of their own.
//!
//! Sources: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 3.3 (RS256), RFC 8725 (what to refuse).

mod own_key;
mod sign;
mod verify;

pub use own_key::{Algorithm, OwnKey};
pub use sign::{PublicKey, SigningKey};
pub use verify::{Fault, verify};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// What a token is for, as its header's `cat` says. A token of one category is not accepted as another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// A session's short-lived token.
    Session,
    /// A token of a template, for another service.
    Template,
    /// Cookies on their way from a handshake to an application.
    Handshake,
}

impl Category {
    /// The header's value; a handshake carries none.
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Category::Session => Some("cl_B7d4PD111AAA"),
            Category::Template => Some("cl_B7d4PD222AAA"),
            Category::Handshake => None,
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
