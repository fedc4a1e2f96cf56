//! The versions of the wire contract that callers may name. Where they differ, they differ in what this server does not have.

use foundation::Problem;
use http::{HeaderMap, Uri};

/// The header in which backends name one.
const HEADER: &str = "clerk-api-version";
/// The parameter in which browsers do, who would have to ask for a header first.
const PARAMETER: &str = "__clerk_api_version";
/// Every version, oldest first. Who names none gets the newest.
const KNOWN: [&str; 5] = ["2021-02-05", "2024-10-01", "2025-04-10", "2025-11-10", "2026-05-12"];

/// Refuses a version that there is not.
///
/// # Errors
/// [`Problem::ApiVersionInvalid`].
pub fn check_version(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let in_header = headers.get_all(HEADER).iter().map(|value| value.to_str().unwrap_or("?").trim().to_owned());
    let query = uri.query().unwrap_or_default().as_bytes();
    let in_query = form_urlencoded::parse(query).filter(|(name, _)| name == PARAMETER).map(|(_, value)| value.into_owned());
    let unknown = in_header.chain(in_query).find(|version| !version.is_empty() && !KNOWN.contains(&version.as_str()));
    match unknown {
        Some(version) => Err(Problem::ApiVersionInvalid(version.chars().filter(|c| !c.is_control()).take(32).collect())),
        None => Ok(()),
    }
}
