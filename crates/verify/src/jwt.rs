//! The form of a token: three parts, a header that asks for nothing strange, and claims that are read only after the signature.
//!
//! Sources: RFC 7515 (JWS), RFC 8725 (what to refuse).

use crate::{json, refusal::Refusal};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// The longest token that is looked at. Those of Insula travel in a cookie, which has 4 KB.
const MOST: usize = 16 * 1024;
/// The longest `kid`.
const MOST_KID: usize = 128;
/// A session's token, as the header's `cat` says. Whatever else the instance signs has another one, or none.
const SESSION: &str = "cl_B7d4PD111AAA";
/// Fields of a header that change how the token is read, or that bring or name a key. Insula writes none of them.
const STRANGE: [&str; 14] = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256", "epk", "p2s", "p2c", "cty"];

/// A token in its parts, its header found acceptable, its signature not yet looked at.
pub(crate) struct Parts<'a> {
    pub(crate) kid: String,
    pub(crate) signed: &'a str,
    pub(crate) signature: Vec<u8>,
    claims: &'a str,
}

impl Parts<'_> {
    /// Takes a token apart.
    pub(crate) fn of(token: &str) -> Result<Parts<'_>, Refusal> {
        if token.len() > MOST {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = signed.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or(Refusal::Malformed)?;
        let header = object(header)?;
        let text = |name: &str| header.get(name).map(|value| value.as_str());
        if text("alg") != Some(Some("RS256")) {
            return Err(Refusal::Algorithm);
        }
        if STRANGE.iter().any(|name| header.contains_key(*name)) {
            return Err(Refusal::Header);
        }
        if !matches!(text("typ"), None | Some(Some("JWT"))) || text("cat") != Some(Some(SESSION)) {
            return Err(Refusal::Kind);
        }
        let kid = text("kid").flatten().filter(|kid| !kid.is_empty() && kid.len() <= MOST_KID).ok_or(Refusal::UnknownKey)?.to_owned();
        let signature = decode(signature).ok_or(Refusal::Malformed)?;
        Ok(Parts { kid, signed, signature, claims })
    }

    /// The claims. Only whoever has verified the signature asks for them.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, Refusal> {
        object(self.claims)
    }
}

/// The claims of a token that nobody has verified: good for choosing between two cookies, and for nothing else.
pub(crate) fn unverified(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || token.len() > MOST { None } else { object(claims).ok() }
}

fn object(part: &str) -> Result<Map<String, Value>, Refusal> {
    decode(part).and_then(|bytes| json::object(&bytes)).ok_or(Refusal::Malformed)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
