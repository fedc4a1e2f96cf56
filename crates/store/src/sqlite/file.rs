//! A database's file as a whole: copied while others write to it, examined before it is trusted, left without companions.
//!
//! Never open or close such a file by other means in a process that has it open with SQLite: that drops SQLite's locks.

use super::fault;
use foundation::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// What a look into a database's file has shown.
#[derive(Debug, Default)]
pub struct Examination {
    /// The newest migration that it has had; 0 for none.
    pub schema: i64,
    /// How many instances it has, deleted ones too.
    pub instances: i64,
    /// What is wrong with its pages and rows; empty where all is well.
    pub faults: Vec<String>,
    /// Triggers, views and virtual tables, of which this program makes none.
    pub strangers: Vec<String>,
}

/// The most faults that are told.
const MOST_FAULTS: usize = 5;

pub(super) fn read_only(file: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fault)?;
    connection
        .execute_batch("pragma trusted_schema = off; pragma cell_size_check = on; pragma busy_timeout = 5000; pragma temp_store = memory")
        .map_err(fault)?;
    Ok(connection)
}

/// Copies what is committed now into a new file, in one consistent state, while others go on writing. Blocks the thread; `tick` is called every
/// now and then with nothing to be changed.
///
/// # Errors
/// [`Error::Unavailable`] where the disk is full or a file cannot be used.
pub fn copy(from: &Path, to: &Path, tick: impl FnMut() + Send + 'static) -> Result<()> {
    copy_by_steps(from, to, 1_000_000, tick)
}

fn copy_by_steps(from: &Path, to: &Path, between_ticks: i32, mut tick: impl FnMut() + Send + 'static) -> Result<()> {
    let mut connection = read_only(from)?;
    let target = to.to_str().ok_or_else(|| Error::Unavailable(format!("{} is no text that SQLite can read", to.display())))?;
    connection
        .progress_handler(
            between_ticks,
            Some(move || {
                tick();
                false
            }),
        )
        .map_err(fault)?;
    connection.execute("vacuum into ?1", [target]).map(drop).map_err(fault)
}

/// Looks through the whole file. It is opened for reading only, and nothing that stands in it is run.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Broken`] where it is no database.
pub fn examine(file: &Path) -> Result<Examination> {
    let connection = read_only(file)?;
    let strangers = texts(
        &connection,
        "select type || ' ' || name from sqlite_master where type not in ('table', 'index') or sql like 'create virtual%' order by name limit 5",
    )?;
    if !strangers.is_empty() {
        return Ok(Examination { strangers, ..Examination::default() });
    }
    let mut faults = integrity(&connection)?;
    let orphans = texts(&connection, "select distinct \"table\" from pragma_foreign_key_check limit 5")?;
    faults.extend(orphans.into_iter().map(|table| format!("rows of {table} belong to nothing")));
    let number = |text: &str| connection.query_row(text, [], |row| row.get::<_, i64>(0));
    let schema = number("select coalesce(max(version), 0) from schema_migrations").map_err(fault)?;
    let instances = number("select count(*) from instances").map_err(fault)?;
    Ok(Examination { schema, instances, faults, strangers })
}

pub(super) fn integrity(connection: &Connection) -> Result<Vec<String>> {
    let mut found = texts(connection, &format!("pragma integrity_check({MOST_FAULTS})"))?;
    found.retain(|line| line != "ok");
    Ok(found)
}

fn texts(connection: &Connection, text: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare(text).map_err(fault)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(fault)?;
    rows.collect::<rusqlite::Result<_>>().map_err(fault)
}

/// Writes everything into the file itself, so that it has no companions. Nobody else may have it open.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Broken`] where it is damaged.
pub fn settle(file: &Path) -> Result<()> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fault)?;
    connection.execute_batch("pragma busy_timeout = 5000; pragma synchronous = full").map_err(fault)?;
    connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, i64>(0)).map_err(fault)?;
    connection.close().map_err(|(_, error)| fault(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(file: &Path, more: &str) {
        let connection = Connection::open(file).expect("opened");
        let tables = "pragma journal_mode = wal; create table schema_migrations (version bigint); insert into schema_migrations values (3);
                      create table instances (id text); insert into instances values ('a'), ('b');";
        connection.execute_batch(&format!("{tables} {more}")).expect("made");
    }

    #[test]
    fn a_copy_holds_what_is_committed_and_leaves_what_is_not() {
        let folder = tempfile::tempdir().expect("folder");
        let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
        made(&from, "");
        let writer = Connection::open(&from).expect("opened");
        writer.execute_batch("insert into instances values ('c'); begin immediate; insert into instances values ('d')").expect("written");
        copy(&from, &to, || ()).expect("copied beside an open transaction");
        writer.execute_batch("commit").expect("committed");
        let seen = examine(&to).expect("examined");
        assert_eq!((seen.schema, seen.instances), (3, 3));
        assert!(seen.faults.is_empty() && seen.strangers.is_empty(), "{seen:?}");
        assert!(copy(&from, &to, || ()).is_err(), "what is there is not written over");
    }

    #[test]
    fn others_write_while_a_copy_is_made() {
        let folder = tempfile::tempdir().expect("folder");
        let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
        made(&from, "");
        let writer = Connection::open(&from).expect("opened");
        let written = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
        let counted = std::sync::Arc::clone(&written);
        let write = move || {
            // A thousand are enough, and keep the log small.
            if counted.load(std::sync::atomic::Ordering::SeqCst) < 1_000 {
                writer.execute("insert into instances values ('late')", []).expect("nobody waits for the copy");
                counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        };
        copy_by_steps(&from, &to, 10, write).expect("copied");
        let written = written.load(std::sync::atomic::Ordering::SeqCst);
        assert!(written > 1, "the copy was long enough to write beside it");
        // Only what was committed before the copy had its first look can be in it.
        let seen = examine(&to).expect("examined");
        assert!(seen.instances < 2 + written && seen.faults.is_empty(), "{seen:?}");
        assert_eq!(examine(&from).expect("examined").instances, 2 + written);
    }

    #[test]
    fn damage_and_strangers_are_seen() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("a.db");
        made(&file, "create trigger t after insert on instances begin delete from instances; end; create view v as select 1;");
        assert_eq!(examine(&file).expect("examined").strangers, ["trigger t", "view v"]);
        let other = folder.path().join("b.db");
        std::fs::write(&other, vec![7; 8_192]).expect("written");
        assert!(examine(&other).is_err(), "no database");
        let torn = folder.path().join("c.db");
        made(&torn, "create table t (a text); insert into t select hex(randomblob(2000)) from instances, instances b, instances c;");
        settle(&torn).expect("settled");
        assert!(!folder.path().join("c.db-wal").exists());
        let mut bytes = std::fs::read(&torn).expect("read");
        let last = bytes.len() - 4_096;
        bytes[last..last + 200].fill(0xff);
        std::fs::write(&torn, bytes).expect("written");
        assert!(examine(&torn).is_err() || !examine(&torn).expect("examined").faults.is_empty());
    }
}
