//! Where a request carries its token: the `authorization` header, or else the cookies that the SDKs write.
//!
//! Pages of several applications can share a host, and so its cookies. The SDKs write each one twice: with a suffix that is made from the
//! publishable key, and without. Which of the two counts is decided as the SDKs decide it.

use crate::{jwt, refusal::Refusal};
use http::{HeaderMap, header};
use serde_json::Value;

/// A token, not yet verified.
pub(crate) struct Carried {
    pub(crate) token: String,
    /// When somebody last signed in or out in this browser; only of tokens from cookies.
    pub(crate) since: Option<i64>,
}

impl Carried {
    /// What the headers carry for the application with this issuer and this suffix.
    pub(crate) fn by(headers: &HeaderMap, issuer: &str, suffix: &str) -> Result<Carried, Refusal> {
        if let Some(token) = bearer(headers) {
            return Ok(Carried { token, since: None });
        }
        let cookies = Cookies::of(headers);
        let suffixed = cookies.are_suffixed(issuer, suffix);
        let value = |name: &str| if suffixed { cookies.get(&format!("{name}_{suffix}")) } else { cookies.get(name) };
        let since = value("__client_uat").and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
        match value("__session") {
            Some(_) if since <= 0 => Err(Refusal::SignedOut),
            Some(token) => Ok(Carried { token: token.to_owned(), since: Some(since) }),
            None => Err(Refusal::Missing),
        }
    }
}

/// The token of a header `authorization: Bearer …`, or one that is nothing but a token. Other schemes are somebody else's.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let token = match text.split_once(' ') {
        Some(("Bearer", token)) => token.trim(),
        Some(_) => return None,
        None => text,
    };
    (!token.is_empty()).then(|| token.to_owned())
}

/// The cookies of a request, the first of each name.
struct Cookies<'h>(Vec<(&'h str, &'h str)>);

impl<'h> Cookies<'h> {
    fn of(headers: &'h HeaderMap) -> Cookies<'h> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        Cookies(lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect())
    }

    fn get(&self, name: &str) -> Option<&'h str> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| *value).filter(|value| !value.is_empty())
    }

    /// Whether the cookies with the suffix count.
    fn are_suffixed(&self, issuer: &str, suffix: &str) -> bool {
        let since = |name: &str| self.get(name).map(|text| text.parse::<i64>().unwrap_or_default());
        let (own_since, plain_since) = (since(&format!("__client_uat_{suffix}")), since("__client_uat"));
        let own = self.get(&format!("__session_{suffix}"));
        let own_issued = own.map_or(0, issued_at);
        if let Some(plain) = self.get("__session") {
            let claims = jwt::unverified(plain).unwrap_or_default();
            match claims.get("iss").and_then(Value::as_str) {
                // Of no application: it opens nothing, and nothing else is tried.
                None => return false,
                Some(other) if other != issuer => return true,
                Some(_) => {}
            }
            let newer = claims.get("iat").and_then(Value::as_i64).unwrap_or_default() > own_issued;
            if own_since != Some(0) && plain_since != Some(0) && newer {
                return false;
            }
        }
        if own_since.is_none() || (own_since == Some(0) && plain_since != Some(0)) {
            return false;
        }
        true
    }
}

fn issued_at(token: &str) -> i64 {
    jwt::unverified(token).and_then(|claims| claims.get("iat")?.as_i64()).unwrap_or_default()
}
