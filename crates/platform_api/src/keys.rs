//! Keys of an application's instances: secret keys are shown when they are made and never again; of signing keys only the state is shown.

use domain::{
    applications::{self, Application, Change},
    keys::{Scope, rotation::SigningKeyState},
};
use foundation::{ApplicationId, Problem, Secret, SigningKeyId};
use serde_json::{Value, json};
use web::{Answer, Id, Input, NoBody, Place, PlatformCall};

fn rotated(application: &Application, secrets: &[Secret]) -> Value {
    let shown = |(instance, secret): (&domain::instances::Instance, &Secret)| json!({ "instance_id": instance.id, "environment_type": instance.environment.as_str(), "secret_key": secret.expose() });
    let instances: Vec<Value> = application.instances.iter().zip(secrets).map(shown).collect();
    json!({ "application_id": application.id, "name": application.name, "instances": instances })
}

fn change(input: &Input) -> Result<Change, Problem> {
    input.only(&["delay_old_secrets_expiration_hours", "reason"])?;
    Change::new(input.number("delay_old_secrets_expiration_hours")?, input.text("reason")?)
}

/// New secret keys for all instances of an application.
pub async fn rotate_all(call: PlatformCall, Id(id): Id<ApplicationId>, input: Input) -> Answer {
    let change = change(&input)?;
    let workspace = call.workspace();
    call.write(
        Scope::ApplicationsManage,
        |tx| Box::pin(applications::rotate_secret_keys(tx, workspace, id, None, &change)),
        |(application, secrets)| rotated(application, secrets),
    )
    .await
}

/// A new secret key for one instance.
pub async fn rotate(call: PlatformCall, place: Place, input: Input) -> Answer {
    let change = change(&input)?;
    let workspace = call.workspace();
    call.write(
        Scope::ApplicationsManage,
        |tx| Box::pin(applications::rotate_secret_keys(tx, workspace, place.application, Some(place.which), &change)),
        |(application, secrets)| rotated(application, secrets),
    )
    .await
}

fn body(keys: &[SigningKeyState]) -> Value {
    let shown = |key: &SigningKeyState| {
        json!({
            "object": "signing_key",
            "id": key.id,
            "algorithm": "RS256",
            "status": key.stage.as_str(),
            "created_at": key.created_at,
            "signs_from": key.signs_from,
            "published_until": key.published_until,
        })
    };
    Value::Array(keys.iter().map(shown).collect())
}

/// An instance's signing keys, the newest first.
pub async fn list_signing(call: PlatformCall, place: Place) -> Answer {
    let workspace = call.workspace();
    call.read(Scope::ApplicationsRead, |tx| Box::pin(applications::signing_keys(tx, workspace, place.application, place.which)), |keys| body(keys)).await
}

/// Begins a rotation of the signing key; the keys as they are then. While one is under way, nothing changes.
pub async fn rotate_signing(call: PlatformCall, place: Place, _: NoBody) -> Answer {
    let workspace = call.workspace();
    call.write_with_spares(
        Scope::ApplicationsManage,
        1,
        |tx| Box::pin(applications::rotate_signing_key(tx, workspace, place.application, place.which)),
        |keys| body(keys),
    )
    .await
}

/// Ends a signing key at once; the keys that are left.
pub async fn revoke_signing(call: PlatformCall, place: Place, Id(key): Id<SigningKeyId>, input: Input) -> Answer {
    input.only(&["reason"])?;
    let Change { reason, .. } = Change::new(None, input.text("reason")?)?;
    let workspace = call.workspace();
    call.write_with_spares(
        Scope::ApplicationsManage,
        1,
        |tx| Box::pin(applications::revoke_signing_key(tx, workspace, (place.application, place.which), key, reason.as_deref())),
        |keys| body(keys),
    )
    .await
}
