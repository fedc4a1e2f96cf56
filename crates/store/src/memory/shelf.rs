//! The shelf: values with the time at which they were true, and whom they speak of. It is bounded, and each instance has a fair share of it:
//! where there is no room left, whoever takes the most of it loses what they have not used for the longest time (`docs/decisions/0040`).

use super::{Held, touch::Touched};
use foundation::{Id, InstanceId, Timestamp};
use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Whose it is, and the hash of what it is.
pub(super) type Key = (Option<InstanceId>, [u8; 32]);
type Anything = Arc<dyn Any + Send + Sync>;

struct Entry {
    since: Timestamp,
    until: Option<Timestamp>,
    value: Anything,
    weight: usize,
    /// Whose share it takes room of.
    holder: Option<InstanceId>,
    /// Whether it was asked for since it was last passed over.
    used: bool,
    /// Each is set when somebody whom the value speaks of has changed.
    changed: Box<[Arc<AtomicBool>]>,
}

impl Entry {
    fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until) && self.changed.iter().all(|changed| !changed.load(Ordering::Acquire))
    }
}

/// What was read, on its way to the shelf.
pub(super) struct Found<'a> {
    pub(super) since: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) value: Anything,
    pub(super) subjects: &'a [String],
    pub(super) weight: usize,
}

/// What was changed while something was being read: somebody, or with `None` everything.
type Change = (u64, Option<String>);

/// What one instance has on the shelf.
#[derive(Default)]
struct Share {
    weight: usize,
    /// Its entries in the order in which they go.
    queue: VecDeque<Key>,
}

/// How many entries in a row may be spared because they were used. More would make one who puts something on the shelf wait.
const SPARED: usize = 32;
/// How many subjects may be forgotten by everybody before they are cleared away.
const SLACK: usize = 1_024;

/// What an entry takes besides its value: its places in the tables and the queue, which are partly empty, and its part of its instance's share.
const OWN_WEIGHT: usize = 480;
/// What a subject takes, in the entry and in the table of subjects.
const SUBJECT_WEIGHT: usize = 180;

pub(super) struct Shelf {
    entries: HashMap<Key, Entry>,
    shares: HashMap<Option<InstanceId>, Share>,
    /// The shares by their weight; the heaviest is the last.
    order: BTreeSet<(usize, Option<InstanceId>)>,
    weight: usize,
    most: usize,
    /// How many were given up to make room.
    evicted: u64,
    /// How long anything is of use.
    life: Duration,
    swept: Timestamp,
    subjects: HashMap<String, Weak<AtomicBool>>,
    kept_subjects: usize,
    changes: u64,
    recent: VecDeque<Change>,
    loading: BTreeMap<u64, usize>,
}

impl Shelf {
    pub(super) fn new(most: usize, life: Duration) -> Shelf {
        Shelf {
            entries: HashMap::new(),
            shares: HashMap::new(),
            order: BTreeSet::new(),
            weight: 0,
            most,
            evicted: 0,
            life,
            swept: Timestamp::default(),
            subjects: HashMap::new(),
            kept_subjects: 0,
            changes: 0,
            recent: VecDeque::new(),
            loading: BTreeMap::new(),
        }
    }

    pub(super) fn get(&mut self, key: &Key, now: Timestamp) -> Option<(Timestamp, Anything)> {
        let entry = self.entries.get_mut(key).filter(|entry| entry.holds(now))?;
        entry.used = true;
        Some((entry.since, Arc::clone(&entry.value)))
    }

    /// How many there are, their bytes, and how many were given up to make room.
    pub(super) fn held(&self) -> Held {
        Held { values: self.entries.len(), bytes: self.weight, evicted: self.evicted }
    }

    /// Puts something on the shelf, unless somebody whom it speaks of has changed since its reading began.
    pub(super) fn put(&mut self, key: Key, found: Found<'_>, began: u64) {
        let outdated = |(when, who): &Change| *when > began && who.as_ref().is_none_or(|who| found.subjects.contains(who));
        if self.recent.iter().any(outdated) {
            return;
        }
        let changed = found.subjects.iter().map(|subject| self.subject(subject)).collect();
        let weight = found.weight + OWN_WEIGHT + found.subjects.len() * SUBJECT_WEIGHT;
        // What stands above the instances and speaks of one is that one's.
        let holder = key.0.or_else(|| found.subjects.iter().find_map(|subject| InstanceId::parse(subject)));
        let entry = Entry { since: found.since, until: found.until, value: found.value, weight, holder, used: false, changed };
        self.weigh(holder, |share| share + weight);
        match self.entries.insert(key, entry) {
            // It keeps its place in the queue.
            Some(before) if before.holder == holder => self.weigh(holder, |share| share - before.weight),
            Some(before) => {
                self.weigh(before.holder, |share| share - before.weight);
                self.shares.entry(holder).or_default().queue.push_back(key);
            }
            None => self.shares.entry(holder).or_default().queue.push_back(key),
        }
        if self.weight > self.most {
            self.make_room(found.since);
        }
        if self.subjects.len() > 2 * self.kept_subjects + SLACK {
            self.subjects.retain(|_, changed| changed.strong_count() > 0);
            self.kept_subjects = self.subjects.len();
        }
    }

