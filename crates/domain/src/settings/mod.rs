//! Settings: one typed tree, in layers of sparse documents.
//!
//! The layers are system → blueprint → plan → instance → organization; the lowest that sets a key wins. System and instance
//! are in use. A change takes effect at the next request: the effective tree is kept only as long as the versions of all its layers
//! stay the same.

mod rates;
pub mod schema;
mod store;
mod tree;

pub use rates::{AttackProtection, CodeBudgets, EnumerationProtection, Rates};
pub use tree::{Attribute, PasswordPolicy, PreferredStrategy, SessionPolicy, Settings, SignUpMode};

use crate::audit::{self, Actor};
use ::store::{Json, Kept, Tx, cache::InstanceCache, text_enum};
use foundation::{Error, Problem, Result};
use serde_json::{Map, Value};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

text_enum! {
    /// A layer, from the widest to the narrowest.
    pub enum Layer {
        /// The whole server.
        System = "system",
        /// All applications of a workspace.
        Blueprint = "blueprint",
        /// All applications that subscribe to a plan.
        Plan = "plan",
        /// One instance.
        Instance = "instance",
        /// One organization.
        Organization = "organization",
    }
}

type Versions = (i64, i64);

/// Parsed trees by instance. Their versions are compared at every use, so an entry's age does not matter for its truth.
static EFFECTIVE: LazyLock<InstanceCache<Versions, Arc<Settings>>> = LazyLock::new(|| InstanceCache::new(10_000, Duration::from_secs(3_600)));

/// The settings that apply to the instance now.
///
/// # Errors
/// [`Error::Broken`] where a stored document does not fit the tree.
pub async fn effective(tx: &mut Tx<'_>) -> Result<Arc<Settings>> {
    let versions = (store::system_version(tx).await?, store::instance_version(tx).await?);
    if let Some(settings) = EFFECTIVE.get(tx, &versions) {
        return Ok(settings);
    }
    let settings = Arc::new(resolve(&[store::system(tx).await?, store::instance(tx).await?])?);
    EFFECTIVE.put(tx, versions, Arc::clone(&settings));
    Ok(settings)
}

/// The settings that apply to the instance now, to be remembered.
///
/// # Errors
/// As [`effective`].
pub async fn known(tx: &mut Tx<'_>) -> Result<Kept<Arc<Settings>>> {
    Ok(Kept::new(effective(tx).await?, 100))
}

/// Lays the documents over each other, the widest first, and reads the result.
fn resolve(layers: &[Json]) -> Result<Settings> {
    let mut merged = Map::new();
    for layer in layers {
        merge(&mut merged, &layer.0);
    }
    serde_json::from_value(Value::Object(merged)).map_err(|e| Error::broken("settings", e))
}

/// Lays one document over another: objects are merged, everything else is replaced, `null` takes the key away.
fn merge(below: &mut Map<String, Value>, above: &Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(key), value) {
            (_, Value::Null) => {
                below.remove(key);
            }
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, Value::Object(new)) => {
                let mut fresh = Map::new();
                merge(&mut fresh, new);
                below.insert(key.clone(), Value::Object(fresh));
            }
            _ => {
                below.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Checks that a document is one of settings: every key known, every value of its type.
///
/// # Errors
/// [`Problem::ParamInvalid`] that says where it does not fit.
pub fn check(document: &Map<String, Value>) -> Result<Settings, Problem> {
    let mut clean = Map::new();
    merge(&mut clean, document);
    let settings: Settings = serde_json::from_value(Value::Object(clean)).map_err(|e| Problem::invalid("settings", format!("does not fit: {e}")))?;
    settings.check()?;
    Ok(settings)
}

/// Merges a change into the instance's own layer.
///
/// # Errors
/// [`Problem::ParamInvalid`] where the result would not fit the tree.
pub async fn update_instance(tx: &mut Tx<'_>, actor: Actor, change: &Map<String, Value>) -> Result<()> {
    let (mut document, version) = store::versioned_instance(tx).await?;
    merge(&mut document.0, change);
    check(&document.0)?;
    store::put_instance(tx, &document, version).await?;
    let instance = tx.instance().to_string();
    audit::record(tx, actor, "settings.update", &instance, &Value::Object(change.clone())).await
}

pub use store::{put_system, system_document};

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json(value: Value) -> Json {
        Json(value.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn the_narrowest_layer_wins_key_by_key() {
        let system = json(json!({ "auth_password": { "min_length": 12 }, "session": { "multi": false } }));
        let instance = json(json!({ "auth_password": { "max_length": 100 }, "session": { "multi": true } }));
        let settings = resolve(&[system, instance]).expect("settings");
        assert_eq!((settings.auth_password.min_length, settings.auth_password.max_length, settings.session.multi), (12, 100, true));
    }

    #[test]
    fn an_unknown_key_or_a_wrong_type_is_refused() {
        for document in [json!({ "auth_pasword": {} }), json!({ "session": { "multi": "yes" } }), json!({ "auth_password": { "min_length": 3 } })] {
            assert!(check(&json(document.clone()).0).is_err(), "{document}");
        }
        assert!(check(&Map::new()).is_ok());
    }
}
