//! The estate: how the server starts, and what it remembers, with one instance and with many.
//!
//! Many instances are rows, made past the server: copies of the first one's with other ids and slugs. Their signing keys are copies too, whose private
//! parts would not open: an instance is touched by its environment and its JWKS.

use crate::{
    Outcome, Plan,
    load::{self, request},
    operations::Instance,
    process::Running,
    report::{Report, Target::AtMost, median},
};
use rusqlite::{Connection, types::Value};
use std::path::Path;

/// The tables in which an instance has rows from its beginning.
const TABLES: [&str; 7] = ["applications", "instances", "slugs", "pools", "counters", "signing_keys", "instance_settings"];

/// P7 and P8.
pub fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    if !plan.wants("P7") && !plan.wants("P8") {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let first = Running::server(&plan.server, folder.path())?;
    let instance = Instance::read(&first, folder.path())?;
    wait_for_spares(folder.path())?;
    drop(first);
    let alone = starts(plan, folder.path())?;
    report.plain("P7", "cold start on an existing database, to `/readyz`", "ms", median(&alone), AtMost(50.0));
    let server = Running::server(&plan.server, folder.path())?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    report.plain("P8", "memory when idle", "MB", server.memory(), AtMost(25.0));
    drop(server);
    for (number, most) in plan.instances.into_iter().zip([60.0, 120.0]) {
        seed(folder.path(), &instance, number)?;
        let many = starts(plan, folder.path())?;
        if number == plan.instances[1] {
            let taken: Vec<(f64, f64)> = many.into_iter().zip(alone.iter().copied()).collect();
            report.ratio("P7", &format!("cold start with {number} instances ÷ with one"), "ms", &taken, AtMost(1.2));
        }
        if plan.wants("P8") {
            let server = Running::server(&plan.server, folder.path())?;
            touch(&server, number, &instance)?;
            report.plain("P8", &format!("memory with {number} instances, each touched once"), "MB", server.memory(), AtMost(most));
        }
    }
    Ok(())
}

/// Waits until a first start has made its store of key pairs, beside its work.
pub fn wait_for_spares(data: &Path) -> Outcome {
    let database = Connection::open(data.join("insula.db")).map_err(|e| e.to_string())?;
    for _ in 0..1_200 {
        let spares: i64 = database.query_row("select count(*) from spare_keys", [], |row| row.get(0)).map_err(|e| e.to_string())?;
        if spares >= 32 {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Err("the store of key pairs is not filled".to_owned())
}

fn starts(plan: &Plan, data: &Path) -> Outcome<Vec<f64>> {
    (0..plan.turns * 3).map(|_| Running::server(&plan.server, data).map(|server| server.start.as_secs_f64() * 1_000.0)).collect()
}

/// The text of the first instance, as the numbered one has it: the last six characters of an id or a slug are the number.
fn numbered(text: &str, number: usize) -> String {
    format!("{}{number:06}", &text[..text.len() - 6])
}

/// Adds instances until there are so many.
fn seed(data: &Path, instance: &Instance, wanted: usize) -> Outcome {
    let fault = |e: rusqlite::Error| e.to_string();
    let mut database = Connection::open(data.join("insula.db")).map_err(fault)?;
    database.pragma_update(None, "synchronous", "OFF").map_err(fault)?;
    let seeded: i64 = database.query_row("select count(*) from instances where id <> ?1", [&instance.id], |row| row.get(0)).map_err(fault)?;
    // The system's own instance is there besides.
    let first = usize::try_from(seeded).unwrap_or(0).saturating_sub(1);
    let pool: String = database.query_row("select pool_id from instances where id = ?1", [&instance.id], |row| row.get(0)).map_err(fault)?;
    let own = [&instance.id, &instance.application, &instance.slug, &pool];
    let transaction = database.transaction().map_err(fault)?;
    for table in TABLES {
        let key = match table {
            "applications" => ("id", &instance.application),
            "instances" => ("id", &instance.id),
            _ => ("instance_id", &instance.id),
        };
        let mut rows = transaction.prepare(&format!("select * from {table} where {} = ?1", key.0)).map_err(fault)?;
        let width = rows.column_count();
        let template: Vec<Vec<Value>> =
            rows.query_map([key.1], |row| (0..width).map(|column| row.get(column)).collect()).map_err(fault)?.collect::<Result<_, _>>().map_err(fault)?;
        let places = vec!["?"; width].join(", ");
        let mut insert = transaction.prepare(&format!("insert into {table} values ({places})")).map_err(fault)?;
        for number in first..wanted {
            for row in &template {
                let copy = row.iter().map(|value| match value {
                    Value::Text(text) if own.contains(&text) => Value::Text(numbered(text, number)),
                    other => other.clone(),
                });
                insert.execute(rusqlite::params_from_iter(copy)).map_err(fault)?;
            }
        }
    }
    transaction.commit().map_err(fault)
}

/// Asks each instance for its environment and its keys, once.
fn touch(server: &Running, number: usize, instance: &Instance) -> Outcome {
    let hands = 4;
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let hand = |first: usize| {
            move || {
                let mut connection = load::Connection::open(server.address)?;
                for index in (first..number).step_by(hands) {
                    let slug = numbered(&instance.slug, index);
                    for path in ["/v1/environment", "/.well-known/jwks.json"] {
                        let status = connection.exchange(&request(server.address, "GET", &format!("/t/{slug}{path}"), &[], ""))?;
                        if status != 200 {
                            return Err(format!("{slug}{path} answered {status}: {}", connection.body()));
                        }
                    }
                }
                Ok(())
            }
        };
        let spawned: Vec<_> = (0..hands).map(|first| scope.spawn(hand(first))).collect();
        spawned.into_iter().map(|hand| hand.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
    });
    outcomes.into_iter().collect()
}
