//! Files that only their owner may read.

use foundation::{Random, Secret};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};
use store::MasterKey;

/// Makes the data folder, for its owner alone, if it is not there.
///
/// # Errors
/// A sentence for the operator.
pub fn data_folder(data: &Path) -> Result<(), String> {
    if !data.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|e| format!("the data folder {} cannot be made: {e}", data.display()))?;
    }
    if !data.is_dir() {
        return Err(format!("{} is no folder: give another with --data", data.display()));
    }
    refuse_writable_by_others(data)
}

/// Makes the database's file for its owner alone, before SQLite would make it for everybody; its companions take over its mode.
///
/// # Errors
/// A sentence for the operator.
pub fn database_file(path: &Path) -> Result<(), String> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(|e| format!("{} cannot be opened: {e}", path.display()))?;
    refuse_readable_by_others(path)
}

/// Refuses a file that others may read.
fn refuse_readable_by_others(path: &Path) -> Result<(), String> {
    let mode = std::fs::metadata(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?.mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(format!("{0} can be read by others: run chmod 600 {0}", path.display())) }
}

/// Refuses a configuration file that others may read, if it holds a password.
///
/// # Errors
/// A sentence for the operator.
pub fn refuse_open_secrets(path: &Path, holds_secret: bool) -> Result<(), String> {
    if holds_secret { refuse_readable_by_others(path) } else { Ok(()) }
}

/// Refuses a file or folder that others may change.
///
/// # Errors
/// A sentence for the operator.
pub fn refuse_writable_by_others(path: &Path) -> Result<(), String> {
    let mode = std::fs::metadata(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?.mode();
    if mode & 0o022 == 0 { Ok(()) } else { Err(format!("{0} can be changed by others: run chmod go-w {0}", path.display())) }
}

/// Holds the data folder, so that no second server uses it.
///
/// # Errors
/// A sentence for the operator.
pub fn lock(data: &Path) -> Result<File, String> {
    let path = data.join("insula.lock");
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(|e| format!("{} cannot be opened: {e}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!("another server uses the data folder {}: stop it, or give another folder with --data", data.display())),
        Err(TryLockError::Error(e)) => Err(format!("{} cannot be locked: {e}", path.display())),
    }
}

/// Master keys as the environment gives them.
#[derive(Clone, Default)]
pub struct MasterTexts {
    /// The one that wraps.
    pub key: Option<Secret>,
    /// The one before it, which still opens during a rotation.
    pub older: Option<Secret>,
}

/// The master key, and whether it is a new one that must be written down.
pub struct Master {
    /// The key.
    pub key: MasterKey,
    /// Its text, if it is new.
    pub new: Option<String>,
}

/// The file of the master key.
pub const MASTER: &str = "master.key";
/// The file of the master key before it, as long as a rotation is under way.
pub const OLDER: &str = "master.key.old";

/// What the names of the files begin with that keep the keys of before a rotation.
pub const KEPT: &str = "master.key.until-";

/// The master key: given, from its file, or new. The one before it opens too, where it is given or its file is there.
///
/// # Errors
/// A sentence for the operator.
pub fn master_key(data: &Path, given: &MasterTexts, random: &mut dyn Random) -> Result<Master, String> {
    if let Some(key) = &given.key {
        let key = parse_master(key.expose())?;
        return Ok(Master { key: with_older(key, given.older.as_ref().map(|older| parse_master(older.expose())).transpose()?), new: None });
    }
    if given.older.is_some() {
        return Err("INSULA_MASTER_KEY_OLD is given without INSULA_MASTER_KEY: give both, or neither".to_owned());
    }
    let path = data.join(MASTER);
    if !path.exists() {
        let database = data.join("insula.db");
        if database.exists() && !begins_as_database(&database) {
            return Err(format!(
                "{} is no SQLite database, and there is no master key beside it: restore a backup with `insula restore --force`, or move the file away to begin anew",
                database.display()
            ));
        }
        if database.exists() {
            return Err(format!("the master key {} is missing, and the database cannot be opened without it: restore it from your backup", path.display()));
        }
        let text = MasterKey::generate(random);
        return Ok(Master { key: parse_master(&text)?, new: Some(text) });
    }
    let older = data.join(OLDER);
    let older = if older.exists() { Some(read_master(&older)?) } else { None };
    Ok(Master { key: with_older(read_master(&path)?, older), new: None })
}

/// Whether a file begins as SQLite's files do. One that cannot be read is given the benefit of the doubt.
pub fn begins_as_database(path: &Path) -> bool {
    let mut head = [0; 16];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).map_or_else(|e| e.kind() != ErrorKind::UnexpectedEof, |()| head == *b"SQLite format 3\0")
}

fn with_older(key: MasterKey, older: Option<MasterKey>) -> MasterKey {
    match older {
        Some(older) => key.with_older(&older),
        None => key,
    }
}

/// Reads the file of a master key, which nobody else may be able to read.
///
/// # Errors
/// A sentence for the operator.
pub fn read_master(path: &Path) -> Result<MasterKey, String> {
    refuse_readable_by_others(path)?;
    let text = std::fs::read_to_string(path).map_err(|e| format!("the master key {} cannot be read: {e}", path.display()))?;
    parse_master(&text)
}

fn parse_master(text: &str) -> Result<MasterKey, String> {
    MasterKey::parse(text).ok_or_else(|| "the master key is not base64 of 32 bytes: make one with `openssl rand -base64 32`".to_owned())
}

/// Writes a file that only its owner may read, whole or not at all.
///
/// # Errors
/// A sentence for the operator.
pub fn write_secret(path: &Path, text: &str) -> Result<(), String> {
    let fault = |e: std::io::Error| format!("{} cannot be written: {e}", path.display());
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(new).map_err(fault)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
    std::fs::rename(new, path).map_err(fault)?;
    sync_folder(path)
}

/// Waits until the names in the file's folder are on the disk.
///
/// # Errors
/// A sentence for the operator.
pub fn sync_folder(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| format!("{} cannot be written: {e}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::random::Seeded;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_master_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("master.key");
        let text = MasterKey::generate(&mut Seeded::new(1));
        write_secret(&path, &text).expect("written");
        assert!(master_key(folder.path(), &MasterTexts::default(), &mut Seeded::new(2)).expect("read").new.is_none());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("mode");
        let refused = master_key(folder.path(), &MasterTexts::default(), &mut Seeded::new(2)).err().expect("refused");
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn a_missing_master_key_is_not_replaced_beside_a_database() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("insula.db"), "").expect("database");
        assert!(master_key(folder.path(), &MasterTexts::default(), &mut Seeded::new(1)).err().expect("refused").contains("restore"));
        let short = MasterTexts { key: Some(Secret::new("short")), older: None };
        assert!(master_key(folder.path(), &short, &mut Seeded::new(1)).is_err());
        let lonely = MasterTexts { key: None, older: Some(Secret::new(MasterKey::generate(&mut Seeded::new(1)))) };
        assert!(master_key(folder.path(), &lonely, &mut Seeded::new(1)).err().expect("refused").contains("give both"));
    }

    #[test]
    fn one_folder_has_one_server() {
        let folder = tempfile::tempdir().expect("folder");
        let held = lock(folder.path()).expect("locked");
        assert!(lock(folder.path()).expect_err("held").contains("another server"));
        drop(held);
        assert!(lock(folder.path()).is_ok());
    }
}
