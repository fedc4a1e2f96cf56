//! New keys for an application's instances: secret keys that overlap, signing keys in rotation.

use super::{Application, get, instance, store, system_instance};
use crate::{
    audit::{self, Actor},
    instances::Which,
    jobs,
    keys::{
        self,
        rotation::{self, SigningKeyState},
        spares,
    },
};
use ::store::{PlatformTx, inside};
use foundation::{ApplicationId, InstanceId, Problem, Result, Secret, SigningKeyId, WorkspaceId, text};
use serde_json::json;
use std::time::Duration;

/// How keys change, and why.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// For how long the old secret keys stay good.
    pub delay: Duration,
    /// What the audit log says about it.
    pub reason: Option<String>,
}

/// The longest overlap of secret keys: a year.
const LONGEST_DELAY: i64 = 8_760;

impl Change {
    /// Checks what a caller gave.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`] on the parameter.
    pub fn new(delay_hours: Option<i64>, reason: Option<&str>) -> Result<Change, Problem> {
        let hours = delay_hours.unwrap_or(0);
        if !(0..=LONGEST_DELAY).contains(&hours) {
            return Err(Problem::invalid("delay_old_secrets_expiration_hours", format!("must be between 0 and {LONGEST_DELAY}")));
        }
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > 500 || text::has_control(reason)) {
            return Err(Problem::invalid("reason", "must have at most 500 characters and no control characters"));
        }
        Ok(Change { delay: Duration::from_secs(u64::try_from(hours).unwrap_or(0) * 3_600), reason: reason.map(str::to_owned) })
    }
}

/// Gives each instance of the application, or the one that is named, a new secret key. The old ones end after the delay. The keys stand in the
/// order of the application's instances, of which only those with a new key are left.
///
/// # Errors
/// [`Problem::NotFound`] where it is not the workspace's; [`Problem::LimitReached`] where too many keys would overlap.
pub async fn rotate_secret_keys(
    tx: &mut PlatformTx<'_>,
    workspace: WorkspaceId,
    id: ApplicationId,
    which: Option<Which>,
    change: &Change,
) -> Result<(Application, Vec<Secret>)> {
    if !store::hold(tx, workspace, id).await? {
        return Err(Problem::NotFound.into());
    }
    let mut application = get(tx, workspace, id).await?;
    if let Some(which) = which {
        application.instances.retain(|instance| which.is(instance));
    }
    if application.instances.is_empty() {
        return Err(Problem::NotFound.into());
    }
    let mut secrets = Vec::new();
    for instance in &application.instances {
        secrets.push(keys::rotate_secret_key(tx, instance.id, instance.environment, change.delay).await?);
    }
    let instances: Vec<InstanceId> = application.instances.iter().map(|instance| instance.id).collect();
    let detail = json!({ "instances": instances, "delay_hours": change.delay.as_secs() / 3_600, "reason": change.reason });
    let system = system_instance(tx).await?;
    inside!(tx, system, inside => audit::record(inside, Actor::Platform, "secret_key.rotate", &id.to_string(), &detail))?;
    Ok((application, secrets))
}

/// The signing keys of an instance, the newest first.
///
/// # Errors
/// [`Problem::NotFound`] where it is not the workspace's.
pub async fn signing_keys(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId, which: Which) -> Result<Vec<SigningKeyState>> {
    let instance = instance(tx, workspace, id, which).await?.id;
    inside!(tx, instance, inside => rotation::list(inside))
}

/// Begins a rotation of an instance's signing key, unless one is under way; the keys as they are then. Needs a spare key pair.
///
/// # Errors
/// As [`signing_keys`]; [`Problem::LimitReached`]; [`Problem::Busy`] where no spare waits.
pub async fn rotate_signing_key(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId, which: Which) -> Result<Vec<SigningKeyState>> {
    let instance = instance(tx, workspace, id, which).await?.id;
    if inside!(tx, instance, inside => rotation::wants_another(inside))? {
        let pair = take_spare(tx).await?;
        inside!(tx, instance, inside => rotation::announce(inside, &pair))?;
    }
    signing_keys(tx, workspace, id, which).await
}

/// Ends a signing key at once: for a key that somebody else may have. Where it was the one that signs, another signs from now on. Needs a spare
/// key pair where none is announced.
///
/// # Errors
/// [`Problem::NotFound`] where the instance or the key is not there; [`Problem::Busy`] where no spare waits.
pub async fn revoke_signing_key(
    tx: &mut PlatformTx<'_>,
    workspace: WorkspaceId,
    (id, which): (ApplicationId, Which),
    key: SigningKeyId,
    reason: Option<&str>,
) -> Result<Vec<SigningKeyState>> {
    let instance = instance(tx, workspace, id, which).await?.id;
    if inside!(tx, instance, inside => rotation::revoke(inside, key, reason))? {
        let pair = take_spare(tx).await?;
        inside!(tx, instance, inside => rotation::replace(inside, &pair))?;
    }
    signing_keys(tx, workspace, id, which).await
}

/// Takes a spare key pair, and sees to it that another is made.
async fn take_spare(tx: &mut PlatformTx<'_>) -> Result<Vec<u8>> {
    let system = system_instance(tx).await?;
    let pair = spares::take(tx, system).await?.ok_or(Problem::Busy(1))?;
    inside!(tx, system, inside => jobs::fill_spares(inside)).map(|()| pair)
}
