//! The one cache: bounded, of one tenant each, forgetful after a while.

use foundation::{InstanceId, Timestamp};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Remembers values of instances. A key begins with the instance, so that equal names of two tenants never meet.
pub struct InstanceCache<K, V> {
    entries: Mutex<HashMap<(InstanceId, K), (Timestamp, V)>>,
    most: usize,
    life: Duration,
}

impl<K: Eq + Hash + Clone, V: Clone> InstanceCache<K, V> {
    /// Holds at most so many entries, each for so long.
    pub fn new(most: usize, life: Duration) -> Self {
        InstanceCache { entries: Mutex::new(HashMap::new()), most, life }
    }

    /// What is known, if it is not too old.
    pub fn get(&self, instance: InstanceId, key: &K, now: Timestamp) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = entries.get(&(instance, key.clone()))?;
        (now.since(*since) < self.life).then(|| value.clone())
    }

    /// Remembers. Where the cache is full, it begins anew: simple, and rare with a fitting size.
    pub fn put(&self, instance: InstanceId, key: K, value: V, now: Timestamp) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.most {
            entries.retain(|_, (since, _)| now.since(*since) < self.life);
            if entries.len() >= self.most {
                entries.clear();
            }
        }
        entries.insert((instance, key), (now, value));
    }

    /// Forgets one entry, after a change on this node.
    pub fn forget(&self, instance: InstanceId, key: &K) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(&(instance, key.clone()));
    }
}
