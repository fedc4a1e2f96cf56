//! The storage layer by itself: what a point read costs through it, and through the driver alone.

use crate::{
    Outcome, Plan,
    process::own_cpu,
    report::{
        Report,
        Target::{AtLeast, AtMost},
    },
};
use foundation::{
    Id, InstanceId, RedirectUrlId, Timestamp,
    random::{Seeded, Shared},
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use store::{Access, Bounds, Database, Faults, Location, MasterKey, Options, sql};
use world::clock::SystemClock;

/// How many rows there are, and how many readers ask PostgreSQL at once.
const ROWS: usize = 100_000;
const READERS: usize = 16;

type Found = (String, String, i64);

/// P16.
pub fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    if !plan.wants("P16") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = folder.path().join("bench.db");
    let rows = Rows::new();
    let database = runtime.block_on(rows.fill(&Location::Scratch(file.clone())))?;
    let mut taken = Vec::new();
    for _ in 0..plan.turns {
        let bare = bare_reads(&file, &rows, plan.turn)?;
        let ours = runtime.block_on(rows.read(&database, 1, plan.turn))?;
        taken.push((1_000_000.0 / ours.per_cpu, 1_000_000.0 / bare));
    }
    report.ratio("P16", "a point read through the storage layer ÷ bare rusqlite", "µs of CPU", &taken, AtMost(1.5));
    let Some(url) = &plan.postgres else {
        eprintln!("P16 on PostgreSQL is left out: no --postgres");
        return Ok(());
    };
    let database = runtime.block_on(rows.fill(&Location::Url(url.clone())))?;
    let mut taken = Vec::new();
    for _ in 0..plan.turns {
        let bare = runtime.block_on(pipelined(url, &rows, plan.turn))?;
        let ours = runtime.block_on(rows.read(&database, READERS, plan.turn))?;
        taken.push((ours.per_second, bare));
    }
    report.ratio("P16", "reads through the storage layer, 16 at once ÷ tokio-postgres, 16 in a pipeline", "/s", &taken, AtLeast(0.7));
    Ok(())
}

struct Reads {
    per_cpu: f64,
    per_second: f64,
}

/// Rows of one instance in a table of the product.
struct Rows {
    instance: InstanceId,
    ids: Vec<RedirectUrlId>,
}

impl Rows {
    fn new() -> Rows {
        let mut random = Seeded::new(1);
        let mut now = 0;
        let mut next = || {
            now += 1;
            Timestamp::from_millis(1_790_000_000_000 + now)
        };
        Rows { instance: Id::new(next(), &mut random), ids: (0..ROWS).map(|_| Id::new(next(), &mut random)).collect() }
    }

    async fn fill(&self, location: &Location) -> Outcome<Database> {
        let options = Options {
            clock: Arc::new(SystemClock),
            random: Shared::new(Seeded::new(2)),
            master: MasterKey::new([7; 32]),
            faults: Faults::default(),
            connections: READERS,
            bounds: Bounds { wait: Duration::from_secs(60), ..Bounds::DEFAULT },
        };
        let database = Database::open(location, options).await.map_err(|e| e.to_string())?;
        for ids in self.ids.chunks(10_000) {
            let write = database.within(self.instance, Access::Write, |tx| {
                Box::pin(async move {
                    for id in ids {
                        let url = format!("https://{id}.example/back");
                        tx.change(sql!("insert into redirect_urls (instance_id, id, url, created_at) values ($1, $2, $3, $4)"), &[id, &url, &1_i64]).await?;
                    }
                    Ok(())
                })
            });
            write.await.map_err(|e| e.to_string())?;
        }
        Ok(database)
    }

    /// Reads one row after the other, by so many readers.
    async fn read(&self, database: &Database, readers: usize, time: Duration) -> Outcome<Reads> {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (cpu, began) = (own_cpu(), Instant::now());
        let mut hands = Vec::new();
        for reader in 0..readers {
            let (stop, done, database, instance) = (Arc::clone(&stop), Arc::clone(&done), database.clone(), self.instance);
            let ids: Vec<RedirectUrlId> = self.ids.iter().copied().skip(reader).step_by(7).collect();
            hands.push(tokio::spawn(async move {
                for id in ids.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let read = database.within(instance, Access::Read, |tx| {
                        Box::pin(async move {
                            tx.get::<Found>(sql!("select id, url, created_at from redirect_urls where instance_id = $1 and id = $2"), &[id]).await
                        })
                    });
                    read.await.map_err(|e| e.to_string())?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, String>(())
            }));
        }
        tokio::time::sleep(time).await;
        let reads = count(&done);
        let reads = Reads { per_cpu: reads / (own_cpu() - cpu), per_second: reads / began.elapsed().as_secs_f64() };
        stop.store(true, Ordering::Relaxed);
        for hand in hands {
            hand.await.map_err(|e| e.to_string())??;
        }
        Ok(reads)
    }
}

fn count(done: &AtomicU64) -> f64 {
    u32::try_from(done.load(Ordering::Relaxed)).map_or(f64::NAN, f64::from)
}

fn bare_reads(file: &Path, rows: &Rows, time: Duration) -> Outcome<f64> {
    let connection = rusqlite::Connection::open(file).map_err(|e| e.to_string())?;
    let mut statement = connection.prepare("select id, url, created_at from redirect_urls where instance_id = ?1 and id = ?2").map_err(|e| e.to_string())?;
    let instance = rows.instance.to_string();
    let mut ids = rows.ids.iter().step_by(7).cycle();
    crate::machine::per_cpu(time, || {
        let id = ids.next().ok_or("no rows")?.to_string();
        let found: Found = statement.query_row([&instance, &id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(|e| e.to_string())?;
        if found.0 == id { Ok(()) } else { Err("the wrong row".to_owned()) }
    })
}

/// One connection on which sixteen questions wait at a time.
async fn pipelined(url: &str, rows: &Rows, time: Duration) -> Outcome<f64> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(|e| e.to_string())?;
    let connection = tokio::spawn(connection);
    let statement = client.prepare("select id, url, created_at from redirect_urls where instance_id = $1 and id = $2").await.map_err(|e| e.to_string())?;
    let (client, instance) = (Arc::new(client), rows.instance.to_string());
    let (stop, done, began) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Instant::now());
    let mut hands = Vec::new();
    for reader in 0..READERS {
        let (client, statement, instance) = (Arc::clone(&client), statement.clone(), instance.clone());
        let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
        let ids: Vec<String> = rows.ids.iter().skip(reader).step_by(7).map(ToString::to_string).collect();
        hands.push(tokio::spawn(async move {
            for id in ids.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let row = client.query_one(&statement, &[&instance, id]).await.map_err(|e| e.to_string())?;
                let _: Found = (row.get(0), row.get(1), row.get(2));
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, String>(())
        }));
    }
    tokio::time::sleep(time).await;
    let rate = count(&done) / began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for hand in hands {
        hand.await.map_err(|e| e.to_string())??;
    }
    drop(client);
    let _ = connection.await;
    Ok(rate)
}
