//! Organizations are turned on from the application's own page, while it is being developed: the SDKs' components offer it where they are shown
//! before there are any.

use crate::{audit::Actor, clients::Visit, settings};
use ::store::Tx;
use foundation::{Problem, Result};
use serde_json::{Map, json};

/// Whether people may work without an organization, where there are organizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonalAccounts {
    /// They may.
    Allowed,
    /// Everybody chooses an organization first.
    None,
}

/// Turns organizations on in a development instance. Where they are on already nothing changes, whoever asks.
///
/// # Errors
/// [`Problem::DevelopmentOnly`]; [`Problem::SettingHeld`] where a wider layer stands against it.
pub async fn turn_on(tx: &mut Tx<'_>, visit: &Visit, personal: PersonalAccounts) -> Result<()> {
    if !visit.tenant.is_development() {
        return Err(Problem::DevelopmentOnly.into());
    }
    if settings::effective(tx).await?.organization_settings.enabled {
        return Ok(());
    }
    let mut change = Map::from_iter([("enabled".to_owned(), json!(true))]);
    if personal == PersonalAccounts::None {
        change.insert("force_organization_selection".to_owned(), json!(true));
    }
    settings::update_instance(tx, Actor::Visitor, &Map::from_iter([("organization_settings".to_owned(), json!(change))])).await
}
