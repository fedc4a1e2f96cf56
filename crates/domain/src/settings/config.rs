//! The contract's view of the settings: the effective tree of an instance, changed in the instance's own layer.

use super::{
    Change, Expected, Extent, Run,
    instance::{Changed, Own},
    resolve, schema,
};
use crate::{applications, audit::Actor, instances::Which};
use ::store::{PlatformTx, Tx, inside};
use foundation::{ApplicationId, Problem, Result, WorkspaceId};
use serde_json::{Map, Value, json};

/// Whether keys may be cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clearing {
    /// They may.
    Allowed,
    /// They may not.
    Refused,
}

/// A change of an instance's configuration.
pub struct ConfigChange {
    /// Values by section; `null` clears.
    pub values: Map<String, Value>,
    /// Whether all keys must be named.
    pub extent: Extent,
    /// Whether keys may be cleared.
    pub clearing: Clearing,
    /// Whether it is only tried out.
    pub run: Run,
    /// The versions that the instance's layer must have, by the header and by the document.
    pub expected: [Expected; 2],
}

/// Checks a list of sections.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `keys`.
pub fn check_sections(names: Vec<String>) -> Result<Option<Vec<String>>, Problem> {
    let known = |name: &String| schema::sections().any(|section| section == name);
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(Problem::invalid("keys", format!("names {name:.60}, which is no key of the configuration"))),
        None if names.is_empty() => Ok(None),
        None => Ok(Some(names)),
    }
}

/// Takes `config_version` out of a document, as it stands in what was read: it says the same as `If-Match`.
///
/// # Errors
/// [`Problem::ParamFormat`] where it is no text.
pub fn take_version(values: &mut Map<String, Value>) -> Result<Expected, Problem> {
    match values.remove("config_version") {
        None => Ok(Expected::Any),
        Some(Value::String(text)) => Ok(Expected::OneOf(text.parse().into_iter().collect())),
        Some(_) => Err(Problem::ParamFormat("config_version", "the text that was read")),
    }
}

/// The JSON Schema of the configuration, of some sections or of all.
pub fn schema_of(sections: Option<&[String]>) -> Value {
    let whole = schema::schema();
    let properties = whole["properties"].as_object().into_iter().flatten();
    let wanted: Map<String, Value> =
        properties.filter(|(name, _)| sections.is_none_or(|s| s.contains(name))).map(|(name, property)| (name.clone(), property.clone())).collect();
    json!({
        "$schema": whole["$schema"],
        "$id": "urn:insula:config",
        "title": whole["title"],
        "description": whole["description"],
        "type": "object",
        "properties": wanted,
        "additionalProperties": false,
    })
}

/// Changes the configuration, or tries it out.
///
/// Without [`Extent::Whole`] what is not named stays. With it every key must be named, and one that is named with the value that it
/// inherits, and that the instance does not set yet, is still inherited afterwards.
///
/// # Errors
/// [`Problem::VersionMismatch`]; [`Problem::ConfigKeysMissing`]; [`Problem::ParamInvalid`] for a key that would be cleared and may not;
/// as [`super::update_instance`].
pub async fn change(tx: &mut Tx<'_>, actor: Actor<'_>, wanted: &ConfigChange) -> Result<Changed> {
    let own = Own::read(tx).await?;
    wanted.expected.iter().try_for_each(|expected| expected.ensure(own.version))?;
    let mut change = Change::read(&wanted.values, &Map::new())?;
    if wanted.extent == Extent::Whole {
        let missing: Vec<String> = schema::keys().iter().filter(|k| !k.secret && !change.values.contains_key(&k.name)).map(|k| k.name.clone()).collect();
        if !missing.is_empty() {
            return Err(Problem::ConfigKeysMissing(missing).into());
        }
        let inherited = resolve::resolve(&own.wider, own.environment);
        change.values.retain(|name, value| {
            let same = inherited.key(name).map(|effective| &effective.value) == value.as_ref();
            own.document.values.contains_key(name) || !same
        });
    }
    if wanted.clearing == Clearing::Refused {
        let cleared = change.values.iter().find(|(name, value)| value.is_none() && own.document.values.contains_key(*name));
        if let Some((name, _)) = cleared {
            return Err(Problem::invalid(name.clone(), "would be cleared: destructive=true allows that").into());
        }
    }
    own.change(tx, actor, &change, wanted.run).await
}

/// Changes the configuration of an instance of one of the workspace's applications, or tries it out.
///
/// # Errors
/// [`Problem::NotFound`] where there is none; [`Problem::ConversionUnderWay`]; as [`change`].
pub async fn change_of(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, application: ApplicationId, which: Which, wanted: &ConfigChange) -> Result<Changed> {
    let instance = applications::instance(tx, workspace, application, which).await?;
    if wanted.run == Run::Real {
        instance.ensure_settled()?;
    }
    inside!(tx, instance.id, inside => change(inside, Actor::Platform, wanted))
}
