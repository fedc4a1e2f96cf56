//! `insula migrate`: the schema is brought up to date before a new program serves, so that its start takes no longer than any other.

use super::say;
use crate::{config::Config, files, start};
use std::sync::Arc;
use store::Location;
use world::World;

/// Runs the migrations that the database has not had. On PostgreSQL also while older servers run: migrations only add.
///
/// # Errors
/// A sentence for the operator.
pub async fn run(config: &Config) -> Result<(), String> {
    files::data_folder(&config.data)?;
    let _held = match config.location {
        Location::Url(_) => None,
        Location::File(_) | Location::Scratch(_) => Some(files::lock(&config.data)?),
    };
    let world = Arc::new(World::real());
    let database = start::open_database(config, &world).await?;
    let version = database.schema_version().await.map_err(|e| start::sentence(&e))?;
    say(&format!("the database has schema {version}, the newest that this program knows"));
    Ok(())
}
