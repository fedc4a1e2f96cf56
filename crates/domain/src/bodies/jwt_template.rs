//! JWT templates on the wire.

use crate::jwt_templates::JwtTemplate;
use serde_json::{Value, json};

/// A template. Its own key is never shown.
pub fn jwt_template(template: &JwtTemplate) -> Value {
    json!({
        "object": "jwt_template",
        "id": template.id,
        "name": template.name,
        "claims": template.claims.0,
        "lifetime": template.lifetime,
        "allowed_clock_skew": template.allowed_clock_skew,
        "custom_signing_key": template.has_own_key(),
        "signing_algorithm": template.algorithm.as_str(),
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    })
}
