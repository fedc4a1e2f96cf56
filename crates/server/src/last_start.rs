//! Under which addresses the server started the last time. They are part of every publishable key, so a change of them must not go unnoticed.

use crate::files;
use domain::instances::Site;
use serde_json::{Value, json};
use std::path::Path;

const FILE: &str = "last-start.json";

/// What has changed since the last start, as a sentence, and what to do about it.
pub struct Moved {
    /// What has changed.
    pub says: String,
    /// What to do.
    pub remedy: String,
}

/// Compares this site with the one of the last start; of a server that wrote nothing down yet, with the first start's.
pub fn compare(data: &Path, site: &Site) -> Option<Moved> {
    let read = |name: &str| serde_json::from_slice::<Value>(&std::fs::read(data.join(name)).ok()?).ok();
    let last = read(FILE).or_else(|| read("first-start.json"))?;
    let now = [("base_url", "base URL", site.base_url()), ("base_domain", "base domain", site.base_domain())];
    let (word, was, is) = now.into_iter().find_map(|(name, word, is)| last[name].as_str().filter(|was| *was != is).map(|was| (word, was.to_owned(), is)))?;
    let base_url = last["base_url"].as_str().unwrap_or(&was);
    let own_domain = last["base_domain"].as_str().filter(|domain| !base_url.ends_with(&format!("/{domain}")));
    let back = own_domain.map_or_else(|| format!("--base-url {base_url}"), |domain| format!("--base-url {base_url} --base-domain {domain}"));
    Some(Moved {
        says: format!("the {word} was {was} at the last start and is {is} now: every publishable key is another one, because it holds the instance's host"),
        remedy: format!("give every application its new publishable key and addresses (the Platform API lists them), or go back with {back}"),
    })
}

/// Writes down under which addresses this start is.
///
/// # Errors
/// A sentence for the operator.
pub fn note(data: &Path, site: &Site) -> Result<(), String> {
    let text = format!("{:#}\n", json!({ "base_url": site.base_url(), "base_domain": site.base_domain() }));
    if std::fs::read(data.join(FILE)).is_ok_and(|kept| kept == text.as_bytes()) {
        return Ok(());
    }
    files::write_secret(&data.join(FILE), &text)
}