    /// Changes what a share weighs.
    fn weigh(&mut self, holder: Option<InstanceId>, change: impl Fn(usize) -> usize) {
        let share = self.shares.entry(holder).or_default();
        let (before, after) = (share.weight, change(share.weight));
        share.weight = after;
        self.order.remove(&(before, holder));
        if after > 0 {
            self.order.insert((after, holder));
        }
        self.weight = self.weight + after - before;
    }

    /// First goes what is of no use any more, then what the heaviest share can spare.
    fn make_room(&mut self, now: Timestamp) {
        if now.since(self.swept) >= self.life / 4 {
            self.sweep(now);
        }
        while self.weight > self.most
            && let Some((_, holder)) = self.order.last().copied()
        {
            let Some(key) = self.next_to_go(holder, now) else { break };
            self.remove(&key);
            self.evicted += 1;
        }
    }

    /// The entry of a share that was not asked for since it was last passed over; after many that were, the next one.
    fn next_to_go(&mut self, holder: Option<InstanceId>, now: Timestamp) -> Option<Key> {
        let queue = &mut self.shares.get_mut(&holder)?.queue;
        let mut spared = 0;
        while let Some(key) = queue.pop_front() {
            match self.entries.get_mut(&key).filter(|entry| entry.holder == holder) {
                None => {}
                Some(entry) if entry.used && spared < SPARED && entry.holds(now) => {
                    entry.used = false;
                    spared += 1;
                    queue.push_back(key);
                }
                Some(_) => return Some(key),
            }
        }
        None
    }

    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        self.weigh(entry.holder, |share| share - entry.weight);
        if self.shares.get(&entry.holder).is_some_and(|share| share.weight == 0) {
            self.shares.remove(&entry.holder);
        }
    }

    /// Removes what is too old for everybody, or true no longer.
    fn sweep(&mut self, now: Timestamp) {
        self.swept = now;
        let life = self.life;
        let gone: Vec<Key> = self.entries.iter().filter(|(_, entry)| now.since(entry.since) >= life || !entry.holds(now)).map(|(key, _)| *key).collect();
        for key in &gone {
            self.remove(key);
        }
        for (holder, share) in &mut self.shares {
            share.queue.retain(|key| self.entries.get(key).is_some_and(|entry| entry.holder == *holder));
        }
    }

    fn subject(&mut self, name: &str) -> Arc<AtomicBool> {
        if let Some(known) = self.subjects.get(name).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::new(AtomicBool::new(false));
        self.subjects.insert(name.to_owned(), Arc::downgrade(&new));
        new
    }

    /// Forgets everything that speaks of whom was changed.
    pub(super) fn forget(&mut self, touched: &Touched) {
        self.changes += 1;
        if touched.everything {
            self.entries.clear();
            self.shares.clear();
            self.order.clear();
            self.subjects.clear();
            self.weight = 0;
        }
        for id in &touched.ids {
            if let Some(changed) = self.subjects.remove(id).and_then(|changed| changed.upgrade()) {
                changed.store(true, Ordering::Release);
            }
        }
        if !self.loading.is_empty() {
            let who = touched.ids.iter().cloned().map(Some).chain(touched.everything.then_some(None));
            self.recent.extend(who.map(|who| (self.changes, who)));
        }
    }

    /// Something is being read from now on.
    pub(super) fn begin(&mut self) -> u64 {
        *self.loading.entry(self.changes).or_default() += 1;
        self.changes
    }

    /// The reading that began then is over; changes that no other reading can have missed are dropped.
    pub(super) fn end(&mut self, began: u64) {
        if let Some(count) = self.loading.get_mut(&began) {
            *count -= 1;
            if *count == 0 {
                self.loading.remove(&began);
            }
        }
        match self.loading.first_key_value() {
            Some((oldest, _)) => {
                while self.recent.front().is_some_and(|(when, _)| when <= oldest) {
                    self.recent.pop_front();
                }
            }
            None => self.recent.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(300);
    /// What one of the entries here takes.
    const EACH: usize = 100 + OWN_WEIGHT + SUBJECT_WEIGHT;

    fn put(shelf: &mut Shelf, key: u8, subjects: &[&str], began: u64) {
        let subjects: Vec<String> = subjects.iter().map(|s| (*s).to_owned()).collect();
        shelf.put((None, [key; 32]), Found { since: Timestamp::default(), until: None, value: Arc::new(key), subjects: &subjects, weight: 100 }, began);
    }

    fn get(shelf: &mut Shelf, key: u8) -> Option<(Timestamp, Anything)> {
        shelf.get(&(None, [key; 32]), Timestamp::default())
    }

    fn touched(ids: &[&str]) -> Touched {
        Touched { ids: ids.iter().map(|id| (*id).to_owned()).collect(), everything: false }
    }

    #[test]
    fn what_speaks_of_somebody_who_changed_is_forgotten_and_nothing_else() {
        let mut shelf = Shelf::new(10_000, LIFE);
        put(&mut shelf, 1, &["ada", "session"], 0);
        put(&mut shelf, 2, &["bob"], 0);
        shelf.forget(&touched(&["session"]));
        assert!(get(&mut shelf, 1).is_none() && get(&mut shelf, 2).is_some());
        put(&mut shelf, 1, &["ada", "session"], 1);
        assert!(get(&mut shelf, 1).is_some());
        shelf.forget(&Touched { everything: true, ..Touched::default() });
        assert!(get(&mut shelf, 1).is_none() && get(&mut shelf, 2).is_none());
    }

    #[test]
    fn a_reading_that_a_change_has_overtaken_is_not_kept() {
        let mut shelf = Shelf::new(10_000, LIFE);
        let (early, late) = (shelf.begin(), shelf.begin());
        shelf.forget(&touched(&["ada"]));
        let after = shelf.begin();
        shelf.end(late);
        put(&mut shelf, 1, &["ada"], early);
        put(&mut shelf, 2, &["bob"], early);
        assert!(get(&mut shelf, 1).is_none() && get(&mut shelf, 2).is_some());
        shelf.end(early);
        put(&mut shelf, 1, &["ada"], after);
        assert!(get(&mut shelf, 1).is_some(), "it began after the change");
        shelf.end(after);
        assert!(shelf.recent.is_empty() && shelf.loading.is_empty());
    }

    #[test]
    fn it_stays_within_its_bound_and_keeps_what_is_used() {
        let mut shelf = Shelf::new(100 * EACH, LIFE);
        put(&mut shelf, 0, &["ada"], 0);
        for key in 1..=255 {
            put(&mut shelf, key, &["ada"], 0);
            assert!(get(&mut shelf, 0).is_some(), "it is in use");
            let held = shelf.held();
            assert!(held.values <= 100 && held.bytes <= shelf.most);
            assert_eq!(held.bytes, held.values * EACH, "each weighs the same");
            assert_eq!(held.values as u64 + held.evicted, u64::from(key) + 1);
        }
        assert!(get(&mut shelf, 1).is_none(), "nobody asked for it");
        assert_eq!(shelf.subjects.len(), 1);
    }

    fn instance(seed: u64) -> InstanceId {
        Id::new(Timestamp::default(), &mut foundation::random::Seeded::new(seed))
    }

    fn put_of(shelf: &mut Shelf, owner: InstanceId, key: u32, at: Timestamp) {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&key.to_le_bytes());
        let found = Found { since: at, until: None, value: Arc::new(key), subjects: &[owner.to_string()], weight: 100 };
        shelf.put((Some(owner), digest), found, 0);
    }

    fn has(shelf: &mut Shelf, owner: InstanceId, key: u32) -> bool {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&key.to_le_bytes());
        shelf.get(&(Some(owner), digest), Timestamp::default()).is_some()
    }

    #[test]
    fn whoever_fills_it_drives_out_their_own_and_nobody_elses() {
        let mut shelf = Shelf::new(100 * EACH, LIFE);
        let (quiet, loud) = (instance(1), instance(2));
        for key in 0..40 {
            put_of(&mut shelf, quiet, key, Timestamp::default());
        }
        // What stands above the instances and speaks of one takes its share too.
        put(&mut shelf, 7, &[&quiet.to_string()], 0);
        for key in 0..100_000 {
            put_of(&mut shelf, loud, key, Timestamp::default());
            assert!(shelf.weight <= shelf.most);
        }
        assert!((0..40).all(|key| has(&mut shelf, quiet, key)) && get(&mut shelf, 7).is_some(), "nobody asked for them, and they are there");
        assert!(has(&mut shelf, loud, 99_999) && !has(&mut shelf, loud, 1));
        // Of two who want everything each has half.
        for key in 0..1_000 {
            put_of(&mut shelf, quiet, key, Timestamp::default());
        }
        let shares: Vec<usize> = shelf.shares.values().map(|share| share.weight / EACH).collect();
        assert!(shares.iter().all(|share| (49..=51).contains(share)), "{shares:?}");
        assert!(shelf.shares.values().map(|share| share.queue.len()).sum::<usize>() < 110, "nothing is left behind in the queues");
    }

    #[test]
    fn what_is_of_no_use_any_more_goes_first() {
        let mut shelf = Shelf::new(100 * EACH, LIFE);
        for seed in 0..100 {
            put_of(&mut shelf, instance(seed), 1, Timestamp::default());
        }
        let (late, busy) = (Timestamp::default() + LIFE, instance(1_000));
        for key in 0..90 {
            put_of(&mut shelf, busy, key, late);
        }
        assert!((0..90).all(|key| has(&mut shelf, busy, key)), "a hundred instances that were here once keep nobody out");
        assert_eq!((shelf.entries.len(), shelf.shares.len(), shelf.order.len()), (90, 1, 1));
    }
}
