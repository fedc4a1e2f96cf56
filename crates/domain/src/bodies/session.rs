//! Sessions on the wire.

use super::user::user;
use crate::{
    clients::SessionView,
    sessions::{Device, Session},
    tokens,
    users::User,
};
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
        "last_active_organization_id": session.organization,
        "last_active_token": token.as_ref().map(|jwt| json!({ "object": "token", "jwt": jwt })),
        "actor": session.actor.as_ref().map(|actor| &actor.0),
        "tasks": tasks(session, *now),
        "factor_verification_age": tokens::factor_ages(session, *now),
        "user": user(owner, *now),
        "public_user_data": public_user_data(owner),
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    })
}

/// What a session's user has to do first; nothing for a session that lives no more.
fn tasks(session: &Session, now: Timestamp) -> Value {
    match session.task {
        Some(task) if session.is_live(now) => json!([{ "key": task.as_str() }]),
        _ => Value::Null,
    }
}

/// What others may know of a user.
pub(super) fn public_user_data(user: &User) -> Value {
    json!({
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image_url": user.image_url,
        "has_image": user.image.is_some(),
        "identifier": user.identifier(),
        "profile_image_url": user.image_url,
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
        "actor": session.actor.as_ref().map(|actor| &actor.0),
        "status": session.status(now).as_str(),
        "last_active_organization_id": session.organization,
        "last_active_at": session.last_active_at,
        "latest_activity": activity(session),
        "expire_at": session.expire_at,
        "abandon_at": session.abandon_at,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "tasks": tasks(session, now),
    })
}

/// A session in the list that its user sees, with the browser it runs in.
pub fn active_session(session: &Session, now: Timestamp) -> Value {
    json!({
        "object": "session",
        "id": session.id,
        "status": session.status(now).as_str(),
        "expire_at": session.expire_at,
        "abandon_at": session.abandon_at,
        "last_active_at": session.last_active_at,
        "actor": session.actor.as_ref().map(|actor| &actor.0),
        "latest_activity": activity(session),
    })
}

/// Where and by what a session was last used. What is not known is left out.
fn activity(session: &Session) -> Value {
    let device = Device::read(session.user_agent.as_deref().unwrap_or_default());
    let mut body = json!({ "object": "session_activity", "id": session.id.to_string().replacen("sess_", "sess_activity_", 1), "is_mobile": device.mobile });
    let told = [
        ("device_type", device.kind),
        ("browser_name", device.browser),
        ("browser_version", device.version.as_deref()),
        ("ip_address", session.address.as_deref()),
        ("city", session.place.city.as_deref()),
        ("country", session.place.country.as_deref()),
    ];
    if let Value::Object(fields) = &mut body {
        fields.extend(told.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
    }
    body
}
