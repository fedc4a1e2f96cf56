//! Users on the wire.

use super::{attempts::code_status, millis, organization::belonging};
use crate::{
    identifiers::{Identifier, VerifiedBy},
    once,
    users::{User, Verification},
};
use foundation::Timestamp;
use serde_json::{Map, Value, json};

/// A user as they see themselves.
pub fn user(user: &User, now: Timestamp) -> Value {
    let mut body = common(user, now);
    body.insert("organization_memberships".to_owned(), user.memberships.iter().map(belonging).collect());
    Value::Object(body)
}

/// A user as the backend sees them: with the private metadata.
pub fn backend_user(user: &User, now: Timestamp) -> Value {
    let mut body = common(user, now);
    body.insert("private_metadata".to_owned(), Value::Object(user.private_metadata.0.clone()));
    body.insert("locale".to_owned(), json!(user.locale));
    body.insert("bypass_client_trust".to_owned(), json!(false));
    Value::Object(body)
}

fn common(user: &User, now: Timestamp) -> Map<String, Value> {
    let lock = user.locked_until.filter(|until| *until > now).map(|until| until.since(now).as_millis().div_ceil(1_000));
    let body = json!({
        "id": user.id,
        "object": "user",
        "external_id": user.external_id,
        "username": user.username(),
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image_url": user.image_url,
        "profile_image_url": user.image_url,
        "has_image": user.image.is_some(),
        "primary_email_address_id": user.primary_email_address,
        "primary_phone_number_id": null,
        "primary_web3_wallet_id": null,
        "password_enabled": user.has_password,
        "two_factor_enabled": false,
        "totp_enabled": false,
        "backup_code_enabled": false,
        "email_addresses": user.emails().map(|email| email_address(email, None, now)).collect::<Vec<_>>(),
        "phone_numbers": [],
        "web3_wallets": [],
        "passkeys": [],
        "external_accounts": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "password_last_updated_at": millis(user.password_updated_at),
        "public_metadata": user.public_metadata.0,
        "unsafe_metadata": user.unsafe_metadata.0,
        "last_sign_in_at": millis(user.last_sign_in_at),
        "banned": user.banned,
        "locked": lock.is_some(),
        "lockout_expires_in_seconds": lock,
        "verification_attempts_remaining": user.attempts_left,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "delete_self_enabled": user.delete_self_enabled,
        "create_organization_enabled": user.create_organization_enabled,
        "last_active_at": millis(user.last_active_at),
        "mfa_enabled_at": null,
        "mfa_disabled_at": null,
        "legal_accepted_at": millis(user.legal_accepted_at),
    });
    let mut body = if let Value::Object(body) = body { body } else { Map::new() };
    if let Some(limit) = user.create_organizations_limit {
        body.insert("create_organizations_limit".to_owned(), limit.into());
    }
    body
}

/// A code that a backend has sent to an address, and how trying it went.
pub fn verification(verification: &Verification, now: Timestamp) -> Value {
    let code = &verification.code;
    json!({
        "object": "verification_otp",
        "id": code.id,
        "status": if verification.right { "verified" } else { code_status(code, now) },
        "strategy": "email_code",
        "attempts": code.attempts,
        "expire_at": code.expires_at,
        "channel": null,
    })
}

/// A user's picture.
pub fn image(user: &User) -> Value {
    json!({ "object": "image", "id": user.image, "public_url": user.image_url })
}

/// An address, with the code under way where there is one.
pub fn email_address(email: &Identifier, code: Option<&once::State>, now: Timestamp) -> Value {
    let verification = match (email.verified_by, code) {
        (Some(VerifiedBy::Admin), _) => {
            json!({ "object": "verification_admin", "status": "verified", "strategy": "admin", "attempts": null, "expire_at": null })
        }
        (Some(VerifiedBy::Ticket), _) => {
            json!({ "object": "verification_ticket", "status": "verified", "strategy": "ticket", "attempts": null, "expire_at": null })
        }
        (Some(VerifiedBy::EmailCode), _) => {
            json!({ "object": "verification_otp", "status": "verified", "strategy": "email_code", "attempts": 1, "expire_at": email.updated_at })
        }
        (None, Some(code)) => json!({
            "object": "verification_otp",
            "status": code_status(code, now),
            "strategy": "email_code",
            "attempts": code.attempts,
            "expire_at": code.expires_at,
        }),
        (None, None) => Value::Null,
    };
    json!({
        "id": email.id,
        "object": "email_address",
        "email_address": email.given,
        "reserved": false,
        "verification": verification,
        "linked_to": [],
        "matches_sso_connection": false,
        "created_at": email.created_at,
        "updated_at": email.updated_at,
    })
}
