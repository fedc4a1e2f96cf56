//! `insula backup`: a copy of the SQLite database in one consistent state, while the server runs.

use super::{package, package::Manifest, progress::Progress, say};
use crate::{
    config::{Config, Flags},
    files::{self, MASTER},
    start::sentence,
};
use foundation::{Random, secret::hex};
use std::{
    fs::{DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use store::{Bounds, Database, Faults, Location, MasterKey, Options, file};
use world::World;

/// What `backup` is asked.
#[derive(clap::Args)]
pub struct Arguments {
    /// The file to be made; it must not be there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put the master key into the backup, so that it opens by itself; whoever has it has everything
    #[arg(long)]
    with_master_key: bool,
    #[command(flatten)]
    flags: Flags,
}

/// What PostgreSQL has for this is better than what could be made here.
const POSTGRES: &str =
    "with PostgreSQL, use its own tools: pg_dump --format=custom, or continuous archiving for any point in time; and keep the master key apart";

/// Makes a backup.
///
/// # Errors
/// A sentence for the operator; nothing is left behind then.
pub async fn run(arguments: &Arguments) -> Result<(), String> {
    let config = Config::read(&arguments.flags)?;
    let Location::File(source) = &config.location else { return Err(POSTGRES.to_owned()) };
    let target = &arguments.file;
    if target.symlink_metadata().is_ok() {
        return Err(format!("{} is there already, and a backup overwrites nothing: give another name", target.display()));
    }
    if !source.exists() {
        return Err(format!("there is no database in {}: name its data folder with --data", config.data.display()));
    }
    let folder = folder_of(target);
    if !folder.is_dir() {
        return Err(format!("{} cannot be made: there is no folder {}; make it first", target.display(), folder.display()));
    }
    let world = World::real();
    let master = files::master_key(&config.data, &config.master_keys, &mut world.random.clone())?.key;
    let scratch = Scratch::make(target, &world)?;
    let copy = scratch.0.join("copy");
    let made_at = world.clock.now().millis();
    take(source, &copy).await?;
    let seen = file::examine(&copy).map_err(|e| sentence(&e))?;
    if !seen.faults.is_empty() {
        return Err(format!("the database is damaged, so that no backup was made: {}", seen.faults.join("; ")));
    }
    if seen.schema != store::newest() {
        return Err(format!("the database has schema {}, this program's is {}: use the program that serves it", seen.schema, store::newest()));
    }
    let name = master.name();
    prove(&world, &copy, master.clone()).await?;
    let mut opened = OpenOptions::new().read(true).write(true).open(&copy).map_err(|e| format!("the copy cannot be read: {e}"))?;
    let (size, sha256) = package::measure(&mut opened, &mut std::io::sink()).map_err(|e| format!("the copy cannot be read: {e}"))?;
    let master_key = if arguments.with_master_key { Some(master_text(&config)?) } else { None };
    let inside = master_key.is_some();
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { made_at, program, schema: seen.schema, instances: seen.instances, size, sha256, master: name, master_key };
    package::close(&mut opened, &manifest, &master).map_err(|e| format!("the copy cannot be written: {e}"))?;
    publish(&copy, target)?;
    say(&format!("{}: {} instances, {} KB, schema {}", target.display(), manifest.instances, size.div_ceil(1_024), manifest.schema));
    say(if inside {
        "The master key IS in it: whoever has this file has everything."
    } else {
        "The master key is NOT in it: keep master.key in another safe place, because the backup cannot be used without it."
    });
    Ok(())
}

/// A folder beside the target that nobody else can enter, gone when it is done with.
struct Scratch(PathBuf);

impl Scratch {
    fn make(target: &Path, world: &World) -> Result<Scratch, String> {
        let random: [u8; 8] = (&mut world.random.clone() as &mut dyn Random).bytes();
        let folder = folder_of(target).join(format!(".insula-backup-{}", hex(&random)));
        DirBuilder::new().mode(0o700).create(&folder).map_err(|e| format!("nothing can be written into the folder {}: {e}", folder_of(target).display()))?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Copies on a thread of its own, and tells how far it is by the size of the copy.
async fn take(source: &Path, copy: &Path) -> Result<(), String> {
    // SQLite writes into an empty file that is there, which keeps the mode that it has.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy).map_err(|e| format!("the copy cannot be made: {e}"))?;
    let (source, copy, watched) = (source.to_owned(), copy.to_owned(), copy.to_owned());
    let total = source.metadata().map_or(0, |found| found.len());
    let mut progress = Progress::new("copied", total);
    let tick = move || progress.reach(watched.metadata().map_or(0, |found| found.len()));
    let copied = tokio::task::spawn_blocking(move || file::copy(&source, &copy, tick)).await.map_err(|e| e.to_string())?;
    copied.map_err(|e| format!("the database cannot be copied: {}", sentence(&e)))
}

/// Whether the master key opens what is in the copy: a backup that nobody can open is none.
async fn prove(world: &World, copy: &Path, master: MasterKey) -> Result<(), String> {
    let options =
        Options { clock: world.clock.clone(), random: world.random.clone(), master, faults: Faults::default(), connections: 1, bounds: Bounds::DEFAULT };
    let database = Database::look(&Location::File(copy.to_owned()), options).await.map_err(|e| sentence(&e))?;
    database.check_master_key().await.map_err(|e| sentence(&e))
}

fn master_text(config: &Config) -> Result<String, String> {
    match &config.master_keys.key {
        Some(given) => Ok(given.expose().trim().to_owned()),
        None => std::fs::read_to_string(config.data.join(MASTER)).map(|text| text.trim().to_owned()).map_err(|e| format!("{MASTER} cannot be read: {e}")),
    }
}

/// Gives the finished copy its name, unless something has that name by now, even a link that leads nowhere.
fn publish(copy: &Path, target: &Path) -> Result<(), String> {
    std::fs::hard_link(copy, target).map_err(|e| format!("{} cannot be made: {e}", target.display()))?;
    files::sync_folder(target)
}
