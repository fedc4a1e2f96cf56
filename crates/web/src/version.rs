//! The versions of the wire contract that are spoken here, and what an operation takes in each.

use crate::{app::App, input::Input, refusal::Refusal};
use axum::extract::FromRequestParts;
use domain::users::MetadataChange;
use foundation::Problem;
use http::{HeaderMap, Uri, request::Parts};
use std::sync::Arc;

/// The header in which backends name one.
const HEADER: &str = "clerk-api-version";
/// The parameter in which browsers do, who would have to ask for a header first.
const PARAMETER: &str = "__clerk_api_version";
/// Every version that is spoken, oldest first. Older ones have other session tokens. Who names none gets the newest.
const SPOKEN: [&str; 3] = ["2025-04-10", "2025-11-10", NEWEST];
const NEWEST: &str = "2026-05-12";
/// From here on, metadata is changed by operations of its own alone.
const SEPARATE_METADATA: &str = "2026-05-12";

/// The version that a request names, or else the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(&'static str);

impl Version {
    /// Every version that a request names is spoken here; where it names several, the oldest of them is spoken.
    ///
    /// # Errors
    /// [`Problem::ApiVersionInvalid`].
    fn of(headers: &HeaderMap, uri: &Uri) -> Result<Version, Problem> {
        let in_header = headers.get_all(HEADER).iter().map(|value| value.to_str().unwrap_or("?").trim().to_owned());
        let query = uri.query().unwrap_or_default().as_bytes();
        let in_query = form_urlencoded::parse(query).filter(|(name, _)| name == PARAMETER).map(|(_, value)| value.into_owned());
        let mut found = NEWEST;
        for named in in_header.chain(in_query).filter(|named| !named.is_empty()) {
            let unknown = || Problem::ApiVersionInvalid(named.chars().filter(|c| !c.is_control()).take(32).collect());
            found = found.min(SPOKEN.into_iter().find(|spoken| *spoken == named).ok_or_else(unknown)?);
        }
        Ok(Version(found))
    }

    /// The names that an operation knows which took these parts of the metadata before they had operations of their own.
    pub fn known(self, names: &[&'static str], metadata: &[&'static str]) -> Vec<&'static str> {
        let before = if self.0 < SEPARATE_METADATA { metadata } else { &[] };
        [names, before].concat()
    }

    /// The metadata that such an operation was given: it is put in the place of what is there, part by part. Whoever speaks a newer version is refused
    /// the names.
    ///
    /// # Errors
    /// [`Problem::ParamUnknown`]; [`Problem::ParamFormat`].
    pub fn metadata(self, input: &Input, metadata: &[&'static str]) -> Result<MetadataChange, Problem> {
        match metadata.iter().find(|name| self.0 >= SEPARATE_METADATA && input.has(name)) {
            Some(name) => Err(Problem::ParamUnknown((*name).to_owned())),
            None => {
                let part = |name: &'static str| if metadata.contains(&name) { input.object(name) } else { Ok(None) };
                Ok(MetadataChange { public: part("public_metadata")?, private: part("private_metadata")?, own: part("unsafe_metadata")? })
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for Version {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Refusal> {
        Ok(Version::of(&parts.headers, &parts.uri)?)
    }
}

/// Refuses a version that is not spoken here.
///
/// # Errors
/// [`Problem::ApiVersionInvalid`].
pub fn check_version(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    Version::of(headers, uri).map(drop)
}
