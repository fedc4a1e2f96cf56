//! The clock: sessions, codes and tokens go by it.

use super::{Finding, Patient};
use domain::keys;
use foundation::Timestamp;
use std::time::Duration;
use store::{Access, BoxFuture};

const NAME: &str = "clock";
const REMEDY: &str = "set the clock and keep it right: timedatectl set-ntp true, or chrony";
/// What a token's reader forgives.
const LITTLE: Duration = Duration::from_secs(5);
const MUCH: Duration = Duration::from_secs(60);
/// 2026-01-01: no program of this version is older.
const EARLIEST: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Compares this machine's clock with the database's, and with the newest rows.
pub fn check(patient: &Patient) -> BoxFuture<'_, Vec<Finding>> {
    Box::pin(async move {
        let now = patient.world.clock.now();
        if now < EARLIEST {
            return vec![Finding::fail(NAME, "this machine believes that it is before 2026", REMEDY)];
        }
        let mut findings = Vec::new();
        if let Ok(Some(database)) = &patient.database
            && let Ok(health) = database.health().await
            && let Some(theirs) = health.clock
        {
            findings.push(compared(patient.world.clock.now(), theirs));
        }
        if let Some(database) = patient.readable().await
            && let Ok(Some(newest)) = database.platform(Access::Read, |tx| Box::pin(keys::newest_time(tx))).await
        {
            findings.push(against_rows(patient.world.clock.now(), newest));
        }
        if findings.is_empty() {
            findings.push(Finding::ok(NAME, "plausible"));
        }
        findings
    })
}

fn compared(ours: Timestamp, theirs: Timestamp) -> Finding {
    let apart = ours.since(theirs).max(theirs.since(ours));
    let says = format!("{} ms from the database's clock", apart.as_millis());
    match apart {
        apart if apart > MUCH => Finding::fail(NAME, says, REMEDY),
        apart if apart > LITTLE => Finding::warn(NAME, says, REMEDY),
        _ => Finding::ok(NAME, says),
    }
}

fn against_rows(now: Timestamp, newest: Timestamp) -> Finding {
    let ahead = newest.since(now);
    if ahead > LITTLE {
        return Finding::fail(NAME, format!("the newest row is from {} s in the future: the clock was ahead, or goes back", ahead.as_secs()), REMEDY);
    }
    Finding::ok(NAME, "not behind the newest row")
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn clocks_that_differ_are_told() {
        let at = |seconds: i64| Timestamp::from_millis(1_800_000_000_000 + seconds * 1000);
        let states = [(0, State::Ok), (5, State::Ok), (-30, State::Warn), (30, State::Warn), (-90, State::Fail), (90, State::Fail)];
        for (apart, state) in states {
            assert_eq!(compared(at(0), at(apart)).state, state, "{apart}");
        }
        assert_eq!(against_rows(at(0), at(-1_000)).state, State::Ok);
        assert_eq!(against_rows(at(0), at(1_000)).state, State::Fail);
    }
}
