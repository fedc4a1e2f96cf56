//! Sign-ins and sign-ups on the wire.

use super::millis;
use crate::{
    once,
    sign_ins::{Factor, SignInView, Status, Strategy},
    sign_ups::{self, SignUpView},
};
use foundation::{EmailAddress, Timestamp};
use serde_json::{Map, Value, json};

/// A sign-in.
pub fn sign_in(view: &SignInView) -> Value {
    let SignInView { sign_in, user, factors, code, settings, now } = view;
    let status = sign_in.status(*now);
    let offers = if status == Status::NeedsFirstFactor { json!(factors.iter().map(factor).collect::<Vec<_>>()) } else { Value::Null };
    let mut identifiers = Vec::new();
    if settings.auth_email.enabled {
        identifiers.push("email_address");
    }
    if settings.auth_username.is_on() {
        identifiers.push("username");
    }
    json!({
        "object": "sign_in_attempt",
        "id": sign_in.id,
        "status": status.as_str(),
        "supported_identifiers": identifiers,
        "supported_first_factors": offers,
        "supported_second_factors": null,
        "first_factor_verification": sign_in.strategy.map_or(Value::Null, |strategy| verification(strategy, sign_in.verified_at, code.as_ref(), *now)),
        "second_factor_verification": null,
        "identifier": sign_in.identifier,
        "user_data": user.as_ref().map(|user| json!({
            "first_name": user.first_name,
            "last_name": user.last_name,
            "image_url": user.image_url,
            "has_image": user.image.is_some(),
            "profile_image_url": user.image_url,
        })),
        "created_session_id": sign_in.created_session,
        "abandon_at": sign_in.abandon_at,
    })
}

/// Until a code was sent, there is no verification: a pending one of the same strategy makes the SDK's pages believe that one was.
fn verification(strategy: Strategy, verified_at: Option<Timestamp>, code: Option<&once::State>, now: Timestamp) -> Value {
    let object = match strategy {
        Strategy::Password => "verification_password",
        Strategy::Ticket => "verification_ticket",
        Strategy::EmailCode | Strategy::ResetPasswordEmailCode => "verification_otp",
    };
    match (verified_at, code) {
        (Some(at), _) => {
            json!({ "object": object, "status": "verified", "strategy": strategy.as_str(), "attempts": code.map_or(1, |c| c.attempts), "expire_at": code.map_or(at, |c| c.expires_at) })
        }
        (None, Some(code)) => {
            json!({ "object": object, "status": code_status(code, now), "strategy": strategy.as_str(), "attempts": code.attempts, "expire_at": code.expires_at })
        }
        (None, None) => Value::Null,
    }
}

pub(super) fn code_status(code: &once::State, now: Timestamp) -> &'static str {
    if code.expires_at <= now {
        "expired"
    } else if code.attempts >= once::MOST_ATTEMPTS {
        "failed"
    } else {
        "unverified"
    }
}

fn factor(factor: &Factor) -> Value {
    let mut body = Map::new();
    body.insert("strategy".to_owned(), factor.strategy.as_str().into());
    if let Some((id, address)) = &factor.email {
        body.insert("email_address_id".to_owned(), id.to_string().into());
        // Whoever typed an identifier has not proven anything yet.
        body.insert("safe_identifier".to_owned(), EmailAddress::parse(address).map_or_else(String::new, |a| a.masked()).into());
        body.insert("primary".to_owned(), factor.primary.into());
    }
    Value::Object(body)
}

/// A sign-up.
pub fn sign_up(view: &SignUpView) -> Value {
    let SignUpView { sign_up, requirements, code, now } = view;
    json!({
        "object": "sign_up_attempt",
        "id": sign_up.id,
        "status": sign_up.status(*now).as_str(),
        "required_fields": requirements.required,
        "optional_fields": requirements.optional,
        "missing_fields": requirements.missing,
        "unverified_fields": requirements.unverified,
        "verifications": {
            "email_address": email_verification(view, code.as_ref(), *now),
            "phone_number": null,
            "web3_wallet": null,
            "external_account": null,
        },
        "username": sign_up.username.as_ref().map(foundation::Username::given),
        "email_address": sign_up.email.as_ref().map(EmailAddress::given),
        "phone_number": null,
        "web3_wallet": null,
        "password_enabled": sign_up.digest.is_some() || sign_up.stored_status == sign_ups::Status::Complete,
        "first_name": sign_up.first_name,
        "last_name": sign_up.last_name,
        "unsafe_metadata": sign_up.unsafe_metadata.0,
        "public_metadata": {},
        "custom_action": sign_up.custom_action,
        "external_id": sign_up.external_id,
        "created_session_id": sign_up.created_session,
        "created_user_id": sign_up.created_user,
        "abandon_at": sign_up.abandon_at,
        "legal_accepted_at": millis(sign_up.legal_accepted_at),
    })
}

/// As with sign-ins, there is no verification before a code was sent.
fn email_verification(view: &SignUpView, code: Option<&once::State>, now: Timestamp) -> Value {
    if view.sign_up.invitation.is_some() {
        return json!({
            "object": "verification_ticket",
            "status": "verified",
            "strategy": "ticket",
            "attempts": null,
            "expire_at": null,
            "next_action": "",
            "supported_strategies": ["ticket"],
        });
    }
    let (status, action, expire_at) = match (view.sign_up.email_verified_at, code) {
        (Some(at), _) => ("verified", "", at),
        (None, Some(code)) => (code_status(code, now), if code_status(code, now) == "unverified" { "needs_attempt" } else { "needs_prepare" }, code.expires_at),
        (None, None) => return Value::Null,
    };
    json!({
        "object": "verification_otp",
        "status": status,
        "strategy": "email_code",
        "attempts": code.map_or(0, |c| c.attempts),
        "expire_at": expire_at,
        "next_action": action,
        "supported_strategies": ["email_code"],
    })
}
