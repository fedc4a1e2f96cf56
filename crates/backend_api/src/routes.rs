//! All operations of this door.

use crate::{clients, instance, redirect_urls, sessions, users};
use web::{Class, Face, Routes};

/// All operations of this door.
pub fn routes() -> Routes {
    Routes::new(Face::Backend)
        .counted(Class::Free)
        .get("GetJWKS", "/v1/jwks", instance::jwks)
        .get("GetInstance", "/v1/instance", instance::show)
        .patch("UpdateInstance", "/v1/instance", instance::update)
        .post("VerifyClient", "/v1/clients/verify", clients::verify)
        .get("insula.handshakePayload", "/v1/clients/handshake_payload", clients::handshake_payload)
        .get("GetUserList", "/v1/users", users::list)
        .post("CreateUser", "/v1/users", users::create)
        .get("GetUsersCount", "/v1/users/count", users::count)
        .get("GetUser", "/v1/users/{user_id}", users::show)
        .patch("UpdateUser", "/v1/users/{user_id}", users::update)
        .delete("DeleteUser", "/v1/users/{user_id}", users::delete)
        .counted(Class::Metadata)
        .patch("UpdateUserMetadata", "/v1/users/{user_id}/metadata", users::merge_metadata)
        .counted(Class::Metadata)
        .put("ReplaceUserMetadata", "/v1/users/{user_id}/metadata", users::replace_metadata)
        .post("VerifyPassword", "/v1/users/{user_id}/verify_password", users::verify_password)
        .get("GetSessionList", "/v1/sessions", sessions::list)
        .post("createSession", "/v1/sessions", sessions::create)
        .get("GetSession", "/v1/sessions/{session_id}", sessions::show)
        .post("RevokeSession", "/v1/sessions/{session_id}/revoke", sessions::revoke)
        .post("CreateSessionToken", "/v1/sessions/{session_id}/tokens", sessions::create_token)
        .get("ListRedirectURLs", "/v1/redirect_urls", redirect_urls::list)
        .post("CreateRedirectURL", "/v1/redirect_urls", redirect_urls::create)
        .get("GetRedirectURL", "/v1/redirect_urls/{id}", redirect_urls::show)
        .delete("DeleteRedirectURL", "/v1/redirect_urls/{id}", redirect_urls::delete)
}
