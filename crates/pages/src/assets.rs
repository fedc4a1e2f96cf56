//! Assets: the style sheet, scripts and pictures, built into the binary.

use crate::answer::not_found;
use axum::{
    extract::{Path, RawQuery},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

/// A file that pages refer to.
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    version: u64,
}

/// The one style sheet.
pub(crate) static STYLE: Asset = Asset::new("style.css", "text/css; charset=utf-8", include_str!("../assets/style.css"));
/// Copy buttons and local times, on every page that has them.
pub(crate) static PAGE: Asset = Asset::new("page.js", "text/javascript; charset=utf-8", include_str!("../assets/page.js"));
/// Finds operations in the reference.
pub(crate) static DOCS: Asset = Asset::new("docs.js", "text/javascript; charset=utf-8", include_str!("../assets/docs.js"));
/// Tells of new mail.
pub(crate) static INBOX: Asset = Asset::new("inbox.js", "text/javascript; charset=utf-8", include_str!("../assets/inbox.js"));
/// The mark, as an icon.
pub(crate) static MARK: Asset = Asset::new("mark.svg", "image/svg+xml", include_str!("../assets/mark.svg"));

impl Asset {
    const fn new(name: &'static str, kind: &'static str, text: &'static str) -> Asset {
        Asset { name, kind, text, version: fingerprint(text.as_bytes()) }
    }

    /// Where it is. The address changes with the content, so browsers may keep it.
    pub(crate) fn address(&self) -> String {
        format!("/assets/{}?v={:016x}", self.name, self.version)
    }
}

/// FNV-1a, 64 bits: tells one from another, guards nothing.
pub(crate) const fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// `GET /assets/{file}`. Only the current version may be kept: while nodes are replaced, an old page may ask a new node.
pub(crate) async fn serve(Path(file): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some(asset) = [&STYLE, &PAGE, &DOCS, &INBOX, &MARK].into_iter().find(|asset| asset.name == file) else {
        return not_found();
    };
    let current = query.is_some_and(|query| query == format!("v={:016x}", asset.version));
    let keep = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    text(asset.text, asset.kind, keep)
}

/// `GET /robots.txt`: nothing here is for search engines.
pub(crate) async fn robots() -> Response {
    text("User-agent: *\nDisallow: /\n", "text/plain; charset=utf-8", "public, max-age=86400")
}

fn text(body: &'static str, kind: &'static str, keep: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A picture that is opened by itself is a document too.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    response
}
