//! Places for uploads: how many may be under way, of one user, of one instance and of all, and how many bytes of them are held at once.
//! Whoever holds theirs slowly keeps out themselves, and not their neighbours.

use foundation::{Id, InstanceId, Ksuid, Problem};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many uploads of one user may be under way.
const MOST_OF_USER: usize = 2;
/// How many of one instance.
const MOST_OF_INSTANCE: usize = 8;
/// How many of all.
const MOST: usize = 64;
/// The most bytes that are held of all.
const MOST_BYTES: usize = 320 * 1_024 * 1_024;
/// After how many seconds it is worth asking again.
const AGAIN: u64 = 2;

type Holder = (InstanceId, Option<Ksuid>);

#[derive(Default)]
struct Taken {
    all: usize,
    bytes: usize,
    /// Of each instance, and of each of its users.
    of: HashMap<Holder, usize>,
}

/// All places of this node.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<Taken>);

/// The place of one upload, from its first byte to its last square.
pub(crate) struct Place {
    uploads: Arc<Uploads>,
    holders: [Holder; 2],
    bytes: usize,
}

impl Uploads {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for an upload of this owner: a user or an organization.
    ///
    /// # Errors
    /// [`Problem::Busy`] where too many are under way.
    pub(crate) fn place(self: &Arc<Uploads>, instance: InstanceId, owner: impl Id) -> Result<Place, Problem> {
        let holders = [(instance, None), (instance, Some(owner.ksuid()))];
        let mut taken = self.taken();
        let full = taken.all >= MOST || holders.iter().zip([MOST_OF_INSTANCE, MOST_OF_USER]).any(|(holder, most)| taken.of.get(holder) >= Some(&most));
        if full {
            return Err(Problem::Busy(AGAIN));
        }
        taken.all += 1;
        for holder in holders {
            *taken.of.entry(holder).or_default() += 1;
        }
        Ok(Place { uploads: Arc::clone(self), holders, bytes: 0 })
    }
}

impl Place {
    /// Makes room for so many more bytes.
    ///
    /// # Errors
    /// [`Problem::Busy`] where too many are held.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Problem> {
        let mut taken = self.uploads.taken();
        if taken.bytes + bytes > MOST_BYTES {
            return Err(Problem::Busy(AGAIN));
        }
        taken.bytes += bytes;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.uploads.taken();
        taken.all -= 1;
        taken.bytes -= self.bytes;
        for holder in self.holders {
            if let Some(count) = taken.of.get_mut(&holder) {
                *count -= 1;
                if *count == 0 {
                    taken.of.remove(&holder);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::{Timestamp, UserId, random::Seeded};

    fn id<I: Id>(seed: u64) -> I {
        I::new(Timestamp::default(), &mut Seeded::new(seed))
    }

    #[test]
    fn whoever_holds_all_of_theirs_keeps_nobody_else_out() {
        let uploads = Arc::new(Uploads::default());
        let take = |instance, user| uploads.place(id(instance), id::<UserId>(user));
        let mut held = vec![take(1, 1), take(1, 1)];
        assert_eq!(take(1, 1).err(), Some(Problem::Busy(2)), "a user has two");
        held.extend((2..=7).map(|user| take(1, user)));
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(take(1, 8).err(), Some(Problem::Busy(2)), "an instance has eight");
        assert!(take(2, 1).is_ok(), "another has its own");
        held.extend((2..=8).flat_map(|instance| (0..8).map(move |user| (instance, user))).map(|(instance, user)| take(instance, user)));
        assert!(held.iter().all(Result::is_ok) && take(9, 1).is_err(), "and there is an end");
        held.truncate(0);
        let taken = uploads.taken();
        assert_eq!((taken.all, taken.bytes, taken.of.len()), (0, 0, 0));
    }

    #[test]
    fn bytes_are_counted_while_they_are_held() {
        let uploads = Arc::new(Uploads::default());
        let mut one = uploads.place(id(1), id::<UserId>(1)).expect("a place");
        let mut other = uploads.place(id(2), id::<UserId>(1)).expect("a place");
        one.hold(MOST_BYTES).expect("all of them");
        assert_eq!(other.hold(1), Err(Problem::Busy(2)));
        drop(one);
        assert_eq!(other.hold(1), Ok(()));
    }
}
