//! Meters: numbers that only grow, numbers that go up and down, and how long things take. They are for whoever looks after the server;
//! nothing is ever decided by one. They have no labels, so that no caller can make them many.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// One more; the number with it.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed) + 1
    }

    /// So many more.
    pub fn add(&self, many: u64) {
        self.0.fetch_add(many, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more.
    pub fn rise(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// One less.
    pub fn fall(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// The upper bounds of a histogram's buckets, in microseconds; a last bucket has no bound.
pub const BOUNDS: [u64; 13] = [250, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];

/// How long something takes.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// What a histogram has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How many took up to each of [`BOUNDS`], those below included.
    pub up_to: [u64; BOUNDS.len()],
    /// How many there were.
    pub count: u64,
    /// How long all of them took, in microseconds.
    pub micros: u64,
}

impl Histogram {
    /// Notes that it took so long.
    pub fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }

    /// What it has seen.
    pub fn seen(&self) -> Seen {
        let mut count = 0;
        let running = self.buckets.each_ref().map(|bucket| {
            count += bucket.load(Relaxed);
            count
        });
        let mut up_to = [0; BOUNDS.len()];
        up_to.copy_from_slice(&running[..BOUNDS.len()]);
        Seen { up_to, count, micros: self.micros.load(Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let histogram = Histogram::default();
        for micros in [100, 250, 251, 3_000_000, 60_000_000] {
            histogram.note(Duration::from_micros(micros));
        }
        let seen = histogram.seen();
        assert_eq!(seen.up_to, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!((seen.count, seen.micros), (5, 63_000_601));
    }

    #[test]
    fn what_rises_falls() {
        let gauge = Gauge::default();
        gauge.rise();
        gauge.rise();
        gauge.fall();
        assert_eq!(gauge.get(), 1);
    }
}
