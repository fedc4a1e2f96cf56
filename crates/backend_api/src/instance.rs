//! The instance itself.

use domain::{audit::Actor, bodies, keys, redirects, settings};
use foundation::{EmailAddress, Problem};
use serde_json::{Map, Value, json};
use web::{Answer, BackendCall, Input};

/// The public keys of the instance whose secret key asks, and of no other.
pub async fn jwks(call: BackendCall) -> Answer {
    call.read(|tx| Box::pin(keys::jwks(tx)), Value::clone).await
}

/// The instance.
pub async fn show(call: BackendCall) -> Answer {
    let tenant = &call.tenant;
    call.read(
        |tx| Box::pin(settings::effective(tx)),
        |settings| {
            json!({
                "object": "instance",
                "id": tenant.id(),
                "environment_type": tenant.instance.environment.as_str(),
                "allowed_origins": settings.allowed_origins,
                "workspace_id": null,
            })
        },
    )
    .await
}

/// Every key of the instance's settings, with where it comes from and who holds it.
pub async fn effective_settings(call: BackendCall) -> Answer {
    call.read(|tx| Box::pin(settings::explained(tx)), bodies::effective_settings).await
}

/// Changes settings of the instance; answers without a body.
pub async fn update(call: BackendCall, input: Input) -> Answer {
    input.only(&[
        "test_mode",
        "hibp",
        "support_email",
        "clerk_js_version",
        "development_origin",
        "allowed_origins",
        "cookieless_dev",
        "url_based_session_syncing",
        "preferred_sign_in_strategy_when_password_required",
    ])?;
    let mut change = Map::new();
    for name in ["test_mode", "cookieless_dev", "url_based_session_syncing"] {
        if let Some(flag) = input.flag(name)? {
            change.insert(name.to_owned(), flag.into());
        }
    }
    let mut password = Map::new();
    if let Some(flag) = input.flag("hibp")? {
        password.insert("hibp".to_owned(), flag.into());
    }
    match input.text("preferred_sign_in_strategy_when_password_required")? {
        None | Some("") => {}
        Some(word @ ("password" | "otp")) => {
            password.insert("preferred_sign_in_strategy".to_owned(), word.into());
        }
        Some(_) => return Err(Problem::invalid("preferred_sign_in_strategy_when_password_required", "must be password or otp").into()),
    }
    if !password.is_empty() {
        change.insert("auth_password".to_owned(), Value::Object(password));
    }
    if let Some(email) = input.change("support_email")? {
        if email.as_deref().is_some_and(|text| EmailAddress::parse(text).is_none()) {
            return Err(Problem::ParamFormat("support_email", "a valid e-mail address").into());
        }
        change.insert("display".to_owned(), json!({ "support_email": email }));
    }
    if let Some(version) = input.change("clerk_js_version")? {
        if version.as_deref().is_some_and(|v| v.len() > 64 || !v.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))) {
            return Err(Problem::ParamFormat("clerk_js_version", "a version number").into());
        }
        change.insert("clerk_js_version".to_owned(), json!(version));
    }
    if let Some(origin) = input.change("development_origin")? {
        if let Some(text) = &origin {
            check_origin("development_origin", text)?;
        }
        change.insert("development_origin".to_owned(), json!(origin));
    }
    if input.has("allowed_origins") {
        let origins = input.origins("allowed_origins")?;
        change.insert("allowed_origins".to_owned(), json!(origins));
    }
    call.write_silently(|tx| Box::pin(settings::update_instance(tx, Actor::Backend, &change))).await
}

fn check_origin(param: &'static str, text: &str) -> Result<(), Problem> {
    if redirects::is_origin(text) { Ok(()) } else { Err(Problem::ParamFormat(param, "an origin, like https://app.example.com")) }
}
