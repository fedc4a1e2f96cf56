//! Redirect URLs on the wire.

use crate::redirect_urls::RedirectUrl;
use serde_json::{Value, json};

/// An allowed URL.
pub fn redirect_url(url: &RedirectUrl) -> Value {
    json!({ "object": "redirect_url", "id": url.id, "url": url.url, "created_at": url.created_at, "updated_at": url.created_at })
}
