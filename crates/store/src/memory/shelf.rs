//! The shelf: values with the time at which they were true, and whom they speak of. Two generations of values keep it bounded.

use super::{Held, touch::Touched};
use foundation::{InstanceId, Timestamp};
use std::{
    any::Any,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whose it is, and the hash of what it is.
pub(super) type Key = (Option<InstanceId>, [u8; 32]);
type Anything = Arc<dyn Any + Send + Sync>;

struct Entry {
    since: Timestamp,
    until: Option<Timestamp>,
    value: Anything,
    weight: usize,
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

pub(super) struct Shelf {
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
    /// The bytes of the young ones; at half of what is allowed they become the old ones.
    weight: usize,
    most: usize,
    /// The bytes of the old ones that have not been used since.
    old_weight: usize,
    /// How many were given up to make room.
    evicted: u64,
    subjects: HashMap<String, Weak<AtomicBool>>,
    changes: u64,
    recent: VecDeque<Change>,
    loading: BTreeMap<u64, usize>,
}

impl Shelf {
    pub(super) fn new(most: usize) -> Shelf {
        Shelf {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            most,
            old_weight: 0,
            evicted: 0,
            subjects: HashMap::new(),
            changes: 0,
            recent: VecDeque::new(),
            loading: BTreeMap::new(),
        }
    }

    pub(super) fn get(&mut self, key: &Key, now: Timestamp) -> Option<(Timestamp, Anything)> {
        if let Some(entry) = self.young.get(key) {
            return entry.holds(now).then(|| (entry.since, Arc::clone(&entry.value)));
        }
        let entry = self.take_old(key).filter(|entry| entry.holds(now))?;
        let found = (entry.since, Arc::clone(&entry.value));
        self.shelve(*key, entry);
        Some(found)
    }

    fn take_old(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.old.remove(key)?;
        self.old_weight -= entry.weight;
        Some(entry)
    }

    /// How many there are, their bytes, and how many were given up to make room.
    pub(super) fn held(&self) -> Held {
        Held { values: self.young.len() + self.old.len(), bytes: self.weight + self.old_weight, evicted: self.evicted }
    }

    fn shelve(&mut self, key: Key, entry: Entry) {
        self.weight += entry.weight;
        if let Some(before) = self.young.insert(key, entry) {
            self.weight -= before.weight;
        }
        if self.weight > self.most / 2 {
            self.evicted += self.old.len() as u64;
            self.old = std::mem::take(&mut self.young);
            self.old_weight = std::mem::take(&mut self.weight);
            self.subjects.retain(|_, changed| changed.strong_count() > 0);
        }
    }

    /// Puts something on the shelf, unless somebody whom it speaks of has changed since its reading began.
    pub(super) fn put(&mut self, key: Key, found: Found<'_>, began: u64) {
        let outdated = |(when, who): &Change| *when > began && who.as_ref().is_none_or(|who| found.subjects.contains(who));
        if self.recent.iter().any(outdated) {
            return;
        }
        let changed = found.subjects.iter().map(|subject| self.subject(subject)).collect();
        // An entry's own weight, its key and whom it speaks of.
        let weight = found.weight + 200 + found.subjects.len() * 120;
        self.take_old(&key);
        self.shelve(key, Entry { since: found.since, until: found.until, value: found.value, weight, changed });
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
            self.young.clear();
            self.old.clear();
            self.subjects.clear();
            self.weight = 0;
            self.old_weight = 0;
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
        let mut shelf = Shelf::new(10_000);
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
        let mut shelf = Shelf::new(10_000);
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
        let mut shelf = Shelf::new(100 * 420);
        put(&mut shelf, 0, &["ada"], 0);
        for key in 1..=255 {
            put(&mut shelf, key, &["ada"], 0);
            assert!(get(&mut shelf, 0).is_some(), "it is in use");
            let held = shelf.held();
            assert!(held.values <= 101);
            assert_eq!(held.bytes, held.values * 420, "each weighs the same");
            assert!(held.values as u64 + held.evicted <= u64::from(key) + 1);
        }
        assert!(get(&mut shelf, 1).is_none(), "nobody asked for it");
        assert!(shelf.held().evicted >= 100, "{:?}", shelf.held());
        assert_eq!(shelf.subjects.len(), 1);
    }
}
