//! Clients on the wire.

use super::{backend_session, session, sign_in, sign_up};
use crate::{
    clients::{Client, ClientView},
    sessions::Session,
};
use foundation::Timestamp;
use serde_json::{Value, json};

/// A client as its own browser sees it.
pub fn client(view: &ClientView) -> Value {
    let client = &view.client;
    json!({
        "object": "client",
        "id": client.id,
        "sessions": view.sessions.iter().map(session).collect::<Vec<_>>(),
        "sign_in": view.sign_in.as_ref().map(sign_in),
        "sign_up": view.sign_up.as_ref().map(sign_up),
        "last_active_session_id": client.last_active_session.filter(|id| view.sessions.iter().any(|s| s.session.id == *id)),
        "last_authentication_strategy": client.last_authentication_strategy,
        "cookie_expires_at": null,
        "captcha_bypass": false,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    })
}

/// A client as the backend sees it.
pub fn backend_client(client: &Client, sessions: &[Session], now: Timestamp) -> Value {
    json!({
        "object": "client",
        "id": client.id,
        "session_ids": sessions.iter().map(|s| s.id).collect::<Vec<_>>(),
        "sessions": sessions.iter().map(|s| backend_session(s, now)).collect::<Vec<_>>(),
        "sign_in_id": client.sign_in,
        "sign_up_id": client.sign_up,
        "last_active_session_id": client.last_active_session,
        "last_authentication_strategy": client.last_authentication_strategy,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    })
}
