//! The one cache: bounded, of one tenant each, forgetful after a while.

use crate::tx::{Access, Tx};
use foundation::{InstanceId, Timestamp};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The database, the instance, and what is remembered of it.
type Key<K> = (u64, InstanceId, K);

/// Remembers values of instances. A key begins with the database and the instance, so that equal names of two tenants never meet, nor do
/// equal ids in two databases of one process.
pub struct InstanceCache<K, V> {
    entries: Mutex<HashMap<Key<K>, (Timestamp, V)>>,
    most: usize,
    life: Duration,
}

impl<K: Eq + Hash + Clone, V: Clone> InstanceCache<K, V> {
    /// Holds at most so many entries, each for so long.
    pub fn new(most: usize, life: Duration) -> Self {
        InstanceCache { entries: Mutex::new(HashMap::new()), most, life }
    }

    /// What is known, if it is not too old.
    pub fn get(&self, tx: &Tx<'_>, key: &K) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = entries.get(&(tx.database.number, tx.instance, key.clone()))?;
        (tx.now().since(*since) < self.life).then(|| value.clone())
    }

    /// Remembers, unless the transaction writes: what it has read may never be committed. Where the cache is full, it begins anew: simple,
    /// and rare with a fitting size.
    pub fn put(&self, tx: &Tx<'_>, key: K, value: V) {
        if tx.access == Access::Write {
            return;
        }
        let now = tx.now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.most {
            entries.retain(|_, (since, _)| now.since(*since) < self.life);
            if entries.len() >= self.most {
                entries.clear();
            }
        }
        entries.insert((tx.database.number, tx.instance, key), (now, value));
    }
}
