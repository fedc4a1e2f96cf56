//! The instance itself.

use domain::{audit::Actor, bodies, keys, settings};
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
    if let Some(word) = input.text("preferred_sign_in_strategy_when_password_required")?.filter(|word| !word.is_empty()) {
        password.insert("preferred_sign_in_strategy".to_owned(), word.into());
    }
    if !password.is_empty() {
        change.insert("auth_password".to_owned(), Value::Object(password));
    }
    if let Some(email) = input.change("support_email")? {
        change.insert("display".to_owned(), json!({ "support_email": email }));
    }
    for name in ["clerk_js_version", "development_origin"] {
        if let Some(text) = input.change(name)? {
            change.insert(name.to_owned(), json!(text));
        }
    }
    if input.has("allowed_origins") {
        let origins = input.origins("allowed_origins")?;
        change.insert("allowed_origins".to_owned(), json!(origins));
    }
    call.write_silently(|tx| Box::pin(settings::update_by_parameters(tx, Actor::Backend, &change, parameter))).await
}

/// As what a backend says the keys that are called otherwise in the tree.
fn parameter(key: &str) -> Option<&'static str> {
    Some(match key {
        "auth_password.hibp" => "hibp",
        "auth_password.preferred_sign_in_strategy" => "preferred_sign_in_strategy_when_password_required",
        "display.support_email" => "support_email",
        _ => return None,
    })
}
