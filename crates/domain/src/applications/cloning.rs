//! What a new instance takes over from one that is cloned: how it is set up, and nothing that belongs to somebody. No users, no keys, no
//! secrets; and into a live instance nothing that opens a door to a developer's machine.

use super::Application;
use crate::{
    audit::{self, Actor},
    instances::{Environment, Instance},
    jwt_templates::{self, JwtTemplate},
    redirect_urls, redirects, settings,
};
use ::store::{PlatformTx, Tx, inside};
use foundation::{InstanceId, Problem, Result};
use serde_json::{Map, Value, json};

/// What is a development instance's alone, and opens doors that a live one keeps shut.
const DEVELOPMENT_KEYS: [&str; 5] = ["test_mode", "development_origin", "allowed_origins", "cookieless_dev", "url_based_session_syncing"];

/// What one instance leaves to another.
pub(crate) struct Legacy {
    source: InstanceId,
    settings: Map<String, Value>,
    templates: Vec<JwtTemplate>,
    redirect_urls: Vec<String>,
}

/// What an instance of the application leaves to a new one for `target`.
///
/// # Errors
/// [`Problem::ParamInvalid`] where it is none of the application's development instances.
pub(super) async fn of(tx: &mut PlatformTx<'_>, application: &Application, source: InstanceId, target: Environment) -> Result<Legacy> {
    let is_it = |instance: &Instance| instance.id == source && instance.environment == Environment::Development;
    if !application.instances.iter().any(is_it) {
        return Err(Problem::invalid("clone_instance_id", "must be a development instance of this application").into());
    }
    let mut legacy = inside!(tx, source, inside => read(inside))?;
    if target == Environment::Production {
        legacy.settings.retain(|key, _| !DEVELOPMENT_KEYS.contains(&key.as_str()));
        legacy.redirect_urls.retain(|url| redirects::parse(url).is_some_and(|url| !redirects::is_loopback(&url)));
    }
    Ok(legacy)
}

/// What is one application's own: which pages may ask, and whose users are whose.
const NOT_FOR_OTHERS: [&str; 3] = ["user_pool", "allowed_origins", "development_origin"];

/// What an instance leaves to one of another application, which an organization of it becomes.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn for_departure(tx: &mut PlatformTx<'_>, home: &Instance) -> Result<Legacy> {
    let mut legacy = inside!(tx, home.id, inside => read(inside))?;
    legacy.settings.retain(|key, _| !NOT_FOR_OTHERS.contains(&key.as_str()));
    Ok(legacy)
}

async fn read(tx: &mut Tx<'_>) -> Result<Legacy> {
    Ok(Legacy {
        source: tx.instance(),
        settings: settings::instance_values(tx).await?,
        templates: jwt_templates::all(tx).await?,
        redirect_urls: redirect_urls::all(tx).await?,
    })
}

impl Legacy {
    /// Gives it to the new instance. Templates that sign with a key of their own stay behind, and are named in the audit log: without the
    /// key their tokens would be other tokens.
    ///
    /// # Errors
    /// Only the database's own.
    pub(crate) async fn give(&self, tx: &mut Tx<'_>) -> Result<()> {
        if !self.settings.is_empty() {
            settings::update_instance(tx, Actor::Platform, &self.settings).await?;
        }
        let (left, taken): (Vec<_>, Vec<_>) = self.templates.iter().partition(|template| template.has_own_key());
        for template in &taken {
            jwt_templates::adopt(tx, template).await?;
        }
        for url in &self.redirect_urls {
            redirect_urls::adopt(tx, url).await?;
        }
        let names = |templates: &[&JwtTemplate]| templates.iter().map(|template| template.name.clone()).collect::<Vec<_>>();
        let detail = json!({
            "clone_of": self.source,
            "jwt_templates": names(&taken),
            "jwt_templates_left_out": names(&left),
            "redirect_urls": self.redirect_urls.len(),
        });
        audit::record(tx, Actor::Platform, "instance.clone", &tx.instance().to_string(), &detail).await
    }
}
