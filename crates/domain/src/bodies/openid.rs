//! What an instance tells OpenID Connect clients.

use crate::instances::Tenant;
use serde_json::{Value, json};

/// The configuration. There is no authorization server, so it has no address of one, and every list of what could be done there is empty.
pub fn openid_configuration(tenant: &Tenant) -> Value {
    json!({
        "issuer": tenant.issuer,
        "jwks_uri": format!("{}/.well-known/jwks.json", tenant.frontend_url),
        "scopes_supported": [],
        "response_types_supported": [],
        "response_modes_supported": [],
        "grant_types_supported": [],
        "token_endpoint_auth_methods_supported": [],
        "code_challenge_methods_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["iss", "sub", "sid", "azp", "iat", "nbf", "exp", "jti", "v", "sts", "fva"],
        "backchannel_logout_supported": false,
        "frontchannel_logout_supported": false,
    })
}
