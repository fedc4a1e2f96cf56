//! `insula backup` and `insula restore`: what was acknowledged is there, and nothing false gets in. Fault D7.

use super::{command, post, run, said};
use crate::process::{ask, refused, start, stop};
use serde_json::Value;
use server::{commands::package, files};
use std::{
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

fn first(data: &Path, name: &str) -> String {
    let first: Value = serde_json::from_slice(&std::fs::read(data.join("first-start.json")).expect("first-start.json")).expect("JSON");
    first[name].as_str().expect(name).to_owned()
}

fn backup(data: &Path, file: &Path, words: &[&str]) -> std::process::Output {
    command(&["backup", file.to_str().expect("text")], data).args(words).output().expect("it runs")
}

fn restore(data: &Path, file: &Path, words: &[&str]) -> std::process::Output {
    command(&["restore", file.to_str().expect("text")], data).args(words).output().expect("it runs")
}

fn add_user(port: u16, secret: &str, name: &str) -> bool {
    let body = format!(r#"{{"email_address":["{name}@example.com"],"skip_password_requirement":true}}"#);
    post(port, "/api/v1/users", secret, &body).is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn count_users(port: u16, secret: &str, query: &str) -> u64 {
    let answer = ask(port, &format!("/api/v1/users/count{query}"), &[&format!("Authorization: Bearer {secret}")]).expect("an answer");
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    body["total_count"].as_u64().expect("a number")
}

/// A data folder in which a server has run, with one user; and its backup.
fn made() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("backup"));
    let running = start(&data);
    assert!(add_user(running.port, &first(&data, "secret_key"), "ada"));
    assert!(said(&backup(&data, &file, &[])).contains("NOT in it"));
    assert_eq!(stop(running).0, 0);
    (folder, data, file)
}

fn with_key(from: &Path, folder: &Path) -> PathBuf {
    let data = folder.join("restored");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::copy(from.join("master.key"), data.join("master.key")).expect("copied");
    data
}

#[test]
fn under_load_everything_acknowledged_before_is_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("backup"));
    let running = start(&data);
    let secret = first(&data, "secret_key");
    let (acknowledged, over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let before = std::thread::scope(|scope| {
        for thread in 0..4 {
            let (port, secret, acknowledged, over) = (running.port, &secret, &acknowledged, &over);
            scope.spawn(move || {
                for n in 0.. {
                    let name = format!("user{thread}x{n}");
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    // A disk that is slow today answers 503 now and then: that is not acknowledged.
                    if add_user(port, secret, &name) {
                        acknowledged.lock().expect("a list").push(name);
                    }
                }
            });
        }
        while acknowledged.lock().expect("a list").len() < 40 {
            assert!(ask(running.port, "/healthz", &[]).is_some(), "the server is there");
        }
        let before = acknowledged.lock().expect("a list").clone();
        // That writing goes on meanwhile is shown where the copy is made (`store::file`): here that is a matter of the disk.
        let made = backup(&data, &file, &[]);
        over.store(true, Ordering::SeqCst);
        said(&made);
        before
    });
    let written = acknowledged.into_inner().expect("a list").len();
    assert!(written >= before.len());
    assert_eq!(stop(running).0, 0);
    assert_eq!(std::fs::metadata(&file).expect("the backup").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing else is left behind");

    let restored = with_key(&data, folder.path());
    said(&restore(&restored, &file, &[]));
    assert_eq!(std::fs::metadata(restored.join("insula.db")).expect("the database").permissions().mode() & 0o777, 0o600);
    let running = start(&restored);
    for name in &before {
        assert_eq!(count_users(running.port, &secret, &format!("?email_address={name}%40example.com")), 1, "{name}");
    }
    let users = count_users(running.port, &secret, "");
    assert!(users >= before.len() as u64, "{users} of {written}");
    assert!(add_user(running.port, &secret, "after"), "and it goes on");
    assert_eq!(stop(running).0, 0);
    let doctor = run(&["doctor"], &restored);
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
}

#[test]
fn a_backup_overwrites_nothing_and_follows_no_link() {
    let (folder, data, file) = made();
    let there = std::fs::read(&file).expect("the backup");
    assert!(refused(&backup(&data, &file, &[])).contains("overwrites nothing"));
    assert_eq!(std::fs::read(&file).expect("the backup"), there);
    let (link, aim) = (folder.path().join("link"), folder.path().join("aim"));
    symlink(&aim, &link).expect("a link");
    assert!(refused(&backup(&data, &link, &[])).contains("overwrites nothing"), "a link that leads nowhere is there too");
    assert!(!aim.exists());
    assert!(refused(&backup(&data, &folder.path().join("nowhere/backup"), &[])).contains("cannot be made"));
    assert!(refused(&backup(&folder.path().join("empty"), &aim, &[])).contains("no database"));
    let postgres = command(&["backup", "x"], &data).args(["--database-url", "postgres://a@localhost/b"]).output().expect("it runs");
    assert!(refused(&postgres).contains("pg_dump"));
    let key = std::fs::read_to_string(data.join("master.key")).expect("the key");
    assert!(!String::from_utf8_lossy(&there).contains(key.trim()), "the master key is not in it");
}

#[test]
fn with_its_master_key_a_backup_opens_by_itself() {
    let (folder, data, _) = made();
    let file = folder.path().join("whole");
    assert!(said(&backup(&data, &file, &["--with-master-key"])).contains("IS in it"));
    let restored = folder.path().join("restored");
    said(&restore(&restored, &file, &[]));
    assert_eq!(std::fs::metadata(restored.join("master.key")).expect("the key").permissions().mode() & 0o777, 0o600);
    let running = start(&restored);
    assert_eq!(count_users(running.port, &first(&data, "secret_key"), ""), 1);
    assert_eq!(stop(running).0, 0);
}

#[test]
fn a_restore_replaces_only_when_it_is_told_to_and_keeps_what_was_there() {
    let (_folder, data, file) = made();
    let secret = first(&data, "secret_key");
    let running = start(&data);
    assert!(add_user(running.port, &secret, "bob"));
    assert!(refused(&restore(&data, &file, &["--force"])).contains("another server uses the data folder"));
    assert_eq!(count_users(running.port, &secret, ""), 2);
    // Killed, so that the newest writes are in the log alone.
    drop(running);
    assert!(refused(&restore(&data, &file, &[])).contains("--force"));
    let says = said(&restore(&data, &file, &["--force"]));
    assert!(says.contains("insula.db.before-"), "{says}");
    let running = start(&data);
    assert_eq!(count_users(running.port, &secret, ""), 1, "as it was");
    assert_eq!(stop(running).0, 0);
    let names = std::fs::read_dir(&data).expect("a folder").map(|e| e.expect("an entry").file_name().into_string().expect("a name"));
    let kept = names.into_iter().find(|name| name.starts_with("insula.db.before-")).expect("what was there is kept");
    std::fs::rename(data.join(kept), data.join("insula.db")).expect("renamed");
    let running = start(&data);
    assert_eq!(count_users(running.port, &secret, ""), 2, "with everything that was committed");
    assert_eq!(stop(running).0, 0);
}

#[test]
fn false_backups_are_refused_and_change_nothing() {
    let (folder, data, file) = made();
    let restored = with_key(&data, folder.path());
    let good = std::fs::read(&file).expect("the backup");
    let forged = folder.path().join("forged");
    let refuses = |bytes: &[u8], part: &str| {
        std::fs::write(&forged, bytes).expect("written");
        let says = refused(&restore(&restored, &forged, &[]));
        assert!(says.contains(part), "{says}");
        let names: Vec<_> = std::fs::read_dir(&restored).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
        assert!(names.iter().all(|name| name == "master.key" || name == "insula.lock"), "{names:?}");
    };
    let with = |at: usize, byte: u8| {
        let mut changed = good.clone();
        changed[at] ^= byte;
        changed
    };
    refuses(b"", "no backup");
    refuses(&[b'x'; 5_000], "no backup");
    refuses(b"insula-backup-1 99999999 0\n", "no backup");
    refuses(&good[..good.len() - 1], "no backup");
    refuses(&good[..good.len() / 2], "no backup");
    refuses(&std::fs::read(data.join("insula.db")).expect("the database"), "no backup");
    refuses(&with(20_000, 1), "checksum");
    let end = String::from_utf8_lossy(&good[good.len() - 500..]).into_owned();
    let tampered = |from: &str, to: &str| {
        assert!(end.contains(from), "{end}");
        let mut bytes = good[..good.len() - 500].to_vec();
        bytes.extend_from_slice(&good[good.len() - 500..]);
        let text = end.replacen(from, to, 1);
        let start = bytes.len() - 500;
        // Only the manifest's own bytes are text; what is before them stays as it is.
        let cut = (0..500).find(|at| good[start + at..].starts_with(b"{\"made_at\"")).expect("a manifest");
        bytes.truncate(start + cut);
        bytes.extend_from_slice(&text.as_bytes()[text.find("{\"made_at\"").expect("a manifest")..]);
        bytes
    };
    refuses(&tampered("\"instances\":2", "\"instances\":3"), "was changed");
    // Another number of the same length: the manifest's own length is told beside it.
    let other = if store::newest() % 10 == 9 { store::newest() - 1 } else { store::newest() + 1 };
    refuses(&tampered(&format!("\"schema\":{}", store::newest()), &format!("\"schema\":{other}")), "was changed");

    // Genuine, and still not to be trusted.
    let master = files::read_master(&data.join("master.key")).expect("a key");
    let genuine = |change: &dyn Fn(&mut package::Manifest, &mut Vec<u8>)| {
        let mut file = std::fs::File::open(&file).expect("the backup");
        let mut manifest = package::open(&mut file).expect("a backup").manifest;
        let mut database = good[..usize::try_from(manifest.size).expect("a size")].to_vec();
        change(&mut manifest, &mut database);
        manifest.size = database.len() as u64;
        manifest.sha256 = package::measure(&mut database.as_slice(), &mut std::io::sink()).expect("measured").1;
        std::fs::write(&forged, database).expect("written");
        let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&forged).expect("opened");
        package::close(&mut file, &manifest, &master).expect("closed");
        std::fs::read(&forged).expect("read")
    };
    refuses(&genuine(&|manifest, _| manifest.schema += 1), "newer program");
    refuses(&genuine(&|manifest, _| manifest.instances += 1), "another database than its manifest says");
    refuses(&genuine(&|_, database| database.fill(7)), "no usable database");
    refuses(&genuine(&|_, database| database.truncate(100_000)), "no usable database");
    refuses(&genuine(&|_, database| database[40_960..41_400].fill(0xff)), "no usable database");
    refuses(&genuine(&|_, database| database.clear()), "no usable database");

    // The same database, vouched for by somebody else's key.
    let others = folder.path().join("others");
    assert_eq!(stop(start(&others)).0, 0);
    let foreign = folder.path().join("foreign");
    said(&backup(&others, &foreign, &[]));
    refuses(&std::fs::read(&foreign).expect("a backup"), "another master key");
    said(&restore(&restored, &file, &[]));
}

