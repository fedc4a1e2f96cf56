//! What styles may hold. Readers of mails understand CSS in different ways, old ones run what stands in an address; so whatever could hide an address
//! (escapes, references, comments) is looked through or refused, and addresses are plain.

use super::html::Fault;

/// How an address in a style may begin.
const SCHEMES: &[&str] = &["https://", "http://", "cid:", "data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp"];
/// What runs, or loads further styles.
const RUNS: &[&str] = &["javascript:", "vbscript:", "expression(", "-moz-binding", "behavior:", "@import"];

/// Checks the content of an element `style`.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.contains('\\') {
        return Err("has a backslash in a style: write the character itself");
    }
    let text = text.to_ascii_lowercase();
    // What is a comment for one reader is none for another, so both ways of reading are looked at.
    let bare = without_comments(&text).ok_or("has a comment in a style that does not end")?;
    [text, bare].iter().try_for_each(|text| plain(text))
}

/// Checks an attribute `style`, in which HTML's references count as what they stand for.
pub(super) fn check_attribute(value: &str) -> Result<(), Fault> {
    let value = value.replace("&quot;", "\"").replace("&#39;", "'");
    if value.replace("&amp;", "").contains('&') {
        return Err("has a reference like &#117; in a style: write the character itself");
    }
    check(&value)
}

fn plain(text: &str) -> Result<(), Fault> {
    let dense: String = text.split_ascii_whitespace().collect();
    if RUNS.iter().any(|word| dense.contains(word)) {
        return Err("has a style that runs or loads something");
    }
    let known = |address: &str| {
        let address = address.trim_ascii_start();
        let address = address.strip_prefix(['"', '\'']).unwrap_or(address);
        SCHEMES.iter().any(|scheme| address.starts_with(scheme))
    };
    if text.split("url(").skip(1).all(known) { Ok(()) } else { Err("has an address in a style that does not begin with https:// or the like") }
}

fn without_comments(text: &str) -> Option<String> {
    let mut parts = text.split("/*");
    let mut bare = parts.next()?.to_owned();
    for part in parts {
        bare.push_str(part.split_once("*/")?.1);
    }
    Some(bare)
}
