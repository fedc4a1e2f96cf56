//! Sessions on the wire.

use super::user::user;
use crate::{clients::SessionView, sessions::Session, tokens, users::User};
use foundation::Timestamp;
use serde_json::{Value, json};

/// A session as its own client sees it, with its user and a token.
pub fn session(view: &SessionView) -> Value {
    let SessionView { session, user: owner, token, now } = view;
    json!({
        "object": "session",
        "id": session.id,
        "status": session.status(*now).as_str(),
        "expire_at": session.expire_at,
        "abandon_at": session.abandon_at,
        "last_active_at": session.last_active_at,
        "last_active_organization_id": null,
        "last_active_token": token.as_ref().map(|jwt| json!({ "object": "token", "jwt": jwt })),
        "actor": null,
        "tasks": null,
        "factor_verification_age": tokens::factor_ages(session, *now),
        "user": user(owner, *now),
        "public_user_data": public_user_data(owner),
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    })
}

fn public_user_data(user: &User) -> Value {
    json!({
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image_url": "",
        "has_image": false,
        "identifier": user.identifier(),
        "profile_image_url": "",
        "user_id": user.id,
        "username": user.username(),
    })
}

/// A session as the backend sees it.
pub fn backend_session(session: &Session, now: Timestamp) -> Value {
    json!({
        "object": "session",
        "id": session.id,
        "user_id": session.user,
        "client_id": session.client,
        "actor": null,
        "status": session.status(now).as_str(),
        "last_active_organization_id": null,
        "last_active_at": session.last_active_at,
        "expire_at": session.expire_at,
        "abandon_at": session.abandon_at,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "tasks": null,
    })
}

/// A session in the list that its user sees, with the browser it runs in.
pub fn active_session(session: &Session, now: Timestamp) -> Value {
    let agent = session.user_agent.as_deref().unwrap_or_default();
    json!({
        "object": "session",
        "id": session.id,
        "status": session.status(now).as_str(),
        "expire_at": session.expire_at,
        "abandon_at": session.abandon_at,
        "last_active_at": session.last_active_at,
        "actor": null,
        "latest_activity": {
            "object": "session_activity",
            "id": session.id,
            "device_type": device(agent),
            "is_mobile": agent.contains("Mobile"),
            "browser_name": browser(agent),
            "browser_version": "",
            "ip_address": session.address.as_deref().unwrap_or_default(),
            "city": "",
            "country": "",
        },
    })
}

fn browser(agent: &str) -> &'static str {
    // Most browsers name several others too; the first hit in this order is the real one.
    [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]
        .iter()
        .find(|(mark, _)| agent.contains(mark))
        .map_or("", |(_, name)| name)
}

fn device(agent: &str) -> &'static str {
    [("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Macintosh", "Macintosh"), ("Windows", "Windows"), ("Linux", "Linux")]
        .iter()
        .find(|(mark, _)| agent.contains(mark))
        .map_or("", |(_, name)| name)
}
