//! `insula restore`: a backup becomes the database, after everything about it was checked, or nothing changes.

use super::{
    package::{self, Manifest, Sealed},
    say,
};
use crate::{
    config::{Config, Flags},
    files::{self, KEPT, MASTER},
    start::sentence,
};
use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use store::{Bounds, Database, Faults, Location, MasterKey, Options, file};
use world::World;

/// What `restore` is asked.
#[derive(clap::Args)]
pub struct Arguments {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put it in the place of the database that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    flags: Flags,
}

/// Restores a backup.
///
/// # Errors
/// A sentence for the operator; the database that was there is as it was then.
pub async fn run(arguments: &Arguments) -> Result<(), String> {
    let config = Config::read(&arguments.flags)?;
    let Location::File(database) = &config.location else {
        return Err("with PostgreSQL, use its own tools: pg_restore, or recovery to a point in time".to_owned());
    };
    let world = World::real();
    let mut backup = File::open(&arguments.file).map_err(|e| format!("{} cannot be read: {e}", arguments.file.display()))?;
    let sealed = package::open(&mut backup).map_err(|e| format!("{} cannot be restored: {e}", arguments.file.display()))?;
    let mut made = Made::folder(&config.data)?;
    let held = files::lock(&config.data)?;
    made.lock = Some(held);
    if database.exists() && !arguments.force {
        return Err(format!("{} is there: restore into another data folder, or say --force to put the backup in its place", database.display()));
    }
    let (master, new_key) = fitting_key(&config, &sealed, &world)?;
    check_schema(&sealed.manifest)?;
    let staged = Staged::copy(&mut backup, &sealed.manifest, database)?;
    staged.prove(&sealed.manifest, &world, master).await?;
    if let Some(text) = new_key {
        files::write_secret(&config.data.join(MASTER), &text)?;
    }
    let kept = staged.put_in_place(database, &world)?;
    made.folders.clear();
    tell(&sealed.manifest, kept.as_deref(), &world);
    Ok(())
}

/// The master key that made the backup: the one that is here, or where none is, the one in the backup, which must be written down then.
fn fitting_key(config: &Config, sealed: &Sealed, world: &World) -> Result<(MasterKey, Option<String>), String> {
    let here = config.master_keys.key.is_some() || config.data.join(MASTER).exists();
    let (master, new) = if here {
        (files::master_key(&config.data, &config.master_keys, &mut world.random.clone())?.key, None)
    } else {
        let text = sealed.manifest.master_key.clone().ok_or_else(|| {
            format!(
                "the backup opens with its master key only: put it into {} first (`mkdir -p -m 700 {}`, the key with chmod 600)",
                config.data.join(MASTER).display(),
                config.data.display()
            )
        })?;
        let key = MasterKey::parse(&text).ok_or("the master key in the backup is none")?;
        (key, Some(text))
    };
    if sealed.is_made_with(&master) {
        return Ok((master, new));
    }
    if sealed.manifest.master == master.name() {
        return Err("the backup was changed after it was made: use another one".to_owned());
    }
    Err(match older_key(&config.data, sealed) {
        Some(key) => format!(
            "the backup was made before the master key was rotated, and opens with {0}: restore it into a new folder that has this key: `mkdir -m 700 NEW && cp -p {0} NEW/{MASTER}`, \
             then the same command with --data NEW",
            key.display()
        ),
        None => format!(
            "the backup was made with another master key than the one here: restore it into a new folder that has that key as {MASTER} (`mkdir -m 700 NEW`, the key with chmod 600), \
             with --data NEW"
        ),
    })
}

/// The key of an earlier rotation that made the backup, if it is still beside the present one.
fn older_key(data: &Path, sealed: &Sealed) -> Option<PathBuf> {
    let names = std::fs::read_dir(data).ok()?.flatten().map(|entry| entry.path());
    let kept = names.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(KEPT)));
    kept.into_iter().find(|path| std::fs::read_to_string(path).ok().and_then(|text| MasterKey::parse(&text)).is_some_and(|key| sealed.is_made_with(&key)))
}

/// The folders that had to be made for the data, the innermost first. They go again unless the restore comes to its end.
struct Made {
    folders: Vec<PathBuf>,
    lock: Option<File>,
}

impl Made {
    fn folder(data: &Path) -> Result<Made, String> {
        let missing = data.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let made = Made { folders: missing.map(Path::to_owned).collect(), lock: None };
        files::data_folder(data)?;
        Ok(made)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(data) = self.folders.first() {
            let _ = remove(&data.join("insula.lock"));
        }
        for folder in &self.folders {
            let _ = std::fs::remove_dir(folder);
        }
        self.lock = None;
    }
}

