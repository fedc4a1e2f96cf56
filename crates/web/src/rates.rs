//! Rates: how often something may be asked for. Counted in memory, on each node for itself.
//!
//! A window opens with the first request that counts for it and lasts as long as its [`Budget`] says. How much it holds is
//! said anew with each request, so that a changed setting counts for windows that are open: each remembers what was spent, not what it refuses.
//!
//! The table is of a fixed size. A place in it is one of eight that only the key decides on, by a hash that nobody outside can
//! compute. Where all are taken, the instance that has the most of the eight forgets the window of its own that is spent the least. So a flood at one
//! instance leaves the windows of all others alone, and in its own makes others' first requests forgotten, and nobody's refusal.

use foundation::{Id, InstanceId, Problem, Random, Timestamp};
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
pub struct Key {
    hash: u64,
    /// Whose share of the places it takes from: chance of the instance's id, which nobody can choose.
    owner: u32,
}

#[derive(Clone, Copy, Default)]
struct Window {
    key: u64,
    ends: i64,
    spent: u32,
    most: u32,
    owner: u32,
}

const SHARDS: usize = 64;
const WAYS: usize = 8;
const SETS: usize = 128;

/// The most windows that are remembered: 65,536, in 2 MB.
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
        let [.., a, b, c, d] = instance.ksuid().bytes();
        // Zero marks a free place.
        Key { hash: hasher.finish().max(1), owner: u32::from_be_bytes([a, b, c, d]) }
    }

    /// Counts a request in the window that is open; `None` where none is, so that [`Rates::open`] must follow.
    pub fn count(&self, key: Key, most: u32, now: Timestamp) -> Option<Result<(), Problem>> {
        let mut shard = self.shard(key);
        shard.get_mut(set(key))?.iter_mut().find(|window| window.is_open(key, now)).map(|window| window.take(most, now))
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
        if let Some(window) = places.iter_mut().find(|window| window.is_open(key, now)) {
            return window.take(budget.most, now);
        }
        let place = &mut places[place(places, key.owner, now)];
        *place = Window { key: key.hash, ends: (now + budget.period).millis(), spent: 0, most: budget.most, owner: key.owner };
        place.take(budget.most, now)
    }

    /// Takes a request back that turned out not to count.
    pub fn give_back(&self, key: Key, now: Timestamp) {
        if let Some(window) = self.shard(key).get_mut(set(key)).and_then(|places| places.iter_mut().find(|window| window.is_open(key, now))) {
            window.spent = window.spent.saturating_sub(1);
        }
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Vec<Window>> {
        let shard = usize::try_from(key.hash >> 32).unwrap_or_default() % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places in its shard that a key can take.
fn set(key: Key) -> std::ops::Range<usize> {
    let first = usize::try_from(key.hash & 0xffff_ffff).unwrap_or_default() % SETS * WAYS;
    first..first + WAYS
}

/// Where a new window of this owner goes: to a free place, or to one of the owner who then would have the most of them.
fn place(places: &[Window], owner: u32, now: Timestamp) -> usize {
    if let Some(free) = places.iter().position(|window| window.ends <= now.millis()) {
        return free;
    }
    let has = |of: u32| places.iter().filter(|window| window.owner == of).count() + usize::from(of == owner);
    let most = places.iter().map(|window| has(window.owner)).max().unwrap_or_default();
    let own = has(owner) == most;
    let theirs = |window: &Window| if own { window.owner == owner } else { has(window.owner) == most };
    // Who has none there yet is alone with as many as everybody else.
    let candidates = || places.iter().enumerate().filter(|(_, window)| theirs(window));
    let lightest = candidates().min_by_key(|(_, window)| window.weight()).or_else(|| places.iter().enumerate().min_by_key(|(_, window)| window.weight()));
    lightest.map(|(place, _)| place).unwrap_or_default()
}

impl Window {
    fn is_open(&self, key: Key, now: Timestamp) -> bool {
        self.key == key.hash && self.ends > now.millis()
    }

    /// How much would be lost with it: most once it refuses; of those that are spent alike, most with the one that held more, and for longer.
    fn weight(&self) -> (u64, u32, i64) {
        (u64::from(self.spent) * 1_000 / u64::from(self.most.max(1)), self.spent, self.ends)
    }

    fn take(&mut self, most: u32, now: Timestamp) -> Result<(), Problem> {
        self.most = most;
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
        rates.count(key, FIVE.most, now).unwrap_or_else(|| rates.open(key, FIVE, now))
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
    fn an_open_window_is_held_to_the_limit_of_the_moment() {
        let (rates, now) = (rates(), Timestamp::from_millis(0));
        let key = rates.key(instance(1), "ada");
        assert!((0..5).all(|_| ask(&rates, key, 0).is_ok()) && ask(&rates, key, 0).is_err());
        assert_eq!(rates.count(key, 7, now), Some(Ok(())), "raised");
        assert_eq!(rates.open(key, Budget { most: 7, ..FIVE }, now), Ok(()));
        assert_eq!(rates.count(key, 7, now), Some(Err(Problem::TooManyRequests(10))), "what was spent before stays spent");
        assert_eq!(rates.count(key, 1_000, now), Some(Ok(())));
        assert_eq!(rates.count(key, 6, now), Some(Err(Problem::TooManyRequests(10))), "lowered");
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

    /// A tenant's flood, spent to the last request, with windows of every size: another one's counters are what they were.
    #[test]
    fn a_flood_at_one_instance_neither_resets_nor_exhausts_the_counters_of_another() {
        let rates = rates();
        let now = Timestamp::from_millis(0);
        let theirs: Vec<Key> = (0..800).map(|user| rates.key(instance(2), ("user", user))).collect();
        for (number, key) in theirs.iter().enumerate() {
            assert!((0..number % 5).all(|_| ask(&rates, *key, 0).is_ok()));
        }
        for address in 0..200_000_u32 {
            let key = rates.key(instance(1), address);
            let budget = Budget { most: 1 + address % 3, ..FIVE };
            while rates.open(key, budget, now).is_ok() {}
        }
        for (number, key) in theirs.iter().enumerate() {
            let left = (0..6).take_while(|_| ask(&rates, *key, 0).is_ok()).count();
            assert_eq!(left, 5 - number % 5, "user {number}");
        }
        // Whoever comes later finds places too, and keeps them while the flood goes on.
        let late: Vec<Key> = (0..400).map(|user| rates.key(instance(3), user)).collect();
        assert!(late.iter().all(|key| (0..4).all(|_| ask(&rates, *key, 0).is_ok())));
        for address in 200_000..400_000_u32 {
            let key = rates.key(instance(1), address);
            while rates.open(key, Budget { most: 1, ..FIVE }, now).is_ok() {}
        }
        assert!(late.iter().all(|key| ask(&rates, *key, 0).is_ok() && ask(&rates, *key, 0).is_err()));
    }

    /// A mark that is full with one request does not outweigh the refusal of a longer count.
    #[test]
    fn of_windows_that_refuse_the_one_goes_that_held_the_least() {
        let rates = rates();
        let refused: Vec<Key> = (0..20).map(|attacker| rates.key(instance(1), ("attacker", attacker))).collect();
        for key in &refused {
            while ask(&rates, *key, 0).is_ok() {}
        }
        for mark in 0..200_000_u32 {
            rates.open(rates.key(instance(1), mark), Budget { most: 1, ..FIVE }, Timestamp::from_millis(0)).expect("the first");
        }
        assert!(refused.iter().all(|key| ask(&rates, *key, 0).is_err()));
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
