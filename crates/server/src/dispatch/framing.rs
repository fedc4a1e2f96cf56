//! Where a request's body ends: whoever stands between this server and the visitor must see it at the same place.

use http::{HeaderMap, header};

/// Refuses what others read otherwise: a transfer coding but `chunked` alone, in one field, without a length beside it (RFC 9112 6.1, 6.3).
///
/// Hyper refuses lengths that differ, takes equal ones for one, and takes a length beside a coding out of sight, but then closes the connection
/// after its answer.
///
/// # Errors
/// What is wrong.
pub(super) fn check(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return if headers.get_all(header::CONTENT_LENGTH).iter().count() > 1 { Err("it has several lengths") } else { Ok(()) };
    };
    if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err("its transfer coding must be chunked and nothing else");
    }
    if headers.contains_key(header::CONTENT_LENGTH) { Err("it has a length and a transfer coding") } else { Ok(()) }
}
