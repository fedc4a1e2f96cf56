//! Rates: how often something may be asked for. Counted in memory, on each node for itself.
//!
//! A window opens with the first request that counts for it and lasts as long as its [`Budget`] says. How much it holds is read from the
//! settings when it opens, so that nothing but memory is asked while it lasts.
//!
//! The table is of a fixed size. A place in it is one of eight that only the key decides on, by a hash that nobody outside can
//! compute; where all are taken, the window that is spent the least is forgotten. So whoever comes from a million addresses makes
//! others' first requests forgotten, and nobody's refusal.

use foundation::{InstanceId, Problem, Random, Timestamp};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How much a window holds, and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most requests.
    pub most: u32,
    /// From the first of them.
    pub period: Duration,
}

/// What is counted together. Only [`Rates::key`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

#[derive(Clone, Copy, Default)]
struct Window {
    key: u64,
    ends: i64,
    spent: u32,
    most: u32,
}

const SHARDS: usize = 64;
const WAYS: usize = 8;
const SETS: usize = 128;

/// The most windows that are remembered: 65,536, in 1.5 MB.
pub const PLACES: usize = SHARDS * SETS * WAYS;

/// All windows of this node.
pub struct Rates {
    secret: [u8; 16],
    shards: Vec<Mutex<Vec<Window>>>,
}

impl Rates {
    /// None is open.
    pub fn new(random: &mut dyn Random) -> Rates {
        Rates { secret: random.bytes(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// What is counted together: the instance first, then whatever tells its callers apart.
    pub fn key(&self, instance: InstanceId, what: impl Hash) -> Key {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.secret);
        instance.hash(&mut hasher);
        what.hash(&mut hasher);
        // Zero marks a free place.
        Key(hasher.finish().max(1))
    }

    /// Counts a request in the window that is open; `None` where none is, so that [`Rates::open`] must follow.
    pub fn count(&self, key: Key, now: Timestamp) -> Option<Result<(), Problem>> {
        let mut shard = self.shard(key);
        shard.get_mut(set(key))?.iter_mut().find(|window| window.is_open(key, now)).map(|window| window.take(now))
    }

    /// Counts a request, in a new window if none is open.
    ///
    /// # Errors
    /// [`Problem::TooManyRequests`] with the time that is left of the window.
    pub fn open(&self, key: Key, budget: Budget, now: Timestamp) -> Result<(), Problem> {
        let mut shard = self.shard(key);
        if shard.is_empty() {
            shard.resize(SETS * WAYS, Window::default());
        }
        let places = &mut shard[set(key)];
        let found = places.iter().position(|window| window.is_open(key, now));
        let place = found.or_else(|| (0..WAYS).min_by_key(|place| places[*place].weight(now))).unwrap_or_default();
        if found.is_none() {
            places[place] = Window { key: key.0, ends: (now + budget.period).millis(), spent: 0, most: budget.most };
        }
        places[place].take(now)
    }

    /// Takes a request back that turned out not to count.
    pub fn give_back(&self, key: Key, now: Timestamp) {
        if let Some(window) = self.shard(key).get_mut(set(key)).and_then(|places| places.iter_mut().find(|window| window.is_open(key, now))) {
            window.spent = window.spent.saturating_sub(1);
        }
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Vec<Window>> {
        let shard = usize::try_from(key.0 >> 32).unwrap_or_default() % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places in its shard that a key can take.
fn set(key: Key) -> std::ops::Range<usize> {
    let first = usize::try_from(key.0 & 0xffff_ffff).unwrap_or_default() % SETS * WAYS;
    first..first + WAYS
}

impl Window {
    fn is_open(&self, key: Key, now: Timestamp) -> bool {
        self.key == key.0 && self.ends > now.millis()
    }

    /// How much would be lost with it: nothing once it is over, most once it refuses.
    fn weight(&self, now: Timestamp) -> u64 {
        if self.ends <= now.millis() { 0 } else { 1 + u64::from(self.spent) * 1_000 / u64::from(self.most.max(1)) }
    }

    fn take(&mut self, now: Timestamp) -> Result<(), Problem> {
        if self.spent >= self.most {
            let left = Timestamp::from_millis(self.ends).since(now).as_millis();
            return Err(Problem::TooManyRequests(u64::try_from(left.div_ceil(1_000)).unwrap_or(1).max(1)));
        }
        self.spent += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::{Id, random::Seeded};

    const FIVE: Budget = Budget { most: 5, period: Duration::from_secs(10) };

    fn rates() -> Rates {
        Rates::new(&mut Seeded::new(7))
    }

    fn instance(seed: u64) -> InstanceId {
        Id::new(Timestamp::from_millis(0), &mut Seeded::new(seed))
    }

    fn ask(rates: &Rates, key: Key, now: i64) -> Result<(), Problem> {
        let now = Timestamp::from_millis(now);
        rates.count(key, now).unwrap_or_else(|| rates.open(key, FIVE, now))
    }

    #[test]
    fn the_sixth_waits_for_what_is_left_of_the_window() {
        let rates = rates();
        let key = rates.key(instance(1), "ada");
        assert!((0..5).all(|_| ask(&rates, key, 1_000).is_ok()));
        assert_eq!(ask(&rates, key, 1_000), Err(Problem::TooManyRequests(10)));
        assert_eq!(ask(&rates, key, 10_001), Err(Problem::TooManyRequests(1)), "rounded up, never zero");
        assert_eq!(ask(&rates, key, 10_999), Err(Problem::TooManyRequests(1)));
        assert!(ask(&rates, key, 11_000).is_ok(), "waiting as long as was said is enough");
        assert!(ask(&rates, rates.key(instance(2), "ada"), 1_000).is_ok(), "another instance's");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let rates = rates();
        let key = rates.key(instance(1), "ada");
        assert!((0..5).all(|_| ask(&rates, key, 0).is_ok()));
        rates.give_back(key, Timestamp::from_millis(0));
        assert!(ask(&rates, key, 0).is_ok() && ask(&rates, key, 0).is_err());
    }

    #[test]
    fn a_million_addresses_take_no_more_memory_and_forget_nobody_who_is_refused() {
        let rates = rates();
        let attackers: Vec<Key> = (0..20).map(|attacker| rates.key(instance(1), ("attacker", attacker))).collect();
        for key in &attackers {
            while ask(&rates, *key, 0).is_ok() {}
        }
        for address in 0..1_000_000_u32 {
            ask(&rates, rates.key(instance(1), address), 0).expect("each its first");
        }
        let kept: usize = rates.shards.iter().map(|shard| shard.lock().map_or(0, |shard| shard.capacity())).sum();
        assert_eq!(kept, PLACES);
        assert!(attackers.iter().all(|key| ask(&rates, *key, 0).is_err()), "whoever was refused still is");
    }

    #[test]
    fn a_thousand_in_parallel_get_five() {
        let rates = rates();
        let key = rates.key(instance(1), "ada");
        let granted: usize = std::thread::scope(|scope| {
            let hands: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..125).filter(|_| ask(&rates, key, 0).is_ok()).count())).collect();
            hands.into_iter().map(|hand| hand.join().expect("no panic")).sum()
        });
        assert_eq!(granted, 5);
    }
}
