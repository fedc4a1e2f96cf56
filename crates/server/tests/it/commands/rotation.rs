//! `insula keys rotate`: the master key, at every point at which a process can be killed. Fault K3.

use super::{command, run, said};
use crate::process::{ask, free_port, refused, start, stop};
use foundation::random::Seeded;
use serde_json::Value;
use server::{commands::keys, files};
use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};
use store::{Bounds, Database, Faults, Location, MasterKey, Options};
use world::World;

/// The secret key that a first start has handed out.
fn bearer(data: &Path) -> String {
    let first: Value = serde_json::from_slice(&std::fs::read(data.join("first-start.json")).expect("first-start.json")).expect("JSON");
    format!("Authorization: Bearer {}", first["secret_key"].as_str().expect("a key"))
}

/// Starts the server on what there is, and sees that signing keys open.
fn serves(data: &Path) {
    let running = start(data);
    let jwks = ask(running.port, "/api/v1/jwks", &[&bearer(data)]).expect("an answer");
    assert!(jwks.starts_with("HTTP/1.1 200"), "{jwks}");
    // A spare key pair is opened, and a signing key sealed.
    let first: Value = serde_json::from_slice(&std::fs::read(data.join("first-start.json")).expect("first-start.json")).expect("JSON");
    let made = post(running.port, "/api/v1/platform/applications", first["platform_token"].as_str().expect("a token"), r#"{"name":"Another"}"#);
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    assert_eq!(stop(running).0, 0);
}

fn post(port: u16, path: &str, token: &str, body: &str) -> String {
    super::post(port, path, token, body).expect("an answer")
}

fn key(data: &Path, name: &str) -> String {
    std::fs::read_to_string(data.join(name)).expect(name)
}

async fn opened(data: &Path, key: MasterKey) -> Database {
    let world = Arc::new(World::real());
    let options =
        Options { clock: world.clock.clone(), random: world.random.clone(), master: key, faults: Faults::default(), connections: 2, bounds: Bounds::DEFAULT };
    Database::open(&Location::File(data.join("insula.db")), options).await.expect("it opens")
}

fn parsed(text: &str) -> MasterKey {
    MasterKey::parse(text).expect("a key")
}

/// Reads the key files as a start does, and opens every data key with them.
async fn opens(data: &Path) {
    let master = files::master_key(data, &files::MasterTexts::default(), &mut Seeded::new(1)).expect("a key");
    assert!(master.new.is_none());
    let database = opened(data, master.key).await;
    database.check_master_key().await.expect("it fits");
    assert_eq!(database.open_data_keys().await.expect("opened").not, 0);
}

#[test]
fn the_master_key_changes_and_everything_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    serves(data);
    let old = key(data, "master.key");
    let says = said(&run(&["keys", "rotate"], data));
    assert!(says.contains("3 data keys are wrapped anew") && says.contains("master.key.until-"), "{says}");
    assert!(!says.contains(old.trim()) && !says.contains(key(data, "master.key").trim()), "no key is shown");
    assert_ne!(key(data, "master.key"), old);
    assert!(!data.join("master.key.old").exists());
    serves(data);
    let kept = std::fs::read_dir(data).expect("a folder").map(|e| e.expect("an entry").file_name().into_string().expect("a name"));
    let kept = kept.into_iter().find(|name| name.starts_with("master.key.until-")).expect("the old key is kept");
    assert_eq!(key(data, &kept), old);
    let with_old = command(&["serve"], data).env("INSULA_MASTER_KEY", &old).arg("--listen").arg(format!("127.0.0.1:{}", free_port())).output();
    assert!(refused(&with_old.expect("it runs")).contains("not the one that this database was made with"), "the old key opens nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_it_serves_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    serves(data);
    let old = key(data, "master.key");

    // The old key was put beside, and then the process was killed.
    files::write_secret(&data.join("master.key.old"), &old).expect("written");
    opens(data).await;
    // The new key took its place, and then the process was killed.
    keys::begin(data, &mut Seeded::new(7)).expect("begun");
    assert_ne!(key(data, "master.key"), old);
    let new = key(data, "master.key");
    opens(data).await;
    // Some data keys were wrapped, and then the process was killed.
    let database = opened(data, parsed(&new).with_older(&parsed(&old))).await;
    assert_eq!(database.rewrap_data_keys(2).await.expect("wrapped"), 2);
    assert!(database.count_older_data_keys().await.expect("counted") > 0);
    drop(database);
    serves(data);
    let doctor = run(&["doctor"], data);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("a rotation of the master key is not finished"));

    // Half of it done, either key alone is refused with the sentence that helps.
    std::fs::rename(data.join("master.key.old"), data.join("elsewhere")).expect("renamed");
    let half = refused(&run(&["serve"], data));
    assert!(half.contains("master.key.old") && half.contains("insula keys rotate"), "{half}");
    std::fs::rename(data.join("elsewhere"), data.join("master.key.old")).expect("renamed");

    // All data keys were wrapped, and then the process was killed.
    let database = opened(data, parsed(&new).with_older(&parsed(&old))).await;
    while database.rewrap_data_keys(2).await.expect("wrapped") > 0 {}
    drop(database);
    opens(data).await;
    let says = said(&run(&["keys", "rotate"], data));
    assert!(says.contains("was interrupted"), "{says}");
    assert_eq!(key(data, "master.key"), new, "it goes on with the key that it had made");
    assert!(!data.join("master.key.old").exists());
    opens(data).await;
    let alone = opened(data, parsed(&new)).await.open_data_keys().await.expect("opened");
    assert_eq!(alone.not, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_and_missing_keys_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    assert!(refused(&run(&["keys", "rotate"], data)).contains("first start makes both"));
    let running = start(data);
    let before = key(data, "master.key");
    assert!(refused(&run(&["keys", "rotate"], data)).contains("another server uses the data folder"));
    assert_eq!(key(data, "master.key"), before);
    assert_eq!(stop(running).0, 0);
    std::fs::rename(data.join("master.key"), data.join("lost")).expect("renamed");
    let lost = refused(&run(&["keys", "rotate"], data));
    assert!(lost.contains("is missing") && lost.contains("put your copy of it back"), "{lost}");
    let mut database = std::fs::read(data.join("insula.db")).expect("the database");
    std::fs::rename(data.join("insula.db"), data.join("aside")).expect("renamed");
    database[..16].fill(b'x');
    std::fs::write(data.join("insula.db"), database).expect("written");
    std::fs::set_permissions(data.join("insula.db"), std::fs::Permissions::from_mode(0o600)).expect("mode");
    let garbage = refused(&run(&["serve"], data));
    assert!(garbage.contains("no SQLite database") && garbage.contains("begin anew"), "{garbage}");
    std::fs::rename(data.join("lost"), data.join("master.key")).expect("renamed");
    let garbage = refused(&run(&["serve"], data));
    assert!(garbage.contains("no SQLite database") && garbage.contains("insula restore"), "{garbage}");
    std::fs::rename(data.join("aside"), data.join("insula.db")).expect("renamed");
    let mut random = Seeded::new(1);
    let (other, third) = (MasterKey::generate(&mut random), MasterKey::generate(&mut random));
    let given = |name: &str, value: &str| refused(&command(&["keys", "rotate"], data).env(name, value).output().expect("it runs"));
    assert!(given("INSULA_MASTER_KEY", &other).contains("INSULA_MASTER_KEY_OLD"));
    assert!(given("INSULA_MASTER_KEY_OLD", &other).contains("give both"));
    let wrong = command(&["keys", "rotate"], data).env("INSULA_MASTER_KEY", &other).env("INSULA_MASTER_KEY_OLD", &third).output().expect("it runs");
    assert!(refused(&wrong).contains("not the one that this database was made with"));
    opens(data).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_both_keys_in_the_environment_no_file_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    assert_eq!(stop(start(data)).0, 0);
    let old = key(data, "master.key");
    let new = MasterKey::generate(&mut Seeded::new(3));
    let rotated = command(&["keys", "rotate"], data).env("INSULA_MASTER_KEY", &new).env("INSULA_MASTER_KEY_OLD", &old).output().expect("it runs");
    assert!(said(&rotated).contains("take INSULA_MASTER_KEY_OLD away"));
    assert_eq!(key(data, "master.key"), old, "files are the operator's here");
    std::fs::write(data.join("master.key"), &new).expect("written");
    opens(data).await;
}