#[test]
fn a_backup_into_no_folder_says_which_folder() {
    let (folder, data, _) = made();
    let said = refused(&backup(&data, &folder.path().join("nowhere/backup"), &[]));
    assert!(said.contains("there is no folder") && said.contains("nowhere;") && !said.contains(".insula-backup"), "{said}");
}

#[test]
fn a_refused_restore_leaves_no_folder() {
    let (folder, _, file) = made();
    let data = folder.path().join("deep/data");
    let said = refused(&restore(&data, &file, &[]));
    assert!(said.contains("its master key only") && said.contains("mkdir -p -m 700"), "{said}");
    assert!(!folder.path().join("deep").exists());
}

#[test]
fn a_backup_of_before_a_rotation_names_the_key_that_opens_it() {
    let (folder, data, file) = made();
    said(&run(&["keys", "rotate"], &data));
    let refused = refused(&restore(&data, &file, &["--force"]));
    let kept = std::fs::read_dir(&data).expect("a folder").map(|entry| entry.expect("an entry").path());
    let kept = kept.into_iter().find(|path| path.to_string_lossy().contains("master.key.until-")).expect("the older key");
    assert!(refused.contains(&format!("cp -p {}", kept.display())), "{refused}");
    // What it says works.
    let new = folder.path().join("new");
    std::fs::DirBuilder::new().create(&new).expect("made");
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o700)).expect("mode");
    std::fs::copy(&kept, new.join("master.key")).expect("copied");
    said(&restore(&new, &file, &[]));
    assert_eq!(stop(start(&new)).0, 0);
}
