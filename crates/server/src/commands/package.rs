//! The file of a backup: a SQLite database, and behind it a manifest that only the master key can have made.
//!
//! ```text
//! <database> <manifest as JSON> \n insula-backup-1 <manifest's length, 8 digits> <tag, 64 hexadecimal digits> \n
//! ```

use foundation::secret::Digest;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{Error, Read, Result, Seek, SeekFrom, Write},
};
use store::MasterKey;

const MARK: &str = "insula-backup-1 ";
const TAIL: u64 = 16 + 8 + 1 + 64 + 1;
const MOST_MANIFEST: u64 = 8_192;
const PURPOSE: &str = "the manifest of a backup";

/// What a backup says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// When it was begun, in milliseconds since 1970.
    pub made_at: i64,
    /// The version of the program that made it.
    pub program: String,
    /// The newest migration that the database has had.
    pub schema: i64,
    /// How many instances are in it.
    pub instances: i64,
    /// The database's length.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// The name of the master key that opens it.
    pub master: String,
    /// The master key itself, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_key: Option<String>,
}

/// A manifest as it stands in the file, with its tag.
pub struct Sealed {
    /// What it says.
    pub manifest: Manifest,
    text: String,
    tag: String,
}

impl Sealed {
    /// Whether the manifest was made with this master key, and is unchanged.
    pub fn is_made_with(&self, master: &MasterKey) -> bool {
        master.made(&self.tag, PURPOSE, self.text.as_bytes())
    }
}

/// Length and SHA-256 of what is left to read of a file, of which a copy is written on the way.
///
/// # Errors
/// Where reading or writing fails.
pub fn measure(from: &mut impl Read, copy: &mut impl Write) -> Result<(u64, String)> {
    let (mut digest, mut size, mut buffer) = (Digest::default(), 0, vec![0; 1 << 20]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((size, digest.hex()));
        }
        digest.add(&buffer[..read]);
        copy.write_all(&buffer[..read])?;
        size += read as u64;
    }
}

/// Adds the manifest to the end of the database.
///
/// # Errors
/// Where writing fails.
pub fn close(file: &mut File, manifest: &Manifest, master: &MasterKey) -> Result<()> {
    let text = serde_json::to_string(manifest)?;
    let tag = master.tag(PURPOSE, text.as_bytes());
    file.seek(SeekFrom::End(0))?;
    write!(file, "{text}\n{MARK}{:08} {tag}\n", text.len())?;
    file.sync_all()
}

/// Reads the manifest at the end of a file, and goes back to the file's start. Believes nothing: lengths are bounded and must fit each other.
///
/// # Errors
/// Where it cannot be read, or is no backup.
pub fn open(file: &mut File) -> Result<Sealed> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = part(file, length.checked_sub(TAIL).ok_or_else(no_backup)?, TAIL)?;
    let (size, tag) = tail.strip_prefix(MARK).and_then(|rest| rest.trim_end().split_once(' ')).ok_or_else(no_backup)?;
    let size = size.parse::<u64>().ok().filter(|size| *size <= MOST_MANIFEST).ok_or_else(no_backup)?;
    let start = length.checked_sub(TAIL + 1 + size).ok_or_else(no_backup)?;
    let text = part(file, start, size)?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|_| no_backup())?;
    if manifest.size != start {
        return Err(no_backup());
    }
    let tag = tag.to_owned();
    file.seek(SeekFrom::Start(0))?;
    Ok(Sealed { manifest, text, tag })
}

fn no_backup() -> Error {
    Error::other("it is no backup, or its end is missing")
}

fn part(file: &mut File, start: u64, size: u64) -> Result<String> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| no_backup())
}