fn check_schema(manifest: &Manifest) -> Result<(), String> {
    let newest = store::newest();
    if manifest.schema <= newest {
        return Ok(());
    }
    Err(format!("the backup has schema {}, this program knows {newest}: restore it with the newer program", manifest.schema))
}

/// The backup's database in the data folder, under a name that no server reads; gone unless it is put in place.
struct Staged(PathBuf);

impl Staged {
    fn copy(backup: &mut File, manifest: &Manifest, database: &Path) -> Result<Staged, String> {
        let staged = Staged(beside(database, ".restoring"));
        let fault = |e: std::io::Error| format!("{} cannot be written: {e}", staged.0.display());
        // What an earlier try has left.
        staged.remove();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged.0).map_err(fault)?;
        let (size, sha256) = package::measure(&mut backup.take(manifest.size), &mut file).map_err(fault)?;
        file.sync_all().map_err(fault)?;
        if size != manifest.size || sha256 != manifest.sha256 {
            return Err("the backup is damaged: its checksum does not fit; use another one".to_owned());
        }
        Ok(staged)
    }

    /// Looks through the whole file, now that its manifest is known to be genuine and its bytes to be the manifest's.
    async fn prove(&self, manifest: &Manifest, world: &World, master: MasterKey) -> Result<(), String> {
        let seen = file::examine(&self.0).map_err(|e| format!("the backup holds no usable database: {}", sentence(&e)))?;
        if let Some(fault) = seen.faults.iter().chain(&seen.strangers).next() {
            return Err(format!("the backup holds no usable database: {fault}"));
        }
        if (seen.schema, seen.instances) != (manifest.schema, manifest.instances) {
            return Err("the backup holds another database than its manifest says".to_owned());
        }
        if seen.schema < store::newest() {
            // The keys of an older schema are looked at when the server has brought it up to date.
            return Ok(());
        }
        let options =
            Options { clock: world.clock.clone(), random: world.random.clone(), master, faults: Faults::default(), connections: 1, bounds: Bounds::DEFAULT };
        let database = Database::look(&Location::File(self.0.clone()), options).await.map_err(|e| sentence(&e))?;
        let opened = database.open_data_keys().await.map_err(|e| sentence(&e))?;
        if opened.not == 0 { Ok(()) } else { Err(format!("the master key does not open {} of the backup's data keys", opened.not)) }
    }

    /// Takes the database's place in one step. What was there is kept under another name, which is returned.
    fn put_in_place(self, database: &Path, world: &World) -> Result<Option<PathBuf>, String> {
        let fault = |e: std::io::Error| format!("{} cannot be replaced: {e}", database.display());
        let kept = if database.exists() { Some(set_aside(database, world)?) } else { None };
        for companion in companions(database) {
            remove(&companion).map_err(fault)?;
        }
        for companion in companions(&self.0) {
            remove(&companion).map_err(fault)?;
        }
        std::fs::rename(&self.0, database).map_err(fault)?;
        files::sync_folder(database)?;
        Ok(kept)
    }

    fn remove(&self) {
        for path in std::iter::once(self.0.clone()).chain(companions(&self.0)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Gives what is there a second name, with everything that was committed in it. A write-ahead log that is left would be played into the restored
/// database, so it must be gone before that takes the name.
fn set_aside(database: &Path, world: &World) -> Result<PathBuf, String> {
    let fault = |e: std::io::Error| format!("{} cannot be set aside: {e}", database.display());
    let kept = beside(database, &format!(".before-{}", world.clock.now().seconds()));
    // A damaged one cannot be settled: then its log is kept beside it.
    let settled = file::settle(database).is_ok();
    std::fs::hard_link(database, &kept).map_err(fault)?;
    let [log, _] = companions(database);
    if !settled && log.exists() {
        std::fs::rename(&log, beside(&kept, "-wal")).map_err(fault)?;
    }
    files::sync_folder(&kept)?;
    Ok(kept)
}

fn companions(database: &Path) -> [PathBuf; 2] {
    [beside(database, "-wal"), beside(database, "-shm")]
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn tell(manifest: &Manifest, kept: Option<&Path>, world: &World) {
    let minutes = (world.clock.now().millis() - manifest.made_at).max(0) / 60_000;
    say(&format!("restored: {} instances, schema {}, as they were {} h {} min ago", manifest.instances, manifest.schema, minutes / 60, minutes % 60));
    if let Some(kept) = kept {
        say(&format!("What was there is kept as {}: delete it when you are sure.", kept.display()));
    }
    say("Whatever happened since is undone: sessions and keys that were ended are good again, mail that waited is sent again. Rotate what was rotated since.");
}
