//! Calls: who is calling, recognised. A handler that asks for no call can neither read nor write.

mod backend;
mod frontend;
mod platform;

pub use backend::{BackendCall, Policy};
pub use frontend::{FrontendCall, is_native};
pub use platform::PlatformCall;

use crate::{knock::Knock, refusal::Refusal};
use foundation::{Problem, Secret};
use http::{HeaderMap, header, request::Parts};

/// The knock that the listener has left on the request.
fn knock(parts: &Parts) -> Result<Knock, Refusal> {
    parts.extensions.get::<Knock>().cloned().ok_or_else(|| Problem::NoSuchOperation.into())
}

/// The text behind `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && token.len() <= 4_096).then(|| Secret::new(token.trim()))
}
