//! What an instance tells OpenID Connect clients.

use crate::instances::Tenant;
use serde_json::{Value, json};

/// The configuration. The contract demands the addresses of an authorization server; they are those that it gives to these operations, which are
/// not served. So that nobody is misled, every list of what can be done there is empty.
pub fn openid_configuration(tenant: &Tenant) -> Value {
    let at = |path: &str| format!("{}{path}", tenant.frontend_url);
    json!({
        "issuer": tenant.issuer,
        "jwks_uri": at("/.well-known/jwks.json"),
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "revocation_endpoint": at("/oauth/token/revoke"),
        "introspection_endpoint": at("/oauth/token_info"),
        "userinfo_endpoint": at("/oauth/userinfo"),
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
