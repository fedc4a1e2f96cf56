//! `insula keys rotate`: all data keys are wrapped with a new master key. It may be killed between any two steps: until it has run to its end, the
//! server starts with both keys, and the command goes on where it stopped.

use super::{progress::Progress, say};
use crate::{
    config::{Config, Flags},
    files::{self, KEPT, MASTER, OLDER},
    start::{self, sentence},
};
use clap::Subcommand;
use foundation::Random;
use std::{path::Path, sync::Arc};
use store::{Database, Location, MasterKey};
use world::World;

/// What can be done with keys.
#[derive(Subcommand)]
pub enum Keys {
    /// Wrap all data keys with a new master key; stop the server first, or give both keys in the environment
    Rotate(Flags),
}

/// How many data keys one transaction wraps.
const BATCH: i64 = 200;

/// Rotates the master key.
///
/// # Errors
/// A sentence for the operator.
pub async fn rotate(config: &Config) -> Result<(), String> {
    let world = Arc::new(World::real());
    match (&config.master_keys.key, &config.master_keys.older) {
        (Some(_), Some(_)) => with_given(config, &world).await,
        (None, None) => with_files(config, &world).await,
        (Some(_), None) => Err("the master key is given in INSULA_MASTER_KEY: give a new one there, made with `openssl rand -base64 32`, and the present one \
                                in INSULA_MASTER_KEY_OLD"
            .to_owned()),
        (None, Some(_)) => Err("INSULA_MASTER_KEY_OLD is given without INSULA_MASTER_KEY: give both, or neither".to_owned()),
    }
}

/// The keys are files of the data folder: the new one is made here. Nobody may use the database meanwhile, because a server reads its key at its
/// start alone.
async fn with_files(config: &Config, world: &Arc<World>) -> Result<(), String> {
    if !config.data.join(MASTER).exists() {
        return Err(without_key(config));
    }
    files::data_folder(&config.data)?;
    let _held = files::lock(&config.data)?;
    let database = start::open_database(config, world).await?;
    if database.count_other_nodes().await.map_err(|e| sentence(&e))? > 0 {
        return Err("other servers use this database, and know the present key alone: stop them, or give both keys to all of them in INSULA_MASTER_KEY and \
                    INSULA_MASTER_KEY_OLD"
            .to_owned());
    }
    drop(database);
    begin(&config.data, &mut world.random.clone())?;
    wrap(&start::open_database(config, world).await?).await?;
    prove(config, world, files::read_master(&config.data.join(MASTER))?).await?;
    let kept = finish(&config.data, world)?;
    say(&format!("the master key is a new one. Backups from before open with the old one only, which is kept as {kept}: delete it with the last of them"));
    Ok(())
}

/// What to do where the key that is to be rotated is not there: without it a rotation cannot open what it would wrap.
fn without_key(config: &Config) -> String {
    let path = config.data.join(MASTER);
    match &config.location {
        Location::File(file) | Location::Scratch(file) if !file.exists() => {
            format!("there is no database in {} and no master key: the server's first start makes both", config.data.display())
        }
        _ => format!("the master key {} is missing, and a rotation needs it: put your copy of it back (chmod 600)", path.display()),
    }
}

/// The keys are given, to this command and to every server: nothing has to stop, except for the one server of a SQLite file.
async fn with_given(config: &Config, world: &Arc<World>) -> Result<(), String> {
    let _held = match config.location {
        Location::Url(_) => None,
        Location::File(_) | Location::Scratch(_) => Some(files::lock(&config.data)?),
    };
    wrap(&start::open_database(config, world).await?).await?;
    let alone = files::MasterTexts { key: config.master_keys.key.clone(), older: None };
    prove(config, world, files::master_key(&config.data, &alone, &mut world.random.clone())?.key).await?;
    say("all data keys are wrapped with INSULA_MASTER_KEY: take INSULA_MASTER_KEY_OLD away from every server, and keep it for backups from before");
    Ok(())
}

/// Puts a new key in the place of the present one, which stays beside it. Whatever is there afterwards, even if this is cut short, opens everything.
///
/// # Errors
/// A sentence for the operator.
pub fn begin(data: &Path, random: &mut dyn Random) -> Result<(), String> {
    let read = |name| std::fs::read_to_string(data.join(name)).map_err(|e| format!("{} cannot be read: {e}", data.join(name).display()));
    let present = read(MASTER)?;
    if data.join(OLDER).exists() && read(OLDER)?.trim() != present.trim() {
        say("a rotation was interrupted: it goes on");
        return Ok(());
    }
    files::write_secret(&data.join(OLDER), &present)?;
    files::write_secret(&data.join(MASTER), &MasterKey::generate(random))
}

/// Wraps whatever is wrapped with the older key.
async fn wrap(database: &Database) -> Result<(), String> {
    let total = u64::try_from(database.count_older_data_keys().await.map_err(|e| sentence(&e))?).unwrap_or(0);
    let (mut progress, mut done) = (Progress::new("data keys", total), 0);
    loop {
        let some = database.rewrap_data_keys(BATCH).await.map_err(|e| sentence(&e))?;
        if some == 0 {
            break;
        }
        done += some;
        progress.reach(done);
    }
    say(&format!("{done} data keys are wrapped anew"));
    Ok(())
}

/// Opens every data key with the new key alone, before the older one goes.
async fn prove(config: &Config, world: &Arc<World>, alone: MasterKey) -> Result<(), String> {
    let database = start::open_with(config, world, alone).await?;
    let opened = database.open_data_keys().await.map_err(|e| sentence(&e))?;
    if opened.not == 0 { Ok(()) } else { Err(format!("the new key does not open {} data keys: both keys stay as they are", opened.not)) }
}

/// Puts the older key aside; the name of its file.
fn finish(data: &Path, world: &World) -> Result<String, String> {
    let kept = format!("{KEPT}{}", world.clock.now().seconds());
    std::fs::rename(data.join(OLDER), data.join(&kept)).map_err(|e| format!("{} cannot be renamed: {e}", data.join(OLDER).display()))?;
    files::sync_folder(&data.join(&kept))?;
    Ok(kept)
}
