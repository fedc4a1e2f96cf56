//! Crashes: the built binary is killed at random instants under mixed load, and a ledger of what it has acknowledged is held against what it
//! knows when it is back.
//!
//! `cargo xtask crash --rounds 100`. `INSULA_CRASH_ROUNDS` and `INSULA_CRASH_SEED` say how often, and which instants; the seed is printed. On
//! PostgreSQL, which `INSULA_TEST_DATABASE` names, the server alone is killed.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it starts, kills and asks processes, and says what it found")]

mod check;
mod ledger;
mod load;
mod running;

use ledger::Ledger;
use running::{Place, Running};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How many callers work at once.
const CALLERS: u64 = 6;
/// How long a round may take to give its answers.
const LONGEST: Duration = Duration::from_secs(20);

/// Chance that repeats itself: splitmix64.
pub struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_process_is_killed() {
    let rounds = number("INSULA_CRASH_ROUNDS").unwrap_or(2);
    let seed = number("INSULA_CRASH_SEED").unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs()));
    println!("{rounds} rounds with INSULA_CRASH_SEED={seed}");
    let place = Place::new();
    let mut chance = Chance(seed);
    let mut ledgers: Vec<Ledger> = (0..CALLERS).map(Ledger::new).collect();
    let mut waiting = 0;
    for round in 0..rounds {
        let server = Running::start(&place);
        check::knows_everything(&server, &mut ledgers, waiting);
        let stop = AtomicBool::new(false);
        // So many answers and then some milliseconds: an instant that a slow machine reaches too.
        let (answers, later) = (5 + chance.below(60), Duration::from_millis(chance.below(40)));
        let given = AtomicU64::new(0);
        thread::scope(|scope| {
            for ledger in &mut ledgers {
                let (mut chance, server, stop, given) = (Chance(chance.below(u64::MAX)), &server, &stop, &given);
                scope.spawn(move || load::work(server, ledger, &mut chance, (given, stop)));
            }
            let began = Instant::now();
            while given.load(Ordering::Acquire) < answers && began.elapsed() < LONGEST {
                thread::sleep(Duration::from_millis(2));
            }
            thread::sleep(later);
            server.kill();
            stop.store(true, Ordering::Release);
        });
        let acknowledged: u64 = ledgers.iter().map(|ledger| ledger.acknowledged).sum();
        waiting = check::is_whole(&place);
        println!("round {round}: killed after {answers} answers and {} ms; {acknowledged} acknowledged so far, {waiting} mails wait", later.as_millis());
    }
    let server = Running::start(&place);
    check::knows_everything(&server, &mut ledgers, waiting);
    server.kill();
    check::is_whole(&place);
    let count = |of: fn(&Ledger) -> usize| ledgers.iter().map(of).sum::<usize>();
    println!(
        "nothing lost: {} acknowledged answers, {} people, {} sessions, {} codes, nonces and tickets spent, {} applications",
        ledgers.iter().map(|ledger| ledger.acknowledged).sum::<u64>(),
        count(|l| l.people.len()),
        count(|l| l.people.iter().map(|p| p.sessions.len()).sum()),
        count(|l| l.codes.len() + l.nonces.len() + l.tickets.len()),
        count(|l| l.applications.len()),
    );
    assert!(ledgers.iter().any(|ledger| ledger.acknowledged > 0), "somebody got an answer");
}
