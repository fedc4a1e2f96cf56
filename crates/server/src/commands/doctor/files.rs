//! The data folder: whose it is, who may read what is in it, and how much room there is.

use super::{Finding, Patient};
use crate::{
    doubts,
    files::{MASTER, OLDER},
};
use std::{
    fs::Metadata,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};
use store::BoxFuture;

/// Files that hold secrets, where they are there.
const SECRETS: [&str; 8] = ["insula.db", "insula.db-wal", "insula.db-shm", MASTER, OLDER, "first-start.json", "last-start.json", "insula.lock"];
/// Below this, something should be done.
const LITTLE_ROOM: u64 = 1 << 30;
/// Below this, the database stops soon.
const NO_ROOM: u64 = 100 << 20;

/// Looks at owners, modes and room.
pub fn check(patient: &Patient) -> BoxFuture<'_, Vec<Finding>> {
    Box::pin(async move {
        let data = &patient.config.data;
        let Ok(folder) = std::fs::symlink_metadata(data) else {
            return vec![Finding::warn("files", format!("the data folder {} is not there yet", data.display()), "start the server once: it makes it")];
        };
        let mut faults = Vec::new();
        look(data, &folder, 0o022, &mut faults);
        for name in SECRETS {
            let path = data.join(name);
            if let Ok(found) = std::fs::symlink_metadata(&path) {
                look(&path, &found, 0o077, &mut faults);
            }
        }
        let config = data.join("insula.toml");
        if let Ok(found) = std::fs::symlink_metadata(&config) {
            look(&config, &found, 0o022, &mut faults);
        }
        if faults.is_empty() {
            faults.push(private(data));
        }
        faults.push(room(data));
        faults.extend(leftovers(patient));
        faults
    })
}

fn private(data: &Path) -> Finding {
    match doubts::folder(data) {
        Some(doubt) => Finding::warn("files", doubt.says, doubt.remedy),
        None => Finding::ok("files", format!("{} and what is in it belong to this user alone", data.display())),
    }
}

fn look(path: &Path, found: &Metadata, closed: u32, faults: &mut Vec<Finding>) {
    let (mode, shown) = (found.permissions().mode() & 0o777, path.display());
    if found.uid() != rustix::process::geteuid().as_raw() {
        let remedy = format!("run this command as the server's user, or chown -R it to {shown}");
        faults.push(Finding::fail("files", format!("{shown} belongs to user {}, not to the one who asks", found.uid()), remedy));
    }
    if mode & closed != 0 {
        let remedy = if closed == 0o077 { format!("chmod 600 {shown}") } else { format!("chmod go-w {shown}") };
        let what = if closed == 0o077 { "read" } else { "changed" };
        faults.push(Finding::fail("files", format!("{shown} has mode {mode:o} and can be {what} by others"), remedy));
    }
}

fn room(data: &Path) -> Finding {
    let Ok(disk) = rustix::fs::statvfs(data) else {
        return Finding::warn("disk", format!("the room on the disk of {} cannot be asked", data.display()), "look with df");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let says = format!("{} MB free", free >> 20);
    match free {
        room if room < NO_ROOM => Finding::fail("disk", says, "make room now: the database cannot grow without it"),
        room if room < LITTLE_ROOM => Finding::warn("disk", says, "make room: a backup needs as much as the database has"),
        _ => Finding::ok("disk", says),
    }
}

/// What was put down and should not stay.
fn leftovers(patient: &Patient) -> Vec<Finding> {
    let data = &patient.config.data;
    let mut found = Vec::new();
    if data.join(OLDER).exists() {
        found.push(Finding::warn("files", "a rotation of the master key is not finished", "run `insula keys rotate` again: it goes on where it stopped"));
    }
    if patient.config.site.is_secure() && data.join("first-start.json").exists() {
        let remedy = "keep its keys where your applications have them, then delete the file";
        found.push(Finding::warn("files", "first-start.json still holds the first keys in plain text", remedy));
    }
    found
}
